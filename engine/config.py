"""photostat.toml: every setting with its default; an unknown key or an impossible value is one clear error."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

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
    """The settings of a photostat.toml; raises UserError in one line that names the key and the nearest right one."""
    raise NotImplementedError
