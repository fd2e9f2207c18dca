"""Names the kind of a file that is not JPEG 2000, by its first bytes, so that a message can say what it is instead."""

from __future__ import annotations

BEGINNING_BYTES = 4096
"""Of a file, enough to name its kind."""

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"II*\x00", "a TIFF"),
    (0, b"MM\x00*", "a TIFF"),
    (0, b"II+\x00", "a BigTIFF"),
    (0, b"MM\x00+", "a BigTIFF"),
    (0, b"II\xbc", "a JPEG XR image"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG"),
    (0, b"\xff\xd8\xff\xf7", "a JPEG-LS image"),
    (0, b"\xff\xd8\xff", "a JPEG"),
    (0, b"%PDF", "a PDF"),
    (0, b"%!PS", "a PostScript file"),
    (0, b"GIF8", "a GIF"),
    (0, b"BM", "a BMP"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"8BPB", "a Photoshop document"),
    (0, b"AT&TFORM", "a DjVu document"),
    (8, b"WEBP", "a WebP image"),
    (4, b"ftypheic", "a HEIF image"),
    (4, b"ftypheix", "a HEIF image"),
    (4, b"ftypmif1", "a HEIF image"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyp", "an ISO media file"),
    (4, b"JXL \r\n\x87\n", "a JPEG XL image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"SQLite format 3\x00", "an SQLite database"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x00\x05\x16\x07", "an AppleDouble file (the macOS side file of another, ._NAME)"),
    (0, b"\x00\x05\x16\x00", "an AppleSingle file"),
)


def name_file_type(head: bytes, size: int) -> str:
    """The kind of file, as the end of a sentence that begins with "this is"; `size` in bytes."""
    if size == 0:
        return "an empty file"
    if not head.strip(b"\x00"):
        whole = "all" if len(head) >= size else f"the first {len(head):,}"
        return f"not an image: {whole} of its {size:,} bytes are zero"
    for offset, magic, name in _MAGIC:
        if head.startswith(magic, offset):
            return name
    return _name_text(head) or f"not an image format known here (it begins with {head[:8].hex(' ')})"


def _name_text(head: bytes) -> str:
    """The kind of text; empty if it is not text."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    start = text[:512].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page"
    if b"<svg" in start and start.startswith(b"<"):
        return "an SVG drawing"
    if start.startswith(b"<?xml") or (start.startswith(b"<") and b">" in start):
        return "an XML file"
    if any(byte < 0x20 and byte not in b"\t\n\r\x0c\x1b" for byte in head) or b"\x7f" in head:
        return ""
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return ""
    return "a text file"
