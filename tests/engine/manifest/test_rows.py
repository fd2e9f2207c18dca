"""A malformed row is refused with its line, and harms no other."""

from __future__ import annotations

import pytest

from tests.support.exports import HEADER, U1, Collection, refusals, row


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (f"{U1},B,R,x.tif,maps\n", "5 columns instead of 6"),
        (f"{U1},B,R,x.tif,maps,/s/x.jp2,more\n", "7 columns instead of 6"),
        (row(uuid="12345"), "not a UUID: '12345'"),
        (row(uuid=U1 + "0"), "not a UUID"),
        (row(uuid=""), "the UUID is empty"),
        (row(source=""), "the path of the JP2 is empty"),
        (row(source="  "), "the path of the JP2 is empty"),
        (row(name=""), "the name is empty"),
        (row(name="../../x.tif"), "slash"),
        (row(name=".."), "no file's name"),
        (row(name="/etc/x.tif"), "slash"),
        (row(name="a\tb.tif"), "control characters"),
        (row(name="a" * 300), "more than 255 bytes"),
        (row(source="/s/\0.jp2"), "NUL"),
        (f'{U1},B,R,"x.tif"y,maps,/s/x.jp2\n', "after a closing quote"),
        (f'{U1},B,R,"x.tif,maps,/s/x.jp2\n', "never closed"),
        ("oops\n", "1 column instead of 6"),
    ],
)
def test_a_bad_row_is_refused_with_its_line_and_harms_no_other(
    collection: Collection, bad: str, says: str
) -> None:
    before = "".join(row(f"{i}.tif", f"/s/{i}.jp2") for i in range(3))
    after = "".join(row(f"{i}.tif", f"/s/{i}.jp2") for i in range(3, 60))
    report = collection.add(HEADER + before + bad + after)
    assert list(refusals(report)) == [5]
    assert says in refusals(report)[5]
    assert report.total.new == 60 == len(collection.images())
    assert not report.all_is_well


def test_lines_are_physical_lines_also_after_newlines_in_quotes(collection: Collection) -> None:
    report = collection.add(HEADER + row(record="one\ntwo\r\nthree") + row("b.tif") + row(uuid="bad"))
    assert list(refusals(report)) == [6]
    assert collection.images()[0].record == "one\ntwo\r\nthree"


def test_without_a_header_most_rows_say_how_many_columns_there_are(collection: Collection) -> None:
    seven = "".join(row(f"{i}.tif").rstrip("\n") + ",extra\n" for i in range(3))
    report = collection.add(row("short.tif") + seven)
    assert refusals(report) == {1: "6 columns instead of 7"}


def test_checksums_are_distinguished_by_their_length(collection: Collection) -> None:
    columns = {"uuid": 1, "name": 2, "source": 3, "checksum": 4}
    sums = ["", "0" * 32, "SHA1:" + "1" * 40, "sha-256:" + "2" * 64, "3" * 31, "md5:" + "4" * 40]
    text = "".join(f"{U1},{i}.tif,/s/{i}.jp2,{checksum}\n" for i, checksum in enumerate(sums))
    report = collection.add(text, columns=columns)
    assert [i.checksum for i in collection.images()] == [
        "",
        "md5:" + "0" * 32,
        "sha1:" + "1" * 40,
        "sha256:" + "2" * 64,
    ]
    assert list(refusals(report)) == [5, 6]
