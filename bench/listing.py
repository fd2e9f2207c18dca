"""How long `list --csv`, `list --json` and one barcode take of a ledger of 430,057 rows, and the memory they take."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine.workspace import Workspace

ALLOWED_S = 8.0
_KNOWN = """
UPDATE images SET surveyed = 1, width = 7216, height = 5412, components = 3, bits = 8, tile_width = 1024,
    tile_height = 1024, levels = 6, colour = 'srgb', source_bytes = 16800000 + id, attempts = 1,
    source_digest = 'md5:' || lower(hex(randomblob(16))), state = 'done', jpeg_bytes = 6810000 + id, jpeg_width = 7216,
    jpeg_height = 5412, md5 = lower(hex(randomblob(16))), psnr = 41.2 + (id % 100) / 37.0, peak_rss_bytes = 641728512,
    warnings = iif(id % 50, '[]', '["the ICC profile is odd"]'), updated = 1780000000.123 + id
"""
COMMANDS = (("list", "--csv"), ("list", "--json"), ("list", "--csv", "--barcode", "B0000123"))


def make(root: Path) -> None:
    """Every image done, with all that a ledger knows of such."""
    from tests.support.many_rows import ALL_ROWS, make_many_rows  # here, because the codecs take memory

    make_many_rows(root, ALL_ROWS)
    connection = sqlite3.connect(Workspace(root).ledger_path)
    with connection:
        connection.execute(_KNOWN)
    connection.close()


def measure(root: Path, *command: str) -> dict[str, object]:
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        child = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "tui.cli", "-C", str(root), *command],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)],
        )
        _, status, usage = os.wait4(child, 0)
        assert status == 0
        seconds = time.monotonic() - began
        lines = sum(1 for _ in os.fdopen(os.dup(out.fileno()), "rb")) if out.seek(0) == 0 else 0
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "command": " ".join(command),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "lines": lines,
        "peak_mib": peak >> 20,
    }


def main(arguments: list[str]) -> int:
    if arguments:
        make(Path(arguments[0]))
        return 0
    with tempfile.TemporaryDirectory(prefix="photostat-bench-") as folder:
        root = Path(folder) / "ws"
        # In a process of its own: a child's peak is at least what its parent used.
        subprocess.run([sys.executable, "-m", "bench.listing", str(root)], check=True)
        csv_s = 0.0
        for command in COMMANDS:
            found = measure(root, *command)
            if command == COMMANDS[0]:
                csv_s = float(str(found["seconds"]))
            print(json.dumps(found), flush=True)
    return 0 if csv_s < ALLOWED_S else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
