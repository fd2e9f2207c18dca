"""photostat.toml: the settings, each declared once, and how the file is read and first written."""

from engine.config.loader import load
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
from engine.config.template import template
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
    "load",
    "parse_size",
    "template",
]
