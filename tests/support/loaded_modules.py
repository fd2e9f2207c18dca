"""Which modules the real processes of a command have loaded, children of children too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_NOTES_WHAT_IS_IMPORTED = """
import os, sys, time
from pathlib import Path

class Notes:
    def __init__(self):
        self.file = Path(__file__).with_name(f"{os.getpid()}-{time.monotonic_ns()}.modules").open("a", buffering=1)
        self.file.write(Path("/proc/self/cmdline").read_text().replace("\\0", " ").replace("\\n", " ") + "\\n")

    def find_spec(self, name, path=None, target=None):
        self.file.write(name + "\\n")

sys.meta_path.insert(0, Notes())
"""


class LoadedModules:
    """Give `environment` to a command; afterwards `of` tells what its processes have imported, or tried to."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        (directory / "sitecustomize.py").write_text(_NOTES_WHAT_IS_IMPORTED, encoding="utf-8")
        self._directory = directory
        self.environment = {"PYTHONPATH": str(directory)}

    def of(self, command: str) -> set[str]:
        """By all processes of whose command line this is a part; at least one."""
        found = [modules for line, modules in self._processes() if command in line]
        assert found, f"no process {command!r} among {[line for line, _ in self._processes()]}"
        return set().union(*found)

    def _processes(self) -> Iterator[tuple[str, set[str]]]:
        for file in self._directory.glob("*.modules"):
            line, *modules = file.read_text(encoding="utf-8").splitlines()
            yield line, set(modules)
