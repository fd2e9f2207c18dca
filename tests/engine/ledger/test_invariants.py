"""Whatever happens in whatever order, and wherever it is cut off, every image is in exactly one place."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.failures import Cause, Failure, Stage
from engine.ledger.account import Account
from engine.ledger.filters import ImageFilter, Selection
from engine.ledger.image_changes import NotInState
from engine.ledger.import_rows import ExportRow
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.messages import Converted, Surveyed
from engine.workspace import Workspace
from tests.support.ledgers import finish, make_ledger, representation
from tests.support.waiting import LONGEST_WAIT_S, wait_until

IMAGES = 8
IDS = st.integers(1, IMAGES)
CAUSES = st.sampled_from([Cause.CORRUPT, Cause.TRUNCATED, Cause.STORE_DENIED])


def rows(names: list[str]) -> list[ExportRow]:
    """Half of them in one batch, half in another."""
    return [
        ExportRow(
            line,
            ("maps", "news")[line % 2],
            representation(0),
            "",
            "R",
            f"{name}.tif",
            "",
            f"/s/{line}",
            "",
            f"{('maps', 'news')[line % 2]}/{representation(0)}/{name}.jpg",
        )
        for line, name in enumerate(names, 1)
    ]


class LedgerMachine(RuleBasedStateMachine):
    """The ledger beside a model: a state for each image, and what the batches' sums must be."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self.workspace = Workspace.init(Path(self._directory.name) / "ws")
        self.ledger = Ledger.open(self.workspace)
        self.reader = LedgerReader(self.workspace)
        self.states: dict[int, str] = {}
        self.causes: dict[int, str] = {}

    @initialize(collide=st.booleans())
    def add(self, collide: bool) -> None:
        names = [f"n{number}" for number in range(IMAGES)]
        if collide:
            names[2] = names[0]
        self.ledger.import_rows(iter(rows(names)))
        self.states = dict.fromkeys(range(1, IMAGES + 1), "pending")
        if collide:
            for image_id in (1, 3):
                self.states[image_id], self.causes[image_id] = "failed", "target-collision"

    def attempt(self, image_id: int, allowed: tuple[str, ...], new: str, cause: str = "") -> bool:
        """What the model says of a change; True where the ledger must allow it."""
        if self.states[image_id] not in allowed:
            return False
        self.states[image_id] = new
        if cause:
            self.causes[image_id] = cause
        return True

    def change(self, is_allowed: bool, action: object, *arguments: object) -> None:
        try:
            action(*arguments)  # type: ignore[operator]
        except NotInState:
            assert not is_allowed
        else:
            assert is_allowed

    @rule(image_id=IDS, width=st.integers(1, 9000))
    def survey(self, image_id: int, width: int) -> None:
        self.ledger.surveyed([Surveyed(image_id, 10, width, 7, 3, 8, width, 7, 5, "srgb")])

    @rule(image_id=IDS)
    def start(self, image_id: int) -> None:
        self.change(
            self.attempt(image_id, ("pending",), "in_flight"), self.ledger.start, image_id, 1, 2, "whole"
        )

    @rule(image_id=IDS)
    def convert_and_store(self, image_id: int) -> None:
        is_allowed = self.attempt(image_id, ("in_flight",), "done")
        result = Converted(image_id, "s", 1, 1, 10 * image_id, "md5:0", image_id, "0", 40.0, (), 1, 1.0, 1.0)
        self.change(is_allowed, self.ledger.converted, result)
        if is_allowed:
            self.ledger.done(image_id)

    @rule(image_id=IDS, cause=CAUSES)
    def fail(self, image_id: int, cause: Cause) -> None:
        is_allowed = self.attempt(image_id, ("pending", "in_flight"), "failed", cause)
        self.change(is_allowed, self.ledger.failed, image_id, Failure(cause, Stage.DECODING, "why"))

    @rule(image_id=IDS, counts=st.booleans())
    def put_back(self, image_id: int, counts: bool) -> None:
        is_allowed = self.attempt(image_id, ("in_flight",), "pending")
        self.change(is_allowed, self.ledger.back_to_pending, image_id, "why", counts)

    @rule(image_id=IDS)
    def accept(self, image_id: int) -> None:
        is_allowed = self.attempt(image_id, ("failed",), "accepted")
        assert self.ledger.accept([image_id], "because") == int(is_allowed)

    @rule(cause=CAUSES)
    def requeue(self, cause: Cause) -> None:
        chosen = [i for i, state in self.states.items() if state == "failed" and self.causes[i] == cause]
        requeued = 0
        for image_id in chosen:
            if self.wants_anothers_target(image_id):
                continue
            self.states[image_id] = "pending"
            requeued += 1
        assert self.ledger.requeue(Selection(cause=cause.value)) == requeued

    def wants_anothers_target(self, image_id: int) -> bool:
        twins = {1: 3, 3: 1}
        return self.collided and image_id in twins and self.states[twins[image_id]] != "accepted"

    @property
    def collided(self) -> bool:
        one, three = self.ledger.subject(1), self.ledger.subject(3)
        return one.target == three.target

    @rule(image_id=IDS)
    def lose_in_the_store(self, image_id: int) -> None:
        is_allowed = self.attempt(image_id, ("done",), "pending")
        assert self.ledger.convert_again([image_id], "missing") == int(is_allowed)

    @rule()
    def end_the_engine(self) -> None:
        self.ledger.close()
        self.ledger = Ledger.open(self.workspace)
        self.ledger.recover()
        for image_id, state in self.states.items():
            if state == "in_flight":
                self.states[image_id] = "pending"

    @invariant()
    def every_image_is_where_the_model_has_it(self) -> None:
        if not self.states:
            return
        found = {image.id: image.state for image in self.reader.iterate()}
        assert found == self.states
        failed = Counter(self.causes[i] for i, state in self.states.items() if state == "failed")
        assert {group.cause: group.images for group in self.reader.failure_groups()} == failed

    @invariant()
    def the_sums_agree(self) -> None:
        if not self.states:
            return
        figures = self.reader.figures()
        for batch, remainder in (("news", 1), ("maps", 0)):
            states = Counter(state for i, state in self.states.items() if i % 2 == remainder)
            expected = Account(
                states.total(),
                *(states[name] for name in ("pending", "in_flight", "done", "failed", "accepted")),
            )
            assert self.ledger.account()[batch] == expected
        done = [i for i, state in self.states.items() if state == "done"]
        assert (figures.source_bytes, figures.jpeg_bytes) == (10 * sum(done), sum(done))

    def teardown(self) -> None:
        self.reader.close()
        self.ledger.close()
        self._directory.cleanup()


LedgerMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestAnyOrder = LedgerMachine.TestCase


WRITE_FOR_EVER = """
import sys
from pathlib import Path
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.ledgers import export, finish
workspace = Workspace(Path(sys.argv[1]))
with Ledger.open(workspace) as ledger:
    ledger.recover()
    for image_id in range(1, 2001):
        finish(ledger, image_id) if image_id % 3 else None
        print(image_id, flush=True)
        if image_id % 100 == 0:
            with ledger.transaction():
                ledger.import_rows(export(2000, f"more-{image_id}"))
"""


@pytest.mark.parametrize("seed", range(4))
def test_sigkill_at_any_moment_loses_nothing_that_was_reported(tmp_path: Path, seed: int) -> None:
    workspace = make_ledger(tmp_path / "ws", 2000)
    child = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOR_EVER, str(workspace.root)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert child.stdout is not None
    chance = random.Random(seed)
    for _ in range(chance.randint(50, 500)):
        reported = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    reported = max([reported, *map(int, child.stdout.read().split())])
    child.wait(LONGEST_WAIT_S)
    with LedgerReader(workspace) as reader:  # beside the -wal and -shm of the dead
        assert len(reader.ids(ImageFilter(state="done"))) >= reported - reported // 3
    with Ledger.open(workspace) as ledger:
        ledger.recover()
        accounts = ledger.account()
    db = sqlite3.connect(workspace.ledger_path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    done = {number for (number,) in db.execute("SELECT id FROM images WHERE state = 'done'")}
    db.close()
    assert {number for number in range(1, reported + 1) if number % 3} <= done
    assert all(account.rows == 2000 for account in accounts.values())
    assert accounts["newspapers"].done == len(done)


ADD_SLOWLY = """
import sys, time
from pathlib import Path
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.ledgers import export
def rows():
    for row in export(20_000):
        yield row
        if row.line == 15_000:
            print("nearly", flush=True)
            time.sleep(600)  # it is killed here
with Ledger.open(Workspace(Path(sys.argv[1])), "add") as ledger:
    ledger.import_rows(rows())
"""


def test_a_killed_add_leaves_nothing(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    child = subprocess.Popen(
        [sys.executable, "-c", ADD_SLOWLY, str(workspace.root)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert child.stdout is not None and child.stdout.readline() == "nearly\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait(LONGEST_WAIT_S)
    child.stdout.close()
    with LedgerReader(workspace) as reader:
        assert reader.account() == {}
    with Ledger.open(workspace, "add") as ledger:
        assert ledger.account() == {}


def test_readers_and_a_writer_do_not_wait_for_one_another(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 300)
    script = (
        "import sys\nfrom pathlib import Path\nfrom engine.ledger.reader import LedgerReader\n"
        "from engine.workspace import Workspace\n"
        "with LedgerReader(Workspace(Path(sys.argv[1]))) as reader:\n"
        "    while True:\n"
        "        totals = reader.figures().totals\n"
        "        assert totals.rows == 300 == totals.pending + totals.in_flight + totals.done\n"
        "        if totals.done == 300: break\n"
    )
    readers = [
        subprocess.Popen([sys.executable, "-c", script, str(workspace.root)], cwd=Path(__file__).parents[3])
        for _ in range(2)
    ]
    with Ledger.open(workspace) as ledger:
        for image_id in range(1, 301):
            finish(ledger, image_id)
        for reader in readers:
            assert wait_until(lambda reader=reader: reader.poll() is not None, "a reader to see the end")  # type: ignore[misc]
    assert [reader.returncode for reader in readers] == [0, 0]
