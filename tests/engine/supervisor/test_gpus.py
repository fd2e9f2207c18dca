"""What becomes of GPUs whose processes die, hang, cannot start, or decode something differently."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from engine.config import EngineSettings
from engine.control.gpu_snapshot import GpuState
from engine.file_kind import FileKind
from engine.gpu.cards import Card, why_no_cards
from engine.gpu.kind_locks import COMPARED_FIRST, REFUSED_FIRST
from engine.gpu.refusals import Refusal
from engine.gpu_messages import (
    GpuFailed,
    GpuFigures,
    GpuOutcome,
    GpuReady,
    GpuSlowCopies,
    GpuUnusable,
    GpuUse,
)
from engine.ledger.filters import ImageFilter
from engine.ledger.models import PendingImage
from engine.ledger.reader import LedgerReader
from engine.messages import DecodeMode, Plan, Quit
from engine.supervisor import gpus as gpus_module
from engine.supervisor.engine_ledger import EngineLedger
from engine.supervisor.event_log import EventLog, RunLogFile
from engine.supervisor.gpus import DifferingKinds, Gpus, Processes
from tests.support.fake_hosts import FakeChild
from tests.support.ledgers import converted, make_ledger, surveyed

KIND = FileKind("Kakadu", "jp2", "5-3 RCT", "untiled", "1", "RPCL", 1, "8 bits", "sRGB, 3 components", False)
OTHER_KIND = structs.replace(KIND, writer="OpenJPEG")
PLAN = Plan(DecodeMode.WHOLE, shared_bytes=1)


class FakeChildren:
    def __init__(self) -> None:
        self.started: list[FakeChild] = []

    def start(self, card: Card) -> FakeChild:
        child = FakeChild(card.name, 100 + len(self.started))
        self.started.append(child)
        return child

    def dismiss(self, child: FakeChild, after_s: float) -> None:
        child.is_heard = False

    @property
    def last(self) -> FakeChild:
        return self.started[-1]


class Run:
    """GPUs with fake processes, a clock, and a real ledger for the events."""

    def __init__(self, root: Path, gpu: str = "auto", images: int = 1) -> None:
        self.workspace = make_ledger(root / "ws", images)
        self.ledger = EngineLedger.open(self.workspace)
        self.children = FakeChildren()
        self.now = 0.0
        with self.ledger.turn():
            self.ledger.surveyed([structs.replace(surveyed(1), kind=KIND)])
        self.image = self.ledger.queue.to_convert(None, 1)[0]
        settings = EngineSettings(gpu=gpu)  # type: ignore[arg-type]
        events = EventLog(self.ledger, RunLogFile(root / "logs"))
        self.events_of_run = events
        self.settings = settings
        self.gpus = self.begin_anew()

    def begin_anew(self) -> Gpus:
        """As an engine does that starts, or another machine that joins."""
        differing = DifferingKinds(self.ledger.kinds_that_differ(), self.ledger.made_by_gpu)
        processes = Processes(self.children.start, self.children.dismiss)
        self.gpus = Gpus(self.settings, processes, self.events_of_run, differing=differing)
        return self.gpus

    def look(self, after_s: float = 0.0) -> None:
        self.now += after_s
        with self.ledger.turn():
            self.gpus.look(self.now)

    def begin(self) -> None:
        self.look(20.0)
        self.children.last.says.append(GpuReady("H200 0", f"\0{self.children.last.pid}"))
        self.look()

    def convert(self, outcome: GpuOutcome, image: PendingImage | None = None) -> None:
        image = image or self.image
        use = self.gpus.use_for(image, PLAN, {}, None)
        assert isinstance(use, GpuUse)
        compared = structs.replace(outcome, compared=use.compare) if outcome == GpuOutcome() else outcome
        with self.ledger.turn():
            self.gpus.answered(image, use, compared)

    @property
    def state(self) -> GpuState:
        return self.gpus.snapshots(self.now)[0].state

    def events(self) -> list[str]:
        rows = self.ledger._db.execute("SELECT message FROM events WHERE kind = 'gpu' ORDER BY id")
        return [message for (message,) in rows]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(gpus_module, "cards", lambda: [Card(0, "GPU 0")])
    return Run(tmp_path)


def test_the_first_images_of_a_kind_are_compared_and_then_taken(run: Run) -> None:
    assert run.gpus.use_for(run.image, PLAN, {}, None) is None, "nothing waits for a process that starts"
    run.begin()
    assert run.gpus.shareable_bytes(run.image.surveyed) > 100 * 100 * 3
    for _ in range(COMPARED_FIRST):
        use = run.gpus.use_for(run.image, PLAN, {}, None)
        assert isinstance(use, GpuUse)
        assert use.compare
        run.convert(GpuOutcome())
    use = run.gpus.use_for(run.image, PLAN, {}, None)
    assert isinstance(use, GpuUse)
    assert not use.compare
    assert run.gpus.use_for(run.image, structs.replace(PLAN, shared_bytes=0), {}, None) == Refusal.HOST_MEMORY
    unknown = structs.replace(run.image, surveyed=structs.replace(run.image.surveyed, kind=None))
    assert run.gpus.use_for(unknown, PLAN, {}, None) is None


def test_a_sample_that_was_not_compared_is_made_up_for_by_the_next_image(run: Run) -> None:
    run.begin()
    for _ in range(COMPARED_FIRST):
        run.convert(GpuOutcome())
    use = run.gpus.use_for(run.image, PLAN, {}, None)
    assert isinstance(use, GpuUse)
    run.gpus.not_answered(run.image, use)
    use = run.gpus.use_for(run.image, PLAN, {}, None)
    assert isinstance(use, GpuUse) and not use.compare, "that one was none of the sample"
    for lose in (GpuOutcome(refused=Refusal.CARD_MEMORY), None):
        run.gpus.not_answered(run.image, structs.replace(use, compare=True))
        chosen = run.gpus.use_for(run.image, PLAN, {}, None)
        assert isinstance(chosen, GpuUse) and chosen.compare
        if lose is not None:
            run.gpus.answered(run.image, chosen, lose)
            again = run.gpus.use_for(run.image, PLAN, {}, None)
            assert isinstance(again, GpuUse) and again.compare


def test_images_for_which_there_is_no_memory_do_not_close_their_kind(run: Run) -> None:
    run.begin()
    for _ in range(REFUSED_FIRST + 1):
        run.convert(GpuOutcome(refused=Refusal.CARD_MEMORY))
        run.convert(GpuOutcome(refused=Refusal.HOST_MEMORY))
    assert isinstance(run.gpus.use_for(run.image, PLAN, {}, None), GpuUse)


def test_one_difference_closes_the_gpu_for_that_kind_and_tells(run: Run) -> None:
    run.begin()
    other = structs.replace(run.image, surveyed=structs.replace(run.image.surveyed, kind=OTHER_KIND))
    run.convert(GpuOutcome(compared=True, differs="1 of 9 samples differ, by up to 3"))
    assert run.gpus.use_for(run.image, PLAN, {}, None) == Refusal.DIFFERED
    assert run.gpus.shareable_bytes(run.image.surveyed) == 0
    assert isinstance(run.gpus.use_for(other, PLAN, {}, None), GpuUse)
    assert run.state is GpuState.READY
    told = run.events()[-1]
    assert "1 of 9 samples differ" in told
    assert "Kakadu" in told


def test_a_kind_that_differed_stays_closed_in_later_runs_and_what_was_made_before_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpus_module, "cards", lambda: [Card(0, "GPU 0")])
    run = Run(tmp_path, images=4)
    with run.ledger.turn():
        run.ledger.surveyed([structs.replace(surveyed(number), kind=KIND) for number in (2, 3, 4)])
    with run.ledger.turn():
        for number in (2, 3, 4):
            run.ledger.start(number, 7, 1 << 20, DecodeMode.WHOLE)
            run.ledger.converted(structs.replace(converted(number), decoded="gpu" if number < 4 else "whole"))
            run.ledger.gpu_answered(number, "decoded" if number < 4 else "compared")
            run.ledger.done(number)
    run.begin()
    with run.ledger.turn():
        run.ledger.start(1, 7, 1 << 20, DecodeMode.WHOLE)
        run.ledger.gpu_answered(1, GpuOutcome(differs="1 of 9").word)
    run.convert(GpuOutcome(compared=True, differs="1 of 9 samples differ, by up to 3"))
    assert run.events()[-1].endswith(
        "2 JPEGs of this kind have the GPU's pixels: `photostat requeue --gpu-differs` replaces them"
    )
    run.begin_anew()
    run.begin()
    assert run.gpus.use_for(run.image, PLAN, {}, None) == Refusal.DIFFERED
    assert run.events()[-1] == "H200 0 decodes, but not 1 kind of files of which one has differed"
    with LedgerReader(run.workspace) as reader:
        assert reader.ids(ImageFilter(gpu_differs=True)) == [2, 3]
        assert [image.decoded for image in reader.images()] == [None, "gpu", "gpu", "whole"]


def test_a_process_that_dies_three_times_is_closed_for_the_run(run: Run) -> None:
    for pause_s in (1.0, 15.0):
        run.begin()
        run.children.last.exit_code = -11
        run.look()
        assert run.state is GpuState.WAITING
        assert run.gpus.use_for(run.image, PLAN, {}, None) is None
        before = len(run.children.started)
        run.look(pause_s - 0.5)
        assert len(run.children.started) == before, "the pauses grow"
    run.begin()
    run.children.last.exit_code = -11
    run.look()
    run.look(3600.0)
    assert (run.state, len(run.children.started)) == (GpuState.CLOSED, 3)
    assert run.events()[-1] == (
        "H200 0 is not used any more in this run: its process was killed by SIGSEGV, for the third time"
    )
    assert run.gpus.fatal_problem is None, "the cores go on"


def test_a_process_that_gives_no_answer_is_ended(run: Run) -> None:
    run.begin()
    run.convert(GpuOutcome(gone="no answer for 20 s"))
    assert run.children.last.exit_code == -9
    run.look()
    assert run.state is GpuState.WAITING
    assert "no answer for 20 s" in run.events()[-2]


def test_a_card_that_fails_is_tried_again_also_at_its_start(run: Run) -> None:
    run.look()
    run.children.last.says.append(GpuFailed("CUDA_ERROR_OUT_OF_MEMORY"))
    run.children.last.exit_code = 1
    run.look()
    assert run.state is GpuState.WAITING
    assert run.events() == [
        "the process of GPU 0 failed (CUDA_ERROR_OUT_OF_MEMORY): workers decode for themselves, and it is started "
        "again in 1 second"
    ]
    run.begin()
    run.children.last.says.append(GpuFailed("CUDA_ERROR_ILLEGAL_ADDRESS"))
    run.convert(GpuOutcome(gone="it has ended"))
    run.look()
    assert [text for text in run.events() if "no answer" in text] == [], "it has said why"
    assert run.gpus.snapshots(run.now)[0].problem == "failed (CUDA_ERROR_ILLEGAL_ADDRESS)"
    run.begin()
    assert str(run.state) == "ready"


def test_a_process_that_is_never_ready_is_ended(run: Run) -> None:
    run.look()
    run.look(119.0)
    assert run.children.last.exit_code is None
    run.look(2.0)
    assert run.children.last.exit_code == -9
    run.look()
    assert run.state is GpuState.WAITING
    assert run.events()[0] == "GPU 0 is not ready after 120 s: its process is ended"


def test_what_it_has_done_is_told(run: Run) -> None:
    run.begin()
    run.children.last.says.append(GpuFigures(12, 600_000_000, 1.0, 0.98, 15 << 30, 140 << 30))
    run.look(10.0)
    run.convert(GpuOutcome(refused="subsampled components"))
    told = run.gpus.snapshots(run.now)[0]
    assert (told.name, told.images, told.megapixels_per_s) == ("H200 0", 12, 60.0)
    assert told.busy == 0.1
    assert (told.utilisation, told.memory, told.refused) == (0.98, 15 << 30, {"subsampled components": 1})
    for _ in range(REFUSED_FIRST - 1):
        run.convert(GpuOutcome(refused="subsampled components"))
    assert run.gpus.use_for(run.image, PLAN, {}, None) == "subsampled components"
    assert run.gpus.shareable_bytes(run.image.surveyed) == 0
    assert run.gpus.snapshots(run.now)[0].refused == {"subsampled components": 4}, (
        "those not asked for count too"
    )
    for by in ("gpu", "whole", "gpu", ""):
        run.gpus.converted(by)
    assert run.gpus.decoded() == {"gpu": 2, "whole": 1}, "an earlier photostat's host does not say"
    run.gpus.close()
    assert run.children.last.sent == [Quit()]


def test_one_that_does_not_decode_has_no_pace(run: Run) -> None:
    run.begin()
    run.children.last.says.append(GpuFigures(12, 600_000_000, 1.0, 0.98, 15 << 30, 140 << 30))
    run.look(10.0)
    run.children.last.exit_code = -9
    run.look()
    told = run.gpus.snapshots(run.now)[0]
    assert (told.images, told.megapixels_per_s, told.busy, told.utilisation) == (12, 0.0, 0.0, None)


def test_copies_that_are_slow_are_told_and_change_nothing_else(run: Run) -> None:
    run.begin()
    run.children.last.says.append(GpuSlowCopies("cuInit: CUDA_ERROR_UNKNOWN"))
    run.look()
    told = "H200 0 copies more slowly than it could: cuInit: CUDA_ERROR_UNKNOWN. The images are the same"
    assert run.events()[-1] == told
    assert run.state is GpuState.READY


def test_an_image_too_large_for_the_card_is_left_to_the_cores(run: Run) -> None:
    run.look()
    run.children.last.says.append(GpuReady("H200 0", "\0one", budget_bytes=1_000_000_000))
    run.look()
    large = structs.replace(run.image, surveyed=structs.replace(run.image.surveyed, width=6000, height=4000))
    assert run.gpus.shareable_bytes(run.image.surveyed)
    assert run.gpus.shareable_bytes(large.surveyed) == 0, "no memory is kept for what is not used"
    assert run.gpus.use_for(large, PLAN, {}, None) == Refusal.CARD_MEMORY
    assert isinstance(run.gpus.use_for(run.image, PLAN, {}, None), GpuUse)
    run.children.last.says.append(GpuFigures(0, 0, 0.0, 0.1, 1 << 30, 140 << 30, budget_bytes=120 << 30))
    run.look()
    assert isinstance(run.gpus.use_for(large, PLAN, {}, None), GpuUse), (
        "other programs have given memory back"
    )
    assert run.gpus.snapshots(run.now)[0].refused == {"too large for the memory of the card": 1}


def test_an_image_waits_for_no_gpu_if_a_core_decodes_it_sooner(run: Run) -> None:
    run.begin()
    address = f"\0{run.children.last.pid}"
    assert isinstance(run.gpus.use_for(run.image, PLAN, {}, 0.01), GpuUse)
    assert run.gpus.use_for(run.image, PLAN, {address: 900.0}, 0.01) is None
    assert isinstance(run.gpus.use_for(run.image, PLAN, {address: 900.0}, 30.0), GpuUse)
    run.children.last.says.append(GpuFigures(90, 900_000_000, 300.0, 0.98, 15 << 30, 140 << 30))
    run.look()
    assert run.gpus.use_for(run.image, PLAN, {address: 900.0}, 30.0) is None, "it is slower than was assumed"


def test_of_two_gpus_the_one_that_is_free_sooner_decodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpus_module, "cards", lambda: [Card(0, "GPU 0"), Card(1, "GPU 1")])
    run = Run(tmp_path)
    run.look()
    for number, child in enumerate(run.children.started):
        child.says.append(GpuReady(f"H200 {number}", f"\0{number}"))
    run.look()
    for busy in (0, 1):
        use = run.gpus.use_for(run.image, PLAN, {f"\0{busy}": 40.0}, None)
        assert isinstance(use, GpuUse)
        assert use.address == f"\0{1 - busy}"


def test_workers_that_wait_for_a_gpu_are_made_up_for(run: Run) -> None:
    run.begin()
    for _ in range(20):
        run.gpus.converted("gpu", wall_s=0.375, cpu_s=0.25)
        run.gpus.converted("whole", wall_s=9.0, cpu_s=1.0)
    assert run.gpus.extra_workers(16) == 0, "a person has said how many there are"
    run.gpus.may_add_workers = True
    assert run.gpus.extra_workers(16) == 8
    run.children.last.exit_code = -11
    run.look()
    assert run.gpus.extra_workers(16) == 0


def test_a_run_that_requires_a_gpu_ends_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus_module, "cards", list)
    auto = Run(tmp_path / "auto").gpus
    assert auto.fatal_problem is None
    assert not auto.is_starting
    problem = Run(tmp_path / "none", "require").gpus.fatal_problem or ""
    assert why_no_cards() in problem
    assert 'gpu = "require"' in problem
    monkeypatch.setattr(gpus_module, "cards", lambda: [Card(0, "GPU 0")])
    run = Run(tmp_path / "broken", "require")
    run.look()
    assert run.gpus.is_starting
    run.children.last.says.append(GpuUnusable("GPU 0 decodes no JPEG 2000"))
    run.look()
    assert "GPU 0 decodes no JPEG 2000" in (run.gpus.fatal_problem or "")
    off = Run(tmp_path / "off", "off")
    off.look()
    assert off.gpus.snapshots(0.0) == ()


def test_the_last_minutes_are_kept_for_curves(run: Run) -> None:
    run.begin()
    run.look()
    for second in range(1, 13):
        figures = GpuFigures(second, second * 50_000_000, second / 2, None, None, None)
        run.children.last.says.append(figures)
        run.look(1.0)
    spans = run.gpus.snapshots(run.now)[0].recent
    assert [(span.busy_percent, span.memory_mib, span.megapixels_per_s) for span in spans] == [
        (50, 0, 50.0)
    ] * 2
    run.children.last.says.append(GpuFigures(13, 650_000_000, 6.5, 0.9, 3 << 20, 8 << 20))
    run.look(5.0)
    last = run.gpus.snapshots(run.now)[0].recent[-1]
    assert (last.busy_percent, last.memory_mib) == (90, 3)
