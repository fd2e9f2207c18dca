"""The .sql files: every statement is used, every used one is there, and the frequent ones go by their index."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

import engine.ledger
from engine.ledger.statements import statements
from engine.workspace import Workspace

PACKAGE = Path(engine.ledger.__file__).parent
SUBJECTS = sorted(path.stem for path in (PACKAGE / "sql").glob("*.sql"))


def words() -> set[str]:
    """All strings of the package's modules."""
    found: set[str] = set()
    for path in PACKAGE.glob("*.py"):
        found |= set(re.findall(r"\"(\w+)\"", path.read_text("utf-8")))
    return found


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_statement_that_nothing_uses_is_not_kept(subject: str) -> None:
    text = (PACKAGE / "sql" / f"{subject}.sql").read_text("utf-8")
    names = re.findall(r"^-- name: (\w+)$", text, re.MULTILINE)
    assert list(statements(subject)) == names, "no name twice"
    unused = [name for name in names if name not in words() and not name.startswith("create_")]
    assert unused == []


@pytest.mark.parametrize("module", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_a_module_names_statements_that_exist(module: Path) -> None:
    text = module.read_text("utf-8")
    subjects = re.findall(r"^_SQL = statements\(\"(\w+)\"\)$", text, re.MULTILINE)
    assert subjects or "_SQL[" not in text
    for subject in subjects:
        assert set(re.findall(r"_SQL\[\"(\w+)\"\]", text)) <= statements(subject).keys()


PLANS = [
    ("queries", "subject", "SEARCH images USING INTEGER PRIMARY KEY (rowid=?)"),
    ("queries", "neighbours_by_id", "SEARCH images USING INTEGER PRIMARY KEY (rowid=?)"),
    ("queries", "done_before", "SEARCH images USING INDEX images_by_state (state=? AND rowid<?)"),
    ("queries", "done_after", "SEARCH images USING INDEX images_by_state (state=? AND rowid>?)"),
    ("work_queue", "to_survey", "SEARCH images USING INDEX images_to_survey (batch=?)"),
    ("work_queue", "to_convert", "SEARCH images USING INDEX images_to_start (batch=?)"),
    ("work_queue", "surveyed_and_pending", "SEARCH images USING INDEX images_to_start (batch=?)"),
    ("changes", "start", "SEARCH images USING INTEGER PRIMARY KEY (rowid=?)"),
    ("changes", "done", "SEARCH images USING INTEGER PRIMARY KEY (rowid=?)"),
    ("changes", "in_flight", "SEARCH i USING INDEX images_by_state (state=?)"),
    ("changes", "end_attempt", "SEARCH a USING INDEX attempts_by_image (image=?)"),
    ("changes", "explain_attempt", "SEARCH attempts USING COVERING INDEX attempts_by_image (image=?)"),
]


@pytest.mark.parametrize(("subject", "name", "step"), PLANS)
def test_a_frequent_question_reads_its_index_and_sorts_nothing(
    workspace: Workspace, subject: str, name: str, step: str
) -> None:
    statement = statements(subject)[name]
    parameters = dict.fromkeys(re.findall(r":(\w+)", re.sub(r"--.*", "", statement)))
    db = sqlite3.connect(workspace.ledger_path)
    plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    db.close()
    assert step in plan
    assert not [line for line in plan if line.startswith(("SCAN images", "USE TEMP B-TREE"))]
