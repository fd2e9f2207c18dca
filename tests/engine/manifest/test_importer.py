"""An export goes into the ledger whole: every row is new, known, changed, colliding, or refused with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import ManifestSettings
from engine.failures import Cause, Failure, Stage, UserError
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.manifest.importer import AddReport, add
from engine.manifest.names import safe_batch_name, target_name
from engine.workspace import Workspace
from tests.support.ledgers import finish

U1 = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
U2 = "9f8a1c04-5f6e-4d0f-9b1b-3f0c2f6d7a11"
HEADER = "UUID,Barcode,Record,File name,Type,Path\n"


def row(
    name: str = "a.tif", source: str = "/s/a.jp2", uuid: str = U1, kind: str = "maps", record: str = "R"
) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([uuid, "B", record, name, kind, source])
    return line.getvalue()


class Collection:
    """A workspace and the exports that are added to it."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace.init(root)

    def add(
        self,
        text: str | bytes,
        *,
        batch: str | None = "b",
        split_by: str | None = None,
        name: str = "export.csv",
        **settings: object,
    ) -> AddReport:
        path = self.workspace.root / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        with Ledger.open(self.workspace, "add") as ledger:
            return add(ledger, path, ManifestSettings(**settings), batch=batch, split_by=split_by)  # type: ignore[arg-type]

    def images(self) -> list[ImageRow]:
        with LedgerReader(self.workspace) as reader:
            return list(reader.iterate())

    def states(self) -> dict[str, str]:
        return {image.source: image.cause or image.state for image in self.images()}

    def finish(self, *ids: int) -> None:
        """These images are done."""
        with Ledger.open(self.workspace) as ledger:
            for image_id in ids:
                finish(ledger, image_id)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection(tmp_path / "ws")


def refusals(report: AddReport) -> dict[int, str]:
    return {remark.line: remark.message for remark in report.refusals}


# Targets


@pytest.mark.parametrize(
    ("tiff", "jpeg"),
    [
        ("title.tif", "title.jpg"),
        ("a.tif.tif", "a.tif.jpg"),
        ("x.TIFF", "x.jpg"),
        ("x.TiF", "x.jpg"),
        ("no extension", "no extension.jpg"),
        ("a.jp2", "a.jp2.jpg"),
        ("attif", "attif.jpg"),
        (" spaced .tif", " spaced .jpg"),
        ('été, "n° 5".tif', 'été, "n° 5".jpg'),
        ("a..b.tif", "a..b.jpg"),
        (".hidden.tif", ".hidden.jpg"),
    ],
)
def test_a_final_tif_gives_way_to_jpg_and_nothing_else_changes(tiff: str, jpeg: str) -> None:
    assert target_name(tiff) == jpeg


@pytest.mark.parametrize(
    "name",
    ["", "  ", ".", "..", ".tif", "..tif", "...tif", "a/b.tif", "/a.tif", "..\\a.tif", "a\0.tif", "a\n.tif"],
)
def test_a_name_that_would_leave_its_directory_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        target_name(name)


@pytest.mark.parametrize("name", ["a\x7f", "a\x85b", "a\u2028b", "x" * 252, "é" * 126])
def test_a_name_that_is_no_file_name_everywhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        target_name(name)


@given(st.text(min_size=1, max_size=300))
def test_whatever_the_name_the_target_is_one_file_of_its_directory(name: str) -> None:
    try:
        target = target_name(name)
    except ValueError:
        return
    assert target.endswith(".jpg")
    assert len(target.encode(errors="surrogatepass")) <= 255
    assert not any(c in "/\\" or ord(c) < 32 or 127 <= ord(c) < 160 for c in target)
    stem = target.removesuffix(".jpg")
    assert stem not in ("", ".", "..")
    assert name == stem or name.lower() in (f"{stem.lower()}.tif", f"{stem.lower()}.tiff")


@given(st.text(min_size=1, max_size=200))
def test_whatever_the_material_type_a_batch_name_is_safe_and_stays_itself(kind: str) -> None:
    try:
        name = safe_batch_name(kind)
    except ValueError:
        return
    assert safe_batch_name(name) == name
    assert "/" not in name and not name.startswith((".", "-")) and len(name.encode()) <= 100


# Reading


def test_rows_come_in_verbatim_with_their_targets(collection: Collection) -> None:
    report = collection.add(HEADER + row('a, "b".tif', "/mnt/x y/ä.jp2", U1.upper(), record=" 99 "))
    (image,) = collection.images()
    assert (report.total.new, report.refused, report.header_line) == (1, 0, 1)
    assert (image.name, image.source, image.record, image.uuid) == (
        'a, "b".tif',
        "/mnt/x y/ä.jp2",
        " 99 ",
        U1,
    )
    assert image.target == f'b/{U1}/a, "b".jpg'


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
def test_a_header_is_told_from_a_row(collection: Collection, text: str, line: int | None) -> None:
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
def test_what_is_no_csv_is_said_in_a_line(collection: Collection, text: str, says: str) -> None:
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
    with pytest.raises(UserError, match='is UTF-8: say encoding = "utf-8"'):
        collection.add("\ufeff" + HEADER + row("né.tif"), encoding="latin-1")


def test_utf_16_is_named(collection: Collection) -> None:
    text = HEADER + row("né.tif")
    with pytest.raises(UserError, match='"utf-16"'):
        collection.add(text.encode("utf-16"))
    assert collection.add(text.encode("utf-16"), encoding="utf-16").total.new == 1


# Refusals


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


def test_checksums_are_told_apart_by_their_length(collection: Collection) -> None:
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


# Batches


def test_the_file_s_name_is_the_batch_by_default(collection: Collection) -> None:
    report = collection.add(row(), batch=None, name="Old maps (1850).csv")
    assert [b.batch for b in report.batches] == ["Old-maps-1850"]


def test_split_by_type_name_or_number(collection: Collection) -> None:
    text = (
        HEADER
        + row("a.tif", kind="Maps & plans")
        + row("b.tif", kind="news")
        + row("c.tif", kind="maps - plans")
    )
    for split_by in ("type", "Type", "5"):
        report = collection.add(text, batch=None, split_by=split_by)
        assert [b.batch for b in report.batches] == ["Maps-plans", "news"]
        assert "'maps - plans' goes into batch Maps-plans, together with 'Maps & plans'" in report.notes
    assert [i.batch for i in collection.images()] == ["Maps-plans", "news", "Maps-plans"]
    assert [i.type for i in collection.images()] == ["Maps & plans", "news", "maps - plans"]


def test_splitting_refuses_rows_without_a_type_and_columns_that_are_no_type(collection: Collection) -> None:
    report = collection.add(
        HEADER + row(kind="") + row("b.tif", kind="***") + row("c.tif"), batch=None, split_by="type"
    )
    assert list(refusals(report)) == [2, 3]
    many = "".join(row(f"{i}.tif", f"/s/{i}.jp2") for i in range(300))
    with pytest.raises(UserError, match="more than 200 batches"):
        collection.add(HEADER + many, batch=None, split_by="Path")
    with pytest.raises(UserError, match="--split-by genre: no such column"):
        collection.add(HEADER + row(), batch=None, split_by="genre")


def test_a_batch_name_that_is_none_is_refused_with_one_that_is(collection: Collection) -> None:
    with pytest.raises(UserError, match="--batch a-b would do"):
        collection.add(row(), batch="a/b")


# Again


def test_adding_the_same_file_again_changes_nothing(collection: Collection) -> None:
    text = HEADER + row() + row("b.tif") + row("a.tiff", "/s/other.jp2") + row("b.tif")
    first = collection.add(text)
    before = collection.images()
    again = collection.add(text)
    assert (first.total.new, first.total.known, first.total.colliding) == (3, 1, 2)
    assert (again.total.new, again.total.known, again.total.colliding) == (0, 4, 2)
    assert collection.images() == before


def test_the_order_of_rows_and_files_is_no_matter(collection: Collection) -> None:
    rows = [row(f"{i}.tif", f"/s/{i}.jp2") for i in range(20)]
    collection.add("".join(rows[:10]))
    report = collection.add("".join(reversed(rows)))
    assert (report.total.new, report.total.known) == (10, 10)


def test_a_corrected_path_makes_the_image_pending_again(collection: Collection) -> None:
    collection.add(row("a.tif", "/s/wrong.jp2") + row("b.tif", "/s/b.jp2"))
    with Ledger.open(collection.workspace) as ledger:
        ledger.failed(1, Failure(Cause.SOURCE_MISSING, Stage.READING, "no such file"))
    report = collection.add(row("a.tif", "/s/right.jp2") + row("b.tif", "/s/b.jp2"))
    assert (report.total.changed, report.total.known, report.total.new) == (1, 1, 0)
    assert collection.states() == {"/s/right.jp2": "pending", "/s/b.jp2": "pending"}


def test_a_corrected_record_is_taken_over_without_converting_again(collection: Collection) -> None:
    collection.add(row(record="old"))
    collection.finish(1)
    report = collection.add(row(record="new"))
    assert (report.total.changed, report.total.kept) == (1, 0)
    (image,) = collection.images()
    assert (image.record, image.state) == ("new", "done")


def test_what_is_done_keeps_what_it_was_made_from_and_this_is_told(collection: Collection) -> None:
    collection.add(row("a.tif", "/s/a.jp2"))
    collection.finish(1)
    report = collection.add(HEADER + row("a.tif", "/s/new.jp2"))
    assert report.total.kept == 1 and not report.all_is_well
    assert (report.kept[0].line, "/s/a.jp2" in report.kept[0].message) == (2, True)
    (image,) = collection.images()
    assert (image.source, image.state) == ("/s/a.jp2", "done")


# Collisions


def test_two_rows_with_one_target_both_fail(collection: Collection) -> None:
    report = collection.add(row("a.tif", "/s/1.jp2") + row("a.TIFF", "/s/2.jp2") + row("b.tif", "/s/3.jp2"))
    assert {remark.line for remark in report.collisions} == {1, 2}
    assert collection.states() == {
        "/s/1.jp2": "target-collision",
        "/s/2.jp2": "target-collision",
        "/s/3.jp2": "pending",
    }


def test_the_same_name_from_another_record_collides_across_files(collection: Collection) -> None:
    collection.add(row("a.tif", "/s/1.jp2", record="R1"))
    report = collection.add(row("a.tif", "/s/2.jp2", record="R2"))
    assert report.total.colliding == 1
    assert set(collection.states().values()) == {"target-collision"}


def test_another_export_with_the_same_target_takes_nobody_s_place(collection: Collection) -> None:
    collection.add(row("i.tif", "/s/1.jp2"), name="a.csv")
    report = collection.add(row("i.tif", "/s/2.jp2"), name="b.csv")
    assert (report.total.changed, report.total.new, report.total.colliding) == (0, 1, 1)
    assert report.collisions[0].line == 1
    both = {"/s/1.jp2": "target-collision", "/s/2.jp2": "target-collision"}
    assert collection.states() == both
    again = collection.add(row("i.tif", "/s/1.jp2"), name="a.csv")
    assert (again.total.known, again.total.colliding) == (1, 1)
    assert collection.states() == both


def test_another_export_claims_what_is_done_and_is_in_the_account(collection: Collection) -> None:
    collection.add(row("i.tif", "/s/1.jp2"), name="a.csv")
    collection.finish(1)
    report = collection.add(HEADER + row("i.tif", "/s/2.jp2"), name="b.csv")
    assert (report.total.kept, report.total.colliding, report.collisions[0].line) == (0, 1, 2)
    assert collection.states() == {"/s/1.jp2": "done", "/s/2.jp2": "target-collision"}


def test_another_name_for_one_source_in_another_export_is_another_image(collection: Collection) -> None:
    collection.add(row("a.tif", "/s/1.jp2"), name="a.csv")
    report = collection.add(row("b.tif", "/s/1.jp2"), name="b.csv")
    assert (report.total.new, report.total.changed) == (1, 0)
    assert [image.name for image in collection.images()] == ["a.tif", "b.tif"]


def test_a_new_version_is_known_by_its_file_s_name_in_that_batch_or_by_another_row(
    collection: Collection,
) -> None:
    collection.add(row("i.tif", "/s/1.jp2"), name="a.csv")
    collection.add(row("i.tif", "/s/1.jp2"), name="c.csv", batch="c")
    report = collection.add(HEADER + row("i.tif", "/s/2.jp2"), name="a.csv")
    assert report.total.changed == 1
    assert report.changed[0].line == 2
    assert "source /s/2.jp2 instead of /s/1.jp2" in report.changed[0].message
    with LedgerReader(collection.workspace) as reader:
        assert "before: source /s/1.jp2" in reader.events(image_id=1)[-1].message
    report = collection.add(row("i.tif", "/s/3.jp2"), name="c.csv")  # a name that only the other batch knows
    assert (report.total.changed, report.total.colliding) == (0, 1)
    collection.add(row("k.tif", "/s/k.jp2") + row("l.tif", "/s/l.jp2"), name="d.csv")
    report = collection.add(row("k.tif", "/s/k.jp2") + row("l.tif", "/s/m.jp2"), name="d-corrected.csv")
    assert (report.total.known, report.total.changed, report.total.colliding) == (1, 1, 0)


def test_rows_that_are_there_more_than_once_are_one_image_and_told(collection: Collection) -> None:
    text = HEADER + row("a.tif") + row("b.tif", "/s/b.jp2") + row("a.tif") + row("a.tif")
    for known in (2, 4):
        report = collection.add(text)
        assert (report.total.known, report.all_is_well) == (known, True)
        assert [(remark.line, "line 2" in remark.message) for remark in report.repeated] == [
            (4, True),
            (5, True),
        ]
    assert len(collection.images()) == 2


def test_what_is_done_keeps_its_target_and_the_newcomer_fails(collection: Collection) -> None:
    collection.add(row("a.tif", "/s/1.jp2"))
    collection.finish(1)
    report = collection.add(row("a.TIF", "/s/2.jp2"))
    assert "image 1, which is in the ledger already" in report.collisions[0].message
    assert collection.states() == {"/s/1.jp2": "done", "/s/2.jp2": "target-collision"}


def test_other_batches_and_representations_do_not_collide(collection: Collection) -> None:
    collection.add(row("a.tif", "/s/1.jp2") + row("a.tif", "/s/2.jp2", U2))
    collection.add(row("a.tif", "/s/1.jp2"), batch="c")
    assert set(collection.states().values()) == {"pending"}


def test_names_that_differ_in_case_alone_are_told_and_converted(collection: Collection) -> None:
    report = collection.add(row("a.tif", "/s/1.jp2") + row("A.tif", "/s/2.jp2"))
    assert len(report.alike) == 1 and report.all_is_well
    assert set(collection.states().values()) == {"pending"}


def test_a_name_that_was_corrected_frees_the_one_it_collided_with(collection: Collection) -> None:
    collection.add(row("a.tif", "/s/1.jp2") + row("a.tiff", "/s/2.jp2"))
    report = collection.add(row("a.tif", "/s/1.jp2") + row("a2.tiff", "/s/2.jp2"))
    assert (report.total.changed, report.freed, report.total.colliding) == (1, 1, 0)
    assert set(collection.states().values()) == {"pending"}
    assert [i.target.rsplit("/")[-1] for i in collection.images()] == ["a.jpg", "a2.jpg"]


def test_ten_thousand_rows_with_one_target_are_quick(collection: Collection) -> None:
    text = "".join(row("a.tif", f"/s/{i}.jp2") for i in range(10_000))
    report = collection.add(text)
    assert (report.total.colliding, len(report.collisions)) == (10_000, 1000)
    assert "and 9998 more" in report.collisions[0].message
    assert collection.add(text).total.known == 10_000
    assert collection.add(text.replace("/s/", "/t/")).total.colliding == 20_000 - 10_000
    right = "".join(row(f"{i}.tif", f"/s/{i}.jp2") for i in range(10_000))
    assert collection.add(right).total.changed == 10_000


# Any export at all

NAMES = st.one_of(
    st.sampled_from(["a.tif", "a.TIFF", "A.tif", "b.tif", "..", "", "x/y.tif", "é.tif", "e\u0301.tif"]),
    st.text(max_size=12),
)
ROWS = st.tuples(
    st.sampled_from([U1, U1.upper(), U2, "nonsense"]),
    st.sampled_from(["", "B1", 'a "quoted" one', "two\nlines"]),
    st.sampled_from(["R1", "R2"]),
    NAMES,
    st.sampled_from(["maps", "news", "Maps", ""]),
    st.sampled_from(["/s/1.jp2", "/s/2.jp2", "rel/3.jp2", ""]),
)


@pytest.fixture(scope="module")
def spare_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("any")


@settings(max_examples=40, deadline=None)
@given(exports=st.lists(st.lists(ROWS, max_size=12), min_size=1, max_size=3), split=st.booleans())
def test_every_row_of_any_export_is_accounted_for(
    spare_root: Path, exports: list[list[tuple[str, ...]]], split: bool
) -> None:
    directory = spare_root / str(UUID(int=len(list(spare_root.iterdir()))))
    collection = Collection(directory)
    for rows in exports:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        if not rows:
            continue
        batch, split_by = (None, "type") if split else ("b", None)
        content = text.getvalue().encode(errors="replace")
        report = collection.add(content, header=False, batch=batch, split_by=split_by)
        total = report.total
        assert (
            report.rows == len(rows) == report.refused + total.new + total.known + total.changed + total.kept
        )
        images = collection.images()
        again = collection.add(content, header=False, batch=batch, split_by=split_by)
        assert (again.total.new, again.total.changed, again.refused) == (0, 0, report.refused)
        assert collection.images() == images
    wanted = [image.target for image in images] if any(exports) else []
    for image in collection.images():
        assert (wanted.count(image.target) > 1) == (image.cause == "target-collision")
    with LedgerReader(collection.workspace) as reader:
        totals = reader.figures().totals
    assert totals.rows == totals.pending + totals.failed == len(wanted)
