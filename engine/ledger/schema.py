"""The ledger's tables as numbered migrations, sql/migrations/*.sql, by SQLite's `user_version`."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from engine.failures import UserError

_DIRECTORY = Path(__file__).parent / "sql" / "migrations"

MIGRATIONS: tuple[str, ...] = tuple(path.read_text("utf-8") for path in sorted(_DIRECTORY.glob("*.sql")))
"""From version n to n + 1. A released one never changes, because ledgers of every version exist."""


def version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def is_current(found: int) -> bool:
    return found == len(MIGRATIONS)


def check_version(found: int, path: Path) -> None:
    """Raises UserError for a ledger that a later photostat has made."""
    if found > len(MIGRATIONS):
        raise UserError(
            f"{path} was made by a later photostat (ledger version {found}; this one reads up to "
            f"{len(MIGRATIONS)}): use that one"
        )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Brings the ledger to the present version, each step whole or not at all; UserError for a later one."""
    found = version(connection)
    check_version(found, path)
    for number, script in enumerate(MIGRATIONS[found:], start=found + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script};\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
