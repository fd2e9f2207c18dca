"""`photostat status`: the state of the work, once or again and again, from the engine or else from the ledger."""

from __future__ import annotations

import click
from msgspec import UNSET, structs, to_builtins

from engine.config.cluster_extra import HERE
from engine.control.client import EngineClient, EngineSilent, NoEngine
from engine.control.snapshot import EngineIdentity, HoldReason, Snapshot, State
from engine.control.without_engine import snapshot_of_ledger
from engine.formatting import (
    clock,
    counted,
    data_size,
    dated,
    duration,
    integer,
    memory_size,
    per_minute,
    three_figures,
)
from engine.ledger.reader import LedgerReader
from engine.run_account.account import RunAccount
from engine.run_account.reading import account_in
from engine.run_account.words import NO_ACCOUNT, text
from engine.workspace import Workspace
from tui.commands.shared.account import (
    EMPTY_LEDGER,
    print_batches,
    print_held,
    print_left_behind,
    print_sizes,
)
from tui.commands.shared.hosts import print_hosts
from tui.commands.shared.options import json_option, workspace_of
from tui.commands.shared.output import print_json, print_json_line, print_line, print_table, warn
from tui.commands.shared.watching import watch
from tui.state.eta import time_left
from tui.state.gpus import gpu_line, gpus_of
from tui.state.steady_facts import space_lines, survey_words

_INTERVAL_S = 2.0


@click.command()
@click.option(
    "--watch",
    "interval_s",
    is_flag=False,
    flag_value=_INTERVAL_S,
    type=click.FloatRange(0.2, 86_400),
    metavar="SECONDS",
    help=f"Again every so many seconds ({_INTERVAL_S:g} without a number), until the engine has ended or Ctrl-C.",
)
@json_option
@click.pass_context
def status(ctx: click.Context, interval_s: float | None, as_json: bool) -> None:
    """Show the state of the work, once.

    With --watch it is repainted in place on a terminal, and printed again into a file or pipe; with --json there is
    one document a line. It ends with the engine that it has seen, and exit code 0, or by Ctrl-C, with 130. While no
    engine runs it waits for one.
    """
    workspace = workspace_of(ctx)
    if interval_s is None:
        _show(workspace, as_json=as_json)
    else:
        watch(_Watching(workspace, as_json=as_json), interval_s, gap="" if as_json else "\n")


class _Watching:
    """Shows the status, and knows when there is nothing more to watch."""

    def __init__(self, workspace: Workspace, *, as_json: bool) -> None:
        self._workspace = workspace
        self._as_json = as_json
        self._engine_was_there = False

    def __call__(self) -> bool:
        snapshot = _show(self._workspace, as_json=self._as_json, again=True)
        is_there = snapshot.engine is not None
        self._engine_was_there |= is_there
        return is_there or not self._engine_was_there


def _show(workspace: Workspace, *, as_json: bool, again: bool = False) -> Snapshot:
    snapshot, problem = _current_snapshot(workspace)
    run = _account_of_run(workspace) if as_json or snapshot.engine is None else None
    if as_json:
        document = snapshot.to_json() | {"run": to_builtins(run)}
        if again:
            print_json_line(document)
        else:
            print_json(document)
        if problem:
            warn(f"photostat: {problem}")
    else:
        if again:
            print_line(dated(snapshot.time, snapshot.time))
        _print(snapshot, problem, run)
    return snapshot


def _account_of_run(workspace: Workspace) -> RunAccount | None:
    """Of the run under way or the last one; None if there was none."""
    with LedgerReader(workspace) as reader:
        return account_in(workspace, reader)


def _current_snapshot(workspace: Workspace) -> tuple[Snapshot, str]:
    """The snapshot, and why it is not the engine's although one runs (empty if there is no such problem)."""
    try:
        with EngineClient.connect(workspace) as client:
            return client.snapshot(), ""
    except EngineSilent as silent:
        with LedgerReader(workspace) as reader:
            return _with_silent(snapshot_of_ledger(workspace, reader), silent), str(silent)
    except NoEngine:
        with LedgerReader(workspace) as reader:
            return snapshot_of_ledger(workspace, reader), ""


def _with_silent(snapshot: Snapshot, silent: EngineSilent) -> Snapshot:
    """The ledger's snapshot, with an engine that runs but does not answer: the work is not called stopped."""
    holder = silent.holder
    engine = EngineIdentity(holder.pid, holder.since, holder.version, answers=False)
    state = State.RUNNING if snapshot.state is State.STOPPED else snapshot.state
    return structs.replace(snapshot, state=state, engine=engine)


def _print(snapshot: Snapshot, problem: str, run: RunAccount | None) -> None:
    if problem:
        print_line(f"DISCONNECTED: {problem}. This is what the ledger has.")
    else:
        print_line(_headline(snapshot))
        if snapshot.hold is not None:
            print_line(snapshot.hold.detail)
    if snapshot.engine is None and (run is not None or snapshot.totals.done):
        print_line()
        for told in (text(run) if run is not None else NO_ACCOUNT).split("\n"):
            print_line(told)
    if not snapshot.batches:
        print_line(EMPTY_LEDGER)
        return
    print_line()
    print_batches(snapshot.batches)
    print_sizes(snapshot)
    print_held(snapshot.batches, snapshot.time)
    if snapshot.engine is not None and snapshot.engine.answers:
        print_line()
        _print_engine(snapshot)
    if snapshot.orders:
        print_line()
        _print_orders(snapshot)
    if snapshot.left_behind:
        print_line()
        print_left_behind(snapshot.left_behind)
    if snapshot.failures_by_cause:
        print_line()
        print_line("Failures:")
        print_table(
            ["images", "cause"],
            [[integer(count), cause] for cause, count in snapshot.failures_by_cause.items()],
            right=["images"],
            indent=2,
        )
        print_line("`photostat failures` lists them, with what to do about each.")


def _print_orders(snapshot: Snapshot) -> None:
    wait = "" if snapshot.engine else ", waits for the next engine"
    print_line(f"Orders in hand{wait}:")
    print_table(
        ["order", "what", "taken", "looked at", "of", "changed"],
        [
            [
                str(order.id),
                order.kind.replace("_", " "),
                clock(order.taken, snapshot.time),
                *map(integer, (order.seen, order.images, order.changed)),
            ]
            for order in snapshot.orders
        ],
        right=["order", "looked at", "of", "changed"],
        indent=2,
    )


def _headline(snapshot: Snapshot) -> str:
    engine, hold = snapshot.engine, snapshot.hold
    pause = (
        f" by {snapshot.pause.by} since {clock(snapshot.pause.since, snapshot.time)}"
        if snapshot.pause
        else ""
    )
    parts = [snapshot.state.value.upper() + pause]
    if hold is not None:
        why = f"for {hold.reason} since {clock(hold.since, snapshot.time)}"
        if hold.reason is HoldReason.HOURS:
            why += "; `photostat resume` continues now"
        parts = [f"HOLDING {why}"] if snapshot.state is State.HOLDING else [*parts, f"also holding {why}"]
    nobody = f"no engine runs: {snapshot.ended}" if snapshot.ended else "no engine runs"
    parts.append(f"engine {engine.pid}, version {engine.version}" if engine else nobody)
    if snapshot.outside_hours_until is not None:
        until = clock(snapshot.outside_hours_until, snapshot.time)
        parts.append(f"works outside its hours too, until {until}, because a person resumed it")
    if snapshot.elapsed_seconds:
        parts.append(f"for {duration(snapshot.elapsed_seconds)}")
    if snapshot.eta_seconds is not None:
        parts.append(f"{time_left(snapshot)} to go")
    return "; ".join(parts)


def _print_engine(snapshot: Snapshot) -> None:
    rates, room = snapshot.rates_now, snapshot.memory
    busy = [worker for worker in snapshot.workers if worker.image_id is not None]
    print_line(
        f"{per_minute(rates.images_per_s)} images/min, {three_figures(rates.megapixels_per_s)} megapixels/s, "
        f"{data_size(rates.source_bytes_per_s)}/s in, {data_size(rates.jpeg_bytes_per_s)}/s out"
        f"{'' if snapshot.state is State.RUNNING else ' while it worked'}"
    )
    if words := survey_words(snapshot.survey):
        survey = snapshot.survey
        print_line(f"{words}: {integer(survey.read)} of {counted(survey.images, 'image')}")
    print_line(
        f"memory: {memory_size(room.available)} of {memory_size(room.total)} available, "
        f"{memory_size(room.committed)} reserved, {memory_size(room.floor)} must stay free"
    )
    store = snapshot.store
    print_line(
        f"store {store.url}: {counted(store.waiting, 'JPEG')} on scratch, {data_size(store.waiting_bytes)}"
        + (f"; no more than {data_size(store.bandwidth_limit)}/s is sent" if store.bandwidth_limit else "")
        + (", and conversion waits for that" if store.sets_the_pace else "")
    )
    for words in space_lines(snapshot.volumes):
        print_line(f"space of {words}")
    for gpu in gpus_of(snapshot):
        print_line(gpu_line(gpu))
    few = f" instead of {snapshot.workers_asked}: memory allows no more"
    limit = few if snapshot.workers_wanted < snapshot.workers_asked else ""
    if snapshot.hosts and len(snapshot.hosts) + (snapshot.hosts[0].name != HERE) > 1:
        print_line("hosts:")
        print_hosts(snapshot.hosts, snapshot.state, snapshot.time, indent=2)
    if snapshot.workers or snapshot.hosts is UNSET:
        print_line(f"workers: {len(busy)} of {len(snapshot.workers)} at work{limit}")
    if busy:
        print_table(
            ["slot", "pid", "phase", "MP", "for", "of about", "memory", "ID", "image"],
            [
                [
                    w.key,
                    str(w.pid or ""),
                    w.phase,
                    three_figures(w.megapixels or 0),
                    duration(w.seconds) + (" overdue" if w.overdue else ""),
                    duration(w.predicted_seconds) if w.predicted_seconds is not None else "",
                    memory_size(w.rss_bytes or 0),
                    str(w.image_id),
                    w.image if w.hangs_s is None else f"{w.image}: no read for {duration(w.hangs_s)}",
                ]
                for w in busy
            ],
            right=["slot", "pid", "MP", "memory", "ID"],
            indent=2,
        )
