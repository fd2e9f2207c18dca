"""The advice on encodings fits the file, and encoding = "auto" finds the right one, says so, or refuses."""

from __future__ import annotations

import pytest

from engine.failures import UserError
from tests.support.exports import HEADER, Collection, row

GERMAN = ["Bürger – Straße", "Größe", "Müller’s Haus", "Mädchen"]
FRENCH = ["L’été à Genève", "Château de Chillon – vue générale", "œuvre", "Forêt, près du lac"]
POLISH = ["Kraków – Łódź", "Wrocław", "Gdańsk, święto", "gęś"]
CZECH = ["Žižkov", "Příbram", "České Budějovice"]
RUSSIAN = ["Москва, улица", "Книга первая", "Газета"]
GREEK = ["Αθήνα", "Βιβλίο πρώτο"]
TURKISH = ["İstanbul", "Güneş", "Şehir ışığı"]
SWEDISH = ["Malmö", "Åre", "Västerås hamn"]
JAPANESE = ["東京新聞", "明治時代の地図"]


def export(names: list[str]) -> str:
    return HEADER + "".join(row(f"{name}.tif", f"/s/{name}.jp2") for name in names)


@pytest.mark.parametrize(
    ("names", "encoding"),
    [
        (GERMAN, "windows-1252"),
        (FRENCH, "windows-1252"),
        (SWEDISH, "windows-1252"),
        (["cœur 5 €", "L'été"], "iso-8859-15"),
        (POLISH, "windows-1250"),
        (CZECH, "windows-1250"),
        (RUSSIAN, "windows-1251"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "cp866"),
        (GREEK, "windows-1253"),
        (TURKISH, "windows-1254"),
        ([*GERMAN, *FRENCH], "mac-roman"),
        (["Bürger Straße", "Größe", "été à Genève"], "cp850"),
        ([*GERMAN, *RUSSIAN], "utf-8"),
        ([*GERMAN, *RUSSIAN], "utf-16"),
        (GERMAN, "utf-16-le"),
        (["plain"], "utf-8"),
    ],
)
def test_auto_finds_what_the_export_is_in(collection: Collection, names: list[str], encoding: str) -> None:
    report = collection.add(export(names).encode(encoding), encoding="auto")
    assert report.encoding == encoding
    assert [image.name for image in collection.images()] == [f"{name}.tif" for name in names]
    told = any(f'encoding = "auto" found {encoding}' in note for note in report.notes)
    assert told != encoding.startswith("utf")


ENCODINGS = [
    "windows-1252",
    "windows-1250",
    "windows-1251",
    "windows-1253",
    "windows-1254",
    "mac-roman",
    "cp850",
    "cp932",
    "gb18030",
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "names",
    [
        [one]
        for one in (
            *GERMAN,
            *FRENCH,
            *POLISH,
            *CZECH,
            *RUSSIAN,
            *GREEK,
            *TURKISH,
            *JAPANESE,
            "北京日报",
            "Þing",
            "Nr-№ 5",
            "½ é",
        )
    ],
)
def test_auto_is_never_silently_wrong(collection: Collection, names: list[str], encoding: str) -> None:
    """One word may be too little to tell: then nothing is added, or what was found is shown with the word."""
    try:
        data = export(names).encode(encoding)
    except UnicodeEncodeError:
        return
    try:
        report = collection.add(data, encoding="auto")
    except UserError as error:
        assert 'encoding = "auto" is not sure, nothing was added' in str(error)
        assert collection.images() == []
        return
    assert [image.name for image in collection.images()] == [f"{name}.tif" for name in names]
    assert report.encoding.startswith("utf") or any("“" in note for note in report.notes)


def test_what_is_ambiguous_is_refused_with_each_reading(collection: Collection) -> None:
    with pytest.raises(UserError) as caught:
        collection.add(export(["ספר ראשון"]).encode("windows-1255"), encoding="auto")
    assert 'encoding = "windows-1255" reads “ראשון”' in str(caught.value)
    assert 'encoding = "windows-1253" reads' in str(caught.value)


@pytest.mark.parametrize(
    ("names", "encoding"),
    [(GERMAN, "windows-1252"), (CZECH, "windows-1250"), (RUSSIAN, "windows-1251"), (["né"], "latin-1")],
)
def test_where_utf_8_fails_the_advice_fits(collection: Collection, names: list[str], encoding: str) -> None:
    data = export(names).encode(encoding)
    with pytest.raises(UserError) as caught:
        collection.add(data)
    assert f'encoding = "{encoding}" under [manifest] may be right' in str(caught.value)
    assert collection.images() == []
    assert collection.add(data, encoding=encoding).total.new == len(names)


def test_a_late_byte_that_the_encoding_has_not_is_found_before_a_row_is_added(collection: Collection) -> None:
    data = export([f"Größe {i}" for i in range(4000)]).encode("windows-1252") + b"\x81\x8d,,,,,\n"
    with pytest.raises(UserError, match="nothing was added"):
        collection.add(data, encoding="auto")
    assert collection.images() == []


def test_utf_8_is_not_taken_for_a_single_byte_encoding(collection: Collection) -> None:
    for encoding in ("windows-1252", "latin-1", "cp850"):
        with pytest.raises(UserError, match='is UTF-8: set encoding = "utf-8"'):
            collection.add(export(["né"]), encoding=encoding)


def test_under_latin_1_windows_1252_is_advised_for_bytes_that_latin_1_has_not(collection: Collection) -> None:
    report = collection.add(export(GERMAN).encode("windows-1252"), encoding="latin-1")
    assert any('encoding = "windows-1252" under [manifest] may be right' in note for note in report.notes)
    assert [note.line for note in report.refusals] == [2, 4]
    assert [image.name for image in collection.images()] == ["Größe.tif", "Mädchen.tif"]
