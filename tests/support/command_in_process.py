"""The photostat command in the process of the test, which is quicker than one of its own."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from tui.cli import main


def run(*args: str | Path, at: Path | None = None, code: int = 0) -> Result:
    """The command in this process."""
    place = ["-C", str(at)] if at else []
    result = CliRunner().invoke(main, [*place, *map(str, args)])
    assert result.exit_code == code, (result.stdout, result.stderr)
    return result


def complaint(*args: str | Path, at: Path | None = None, code: int = 2) -> str:
    """The one line on stderr of a command that could not do it."""
    result = run(*args, at=at, code=code)
    (line,) = result.stderr.splitlines()
    assert line.startswith("photostat: ") and not result.stdout
    return line.removeprefix("photostat: ")


def add_export(root: Path, export: Path, batch: str | None = None) -> None:
    """`photostat add`, for tests that need the rows; fails if a row is refused."""
    run("add", export, *(["--batch", batch] if batch is not None else []), at=root)


def write_rows(root: Path, *rows: str, name: str = "maps.csv") -> Path:
    path = root / name
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path
