"""photostat.toml: the settings, each declared once.

How the file is read and first written (`loader`, `template`) is not loaded here: few processes do that."""

from engine.config.model import (
    MOST_WORKERS,
    PLAIN_JPEG,
    ClusterSettings,
    Config,
    EngineSettings,
    JpegSettings,
    ManifestSettings,
    NotifySettings,
    StoreSettings,
)
from engine.config.run_hours import RunHours
from engine.config.source_paths import SourcePaths, is_windows_path
from engine.config.values import ColumnKey, check_batch_name, file_path, parse_size

__all__ = [
    "MOST_WORKERS",
    "PLAIN_JPEG",
    "ClusterSettings",
    "ColumnKey",
    "Config",
    "EngineSettings",
    "JpegSettings",
    "ManifestSettings",
    "NotifySettings",
    "RunHours",
    "SourcePaths",
    "StoreSettings",
    "check_batch_name",
    "file_path",
    "is_windows_path",
    "parse_size",
]
