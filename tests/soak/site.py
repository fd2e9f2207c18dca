"""A workspace that is kept at work while faults come and go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.soak.collection import export_rows
from tests.soak.growth import Growth
from tests.support.command_line import Outcome, photostat
from tests.support.engine_runs import status, wait_for_end
from tests.support.jp2_files import write_export
from tests.support.waiting import wait_until

_ROWS_AT_ONCE = 400
_FEWEST_PENDING = 100


class Site:
    def __init__(self, root: Path, share: Path, settings: str) -> None:
        self.root = root
        self.share = share
        self.rows = 0
        self.growth = Growth()
        root.mkdir(parents=True, exist_ok=True)
        (root / "photostat.toml").write_text(settings, encoding="utf-8")

    @property
    def name(self) -> str:
        return self.root.name

    def command(self, *args: str | Path, codes: tuple[int, ...] = (0, 1, 2, 3)) -> Outcome:
        """Whatever the engine's state, a command ends with one of these codes and without a traceback."""
        outcome = photostat(*args, workspace=self.root, expect=None)
        said = (
            f"{self.name}: photostat {args}: {outcome.code}: {outcome.stdout[-500:]} {outcome.stderr[-1500:]}"
        )
        assert outcome.code in codes, said
        assert "Traceback" not in outcome.stderr and "internal error" not in outcome.stderr, said
        return outcome

    def status(self) -> dict[str, Any]:
        return status(self.root)

    def engine(self) -> psutil.Process | None:
        engine = self.status()["engine"]
        try:
            return psutil.Process(engine["pid"]) if engine else None
        except psutil.NoSuchProcess:
            return None

    def top_up(self) -> None:
        """More rows if few are left."""
        if self.status()["totals"]["pending"] >= _FEWEST_PENDING:
            return
        export = self.root.parent / f"{self.name}-{self.rows:06}.csv"
        write_export(export, export_rows(self.share, self.rows, _ROWS_AT_ONCE))
        if self.command("add", export, "--batch", "plates").code:  # an engine has the ledger
            self.command("drain")
            wait_for_end(self.root)
            self.command("add", export, "--batch", "plates", codes=(0,))
        self.rows += _ROWS_AT_ONCE
        self.keep_running()

    def keep_running(self) -> None:
        """Starts an engine if none is there, or one that was told to end has, and something is left to do."""
        document = self.status()
        if document["state"] in ("draining", "stopped"):
            document = wait_for_end(self.root)
        if document["engine"] is None and document["totals"]["pending"] + document["totals"]["in_flight"]:
            self.command("run", "--detach", codes=(0,))

    def finish(self, longest_s: float) -> None:
        """Calm now: every row comes to its end, and so does the engine."""

        def finished() -> bool:
            self.keep_running()
            totals = self.status()["totals"]
            return not totals["pending"] + totals["in_flight"]

        self.command("resume")
        wait_until(finished, lambda: f"{self.name} to finish: {self._where()}", longest_s)
        wait_for_end(self.root)

    def has_done(self) -> bool:
        """Whether something is in the store."""
        return bool(self.status()["totals"]["done"])

    def has_progressed(self) -> Callable[[], bool]:
        """Whether a row has come to its end since this was called."""
        before = self._ended()

        def progressed() -> bool:
            self.keep_running()
            return self._ended() > before or not self.status()["totals"]["pending"]

        return progressed

    def _ended(self) -> int:
        totals = self.status()["totals"]
        return int(totals["done"] + totals["failed"])

    def _where(self) -> str:
        document = self.status()
        return f"{document['state']} {document['hold']} {document['totals']}"

    def look(self) -> None:
        """Samples the engine and its children."""
        engine = self.engine()
        if engine is not None:
            self.growth.sample(engine)
