"""The history says on which machine something happened, in the ledger and in the run's log."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import Mock

from engine.ledger.states import EventKind
from engine.supervisor.event_log import EventLog, RunLogFile


def test_another_machine_s_processes_and_holds_have_its_name(tmp_path: Path) -> None:
    ledger, file = Mock(), RunLogFile(tmp_path)
    here = EventLog(ledger, file)
    there = here.of_host("conv2")
    for events in (here, there):
        events.info(EventKind.CONVERTED, "small", pid=4711)
        events.warning(EventKind.HOLD, "no space left")
    file.close()
    (log,) = tmp_path.iterdir()
    lines = [line.split("\t") for line in log.read_text().splitlines()[1:]]
    own = str(os.getpid())
    assert [(line[2], line[-1]) for line in lines] == [
        ("4711", "converted: small"),
        (own, "hold: no space left"),
        ("conv2:4711", "converted: small"),
        (own, "hold: conv2: no space left"),
    ]
    assert [call.kwargs["host"] for call in ledger.event.call_args_list] == ["", "", "conv2", ""]
