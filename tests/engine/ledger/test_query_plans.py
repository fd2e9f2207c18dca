"""No question of the supervisor's loop reads all images, whatever 430,057 of them are mixed of, and none picks an index
that holds many more of them than it asks for."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.ledger import chosen, import_rows, lists
from engine.ledger.filters import ImageFilter
from engine.ledger.statements import statements
from engine.ledger.states import ImageState
from tests.support.ledgers import make_ledger

ROWS, BATCHES = 430_057, 3
BIG = {"images", "attempts", "events"}
"""Tables that have at least a row an image."""


@dataclass(frozen=True)
class Mixture:
    states: int
    """How many states there are images in."""
    unsurveyed: int
    surveyed: int
    failed: int


MIXTURES = {
    "nothing known": None,
    "all are new": Mixture(1, ROWS, 0, 0),
    "all are surveyed": Mixture(1, 0, ROWS, 0),
    "in the middle": Mixture(4, 145_262, 100_000, 137_056),
    "nearly done": Mixture(3, 10, 10, 6),
    "all have failed": Mixture(2, 1, 0, ROWS - 1),
}
"""None is a ledger without statistics, as all are that photostat makes; the others have what ANALYZE would say."""

LOOP = ("queries", "batches", "work_queue", "changes", "orders", "chosen", "plan", "runs", "hosts")
"""Subjects of statements that the loop asks; `chosen` and `plan` in the slices of orders."""
NOT_IN_THE_LOOP = {
    ("runs", "new_failures"),  # once a run has ended: every failed image
    ("queries", "source_within"),  # when a run starts
    ("queries", "source_within_or_relative"),
    ("queries", "sources"),
    ("work_queue", "measured_peaks"),  # when a run starts: the last attempts
}
BROAD = {
    ("changes", "in_flight"),  # all that is in flight
    ("queries", "in_store_since"),  # with a limit
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ledger(tmp_path_factory.mktemp("plans") / "ws", 40, failed=5, done=5).ledger_path


@pytest.fixture(params=MIXTURES, ids=str)
def db(request: pytest.FixtureRequest, ledger: Path) -> Iterator[sqlite3.Connection]:
    """The ledger as SQLite sees it in that mixture, with the tables that imports and orders make."""
    connection = sqlite3.connect(ledger, isolation_level=None)
    mixture = MIXTURES[request.param]
    connection.execute("BEGIN")
    if mixture is not None:
        connection.execute("ANALYZE")
        connection.execute("DELETE FROM sqlite_stat1")
        connection.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", _statistics(mixture))
        connection.execute("ANALYZE sqlite_schema")  # reads them
    chosen.clear(connection)
    connection.execute("COMMIT")
    connection.execute("ATTACH ':memory:' AS plan")
    for name, statement in statements("staging").items():
        if "plan." in statement and name.startswith(("create_", "index_")):
            connection.execute(statement)
    yield connection
    if mixture is not None:
        connection.execute("DELETE FROM sqlite_stat1")
    connection.close()


def _statistics(mixture: Mixture) -> list[tuple[str, str | None, str]]:
    """Rows of sqlite_stat1: how many there are, and how many of them equal each other in the first columns."""
    per_state = ROWS // mixture.states
    pending, failed = max(1, mixture.unsurveyed), max(1, mixture.failed)
    surveyed = max(1, mixture.surveyed)
    return [
        ("images", "images_by_target", f"{ROWS} 1"),
        ("images", "images_by_uuid", f"{ROWS} 12"),
        ("images", "images_by_state", f"{ROWS} {per_state}"),
        ("images", "images_by_batch", f"{ROWS} {ROWS // BATCHES} {max(1, per_state // BATCHES)}"),
        ("images", "images_by_cause", f"{failed} {max(1, failed // 3)}"),
        ("images", "images_elsewhere", f"{ROWS // 2} {ROWS // 6}"),
        ("images", "images_by_gpu", f"{ROWS // 2} {ROWS // 20}"),
        ("images", "images_to_survey", f"{pending} {max(1, pending // BATCHES)}"),
        ("images", "images_to_start", f"{surveyed} {max(1, surveyed // BATCHES)} 30 1"),
        ("attempts", "attempts_by_image", f"{ROWS} 2"),
        ("events", "events_by_image", f"{5 * ROWS} 6"),
        ("batches", None, str(BATCHES)),
        ("failures", None, "9"),
    ]


def plan_of(db: sqlite3.Connection, statement: str, values: Sequence[object] | None = None) -> list[str]:
    """The steps of SQLite's plan."""
    bare = re.sub(r"--.*", "", statement)
    parameters = dict.fromkeys(re.findall(r":(\w+)", bare)) or [None] * bare.count("?")
    found = db.execute(f"EXPLAIN QUERY PLAN {statement}", parameters if values is None else values)
    return [row[3] for row in found]


def table_of(step: str, statement: str) -> str:
    """The table that the step reads; aliases resolved."""
    name = step.split()[1].rpartition(".")[2]
    alias = re.search(rf"(?:main\.|temp\.|plan\.)?(\w+) (?:AS )?{name}\b", statement)
    keywords = {"FROM", "JOIN", "UPDATE", "INTO", "SELECT", "AS"}
    return alias[1] if alias and alias[1] not in keywords else name


def faults(steps: list[str], statement: str, *, may_be_broad: bool) -> list[str]:
    """Steps that read much more of a big table than is asked for."""
    found = []
    for step in steps:
        if step.startswith("SCAN") and table_of(step, statement) in BIG and "plan." not in step:
            found.append(step)
        if (
            "images_by_state (state=?)" in step
            or "images_by_batch" in step
            or "images_by_cause (cause=?)" in step
        ):
            found += [] if may_be_broad else [step]
    return found


def test_no_question_of_the_loop_reads_all_images(db: sqlite3.Connection) -> None:
    wrong = {}
    for subject in LOOP:
        for name, statement in statements(subject).items():
            key = subject, name
            if name.startswith("create_") or key in NOT_IN_THE_LOOP:
                continue
            steps = plan_of(db, statement)
            if bad := faults(steps, statement, may_be_broad=key in BROAD):
                wrong[key] = bad
    assert wrong == {}


@pytest.mark.parametrize("batch", [None, "maps"])
@pytest.mark.parametrize("cause", [None, "corrupt"])
@pytest.mark.parametrize("text", [None, "p0007"])
def test_a_slice_of_an_order_reads_its_own_images_alone(
    db: sqlite3.Connection, batch: str | None, cause: str | None, text: str | None
) -> None:
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    chosen.choose_among(db, [1, 2, 3], *ImageFilter(batch=batch, cause=cause, text=text).condition())
    db.set_trace_callback(None)
    statement = next(one for one in asked if one.startswith("INSERT INTO temp.chosen"))
    steps = plan_of(db, statement, ())
    assert any(step.startswith("SEARCH i ") and "rowid=?" in step for step in steps), steps
    assert not faults(steps, statement, may_be_broad=False)


def test_a_page_of_a_list_begins_where_the_last_one_ended(db: sqlite3.Connection) -> None:
    page = lists.Page("id", descending=False, limit=100, offset=0, after=200_000)
    for wanted in (ImageFilter(), ImageFilter(state=ImageState.FAILED)):
        statement, values = lists.image_page(wanted.condition(), page)
        steps = plan_of(db, statement, values)
        assert not [step for step in steps if step.startswith("SCAN i")], (wanted, steps)
        assert any("rowid>?" in step for step in steps), (wanted, steps)


def test_images_tried_on_another_machine_are_found_by_its_name(db: sqlite3.Connection) -> None:
    """And these names without a look at the images; nor does a page of failures look at their attempts."""
    tried = ImageFilter(state=ImageState.FAILED, host="conv2").condition()
    assert any("images_elsewhere (host=?)" in step for step in plan_of(db, *lists.all_images(tried)))
    names = plan_of(db, statements("history")["other_hosts"])
    looked_at = [step for step in names if "images" in step]
    assert len(looked_at) == 2 and all("COVERING INDEX images_elsewhere" in step for step in looked_at), names
    page = lists.Page("id", descending=False, limit=100, offset=0, after=200_000)
    steps = plan_of(db, *lists.image_page(ImageFilter(state=ImageState.FAILED).condition(), page))
    assert not [step for step in steps if "attempts" in step], steps


def test_jpegs_with_a_gpus_pixels_are_counted_by_their_kind_in_an_index(db: sqlite3.Connection) -> None:
    steps = plan_of(db, statements("queries")["made_by_gpu"])
    assert any("COVERING INDEX images_by_gpu (kind=?" in step for step in steps), steps
    assert not [step for step in steps if step.startswith("SCAN")], steps


def test_an_import_reads_no_table_once_for_each_row(db: sqlite3.Connection) -> None:
    import_rows._create_tables(db)
    for index in ("index_by_key", "index_by_image", "index_by_source"):
        db.execute(statements("import")[index])
    nested = {}
    for subject in ("import", "collisions", "import_report"):
        for name, statement in statements(subject).items():
            if name.startswith(("create_", "index_")):
                continue
            steps = plan_of(db, statement)
            if any("AUTOMATIC" in step for step in steps):
                nested[subject, name] = steps
            runs = "\n".join(steps)
            if re.search(
                r"SCAN (i|images|n|temp\.incoming|main\.images)\b[^\n]*\nSCAN (i|o|n|main\.images|images)\b",
                runs,
            ):
                nested[subject, name] = steps
    assert nested == {}
