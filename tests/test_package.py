"""What is installed from a wheel is complete, and quick commands load only what they need."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from engine.workspace import Workspace
from tests.support.command_line import COMMAND
from tests.support.waiting import LONGEST_WAIT_S

ROOT = Path(__file__).parents[1]
PACKAGES = ("engine", "tui")
_NOT_PACKAGED = ("__pycache__", ".pyc")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the checkout."""
    source = tmp_path_factory.mktemp("checkout")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    built = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "-w", str(built), str(source)], check=True, timeout=LONGEST_WAIT_S)
    return next(built.glob("*.whl"))


def test_a_wheel_has_every_file_of_the_packages(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and not any(part in name for part in _NOT_PACKAGED):
                assert name in packed


def test_a_report_is_written_from_a_wheel(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    workspace = Workspace.init(tmp_path / "workspace")
    command = [*COMMAND, "-C", str(workspace.root), "report", "-o", str(tmp_path / "report")]
    here = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    subprocess.run(command, cwd=tmp_path, env=here, check=True, timeout=LONGEST_WAIT_S)
    assert "The ledger holds no images yet." in (tmp_path / "report" / "report.html").read_text("utf-8")
    loaded = [sys.executable, "-c", "import engine; print(engine.__file__)"]
    found = subprocess.run(loaded, cwd=tmp_path, env=here, check=True, capture_output=True, text=True)
    assert Path(found.stdout.strip()).is_relative_to(tmp_path)


@pytest.mark.parametrize("command", ["--help", "status", "list", "failures", "add --help", "report --help"])
def test_only_a_page_loads_what_makes_pages(command: str, tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "workspace")
    script = (
        "import sys\nfrom tui.cli import main\n"
        f"try: main(['-C', {str(workspace.root)!r}, *{command.split()}])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "loaded = {'jinja2', 'markupsafe', 'engine.reports.html'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=LONGEST_WAIT_S)


@pytest.mark.parametrize("command", ["--help", "status", "list", "check", "workers --help", "service"])
def test_one_machine_loads_nothing_for_others_or_for_gpus(command: str, tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "workspace")
    not_needed = {"distributed", "dask", "tornado", "cryptography", "nvidia"}
    quick = command in ("status", "list")
    script = (
        "import sys\nfrom tui.cli import main\n"
        f"try: main(['-C', {str(workspace.root)!r}, *{command.split()}])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"loaded = {not_needed | ({'ssl', 'psutil', 'multiprocessing'} if quick else set())} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=LONGEST_WAIT_S)


def test_every_list_of_pins_has_the_same_versions_with_the_same_hashes() -> None:
    """A host that was set up by one of them has the wheels of an engine that was set up by another."""
    base, cluster, dev = (_pins(ROOT / f"requirements{kind}.lock") for kind in ("", "-cluster", "-dev"))
    assert base.items() <= cluster.items() <= dev.items()
    assert {"distributed", "cryptography"} <= {pin.partition("==")[0] for pin in cluster.keys() - base.keys()}


def _pins(lock: Path) -> dict[str, frozenset[str]]:
    """Of each requirement its hashes."""
    entries = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return {
        entry.split(" --hash=")[0].strip(): frozenset(
            part for part in entry.split() if part.startswith("--hash=")
        )
        for entry in entries
    }
