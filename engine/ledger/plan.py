"""The plan of an import, which `engine.ledger.staging` made beside an engine, carried out slice by slice."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from pathlib import Path

from msgspec import Struct

from engine.failures import UserError
from engine.ledger import chosen
from engine.ledger.statements import statements

_SQL = statements("plan")
_NAME = re.compile(r"ledger\.add-[0-9a-f]{16}\.sqlite")


class PlanSize(Struct, frozen=True):
    """How many rows it has, and what of the ledger it was made from."""

    image: int
    """The last image."""
    last_order: int
    changed: int
    added: int
    retargeted: int
    """The first so many of those that are changed get another target."""


def plan_name(token: str) -> str:
    return f"ledger.add-{token}.sqlite"


def plans_in(directory: Path) -> list[Path]:
    return [path for path in directory.glob("ledger.add-*.sqlite") if _NAME.fullmatch(path.name)]


class AttachedPlan:
    """A plan beside the ledger that `db` has open, readable while this is open."""

    def __init__(self, db: sqlite3.Connection, directory: Path, name: str) -> None:
        """Outside a transaction. Raises UserError if it is not there, or not one."""
        if not _NAME.fullmatch(name):
            raise UserError("this is not the name of a plan")
        self._db = db
        self.path = directory / name
        try:
            if not self.path.is_file():
                raise UserError(f"{self.path} is gone: add the export again")
            db.execute("ATTACH ? AS plan", (f"{self.path.absolute().as_uri()}?mode=ro&immutable=1",))
            self.size = PlanSize(*db.execute(_SQL["base"]).fetchone())
        except (sqlite3.Error, TypeError) as error:
            self.close()
            raise UserError(f"{self.path} cannot be read: {error}; add the export again") from error

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # it was not attached
            self._db.execute("DETACH plan")

    def remove(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)

    def work(self, after: int, upto: int) -> tuple[int, frozenset[int]]:
        """The rows after one and up to another, in the caller's transaction: how many images were changed or added, and
        which have another source or have failed because of it."""
        db, window = self._db, {"after": after, "upto": upto, "now": time.time()}
        if after == 0:
            db.execute(_SQL["add_batches"])
            db.execute(_SQL["add_exports"])
        added = db.execute(_SQL["add_images"], window).rowcount
        changed = db.execute(_SQL["describe"], window).rowcount
        touched = frozenset(row[0] for row in db.execute(_SQL["touched"], window))
        db.execute(_SQL["add_events"], window)
        chosen.clear(db)
        db.execute(_SQL["choose_restarted"], window)
        chosen.start_another_round(db, window["now"])
        db.execute(_SQL["move"], window)
        chosen.clear(db)
        db.execute(_SQL["choose_freed"], window)
        chosen.leave_out_taken_targets(db)
        chosen.start_another_round(db, window["now"])
        db.execute(_SQL["fail_collided"], window)
        return added + changed, touched
