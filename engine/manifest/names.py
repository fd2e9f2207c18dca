"""Makes names: an image's target in the store of its TIFF's name, and a batch's of a material type. Pure rules."""

from __future__ import annotations

import re
import unicodedata

from engine.config import check_batch_name

_TIFF = re.compile(r"\.tiff?\Z", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_FILE_NAME_LIMIT = 255
"""Bytes of a file name on the file systems of Linux and macOS (NAME_MAX)."""


def is_uuid(text: str) -> bool:
    """Whether it has a UUID's textual form (RFC 9562, 4), in any case."""
    return _UUID.fullmatch(text) is not None


def target_name(tiff_name: str) -> str:
    """The JPEG's file name: .jpg replaces a final .tif or .tiff, in any case; nothing else changes.

    Raises ValueError, which says why, for a name that is empty, too long, or could lead out of its directory."""
    if not tiff_name.strip():
        raise ValueError("the name is empty")
    if not tiff_name.isprintable() and _CONTROL.search(tiff_name):
        raise ValueError(f"the name has control characters: {tiff_name!a}")
    if "/" in tiff_name or "\\" in tiff_name:
        raise ValueError(f"the name has a slash or backslash, and would leave its directory: {tiff_name}")
    stem = _TIFF.sub("", tiff_name)
    if stem.strip() in ("", ".", "..") or tiff_name in (".", ".."):
        raise ValueError(f"the name is no file's name: {tiff_name}")
    name = f"{stem}.jpg"
    if (len(name) if name.isascii() else len(name.encode())) > _FILE_NAME_LIMIT:
        raise ValueError(f"the name has more than {_FILE_NAME_LIMIT} bytes with .jpg: {name[:60]}…")
    return name


def safe_batch_name(text: str) -> str:
    """The text itself if it can be a batch's name, else with hyphens in place of what a name may not have.

    Raises ValueError if nothing is left."""
    try:
        return check_batch_name(text)
    except ValueError:
        hyphened = re.sub(r"[^\w.]+", "-", unicodedata.normalize("NFC", text)).strip("-.")
        shortened = hyphened.encode()[:100].decode(errors="ignore").rstrip("-.")
        if not shortened:
            raise ValueError(f"{text!r} has nothing that a batch's name could be made of") from None
        return check_batch_name(shortened)
