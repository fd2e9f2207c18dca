"""What may be surveyed and converted next, and in which order."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from engine.ledger.writer import Ledger
from engine.messages import DecodeMode
from engine.workspace import Workspace
from tests.support.ledgers import converted, export, make_ledger, surveyed


def test_the_largest_start_first_batch_after_batch(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3)
    with Ledger.open(workspace) as ledger:
        ledger.import_rows(export(3, "maps"))
        requests = ledger.queue.to_survey(None, 100)
        assert [r.image_id for r in requests] == [1, 2, 3, 4, 5, 6]
        assert [r.image_id for r in ledger.queue.to_survey(["maps"], 100)] == [4, 5, 6]
        ledger.surveyed([surveyed(i, width=100 + i) for i in range(1, 7)])
        assert [c.image_id for c in ledger.queue.to_convert(None, 100)] == [3, 2, 1, 6, 5, 4]
        assert [c.image_id for c in ledger.queue.to_convert(["maps", "newspapers"], 4)] == [3, 2, 1, 6]
        assert ledger.queue.to_convert(["nowhere"], 5) == []
        assert ledger.queue.to_survey(None, 5) == []


def test_relative_sources_are_below_the_root_of_the_settings(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    (first, second) = export(2)
    with Ledger.open(workspace) as ledger:
        ledger.import_rows(iter([first._replace(source="a/b.jp2"), second]))
        assert ledger.queue.to_survey(None, 1)[0].source_path == str(workspace.root / "a/b.jp2")
    workspace.config_path.write_text("[manifest]\nroot = '/mnt/scans'\n")
    with Ledger.open(workspace) as ledger:
        paths = [request.source_path for request in ledger.queue.to_survey(None, 2)]
        assert paths == ["/mnt/scans/a/b.jp2", second.source]
        assert ledger.subject(1).source == "/mnt/scans/a/b.jp2"


def test_what_has_changed_since_it_was_last_asked_for_is_seen(tmp_path: Path) -> None:
    with Ledger.open(make_ledger(tmp_path / "ws", 2)) as ledger:
        ledger.surveyed([surveyed(1, width=300), surveyed(2, width=200)])
        first, second = ledger.queue.to_convert(None, 10)
        ledger.start(1, 4711, 1000, DecodeMode.WHOLE.value)
        ledger.back_to_pending(1, "tried", counts=True)
        ledger.surveyed([surveyed(1, width=100)])
        assert ledger.queue.to_convert(None, 1) == [second]
        assert ledger.queue.to_convert(None, 10) == [
            second,
            structs.replace(first, attempts=1, surveyed=surveyed(1, width=100)),
        ]


def test_images_that_a_gpu_was_asked_for_teach_nothing_about_the_memory_of_others(tmp_path: Path) -> None:
    with Ledger.open(make_ledger(tmp_path / "ws", 2)) as ledger:
        for image_id in (1, 2):
            ledger.start(image_id, 4711, 1000, DecodeMode.WHOLE.value)
            ledger.converted(converted(image_id))
        assert len(ledger.queue.measured_peaks(9)) == 2
        ledger.gpu_answered(2, "decoded")
        assert len(ledger.queue.measured_peaks(9)) == 1
