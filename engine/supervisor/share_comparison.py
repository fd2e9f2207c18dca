"""Other machines see the same sources and the same store as the engine's: compared before the first image goes there.

The engine's machine looks at some sources that are next, and leaves a mark in a store that is a directory; then those
that wait are asked what they see. Before a header has been read there is nothing to compare, and nothing to convert.
A paused engine leaves the sources alone: then the store alone is compared, with those that have JPEGs for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.hosts.examination import Examination
from engine.hosts.remote import RemoteHost
from engine.ledger.known_store import known_store
from engine.ledger.states import EventKind
from engine.messages import Concerns, Problem
from engine.processes.examiner import Show, Shown, seen_words
from engine.supervisor.context import RunContext
from engine.supervisor.crew import Crew

_SOURCES = 8
_ANSWERS_WITHIN_S = 90.0
_APART_S = 0.5
_SAYS_NOTHING = Problem(Concerns.SOURCES, "it does not say what it sees")


@dataclass
class _Round:
    number: int
    with_sources: bool
    shows: Examination
    asked: dict[str, float] = field(default_factory=dict)
    """Hosts that have not answered yet, by their incarnation, and since when they are asked."""
    is_asked: bool = False


class ShareComparison:
    def __init__(self, run: RunContext, others: Callable[[], Sequence[tuple[Crew, RemoteHost]]]) -> None:
        """`others` gives the machines that are there now, without the engine's own."""
        self._run = run
        self._others = others
        self._round: _Round | None = None
        self._rounds = 0
        self._not_before = 0.0

    def look(self, now: float, *, may_begin: bool) -> None:
        """In every turn; `may_begin` to look at sources."""
        if self._round is None:
            self._begin(now, with_sources=may_begin)
        elif not self._round.is_asked:
            self._ask(self._round, now)
        else:
            self._hear(self._round, now)

    def close(self) -> None:
        if self._round is not None:
            self._round.shows.close()
            self._round = None

    def _waiting(self, *, with_sources: bool) -> list[tuple[Crew, RemoteHost]]:
        def waits(crew: Crew) -> bool:
            likeness = crew.holds.likeness
            if likeness is None or with_sources:
                return likeness is not None and likeness.wants_comparison()
            return crew.storing.on_scratch > 0 and likeness.wants_comparison_of_store()

        return [(crew, host) for crew, host in self._others() if waits(crew)]

    def _begin(self, now: float, *, with_sources: bool) -> None:
        run, waiting = self._run, self._waiting(with_sources=with_sources)
        if now < self._not_before or not waiting:
            return
        self._not_before = now + _APART_S
        sources = self._sources([crew for crew, _ in waiting]) if with_sources else []
        if with_sources and not sources:
            return
        self._rounds += 1
        known = known_store(run.ledger, run.workspace.root)
        question = Show(tuple(sources), run.config.store, run.workspace.root, known)
        what = f"{seen_words(sources, run.config.store.url)} cannot be looked at where the engine is"
        shows = Examination(run.children, question, Concerns.SOURCES, what)
        self._round = _Round(self._rounds, with_sources, shows)

    def _sources(self, waiting: Sequence[Crew]) -> list[str]:
        run = self._run
        sources = list(dict.fromkeys(path for crew in waiting for path in crew.holds.suspected))
        sources = sources[-_SOURCES:]
        sources += [image.source for image in run.ledger.queue.to_convert(run.batches, _SOURCES)]
        for crew in waiting:  # of what is left, when nothing is to be converted
            sources += crew.storing.sources[: max(0, _SOURCES - len(sources))]
        return sources

    def _ask(self, this: _Round, now: float) -> None:
        match this.shows.answer(now):
            case Shown() as shown:
                this.is_asked = True
                for _, host in self._waiting(with_sources=this.with_sources):
                    this.asked[host.incarnation] = now
                    host.compare(this.number, shown)
            case Problem() as problem:
                why = f"nothing can be compared with the engine's machine: {problem.why}"
                for crew, _ in self._waiting(with_sources=this.with_sources):
                    self._compared(this, crew, Problem(problem.concerns, why), now)
                self._end(now)

    def _hear(self, this: _Round, now: float) -> None:
        others = {host.incarnation: (crew, host) for crew, host in self._others()}
        for incarnation, since in list(this.asked.items()):
            found = others.get(incarnation)
            answer = found[1].compared if found else None
            if found and answer is not None and answer.number == this.number:
                self._compared(this, found[0], answer.problem, now)
            elif found and now - since > _ANSWERS_WITHIN_S:
                self._compared(this, found[0], _SAYS_NOTHING, now)
            elif found:
                continue
            del this.asked[incarnation]
        if not this.asked:
            self._end(now)

    def _end(self, now: float) -> None:
        assert self._round is not None
        self._round.shows.close()
        self._round = None
        self._not_before = now + _APART_S

    def _compared(self, this: _Round, crew: Crew, problem: Problem | None, now: float) -> None:
        likeness = crew.holds.likeness
        assert likeness is not None
        if problem is None and not this.with_sources:
            likeness.store_compared()
            return
        if not likeness.compared(problem, now):
            return
        if problem is not None:
            crew.context.events.warning(EventKind.HOLD, problem.why)
        else:
            crew.context.events.info(EventKind.END_OF_HOLD, "sees the engine's sources and store now")
