"""A UUID keeps the export's capitals in targets and lists; in two spellings it is still one representation."""

from __future__ import annotations

from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from tests.support.exports import U1, Collection, row

CAPITALS = U1.upper()
MIXED = CAPITALS[:8] + U1[8:]


def test_the_target_s_directory_is_written_as_the_export_writes_it(collection: Collection) -> None:
    collection.add(row("a.tif", uuid=CAPITALS))
    collection.add(row("a.tif", uuid=MIXED), batch="c")
    assert [(i.uuid, i.target) for i in collection.images()] == [
        (CAPITALS, f"b/{CAPITALS}/a.jpg"),
        (MIXED, f"c/{MIXED}/a.jpg"),
    ]


def test_one_representation_in_two_spellings_has_one_directory_in_which_names_collide(
    collection: Collection,
) -> None:
    rows = [row("a.tif", "/s/1.jp2", CAPITALS), row("a.tif", "/s/2.jp2"), row("b.tif", "/s/3.jp2", MIXED)]
    report = collection.add("".join(rows))
    assert {image.target for image in collection.images()} == {f"b/{CAPITALS}/{n}.jpg" for n in "ab"}
    assert {note.line for note in report.collisions} == {1, 2}
    assert any("2 rows write their UUIDs in other capitals" in note for note in report.notes)
    assert collection.add("".join(rows)).total.known == 3


def test_a_representation_is_complete_and_found_whatever_its_spelling(collection: Collection) -> None:
    collection.add(row("a.tif", "/s/1.jp2", CAPITALS))
    collection.add(row("a.tif", "/s/2.jp2"), batch="c")
    collection.finish(1)
    with LedgerReader(collection.workspace) as reader:
        assert reader.representations() == (1, 0)
        assert len(reader.representation(MIXED).images) == 2
    collection.finish(2)
    with LedgerReader(collection.workspace) as reader:
        assert reader.representations() == (1, 1)


def test_a_ledger_from_before_keeps_its_targets_and_knows_the_rows(collection: Collection) -> None:
    """Earlier versions wrote every UUID in lower case, whatever the export had."""
    collection.add(row("a.tif", "/s/1.jp2") + row("b.tif", "/s/2.jp2"))
    collection.finish(1)
    before = collection.images()
    report = collection.add(row("a.tif", "/s/1.jp2", CAPITALS) + row("b.tif", "/s/2.jp2", CAPITALS))
    assert (report.total.known, report.total.changed, report.total.new) == (2, 0, 0)
    assert collection.images() == before
    report = collection.add(row("c.tif", "/s/3.jp2", CAPITALS))
    assert report.total.new == 1
    assert collection.images()[-1].target == f"b/{U1}/c.jpg"
    corrected = row("a.tif", "/s/1.jp2", CAPITALS) + row("b2.tif", "/s/2.jp2", CAPITALS)
    assert collection.add(corrected).total.changed == 1
    assert collection.images()[1].target == f"b/{U1}/b2.jpg"


def test_the_lookup_of_a_representation_reads_an_index(collection: Collection) -> None:
    with Ledger.open(collection.workspace) as ledger:
        plan = ledger._db.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM images i WHERE i.uuid COLLATE NOCASE = ?", (U1,)
        ).fetchall()
    assert any("images_by_uuid" in str(tuple(step)) for step in plan)
