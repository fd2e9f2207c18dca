"""Survey and free space in words."""

from __future__ import annotations

from msgspec import structs

from engine.control.snapshot import SurveySnapshot
from engine.control.volume_snapshot import VolumeName, VolumeSnapshot
from tests.support.statuses import engine_status, running
from tui.state.steady_facts import short_space, shortest_volume, space_lines, survey_words
from tui.state.view import View
from tui.widgets.header import figures_line
from tui.widgets.workers import workers_note

GB = 10**9
STORE = VolumeSnapshot(VolumeName.STORE, "/out", 300 * GB, 1000 * GB, 100 * GB, True)


def test_the_survey_is_told_until_all_headers_are_read() -> None:
    assert survey_words(SurveySnapshot(1000, 120, 0)) == "headers read 12.0 %"
    assert survey_words(SurveySnapshot(430_057, 51_607, 1312)) == "headers read 12.0 %, 1,312 failed"
    assert survey_words(SurveySnapshot(1000, 1000, 5)) == ""


def test_space_is_told_with_what_is_to_come() -> None:
    scratch, ledger = (structs.replace(STORE, name=name) for name in (VolumeName.SCRATCH, VolumeName.LEDGER))
    assert space_lines((STORE, scratch, ledger)) == [
        "store, scratch and ledger: 300 GB free of 1.00 TB, about 100 GB to come"
    ]
    hangs = VolumeSnapshot(VolumeName.STORE, problem="no answer for 45 s")
    assert space_lines((hangs, structs.replace(scratch, enough=False))) == [
        "store: no answer for 45 s",
        "scratch: 300 GB free of 1.00 TB, about 100 GB to come: TOO LITTLE",
    ]
    assert space_lines((structs.replace(STORE, needed=None, enough=None),)) == [
        "store: 300 GB free of 1.00 TB"
    ]


def test_the_dashboard_has_them_quietly_and_warns_where_the_rest_will_not_fit() -> None:
    scratch = structs.replace(STORE, name=VolumeName.SCRATCH)
    reading = structs.replace(running(), volumes=(STORE, scratch), survey=SurveySnapshot(1000, 120, 7))
    line = figures_line(View(engine_status(reading), reading.time), 200).plain
    assert "headers read 12.0 %, 7 failed" in line
    assert workers_note(reading, 8).endswith(", disk 300 GB free")
    assert short_space((STORE, structs.replace(scratch, free=None))) == "free: store 300 GB, scratch ?"
    assert shortest_volume(reading) is None
    small = structs.replace(STORE, free=3 * GB, enough=False)
    warned = figures_line(View(engine_status(structs.replace(reading, volumes=(small,))), reading.time), 100)
    assert "! store 3.00 GB free, 100 GB to come" in warned.plain
    assert "yellow" in {str(span.style) for span in warned.spans}
