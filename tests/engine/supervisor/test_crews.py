"""Hosts that come, die, and lie late: every image is accounted for, and none is converted twice at a time."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from msgspec.structs import replace as replace_fields

from engine.config import ClusterSettings, Config, EngineSettings, StoreSettings
from engine.control.snapshot import HoldReason, HostSnapshot, HostState, MemorySnapshot, Rates
from engine.failures import Cause, Failure, Stage
from engine.hosts.invitations import Authority
from engine.ledger.account import Account
from engine.ledger.hosts import Parting
from engine.ledger.models import PendingImage
from engine.ledger.reader import LedgerReader
from engine.ledger.runs import Ending, EngineRecord, RunNote
from engine.messages import Concerns, Job, NotConverted, Problem, ShareOfBandwidth, SurveyRequest
from engine.supervisor.absent_hosts import COMES_BACK_WITHIN_S
from engine.supervisor.candidates import Candidates
from engine.supervisor.context import HostContext, RunContext
from engine.supervisor.crew import Crew
from engine.supervisor.crews import Crews
from engine.supervisor.engine_ledger import EngineLedger
from engine.supervisor.event_log import EventLog, RunLogFile
from engine.supervisor.host_holds import HostHolds
from engine.supervisor.likeness import Likeness
from engine.supervisor.progress import Progress
from engine.supervisor.seen_hosts import host_snapshot
from engine.supervisor.surveying import OnOutcome, SourceOutcome
from engine.supervisor.takeover import take_over
from engine.supervisor.waiting_for_hosts import waiting_words
from engine.workspace import Workspace
from tests.support.fake_hosts import SOURCE_BYTES, FakeChild, FakeHost, FakeStore
from tests.support.ledgers import make_ledger, surveyed

IMAGES = 12
LISTEN = "tls://0.0.0.0:8786"


class SimulatedRun:
    """The crews of a run over fake hosts, with a real ledger."""

    def __init__(self, root: Path, *, here: bool = True, limit: int | None = None) -> None:
        self.workspace: Workspace = make_ledger(root / "ws", IMAGES)
        self.ledger = EngineLedger.open(self.workspace)
        with self.ledger.turn():
            self.ledger.surveyed([surveyed(image) for image in range(1, IMAGES + 1)])
        events = EventLog(self.ledger, RunLogFile(self.workspace.logs_dir))
        self.run = RunContext(
            self.workspace,
            Config(cluster=ClusterSettings(LISTEN, here), store=StoreSettings(bandwidth_limit=limit)),
            self.ledger,
            events,
        )
        self.store = FakeStore()
        self.machines: dict[str, FakeHost] = {}
        """As they are, or were when they lost their connection, by name."""
        self.gone: list[FakeHost] = []
        self.crashes = Counter[int]()
        """Of workers, by the images that they had."""
        self.diagnosed: list[int] = []
        self.broken: set[int] = set()
        self.crews = self._new_crews()

    def _new_crews(self) -> Crews:
        return Crews(
            self.context(""),
            2 if self.run.config.cluster.here else 0,
            Candidates(self._to_convert),
            Progress(time.monotonic()),
            diagnose=self._diagnose,
        )

    def restart(self) -> None:
        """The engine is killed, and another one takes over; what is on other machines stays there."""
        self.gone += [self.host(crew) for crew in self.crews if crew.context.host.name]
        self.machines[""].scratch.files.clear()
        self.crews = self._new_crews()
        with self.ledger.turn():
            take_over(self.run, self.crews)
        self.check()

    def _to_convert(self, limit: int) -> list[PendingImage]:
        return self.ledger.queue.to_convert(None, limit)

    def _diagnose(self, request: SurveyRequest, on_outcome: OnOutcome) -> None:
        """The engine's own machine sees every source."""
        self.diagnosed.append(request.image_id)
        found = surveyed(request.image_id)
        if request.digest:
            found = structs.replace(found, source_digest=f"{request.digest}:aa")
        on_outcome(SourceOutcome(found=found))

    def context(self, name: str) -> HostContext:
        host = self.machines[name] = FakeHost(name, self.store, self.machines.get(name))
        return HostContext(self.run, host, HostHolds(1 << 30))

    def join(self, name: str) -> None:
        """As `Joining` lets a host in, which then removes what is not wanted."""
        if name in {crew.context.host.name for crew in self.crews}:
            return
        crew = self.crews.join(self.context(name), 2)
        with self.ledger.turn():
            kept = self.crews.is_back(crew, self.host(crew).found)
        self.host(crew).scratch.files.intersection_update(map(Path, kept))
        self.check()

    def forget(self, name: str) -> None:
        with self.ledger.turn():
            self.crews.absent.forget(name)

    def wait_long(self) -> None:
        """So long that no host is waited for any more."""
        with self.ledger.turn():
            self.crews.absent.tick(time.monotonic() + COMES_BACK_WITHIN_S)

    def host(self, crew: Crew) -> FakeHost:
        assert isinstance(crew.context.host, FakeHost)
        return crew.context.host

    def turn(self) -> None:
        now = time.monotonic()
        with self.ledger.turn():
            self.crews.receive()
            self.run.holds.probe_now(now)
            self.crews.update_holds(now)
            self.crews.check_workers(now, is_leaving=False)
            self.crews.work(now, may_start=True, may_store=True, more_to_come=False)
        self.crews.unlink_finished()
        self.check()

    def check(self) -> None:
        account = sum(self.ledger.account().values(), Account())
        assert account.rows == IMAGES
        assert account.rows == account.remaining + account.done + account.failed
        held = [running.image.image_id for crew in self.crews for running in crew.converting.pool.running] + [
            image for crew in self.crews for image in crew.storing.image_ids
        ]
        held += self.crews.absent.image_ids
        assert len(held) == len(set(held)) == account.in_flight, "an image is with two hosts, or with none"
        with LedgerReader(self.workspace) as reader:
            for image in reader.images():
                counted = image.attempts - (image.state in ("in_flight", "done"))
                told = self.crashes[image.id] + (image.id in self.broken)
                assert counted <= told, "the loss of a host is no attempt"
                assert image.state != "failed" or image.id in self.broken or self.crashes[image.id] > 2

    def act(self, what: str, which: int) -> None:
        """Something that may happen, if it can; `which` chooses where."""
        crews = list(self.crews)
        host = self.host(crews[which % len(crews)])
        jobs = host.jobs
        match what:
            case "turn":
                self.turn()
            case "convert" if jobs:
                host.convert(*jobs[which % len(jobs)])
            case "break" if jobs:
                child, job = jobs[which % len(jobs)]
                host.break_image(child, job)
                self.broken.add(job.image_id)
            case "crash" if jobs:
                child, job = jobs[which % len(jobs)]
                child.exit_code = -11
                self.crashes[job.image_id] += 1
            case "late" if jobs:  # a worker repeats what it has said, when its result was taken already
                child, job = jobs[which % len(jobs)]
                child.says += [host.convert(child, job)]
            case "store":
                host.store_next()
            case "lose" if host.name:
                host.store_next(answers=False)
                host.lose("the connection is lost")
                self.gone.append(host)
            case "leave" if host.name:
                host.leave()
                self.gone.append(host)
            case "lie" if self.gone:  # nobody told it that it was let go: its children go on
                ghost = self.gone[which % len(self.gone)]
                for child, job in ghost.jobs:
                    ghost.convert(child, job)
                ghost.store_next()
            case "forget":
                self.forget(("b", "c", "d")[which % 3])
            case "wait":
                self.wait_long()
            case "restart":
                self.restart()
            case "join":
                self.join(("b", "c", "d")[which % 3])

    def finish(self) -> None:
        """All that is there works from now on, and nobody else comes back."""
        self.wait_long()
        for _ in range(40 * IMAGES):
            for crew in self.crews:
                host = self.host(crew)
                for child, job in host.jobs:
                    host.convert(child, job)
                while host.store_next():
                    pass
            self.turn()
            if sum(self.ledger.account().values(), Account()).remaining == 0:
                return
        raise AssertionError(f"no end: {self.ledger.account()}")


STEPS = st.tuples(
    st.sampled_from(
        [
            "turn",
            "turn",
            "turn",
            "convert",
            "convert",
            "store",
            "store",
            "break",
            "crash",
            "late",
            "lose",
            "lose",
            "join",
            "join",
            "leave",
            "lie",
            "forget",
            "wait",
            "restart",
        ]
    ),
    st.integers(0, 5),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=60))
def test_whatever_hosts_do_every_image_ends_once_and_the_account_adds_up(
    steps: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        run = SimulatedRun(Path(directory))
        run.turn()
        for step in steps:
            run.act(*step)
        run.finish()
        run.ledger.close()
        with LedgerReader(run.workspace) as reader:
            account, images = reader.figures().totals, list(reader.images())
            stored = Counter(
                event.image_id for event in reader.events(limit=10_000) if event.kind == "stored"
            )
        done = [image for image in images if image.state == "done"]
        assert account.rows == IMAGES == account.done + account.failed
        assert {image.target for image in done} <= run.store.objects.keys()
        assert stored == Counter(image.id for image in done)
        assert all(crew.context.host.scratch.files == set() for crew in run.crews)  # type: ignore[attr-defined]


@pytest.fixture
def run(tmp_path: Path) -> SimulatedRun:
    return SimulatedRun(tmp_path)


def test_a_lost_host_costs_what_it_had_not_stored_and_no_attempt(run: SimulatedRun) -> None:
    run.join("b")
    run.turn()
    run.turn()
    host = next(run.host(crew) for crew in run.crews if crew.context.host.name == "b")
    (child, job), (_, other) = host.jobs
    host.convert(child, job)
    run.turn()
    host.store_next(answers=False)  # it is in the store, and nobody has heard of it
    host.lose("the connection is lost")
    run.turn()
    assert [crew.context.host.name for crew in run.crews] == [""]
    assert run.crews.absent.image_ids == [job.image_id]
    run.wait_long()
    with LedgerReader(run.workspace) as reader:
        for image in (job.image_id, other.image_id):
            assert reader.attempts(image)[0].outcome == "put-back"
            assert reader.attempts(image)[0].host == "b"
        told = reader.events(limit=1000, notable=True)
    lost = next(event for event in told if "b: the connection is lost" in event.message)
    assert lost.message.endswith(
        "2 images not stored yet: pending again; 1 JPEG on its scratch: stored when it is back"
    )
    assert told[-1].message.startswith("b has not come back: 1 image whose JPEGs are on its scratch")
    run.finish()
    assert run.ledger.account()["newspapers"].done == IMAGES
    with LedgerReader(run.workspace) as reader:
        assert [event.message for event in reader.events(limit=1000, image_id=job.image_id)][-1].endswith(
            "was there already, identical"
        )
    run.ledger.close()


def test_what_a_host_has_proved_is_stored_and_not_converted_again_when_it_is_back(
    run: SimulatedRun,
) -> None:
    run.join("b")
    run.turn()
    run.turn()
    host = run.machines["b"]
    (child, job), (busy, half) = host.jobs
    host.convert(child, job)
    run.turn()
    host.lose("the connection is lost")
    run.turn()
    late = host.convert(busy, half)  # it was not told in time
    run.join("b")
    back = next(crew for crew in run.crews if crew.context.host.name == "b")
    assert run.machines["b"].scratch.files == {Path(job.scratch_path)}, f"{late.scratch_path} is swept"
    assert back.storing.image_ids == [job.image_id] and run.crews.absent.image_ids == []
    run.finish()
    with LedgerReader(run.workspace) as reader:
        (only,) = reader.attempts(job.image_id)
        assert (only.outcome, only.host) == ("converted", "b")
    run.ledger.close()


def test_what_a_host_has_removed_or_is_forgotten_is_converted_again(run: SimulatedRun) -> None:
    for name, then in (("b", "is not on scratch of b any more"), ("c", "c was forgotten")):
        run.join(name)
        run.turn()
        run.turn()
        host = run.machines[name]
        child, job = host.jobs[0]
        host.convert(child, job)
        run.turn()
        host.lose("the connection is lost")
        run.turn()
        if name == "b":
            host.scratch.files.clear()
            run.join("b")
        else:
            run.forget("c")
        with LedgerReader(run.workspace) as reader:
            attempt = next(one for one in reader.attempts(job.image_id) if one.host == name)
        assert attempt.outcome == "put-back" and then in (attempt.message or "")
    run.finish()
    assert run.ledger.account()["newspapers"].done == IMAGES
    run.ledger.close()


def test_a_source_that_one_host_alone_does_not_see_holds_that_host_and_costs_no_attempt(
    run: SimulatedRun,
) -> None:
    run.join("b")
    run.turn()
    run.turn()
    there = next(crew for crew in run.crews if crew.context.host.name == "b")
    host = run.host(there)
    child, job = host.jobs[0]
    gone = Failure(Cause.SOURCE_MISSING, Stage.READING, "no such file")
    child.sent.remove(job)
    child.says.append(NotConverted(job.image_id, gone, (), 1, 0.1, 0.1, job.attempt))
    with run.ledger.turn():
        run.crews.receive()
    assert run.diagnosed == [job.image_id]
    held = there.holds.hold(time.monotonic())
    assert held is not None and "is the share mounted here?" in held.detail
    assert run.crews.hold(time.monotonic()) is None, "the others go on"
    with LedgerReader(run.workspace) as reader:
        assert reader.attempts(job.image_id)[0].outcome == "put-back"
    run.finish()
    assert run.ledger.account()["newspapers"].done == IMAGES
    run.ledger.close()


def test_a_host_says_when_it_came_what_it_is_called_and_how_much_of_its_memory_is_in_use(
    run: SimulatedRun,
) -> None:
    began = time.time()
    run.join("b")
    run.turn()
    there = next(crew for crew in run.crews if crew.context.host.name == "b")
    shown, memory = host_snapshot(there), there.dispatch.snapshot()
    assert shown.name == "b" and shown.address == "fake.example" and shown.clock_ahead_seconds == 0
    assert shown.joined is not None and began <= shown.joined <= time.time()
    assert there.recent_memory.snapshot().mib[-1] == round((memory.total - memory.available) / 2**20)


def shown(run: SimulatedRun) -> dict[str, HostSnapshot]:
    return {host.name: host for host in run.crews.snapshots()}


def test_a_host_that_is_lost_stays_in_sight_in_its_place_until_it_is_back(run: SimulatedRun) -> None:
    began = time.time()
    _, host, child, job = one_image_on_b(run)
    run.join("c")
    host.convert(child, job)
    run.turn()
    host.lose("the connection is lost")
    run.turn()
    assert list(shown(run)) == ["here", "b", "c"]
    b = shown(run)["b"]
    assert b.gone is not None and b.state is HostState.LOST and shown(run)["c"].gone is None
    assert b.gone.why == "b: the connection is lost" and began <= b.gone.since <= time.time()
    assert (b.waiting, b.gone.put_back) == (1, 2), "a JPEG waits there; what its workers had is pending again"
    assert b.gone.waits_until is not None and b.gone.waits_until > time.time()
    assert (b.busy, b.workers, b.rates, b.memory) == (0, 0, Rates(), MemorySnapshot())

    run.wait_long()
    b = shown(run)["b"]
    assert b.gone is not None
    assert (b.waiting, b.gone.put_back, b.gone.waits_until) == (0, 3, None)
    run.join("b")
    assert list(shown(run)) == ["here", "b", "c"] and shown(run)["b"].gone is None


def test_one_that_has_left_stays_in_sight_too_and_one_that_is_forgotten_does_not(run: SimulatedRun) -> None:
    for name in ("b", "c", "d"):
        run.join(name)
    run.turn()
    run.turn()
    run.machines["b"].leave()
    run.crews.seen.forget("c")
    run.machines["c"].leave()
    run.machines["d"].lose("the connection is lost")
    run.turn()
    states = {name: host.state for name, host in shown(run).items()}
    assert states == {"here": HostState.WORKING, "b": HostState.LEFT, "d": HostState.LOST}
    b = shown(run)["b"].gone
    assert b is not None and b.put_back == 2 and b.waits_until is None and b.why == "somebody has ended it"
    run.crews.seen.forget("d")
    assert list(shown(run)) == ["here", "b"]
    run.join("c")  # invited anew
    run.machines["c"].lose("the connection is lost")
    run.turn()
    assert shown(run)["c"].state is HostState.LOST


def test_who_was_lost_is_still_told_by_the_next_engine_of_the_run_until_it_is_back_or_forgotten(
    run: SimulatedRun,
) -> None:
    invite(run, "b", "c", "d", "e", "f")
    run.join("c")
    _, host, child, job = one_image_on_b(run)
    for name in ("d", "e"):
        run.join(name)
    host.convert(child, job)
    run.turn()
    host.lose("the connection is lost")
    run.machines["d"].leave()
    run.turn()
    lost = shown(run)["b"]
    in_flight = sum(crew.converting.in_flight for crew in run.crews if crew.context.host.name == "e")
    killed_at = time.time()
    assert in_flight and lost.gone is not None

    run.restart()
    assert list(shown(run)) == ["here", "b"], "c and e have a minute to come back, d had left"
    b = shown(run)["b"]
    assert b.state is HostState.LOST and (b.address, b.cores, b.joined) == (
        lost.address,
        lost.cores,
        lost.joined,
    )
    assert b.gone is not None
    assert (b.gone.since, b.gone.why, b.waiting, b.gone.put_back) == (lost.gone.since, lost.gone.why, 1, 2)
    run.join("c")

    later = time.monotonic() + COMES_BACK_WITHIN_S
    hosts = {host.name: host for host in run.crews.seen.snapshots([], run.crews.absent, later)}
    e = hosts["e"].gone
    assert list(hosts) == ["b", "e"] and e is not None
    assert lost.gone.since - 60 <= e.since <= killed_at and e.put_back == in_flight
    assert e.why == "the engine ended then, and it has not come back to this one"

    run.join("b")
    run.crews.seen.forget("e")
    run.restart()
    assert list(shown(run)) == ["here"], "b was there"
    with LedgerReader(run.workspace) as reader:
        assert {host.name: host.how for host in reader.hosts()} == {
            **dict.fromkeys("bc", Parting.ENGINE_ENDED),
            "d": Parting.LEFT,
        }


def test_who_was_forgotten_without_an_engine_or_was_lost_in_a_run_that_is_over_is_not_told(
    run: SimulatedRun,
) -> None:
    authority = invite(run, "b", "c")
    for name in ("b", "c"):
        run.join(name)
        run.machines[name].lose("the connection is lost")
    run.turn()
    authority.withdraw("c")
    run.restart()
    assert list(shown(run)) == ["here", "b"]
    engine = EngineRecord(1, 1, "m", "1", 1.0, 2.0, 1.0, Ending.FINISHED, "")
    with run.ledger.turn():
        run.ledger.keep_run(RunNote(1, 1.0, 2.0, engine, {}, {}))
    run.restart()
    assert list(shown(run)) == ["here"]
    with LedgerReader(run.workspace) as reader:
        assert [(host.name, host.how) for host in reader.hosts()] == [("b", Parting.LOST)]


def invite(run: SimulatedRun, *names: str) -> Authority:
    authority = Authority(run.workspace.cluster_dir)
    for name in names:
        authority.invite(name, LISTEN)
    return authority


def one_image_on_b(run: SimulatedRun) -> tuple[Crew, FakeHost, FakeChild, Job]:
    run.join("b")
    run.turn()
    run.turn()
    there = next(crew for crew in run.crews if crew.context.host.name == "b")
    host = run.host(there)
    return there, host, *host.jobs[0]


@pytest.mark.parametrize(
    ("cause", "size", "digest", "told"),
    [
        (Cause.SOURCE_UNREADABLE, 0, "", "is the share mounted here?"),  # denied, or an error of its mount
        (Cause.SOURCE_MISSING, SOURCE_BYTES, "md5:aa", "is the share mounted here?"),  # gone in the middle
        (Cause.SOURCE_UNREADABLE, SOURCE_BYTES, "md5:aa", "is the share mounted here?"),  # mounted again
        (Cause.SOURCE_UNREADABLE, SOURCE_BYTES, "md5:cc", None),  # written to meanwhile, for both
        (Cause.TRUNCATED, 4000, "md5:cc", "has 4000 bytes on this machine, and 5000 for the engine"),
        (Cause.CORRUPT, SOURCE_BYTES, "md5:cc", "has other bytes on this machine than for the engine"),
        (Cause.NOT_JPEG2000, SOURCE_BYTES, "md5:cc", "has other bytes on this machine"),
        (Cause.CORRUPT, SOURCE_BYTES, "md5:aa", None),
    ],
)
def test_a_fault_in_what_one_host_has_read_is_the_images_only_if_the_engine_reads_the_same(
    run: SimulatedRun, cause: Cause, size: int, digest: str, told: str | None
) -> None:
    there, _, child, job = one_image_on_b(run)
    child.sent.remove(job)
    failure = Failure(cause, Stage.READING, "a fault")
    child.says.append(
        NotConverted(job.image_id, failure, (), 1, 0.1, 0.1, job.attempt, size, digest),
    )
    with run.ledger.turn():
        run.crews.receive()
    held = there.holds.hold(time.monotonic())
    with LedgerReader(run.workspace) as reader:
        (attempt,) = reader.attempts(job.image_id)
        image = reader.image(job.image_id)
    assert image is not None
    if told is None:
        counts = ("pending", None) if cause is Cause.SOURCE_UNREADABLE else ("failed", cause)
        assert held is None and (image.state, image.cause) == counts and image.attempts == 1
    else:
        assert held is not None and told in held.detail
        assert (attempt.outcome, image.state, image.attempts) == ("put-back", "pending", 0)
        assert run.crews.hold(time.monotonic()) is None, "the others go on"
        run.finish()
        assert run.ledger.account()["newspapers"].done == IMAGES
    run.ledger.close()


def test_a_source_that_was_away_for_a_moment_is_read_again_whatever_retries_says(run: SimulatedRun) -> None:
    run.run.config = replace_fields(run.run.config, engine=EngineSettings(retries=0))
    run.turn()
    run.turn()
    child, job = run.machines[""].jobs[0]
    for attempts, state in ((1, "pending"), (2, "failed")):  # and then it fails, rather than again and again
        run.broken.add(job.image_id)
        run.crashes[job.image_id] += 1
        child.sent.remove(job)
        gone = Failure(Cause.SOURCE_MISSING, Stage.READING, "no such file")
        child.says.append(NotConverted(job.image_id, gone, (), 1, 0.1, 0.1, job.attempt))
        with run.ledger.turn():
            run.crews.receive()
        with LedgerReader(run.workspace) as reader:
            image = reader.image(job.image_id)
        assert image is not None and (image.attempts, image.state) == (attempts, state)
        run.turn()
        child, job = next(
            ((one, its) for one, its in run.machines[""].jobs if its.image_id == image.id), (child, job)
        )
    run.ledger.close()


def test_a_jpeg_of_a_file_of_another_size_than_the_engine_sees_is_none_of_this_image(
    run: SimulatedRun,
) -> None:
    there, host, child, job = one_image_on_b(run)
    done = host.convert(child, job)
    child.says[-1] = structs.replace(done, source_bytes=SOURCE_BYTES + 1)
    with run.ledger.turn():
        run.crews.receive()
    assert host.scratch.files == set() and there.storing.on_scratch == 0
    held = there.holds.hold(time.monotonic())
    assert held is not None and "has 5001 bytes on this machine, and 5000 for the engine" in held.detail
    run.finish()
    assert run.ledger.account()["newspapers"].done == IMAGES
    run.ledger.close()


def test_a_host_that_holds_for_its_sources_is_compared_with_the_engine_before_it_gets_another_image(
    run: SimulatedRun,
) -> None:
    there, _, child, job = one_image_on_b(run)
    likeness = there.holds.likeness = Likeness()
    likeness.share_is_right = likeness.store_is_right = likeness.store_works = True
    child.sent.remove(job)
    gone = Failure(Cause.SOURCE_MISSING, Stage.READING, "no such file")
    child.says.append(NotConverted(job.image_id, gone, (), 1, 0.1, 0.1, job.attempt))
    with run.ledger.turn():
        run.crews.receive()
    assert there.holds.suspected == [job.source_path]
    now = time.monotonic()
    there.probe_now(after_pause=False)
    there.update_holds(now + 1)
    assert likeness.wants_comparison() and not there.holds.may_start
    likeness.compared(Problem(Concerns.SOURCES, "other sources"), now + 2)
    there.update_holds(now + 3)
    assert there.holds.hold(now + 3) is not None and not there.holds.may_start
    likeness.tick(now + 100)
    likeness.compared(None, now + 100)
    there.update_holds(now + 101)
    assert there.holds.may_start and there.holds.hold(now + 101) is None
    run.ledger.close()


def test_a_result_of_another_attempt_is_refused_and_its_file_removed(run: SimulatedRun) -> None:
    run.turn()
    run.turn()
    host = run.host(run.crews.here)
    child, job = host.jobs[0]
    done = host.convert(child, job)
    child.says.clear()
    other = type(done)(**{**structs.asdict(done), "attempt": 7, "scratch_path": "/elsewhere/7.jpg"})
    host.scratch.files.add(Path("/elsewhere/7.jpg"))
    child.says.append(other)
    run.turn()
    assert Path("/elsewhere/7.jpg") not in host.scratch.files
    assert run.crews.here.converting.in_flight == 2
    child.says.append(done)
    run.turn()
    assert run.crews.here.storing.on_scratch == 1
    run.ledger.close()


def test_a_machine_that_converts_nothing_waits_for_others_and_takes_no_image(tmp_path: Path) -> None:
    run = SimulatedRun(tmp_path, here=False)
    run.turn()
    hold = run.crews.hold(time.monotonic())
    assert hold is not None and (hold.reason, hold.until) == (HoldReason.HOSTS, None)
    assert hold.detail.startswith("waiting for hosts: ") and "`photostat host invite NAME`" in hold.detail
    assert "starts conv2, b over ssh, and `photostat events` says" in waiting_words(["conv2", "b"])
    assert run.host(run.crews.here).children == []
    run.join("b")
    run.finish()
    assert run.crews.hold(time.monotonic()) is None
    with LedgerReader(run.workspace) as reader:
        by = {attempt.host for image in range(1, IMAGES + 1) for attempt in reader.attempts(image)}
        told = [event.kind for event in reader.events(limit=1000) if event.kind in ("hold", "resumed")]
    assert by == {"b"} and told == ["hold", "resumed"]
    run.ledger.close()


def test_a_host_that_has_said_nothing_has_its_turn_four_times_a_second(
    run: SimulatedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.join("b")
    run.turn()
    run.turn()
    crew = next(crew for crew in run.crews if crew.context.host.name == "b")
    host, now = run.host(crew), time.monotonic()
    news = [True, False, False]
    monkeypatch.setattr(host, "has_news", lambda: news.pop(0))
    assert [crew.is_due(now + after) for after in (0.0, 0.1, 0.3)] == [True, False, True]
    monkeypatch.setattr(host, "has_news", lambda: False)
    (child, job), *_ = host.jobs
    host.convert(child, job)
    crew._due_at = float("inf")
    run.turn()
    assert len(crew.converting.pool.running) == 2, "it was not its turn"
    crew._due_at = 0.0
    run.turn()
    assert job.image_id in crew.storing.image_ids
    assert len(crew.converting.pool.running) == 2, "the worker has the next image"
    run.ledger.close()


def test_hosts_that_store_share_what_may_be_sent(tmp_path: Path) -> None:
    run = SimulatedRun(tmp_path, limit=1_000_000)
    run.join("b")
    for _ in range(2):
        run.turn()
    for crew in run.crews:
        host = run.host(crew)
        host.convert(*host.jobs[0])
    run.turn()
    told = [
        message.bytes_per_s
        for host in run.machines.values()
        for child in host.children
        for message in child.sent
        if isinstance(message, ShareOfBandwidth)
    ]
    assert told == [500_000, 500_000]
    run.finish()
    run.ledger.close()


def test_workers_that_crash_on_one_host_hold_that_host_and_cost_no_image(run: SimulatedRun) -> None:
    run.join("b")
    there = next(crew for crew in run.crews if crew.context.host.name == "b")
    for _ in range(60):
        run.turn()
        for child, job in run.machines["b"].jobs:
            run.crashes[job.image_id] += 1
            child.exit_code = -11
        if not there.holds.may_start:
            break
    run.turn()
    held = there.holds.hold(time.monotonic())
    assert held is not None and held.reason == "unexpected"
    assert run.crews.hold(time.monotonic()) is None and run.run.holds.may_start, "the others go on"
    assert run.ledger.account()["newspapers"].failed == 0
    with LedgerReader(run.workspace) as reader:
        told = [event.message for event in reader.events(limit=10_000) if event.kind == "hold"]
    assert told[-1].startswith("b: 2 images in a row could not be converted")
    run.ledger.close()


def test_an_engine_that_was_killed_knows_what_waits_on_which_host(run: SimulatedRun) -> None:
    _, host, child, job = one_image_on_b(run)
    host.convert(child, job)
    run.turn()
    run.restart()
    assert run.crews.absent.image_ids == [job.image_id]
    hold = run.crews.absent.hold(time.monotonic())
    assert hold is not None and hold.detail.startswith("1 JPEG on scratch of b, which is not connected")
    assert hold.reason is HoldReason.HOSTS  # nothing is wrong with the store
    run.join("b")
    assert run.machines["b"].scratch.files == {Path(job.scratch_path)}
    run.finish()
    with LedgerReader(run.workspace) as reader:
        assert len(reader.attempts(job.image_id)) == 1
    run.ledger.close()
