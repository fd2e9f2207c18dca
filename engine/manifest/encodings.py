"""Which encoding a text file is in: certain for Unicode, else the one reading that is plausible, or none.

charset-normalizer says which of the encodings that exports come in give text without chaos. Its order of these is
not relied on, because one accented letter decides it: `words_score` compares what each of them reads.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from msgspec import Struct, field

from engine.formatting import visible
from engine.manifest.words import Score, words_score

OpenBytes = Callable[[], BinaryIO]
"""Opens the file anew, decompressed."""

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; that of UTF-32 begins with that of UTF-16."""
_CANDIDATES = {
    "cp1252": "windows-1252",
    "iso8859_15": "iso-8859-15",
    "cp1250": "windows-1250",
    "iso8859_2": "iso-8859-2",
    "cp1251": "windows-1251",
    "cp1253": "windows-1253",
    "cp1254": "windows-1254",
    "cp1255": "windows-1255",
    "cp1256": "windows-1256",
    "cp1257": "windows-1257",
    "mac_roman": "mac-roman",
    "cp850": "cp850",
    "cp437": "cp437",
    "cp852": "cp852",
    "koi8_r": "koi8-r",
    "cp866": "cp866",
    "cp932": "cp932",
    "gb18030": "gb18030",
    "big5": "big5",
    "cp949": "cp949",
    "euc_jp": "euc-jp",
}
"""What exports come in, the commonest first: charset-normalizer's name, and the one in the settings."""
_WORD_BREAKS = re.compile(rb"[\x00-\x20,;.:()\"/]+")
"""None of these is a byte of a longer character in any of the candidates."""
_MOST_WORDS = 2000
_MOST_IMPLAUSIBLE = 0.1
_MARGIN = 0.05
_ENOUGH_WORDS = 30
_READINGS_SHOWN = 4


class Found(Struct, frozen=True):
    encoding: str
    example: str
    """How it reads a word that another encoding would read differently; empty if the encoding is certain."""


class Unsure(Exception):
    """No encoding is the only plausible one; the message has the readings of each."""


class _Sample(Struct):
    """The distinct words of a file that are not ASCII; each byte that occurs is in one of them."""

    words: dict[bytes, None] = field(default_factory=dict)
    is_utf_8: bool = True


def find_encoding(open_bytes: OpenBytes) -> Found:
    """Raises Unsure."""
    with open_bytes() as file:
        head = file.read(4096)
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return Found(encoding, "")
    if wide := wide_without_mark(head):
        return Found(wide, "")
    sample = _sample(open_bytes)
    return Found("utf-8", "") if sample.is_utf_8 else _most_plausible(list(sample.words))


def is_utf_8_text(open_bytes: OpenBytes) -> bool:
    """Valid UTF-8 with at least one character that is not ASCII: no other encoding looks like that by chance."""
    sample = _sample(open_bytes)
    return sample.is_utf_8 and bool(sample.words)


def has_c1_bytes(open_bytes: OpenBytes) -> bool:
    """Whether there are bytes that ISO 8859 has no characters for, 0x80 to 0x9f."""
    with open_bytes() as file:
        return any(re.search(rb"[\x80-\x9f]", chunk) for chunk in _chunks(file))


def explain_undecodable(open_bytes: OpenBytes, path: str, encoding: str) -> str:
    """One line: where the first byte is that is not in the encoding, and in which encoding the file may be."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines, offset = 1, 0
    with open_bytes() as file:
        for chunk in (*_chunks(file), b""):
            kept = len(decoder.getstate()[0])
            try:
                lines += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                bad = error.object[error.start]
                lines += bytes(error.object[: error.start]).decode(encoding, errors="ignore").count("\n")
                where = (
                    f"line {lines}, byte {offset - kept + error.start + 1} (0x{bad:02x}) is not {encoding}"
                )
                return f"{path}: {where}; nothing was added{advice(open_bytes)}"
            offset += len(chunk)
    return f"{path}: not {encoding}; nothing was added"


def advice(open_bytes: OpenBytes) -> str:
    """What to set instead."""
    try:
        found = find_encoding(open_bytes)
    except Unsure as unsure:
        return f"; {unsure}"
    name = found.encoding
    if name == "windows-1252" and not has_c1_bytes(open_bytes):
        name = "latin-1"  # the same there, and better known
    reads = f": it reads {found.example}" if found.example else ""
    return f'; encoding = "{name}" under [manifest] may be right{reads}'


def wide_without_mark(head: bytes) -> str:
    """The encoding of UTF-16 without its byte order mark, of which nearly every second byte is NUL; else empty."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    enough = len(head) // 4
    if odd > enough and not even:
        return "utf-16-le"
    return "utf-16-be" if even > enough and not odd else ""


def _sample(open_bytes: OpenBytes) -> _Sample:
    sample = _Sample()
    seen: set[int] = set()
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest = b""
    with open_bytes() as file:
        for chunk in _chunks(file):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                sample.is_utf_8 = False
            if chunk.isascii() and rest.isascii():
                rest = b""
                continue
            *words, rest = _WORD_BREAKS.split(rest + chunk)
            _take(words, sample, seen)
    _take([rest], sample, seen)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        sample.is_utf_8 = False
    return sample


def _take(words: list[bytes], sample: _Sample, seen: set[int]) -> None:
    for word in words:
        if word.isascii() or word in sample.words:
            continue
        high = {byte for byte in word if byte >= 0x80}
        if len(sample.words) < _MOST_WORDS or not high <= seen:
            sample.words[word] = None
            seen |= high


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(2**18):
        yield chunk


def _most_plausible(words: list[bytes]) -> Found:
    readings = sorted(_readings(words), key=lambda reading: reading.score)
    if not readings or readings[0].score.implausible > _MOST_IMPLAUSIBLE:
        raise Unsure("no usual encoding fits it: export it as UTF-8")
    best, *others = readings
    is_long = len(words) >= _ENOUGH_WORDS
    rivals = [other for other in others if not _is_worse(other.score, best.score, is_long=is_long)]
    if rivals:
        shown = [best, *rivals][:_READINGS_SHOWN]
        texts = ", ".join(f'encoding = "{one.encoding}" reads {_example(one, shown)}' for one in shown)
        raise Unsure(f"several encodings fit it, choose one under [manifest]: {texts}")
    return Found(best.encoding, _example(best, readings))


class _Reading(Struct, frozen=True):
    encoding: str
    texts: tuple[str, ...]
    """The words."""
    score: Score


def _readings(words: list[bytes]) -> list[_Reading]:
    """One for each different text, by the commonest encoding that gives it."""
    from charset_normalizer import from_bytes  # only where it is asked

    data = b"\n".join(words)
    chaos = {
        name: match.chaos
        for match in from_bytes(data, steps=16, chunk_size=1024, cp_isolation=list(_CANDIDATES))
        for name in match.could_be_from_charset
    }
    found: dict[tuple[str, ...], _Reading] = {}
    for codec, name in _CANDIDATES.items():
        try:
            texts = tuple(word.decode(codec) for word in words)
        except UnicodeDecodeError:
            continue
        if texts not in found:
            found[texts] = _Reading(name, texts, words_score(texts, chaos.get(codec, 1.0)))
    return list(found.values())


def _is_worse(other: Score, best: Score, *, is_long: bool) -> bool:
    """In a text that is not long, chaos is chance."""
    if other.implausible >= best.implausible + _MARGIN or other.languages > best.languages:
        return True
    return is_long and other.languages == best.languages and other.chaos >= best.chaos + _MARGIN


def _example(reading: _Reading, others: list[_Reading]) -> str:
    """A word that the others read differently, the longest of the first ones."""
    words = [
        text
        for place, text in enumerate(reading.texts[:200])
        if all(other is reading or other.texts[place] != text for other in others)
    ]
    return f"“{visible(max(words or reading.texts[:1], key=lambda word: min(len(word), 40)))[:60]}”"
