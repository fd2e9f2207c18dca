"""The settings: a Struct for each section of photostat.toml, and in it every key with its type, limits and default.

The text in an annotation is the comment that `photostat init` writes beside the key.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field, structs

from engine.config.run_hours import RunHours, read_hours
from engine.config.ssh_hosts import SshHost, read_ssh_hosts, write_ssh_hosts
from engine.config.tls_files import TlsFiles, read_tls_files, write_tls_files
from engine.config.values import (
    Colour,
    Columns,
    DayTime,
    Encoding,
    Endpoint,
    FilledText,
    Form,
    Hidden,
    ListenAddress,
    MemoryFloor,
    NoneAs,
    NotifyUrl,
    Rate,
    Replacements,
    SchedulerAddress,
    Seconds,
    Size,
    StoreUrl,
    Text,
)

MOST_WORKERS = 1024
"""Processes: more than any machine has cores for."""

WorkerCount = Annotated[int, Meta(ge=1, le=MOST_WORKERS)]


class ManifestSettings(Struct, frozen=True):
    columns: Annotated[
        Columns,
        "Which column is what: numbers from 1, or header names. uuid, name and source must be there; the others may "
        "be left out. checksum, if there is one, holds the md5, sha1 or sha256 of the source file.",
    ] = field(
        default_factory=lambda: {"uuid": 1, "barcode": 2, "record": 3, "name": 4, "type": 5, "source": 6}
    )
    header: Annotated[
        bool | Literal["auto"],
        'is the first line a header? "auto", true or false',
    ] = "auto"
    encoding: Annotated[Encoding, 'or "windows-1252", ..., or "auto", which says what it found'] = "utf-8"
    root: Annotated[
        Text,
        "directory before relative source paths; empty is the workspace itself",
    ] = ""
    replace: Annotated[
        Replacements,
        r'prefixes of source paths, e.g. { "Z:\\scans\\" = "/mnt/scans/" }; the longest counts',
    ] = field(default_factory=dict)
    strip: Annotated[bool, "true: take blanks off the start and end of every value"] = False


class JpegSettings(Struct, frozen=True):
    quality: Annotated[int, Meta(ge=1, le=100), "1 to 100"] = 92
    subsampling: Annotated[
        Literal["auto", "4:4:4", "4:2:0"],
        '"4:4:4", "4:2:0", or "auto": 4:4:4 from quality 90 up, else 4:2:0',
    ] = "auto"
    icc: Annotated[
        Literal["keep", "srgb"],
        'keep the colour profile byte for byte, or convert to "srgb"',
    ] = "keep"
    metadata: Annotated[
        Literal["keep", "none"],
        'XMP, EXIF and IPTC: "keep" or "none"',
    ] = "keep"
    orientation: Annotated[
        Literal["keep", "reset"],
        '"keep", or "reset": EXIF and XMP orientation',
    ] = "keep"
    background: Annotated[Colour, "under transparent pixels"] = "#ffffff"
    oversize: Annotated[
        Literal["fail", "shrink"],
        'sides over 65,500 pixels, more than a JPEG holds: "fail" or "shrink"',
    ] = "fail"
    optimize: Annotated[
        bool,
        "optimised Huffman tables: about 2 % smaller, more time, 12 bytes of memory a pixel",
    ] = False
    progressive: Annotated[bool, "as much memory as optimize"] = False
    verify: Annotated[
        Literal["sample", "full"],
        'compare a sample of each JPEG with its source, or all of it: "full"',
    ] = "sample"

    def with_own(self, quality: int | None, subsampling: str | None) -> JpegSettings:
        """With what a single image has of its own; None is as here."""
        own = {"quality": quality, "subsampling": subsampling}
        return structs.replace(self, **{name: value for name, value in own.items() if value is not None})

    @property
    def chroma_halved(self) -> bool:
        """Whether chroma has half the resolution each way: 4:2:0, "auto" below quality 90."""
        return self.subsampling == "4:2:0" or (self.subsampling == "auto" and self.quality < 90)

    @property
    def buffers_whole_picture(self) -> bool:
        """Whether libjpeg looks at the whole picture before it writes the first byte."""
        return self.optimize or self.progressive


PLAIN_JPEG = JpegSettings()


class EngineSettings(Struct, frozen=True):
    workers: Annotated[
        WorkerCount | None,
        NoneAs("auto"),
        "processes that convert; auto is one a core, one core kept free from four cores up",
    ] = None
    memory_floor: Annotated[
        MemoryFloor,
        "memory that must stay available for everything else: a share or a size",
    ] = "10%"
    memory_limit: Annotated[
        Size | None,
        NoneAs("none"),
        'treat the machine as having no more than this, e.g. "3GiB"',
    ] = None
    retries: Annotated[int, Meta(ge=0, le=100), "further attempts where another one may help"] = 2
    timeout_s: Annotated[
        Seconds | None,
        NoneAs("auto"),
        'per image: predicted from its megapixels, or seconds, or "10min"',
    ] = field(default=None, name="timeout")
    scratch: Annotated[FilledText, "directory for JPEGs on their way to the store"] = "scratch"
    scratch_limit: Annotated[Size, "conversion waits while more than this lies there, on each machine"] = (
        20 * 2**30
    )
    strict: Annotated[
        bool,
        "true: a decoder's warning fails the image, and so do pages of zeros in its data",
    ] = False
    gpu: Annotated[
        Literal["auto", "off", "require"],
        'a GPU decodes (extra photostat[gpu]): "auto" where there is one, "off", or "require": not without one; '
        "on other machines too, each with its own",
    ] = "auto"
    gpu_lossy: Annotated[
        bool,
        "true: irreversible files too, of which a few samples may differ by 1",
    ] = False
    hours: Annotated[
        RunHours,
        Form(read_hours, lambda hours: hours.text),
        'when images start, by local clocks: "18:00-08:00", or with the days on which it begins: '
        '"Mon-Fri 18:00-08:00, Sat-Sun 00:00-24:00"; empty is always',
    ] = RunHours()

    def worker_count(self, cores: int) -> int:
        """As set. Auto is a worker a core, with one core kept free from four cores up."""
        return self.workers or (cores - 1 if cores >= 4 else cores)


class StoreSettings(Struct, frozen=True):
    url: Annotated[StoreUrl, 'a directory, or "s3://bucket/prefix"'] = "file:out"
    endpoint: Annotated[
        Endpoint,
        'of an S3-compatible store, e.g. "https://s3.example.org"; empty is AWS',
    ] = ""
    region: Annotated[
        Text,
        'e.g. "eu-central-1"; empty: AWS_REGION, AWS_DEFAULT_REGION, the profile\'s, or "us-east-1"',
    ] = ""
    addressing: Annotated[Literal["auto", "path", "virtual"], '"path" or "virtual"'] = "auto"
    checksum: Annotated[
        Literal["auto", "when_required"],
        '"when_required" for stores that refuse the usual checksums',
    ] = "auto"
    transfers: Annotated[int, Meta(ge=1, le=256), "at once, from each machine"] = 4
    bandwidth_limit: Annotated[
        Rate | None,
        NoneAs("none"),
        'send no more than this, all transfers of all machines together: "20MB/s" (bytes) or "160Mbit/s" (bits)',
    ] = None


class NotifySettings(Struct, frozen=True):
    urls: Annotated[
        tuple[NotifyUrl, ...],
        "told when a run ends or holds or its engine dies: https://... gets a JSON POST; mailto://, msteams://, "
        "slack://, ntfy://, ... are sent by apprise (extra [notify])",
        Hidden(),
    ] = ()
    morning: Annotated[DayTime, 'e.g. "08:00": also told every day at this time how the run stands'] = ""
    bell: Annotated[
        bool,
        "true: the TUI rings the terminal when all is done or the engine holds",
    ] = False


class ClusterSettings(Struct, frozen=True):
    listen: Annotated[
        ListenAddress,
        'other machines connect here and convert too, as in "tls://0.0.0.0:8786" (extra [cluster]); empty: none can',
    ] = ""
    here: Annotated[
        bool,
        "false: this machine converts nothing; it reads headers and keeps the ledger, and the others convert",
    ] = True
    address: Annotated[
        Text,
        "by which name or address other machines reach this one; empty: this machine's full name",
    ] = ""
    scheduler: Annotated[
        SchedulerAddress,
        "in place of listen: the scheduler of a Dask cluster that exists, where engine and hosts meet; its own workers "
        "are never used",
    ] = ""
    tls: Annotated[
        TlsFiles,
        Form(read_tls_files, write_tls_files),
        'with scheduler: that cluster\'s files, { ca = "ca.pem", cert = "photostat.pem", key = "photostat-key.pem" }',
    ] = TlsFiles()
    hosts: Annotated[
        tuple[SshHost, ...],
        Form(read_ssh_hosts, write_ssh_hosts),
        'the engine starts these over ssh, and they end with it: ["conv2", "user@conv3"], or '
        '{ at = "conv4", workers = 8, scratch = "/data/scratch" }',
    ] = ()
    command: Annotated[FilledText, "photostat on those machines, as a login shell there finds it"] = (
        "photostat"
    )

    @property
    def lets_others_join(self) -> bool:
        return bool(self.listen or self.scheduler)


class Config(Struct, frozen=True):
    manifest: Annotated[
        ManifestSettings,
        "how to read the collection export (CSV), a row an image",
    ] = ManifestSettings()
    jpeg: Annotated[JpegSettings, "[batch.NAME.jpeg] overrides any of these for one batch"] = PLAIN_JPEG
    engine: EngineSettings = EngineSettings()
    store: StoreSettings = StoreSettings()
    cluster: ClusterSettings = ClusterSettings()
    notify: NotifySettings = NotifySettings()
    batch_jpeg: dict[str, JpegSettings] = field(default_factory=dict)
    """[batch.NAME.jpeg]: the whole settings of that batch, overrides applied."""

    def workers_here(self, asked: int | None, cores: int) -> int:
        """Workers on the engine's own machine, which has so many cores; none if others convert alone."""
        return (asked or self.engine.worker_count(cores)) if self.cluster.here else 0

    def jpeg_for(self, batch: str) -> JpegSettings:
        return self.batch_jpeg.get(batch, self.jpeg)
