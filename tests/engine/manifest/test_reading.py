"""An export is read as it is: header or none, columns by number or name, any line end and encoding."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.failures import UserError
from tests.support.exports import HEADER, U1, Collection, row


def test_rows_come_in_verbatim_with_their_targets(collection: Collection) -> None:
    report = collection.add(HEADER + row('a, "b".tif', "/mnt/x y/ä.jp2", U1.upper(), record=" 99 "))
    (image,) = collection.images()
    assert (report.total.new, report.refused, report.header_line) == (1, 0, 1)
    assert (image.name, image.source, image.record, image.uuid) == (
        'a, "b".tif',
        "/mnt/x y/ä.jp2",
        " 99 ",
        U1.upper(),
    )
    assert image.target == f'b/{U1.upper()}/a, "b".jpg'


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n\n",
        lambda text: "\n" + text,
    ],
    ids=["CRLF", "CR", "BOM", "no newline at the end", "empty lines at the end", "empty line at the start"],
)
def test_line_ends_and_byte_order_marks_make_no_difference(
    collection: Collection, change: Callable[[str], str]
) -> None:
    report = collection.add(change(HEADER + row("a.tif") + row("b.tif", "/s/b.jp2")))
    assert (report.total.new, report.refused) == (2, 0)
    assert [image.source for image in collection.images()] == ["/s/a.jp2", "/s/b.jp2"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEADER + row(), 1),
        (row() + row("b.tif"), None),
        (row(uuid="not-a-uuid") + row("b.tif"), None),
        ("id,bc,rec,fichier,genre,chemin\n" + row(), 1),
    ],
)
def test_a_header_is_distinguished_from_a_row(collection: Collection, text: str, line: int | None) -> None:
    assert collection.add(text).header_line == line


def test_columns_by_name_number_and_none(collection: Collection) -> None:
    text = f"Chemin,Fichier,Identifiant,MD5\n/s/a.jp2,a.tif,{U1},{'AB' * 16}\n"
    columns = {"uuid": "identifiant", "name": 2, "source": "Chemin", "checksum": "MD5"}
    collection.add(text, columns=columns)
    (image,) = collection.images()
    assert (image.name, image.source, image.barcode, image.checksum) == (
        "a.tif",
        "/s/a.jp2",
        "",
        "md5:" + "ab" * 16,
    )


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"uuid": "Nummer", "name": 2, "source": 3}, "[manifest] columns: uuid = 'Nummer' is not there"),
        (
            {"uuid": 1, "name": 2, "source": 9},
            "the header has 6 columns; [manifest] columns asks for column 9",
        ),
        ({"uuid": "Zwei", "name": 2, "source": 3}, "is there more than once"),
    ],
)
def test_columns_that_are_not_there_are_named(
    collection: Collection, columns: dict[str, object], says: str
) -> None:
    with pytest.raises(UserError) as caught:
        collection.add("UUID,Zwei,zwei ,Zwei,Type,Path\n" + row(), columns=columns, header=True)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no row"),
        ("\n\n", "there is no row"),
        (HEADER.replace(",", ";"), "separated by semicolons"),
        (HEADER.replace(",", "\t"), "separated by tabs"),
        ("x" * 1_100_000, "has no end within a megabyte"),
    ],
)
def test_what_is_not_a_csv_is_refused_in_one_line(collection: Collection, text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        collection.add(text)


def test_latin_1_is_named_where_utf_8_fails_and_nothing_is_half_added(collection: Collection) -> None:
    good = HEADER + "".join(row(f"{i}.tif", f"/s/{i}.jp2") for i in range(5000))
    bad = good.encode() + row("caf\xe9.tif").encode("latin-1")
    with pytest.raises(UserError) as caught:
        collection.add(bad)
    at = len(good.encode()) + row("caf").index("caf") + 4
    assert f"line 5002, byte {at} (0xe9) is not utf-8" in str(caught.value)
    assert 'encoding = "latin-1" under [manifest] may be right' in str(caught.value)
    assert collection.images() == []
    assert collection.add(bad, encoding="latin-1").total.new == 5001
    assert collection.images()[-1].name == "café.tif"


def test_a_utf_8_file_is_not_taken_for_latin_1(collection: Collection) -> None:
    with pytest.raises(UserError, match='is UTF-8: set encoding = "utf-8"'):
        collection.add("\ufeff" + HEADER + row("né.tif"), encoding="latin-1")


def test_utf_16_is_named(collection: Collection) -> None:
    text = HEADER + row("né.tif")
    with pytest.raises(UserError, match='"utf-16"'):
        collection.add(text.encode("utf-16"))
    assert collection.add(text.encode("utf-16"), encoding="utf-16").total.new == 1


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf_16_without_a_byte_order_mark_is_named_with_its_byte_order(
    collection: Collection, order: str
) -> None:
    text = (HEADER + row("né.tif")).encode(f"utf-16-{order}")
    with pytest.raises(UserError, match=f'UTF-16 without a byte order mark: set encoding = "utf-16-{order}"'):
        collection.add(text)
    assert collection.add(text, encoding="utf-16").total.new == 1
    assert collection.images()[-1].name == "né.tif"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_decides_between_the_kinds_of_utf_16(collection: Collection, encoding: str) -> None:
    report = collection.add("\ufeff".encode("utf-16-le") + row().encode("utf-16-le"), encoding=encoding)
    assert (report.total.new, report.refused) == (1, 0)


def test_a_file_without_a_nul_is_not_utf_16(collection: Collection) -> None:
    with pytest.raises(UserError, match='is not UTF-16; encoding = "utf-8" under'):
        collection.add(HEADER + row(), encoding="utf-16")


def test_utf_8_with_its_mark_is_utf_8_sig_too(collection: Collection) -> None:
    assert collection.add("\ufeff" + HEADER + row(), encoding="utf-8-sig").total.new == 1
