"""Headers that `check` reads in a second: alone (0), by one and by two processes. Exit code 1 unless two win."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from engine.jp2.survey import survey_source
from engine.messages import SurveyRequest
from engine.preflight.check import check
from engine.workspace import Workspace
from tests.support.many_rows import make_many_rows

ROWS = 20_000
ROUNDS = 3


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="photostat-bench-") as folder:
        root = Path(folder) / "ws"
        make_many_rows(root, ROWS)
        workspace = Workspace(root)
        survey_source(
            SurveyRequest(1, str(root / "source" / "0.jp2"), "")
        )  # the files and libraries are warm
        rates: dict[int, list[float]] = {0: [], 1: [], 2: []}
        for _ in range(ROUNDS):
            for processes, found in rates.items():
                began = time.monotonic()
                check(workspace, workspace.config(), 1, None, lambda done, of: None, processes=processes)
                found.append(ROWS / (time.monotonic() - began))
        ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
        document = {
            "headers_per_s": {str(n): [round(rate) for rate in found] for n, found in rates.items()},
            "ratio": [round(ratio, 2) for ratio in ratios],
            "median_ratio": round(statistics.median(ratios), 2),
        }
        print(json.dumps(document))
    return 0 if statistics.median(ratios) > 1.2 else 1


if __name__ == "__main__":
    sys.exit(main())
