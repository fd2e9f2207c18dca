"""An export goes into the ledger whole: every row is new, known, changed, colliding, or refused with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.failures import Cause, Failure, Stage
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from tests.support.exports import HEADER, U1, U2, Collection, row


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


def test_what_is_done_keeps_what_it_was_made_from_and_is_reported(collection: Collection) -> None:
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
    assert {note.line for note in report.collisions} == {1, 2}
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


def test_rows_that_are_there_more_than_once_are_one_image_and_reported(collection: Collection) -> None:
    text = HEADER + row("a.tif") + row("b.tif", "/s/b.jp2") + row("a.tif") + row("a.tif")
    for known in (2, 4):
        report = collection.add(text)
        assert (report.total.known, report.all_is_well) == (known, True)
        assert [(note.line, "line 2" in note.message) for note in report.repeated] == [
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


def test_names_that_differ_in_case_alone_are_reported_and_converted(collection: Collection) -> None:
    report = collection.add(row("a.tif", "/s/1.jp2") + row("A.tif", "/s/2.jp2"))
    assert len(report.alike) == 1 and report.all_is_well
    assert set(collection.states().values()) == {"pending"}


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("a.tif", "A.tif", "differ in case alone"),
        ("\u00e9.tif", "e\u0301.tif", "look the same and differ in Unicode form alone"),
        ("\u00e9.tif", "E\u0301.tif", "differ in case and Unicode form alone"),
    ],
)
def test_targets_that_one_file_may_be_are_told_with_what_they_differ_in(
    collection: Collection, one: str, other: str, told: str
) -> None:
    report = collection.add(row(one, "/s/1.jp2") + row(other, "/s/2.jp2"))
    assert [told in note.message for note in report.alike] == [True]


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


@settings(max_examples=20, deadline=None)
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
