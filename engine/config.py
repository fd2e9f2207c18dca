"""photostat.toml: every setting with its default; an unknown key, an impossible value is one clear error."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine import checks
from engine.checks import Check
from engine.failures import UserError, one_line

ColumnKey = int | str
"""A column of the export by number, from 1, or by header name."""


@dataclass(frozen=True)
class ManifestSettings:
    columns: dict[str, ColumnKey] = field(
        default_factory=lambda: {"uuid": 1, "barcode": 2, "record": 3, "name": 4, "type": 5, "source": 6}
    )
    header: str | bool = "auto"
    encoding: str = "utf-8"
    root: str = ""
    """Put before relative source paths; relative itself to the workspace."""


@dataclass(frozen=True)
class JpegSettings:
    quality: int = 92
    subsampling: str = "auto"
    """auto (4:4:4 from quality 90 up, else 4:2:0), 4:4:4 or 4:2:0."""
    icc: str = "keep"
    metadata: str = "keep"
    background: str = "#ffffff"
    oversize: str = "fail"
    optimize: bool = False
    progressive: bool = False
    verify: str = "sample"

    @property
    def chroma_halved(self) -> bool:
        """Whether chroma has half the resolution each way: 4:2:0, "auto" below quality 90."""
        return self.subsampling == "4:2:0" or (self.subsampling == "auto" and self.quality < 90)

    @property
    def buffers_whole_picture(self) -> bool:
        """Whether libjpeg looks at the whole picture before it writes the first byte."""
        return self.optimize or self.progressive


PLAIN_JPEG = JpegSettings()


@dataclass(frozen=True)
class EngineSettings:
    workers: int | None = None
    """None is auto: a worker a core, one core kept free from four cores up."""
    memory_floor: str = "10%"
    memory_limit: int | None = None
    """Bytes; None for no limit of ours."""
    retries: int = 2
    timeout_s: float | None = None
    """None is auto: predicted from the megapixels, generous."""
    scratch: str = "scratch"
    scratch_limit: int = 20 * 2**30
    """Bytes."""
    strict: bool = False


@dataclass(frozen=True)
class StoreSettings:
    url: str = "file:out"
    endpoint: str = ""
    addressing: str = "auto"
    checksum: str = "auto"
    transfers: int = 4


@dataclass(frozen=True)
class NotifySettings:
    urls: tuple[str, ...] = ()
    bell: bool = False
    """The TUI rings the terminal once when all is done or the engine holds."""


@dataclass(frozen=True)
class Config:
    manifest: ManifestSettings = field(default_factory=ManifestSettings)
    jpeg: JpegSettings = field(default_factory=JpegSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    batch_jpeg: dict[str, JpegSettings] = field(default_factory=dict)
    """[batch.NAME.jpeg]: the whole settings of that batch, overrides applied."""

    def jpeg_for(self, batch: str) -> JpegSettings:
        return self.batch_jpeg.get(batch, self.jpeg)


def load(path: Path) -> Config:
    """The settings of a photostat.toml; UserError in one line that names the key and the nearest right one."""
    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        document = tomllib.loads(text)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path.name}: line {line} is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        end = f"at line {len(text.splitlines())}, the end"
        said = str(error).replace("at end of document", end)
        raise UserError(f"{path.name}: {one_line(said)}") from error
    try:
        return _config(document)
    except ValueError as error:
        raise UserError(f"{path.name}: {error}") from error


_COLUMNS = ("uuid", "barcode", "record", "name", "type", "source", "checksum")
_NEEDED_COLUMNS = ("uuid", "name", "source")


def _columns(value: Any) -> dict[str, ColumnKey]:
    """Which column is what. Those that are not named do not exist in the export."""
    if not isinstance(value, dict):
        raise ValueError("must be a table like { uuid = 1, name = 2, source = 3 }")
    _only("columns.", value, _COLUMNS, "column")
    for name, key in value.items():
        right = isinstance(key, int) and not isinstance(key, bool) and 1 <= key <= 1000
        if not right and not (isinstance(key, str) and key.strip()):
            raise ValueError(f"{name} must be a column's number, from 1, or its header name")
    missing = [name for name in _NEEDED_COLUMNS if name not in value]
    if missing:
        raise ValueError(f"{' and '.join(missing)} must be there as well")
    twice = [name for name in value if list(value.values()).count(value[name]) > 1]
    if twice:
        raise ValueError(f"{' and '.join(twice)} are the same column")
    return dict(value)


_JPEG: dict[str, Check] = {
    "quality": checks.whole(1, 100),
    "subsampling": checks.choice("auto", "4:4:4", "4:2:0"),
    "icc": checks.choice("keep", "srgb"),
    "metadata": checks.choice("keep", "none"),
    "background": checks.colour,
    "oversize": checks.choice("fail", "shrink"),
    "optimize": checks.truth,
    "progressive": checks.truth,
    "verify": checks.choice("sample", "full"),
}
_SECTIONS: dict[str, dict[str, Check]] = {
    "manifest": {
        "columns": _columns,
        "header": checks.either("auto", "auto", checks.truth),
        "encoding": checks.encoding,
        "root": checks.text,
    },
    "jpeg": _JPEG,
    "engine": {
        "workers": checks.either("auto", None, checks.whole(1, 1024)),
        "memory_floor": checks.floor,
        "memory_limit": checks.either("none", None, checks.size),
        "retries": checks.whole(0, 100),
        "timeout": checks.either("auto", None, checks.seconds),
        "scratch": checks.filled,
        "scratch_limit": checks.size,
        "strict": checks.truth,
    },
    "store": {
        "url": checks.matching(r"file:.+|s3://[^/]+(/.*)?", '"file:DIRECTORY" or "s3://BUCKET/PREFIX"'),
        "endpoint": checks.matching(r"|https?://[^/\s]+/?", 'empty or a URL like "https://s3.example.org"'),
        "addressing": checks.choice("auto", "path", "virtual"),
        "checksum": checks.choice("auto", "when_required"),
        "transfers": checks.whole(1, 256),
    },
    "notify": {
        "urls": checks.list_of(checks.matching(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", "URLs")),
        "bell": checks.truth,
    },
}
_FIELDS = {"timeout": "timeout_s"}
"""Keys whose field is called otherwise."""


def _config(document: Mapping[str, Any]) -> Config:
    _only("", document, {*_SECTIONS, "batch"}, "section")
    values = {name: _section(name, document.get(name, {}), checks) for name, checks in _SECTIONS.items()}
    jpeg = JpegSettings(**values["jpeg"])
    manifest = ManifestSettings(**values["manifest"])
    names = [key for key in manifest.columns.values() if isinstance(key, str)]
    if names and manifest.header is False:
        raise ValueError(
            f"[manifest] header = false: columns names {json.dumps(names[0])}, so there is a header"
        )
    return Config(
        manifest=manifest,
        jpeg=jpeg,
        engine=EngineSettings(**values["engine"]),
        store=StoreSettings(**values["store"]),
        notify=NotifySettings(**values["notify"]),
        batch_jpeg={
            name: _batch(name, content, jpeg)
            for name, content in _table("batch", document.get("batch", {})).items()
        },
    )


def _batch(name: str, content: Any, jpeg: JpegSettings) -> JpegSettings:
    try:
        checks.batch_name(name)
    except ValueError as error:
        raise ValueError(f"[batch.{json.dumps(name, ensure_ascii=False)}]: {error}") from error
    section = f"batch.{name}"
    _only(f"[{section}] ", _table(section, content), {"jpeg"}, "section")
    return replace(jpeg, **_section(f"{section}.jpeg", content.get("jpeg", {}), _JPEG))


def _section(name: str, content: Any, right: Mapping[str, Check]) -> dict[str, Any]:
    """The settings the file gives, by field name."""
    _only(f"[{name}] ", _table(name, content), right, "key")
    values = {}
    for key, value in content.items():
        try:
            values[_FIELDS.get(key, key)] = right[key](value)
        except ValueError as error:
            shown = "" if isinstance(value, dict | list) else f" = {_shown(value)}"
            raise ValueError(f"[{name}] {key}{shown}: {error}") from error
    return values


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is a section: write [{name}] and its keys below")
    return value


def _only(where: str, content: Collection[str], right: Collection[str], kind: str) -> None:
    """Refuses what is not in `right`, with what was probably meant."""
    for key in content:
        if key in right:
            continue
        meant = checks.nearest(key, right)
        home = next((f"it belongs under [{name}]" for name, keys in _SECTIONS.items() if key in keys), None)
        advice = f"did you mean {meant}?" if meant else home or f"there is {', '.join(sorted(right))}"
        raise ValueError(f"{where}{one_line(key)}: no such {kind}; {advice}")


def _shown(value: Any) -> str:
    shown = one_line(json.dumps(value, ensure_ascii=False, default=str))
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
