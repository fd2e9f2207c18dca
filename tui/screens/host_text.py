"""What the page of a host says: what it does and why, its memory of half an hour, its workers, and its events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import UNSET, structs
from rich.text import Text

from engine import formatting
from engine.control.gpu_snapshot import GpuSnapshot
from engine.control.process_snapshots import WorkerSnapshot
from engine.control.recent import MemoryUsed
from engine.control.snapshot import Gone, HostSnapshot, HostState, Snapshot, State
from engine.ledger.models import Event
from engine.ledger.reader import LedgerReader
from tui.state.gpus import gpu_line, gpus_of
from tui.state.host_words import host_word
from tui.state.hosts import HERE, hosts_of, images_of_away, is_away, rate_now
from tui.widgets.chart import chart, host_memory_curve
from tui.widgets.events import event_line
from tui.widgets.host_lines import HUES
from tui.widgets.line_widget import BAD, BUSY, LABEL, STRONG, WARNING, line, title
from tui.widgets.memory import figures_lines, is_low, memory_bar
from tui.widgets.workers import worker_line

_LABEL = 13
_CHART_ROWS = 6
_LOOKED_AT = 1000
"""Among so many of the newest events those of the host are looked for, and so many of the notable ones."""
_MOST_EVENTS = 30
_CLOCKS_AGREE_S = 1
_COMES_BACK = "It comes back by itself if `photostat host` runs there and reaches the engine."
_JOINS_AGAIN = "It joins again if `photostat host` is started there."


@dataclass(frozen=True)
class HostPage:
    """All that is known of a host at one moment."""

    host: HostSnapshot
    state: State
    """The engine's."""
    workers: tuple[WorkerSnapshot, ...]
    memory: MemoryUsed | None
    place: str
    """`2 of 3`."""
    gpus: tuple[GpuSnapshot, ...] = ()

    @classmethod
    def of(cls, snapshot: Snapshot | None, name: str) -> HostPage | None:
        """None if it is not there."""
        hosts = hosts_of(snapshot)
        at = next((at for at, host in enumerate(hosts) if host.name == name), None)
        if snapshot is None or at is None:
            return None
        workers = tuple(worker for worker in snapshot.workers if worker.host == name)
        place = f"{at + 1} of {len(hosts)}"
        gpus = tuple(gpu for gpu in gpus_of(snapshot) if gpu.host == name)
        return cls(hosts[at], snapshot.state, workers, snapshot.recent.memory.get(name), place, gpus)


def events_of(reader: LedgerReader, name: str) -> list[Event]:
    """The newest ones that are about the host or a process on it; of the engine's own machine none are named."""
    notable = reader.events(limit=_LOOKED_AT, newest_first=True, notable=True)
    newest = reader.events(limit=_LOOKED_AT, newest_first=True)
    found = {event.id: event for event in (*notable, *newest) if _is_of(event, name)}
    return sorted(found.values(), key=lambda event: -event.id)[:_MOST_EVENTS]


def _is_of(event: Event, name: str) -> bool:
    if name == HERE:
        return event.pid is not None and not event.host
    return event.host == name or event.message.startswith((f"{name}: ", f"{name} "))


def page_text(page: HostPage, events: Sequence[Event] | None, now: float, columns: int) -> list[Text]:
    """`events` None: they are still being read; `now` is Unix time, s."""
    measured = [*_memory(page, columns), line(""), *_workers(page, columns), line("")]
    return [
        *_facts(page, now),
        line(""),
        *([] if is_away(page.host) else measured),
        *events_text(events, columns, now),
    ]


def _fact(name: str, value: str, style: str = "") -> Text:
    return line((name.ljust(_LABEL), LABEL), (value, style))


def _facts(page: HostPage, now: float) -> list[Text]:
    host, hold = page.host, page.host.hold
    word = host_word(host, page.state, now)
    since = f", since {formatting.clock(hold.since, now)}" if hold else ""
    text = [_fact("state", f"{word.label}{since}", HUES[word.tone])]
    if host.gone is not None:
        text += _gone(host, host.gone, now)
    if hold is not None:
        text.append(_fact("why", hold.detail, WARNING))
        again = (
            "as soon as there is room" if hold.until is None else f"at {formatting.time_of_day(hold.until)}"
        )
        text.append(_fact("looks again", again))
        text.append(_fact("", "The other hosts go on, and none of its images has failed for this."))
    if host.address:
        text.append(_fact("machine", host.address))
    if host.joined is not None:
        ago = formatting.duration(max(0.0, now - host.joined))
        text.append(_fact("joined", f"{formatting.clock(host.joined, now)}, {ago} ago"))
    version = _fact("version", host.version or formatting.UNKNOWN)
    return [*text, version] if is_away(host) else [*text, _clock(host), version, *_work(page)]


def _gone(host: HostSnapshot, gone: Gone, now: float) -> list[Text]:
    """Why it is not there, what becomes of its images, and what to do."""
    is_lost = host.state is HostState.LOST
    first, *more = images_of_away(host)
    ago = formatting.duration(max(0.0, now - gone.since))
    return [
        _fact("why", gone.why, WARNING if is_lost else ""),
        _fact("since", f"{formatting.time_of_day(gone.since)}, {ago} ago"),
        _fact("its images", first),
        *(_fact("", said) for said in more),
        _fact("what to do", _COMES_BACK if is_lost else _JOINS_AGAIN),
        _fact("", "Will it not come back? F forgets it."),
    ]


def _clock(host: HostSnapshot) -> Text:
    ahead_s = host.clock_ahead_seconds
    if abs(ahead_s) <= _CLOCKS_AGREE_S:
        return _fact("clock", "as the engine's")
    which = "ahead of" if ahead_s > 0 else "behind"
    return _fact("clock", f"{formatting.duration(abs(ahead_s))} {which} the engine's", WARNING)


def _work(page: HostPage) -> list[Text]:
    host = page.host
    images = formatting.per_minute(rate_now(host, page.state))
    pace = f"{images} images/min"
    if images != "0":
        rates = host.rates
        pace += f", {formatting.three_figures(rates.megapixels_per_s)} megapixels/s"
        pace += f", in {formatting.data_size(rates.source_bytes_per_s)}/s"
        pace += f", out {formatting.data_size(rates.jpeg_bytes_per_s)}/s"
    waiting = formatting.counted(host.waiting, "JPEG") + " for the store" if host.waiting else "nothing"
    there = len(page.workers)
    more = f"; {there} there, {host.workers} wanted" if there != host.workers else ""
    return [
        _fact("cores", formatting.integer(host.cores)),
        _fact("workers", f"{host.busy} of {host.workers} busy{more}; + and - change their number here"),
        _fact("pace", pace),
        _fact("on scratch", waiting),
        *(_fact("" if number else "GPU", _gpu(gpu)) for number, gpu in enumerate(page.gpus)),
    ]


def _gpu(gpu: GpuSnapshot) -> str:
    """The page says where it is."""
    return gpu_line(structs.replace(gpu, host=UNSET))


def _memory(page: HostPage, columns: int) -> list[Text]:
    memory = page.host.memory
    if is_away(page.host) or memory.total <= 0:
        return [title("Memory", columns), line((f" {formatting.UNKNOWN}", LABEL))]
    total = formatting.memory_size(memory.total)
    note = f"of {total}, below the floor" if is_low(memory) else f"of {total}"
    drawn = [title("Memory", columns, note), line(*memory_bar(memory, columns)), *figures_lines(memory)]
    if page.memory is not None and len(page.memory.mib) > 1:
        scale = formatting.short_memory(memory.total).rjust(5)
        curve = host_memory_curve(page.memory, columns - len(scale) - 1)
        drawn += chart(curve, columns, _CHART_ROWS, float(memory.total), scale, BUSY)
    return drawn


def _workers(page: HostPage, columns: int) -> list[Text]:
    in_flight = sum(worker.image_id is not None for worker in page.workers)
    note = formatting.counted(in_flight, "image") + " in flight" if in_flight else "nothing in flight"
    rows = [worker_line(worker, columns) for worker in page.workers]
    return [title("Workers", columns, note), *(rows or [line((" none run", LABEL))])]


def events_text(events: Sequence[Event] | None, columns: int, now: float) -> list[Text]:
    """`events` None: they are still being read."""
    head = title("Events", columns, "of this host, the newest first")
    if events is None:
        return [head, line((" …", LABEL))]
    lines = [event_line(event, columns, now=now) for event in events]
    return [head, *(lines or [line((" none lately", LABEL))])]


def gone_text(name: str, last: HostPage | None, snapshot: Snapshot | None, now: float) -> list[Text]:
    """Of a host of which the engine knows nothing: why, and what was known last."""
    if snapshot is None or snapshot.engine is None:
        text = [
            _fact("state", f"╳ nothing is known of {name}: no engine runs", BAD),
            _fact("", "Without one no host converts; `photostat host` there waits for the next one."),
        ]
    else:
        text = [
            _fact("state", f"╳ {name} is not there", BAD),
            _fact("", "What it had and had not stored is converted by others, and no attempt counts."),
            _fact("what to do", f"If it was forgotten, `photostat host invite {name}` invites it anew."),
            _fact("", _COMES_BACK),
        ]
    if last is not None:
        text += [line(""), line(("When it was last seen:", STRONG)), *_facts(last, now)]
    return text
