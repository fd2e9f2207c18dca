"""A notification: one document for programs, and a title and a text for people, made from a notice and the ledger."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from msgspec import Struct

from engine.failures import one_line
from engine.formatting import duration, integer
from engine.ledger.account import Account
from engine.notify.protocol import HeldFor, Hello, Notice, Occasion

_TITLES = {
    Occasion.FINISHED: "finished",
    Occasion.STOPPED: "stopped",
    Occasion.DRAINED: "drained",
    Occasion.HOLDING: "holding",
    Occasion.HOLD_ENDED: "goes on",
    Occasion.DIED: "the engine has died",
    Occasion.RESTARTED: "runs again",
    Occasion.MORNING: "this morning",
    Occasion.TEST: "a test",
}


class Engine(Struct, frozen=True):
    pid: int
    version: str
    started: float
    """Unix time, s."""


class Document(Struct, frozen=True):
    """What is POSTed: every field is a key of it. Keys that are there stay."""

    event: Occasion
    text: str
    workspace: str
    account: Account
    host: str
    state: str
    time: float
    """Unix time, s."""
    seconds: float
    """Since this engine started."""
    engine: Engine | None
    hold: HeldFor | None
    failures_by_cause: Mapping[str, int]
    """Of all batches."""
    report: str
    """The account of the run, several lines; empty if it could not be made."""


@dataclass(frozen=True)
class FromLedger:
    """What the ledger adds to a notice."""

    failures_by_cause: Mapping[str, int] = field(default_factory=dict)
    report: str = ""


@dataclass(frozen=True)
class Message:
    document: Document
    title: str
    body: str


def message_of(notice: Notice, engine: Hello | None, workspace: str, ledger: FromLedger) -> Message:
    """`engine` is None for a test without one."""
    host = socket.gethostname()
    document = Document(
        event=notice.occasion,
        text=one_line(notice.text),
        workspace=workspace,
        account=notice.account,
        host=host,
        state=notice.state.value,
        time=notice.time,
        seconds=round(notice.time - engine.started, 1) if engine else 0.0,
        engine=Engine(engine.pid, engine.version, engine.started) if engine else None,
        hold=notice.hold,
        failures_by_cause=ledger.failures_by_cause,
        report=ledger.report,
    )
    name = one_line(PurePath(workspace).name or workspace)
    title = f"photostat: {_TITLES[notice.occasion]}: {name} on {host}"
    return Message(document, title, "\n".join(_body(document, engine is not None)))


def _body(document: Document, has_engine: bool) -> list[str]:
    lines = [document.text, "", f"workspace  {one_line(document.workspace)} on {document.host}"]
    lines.append(f"state      {document.state}")
    if has_engine:
        lines.append(f"running    for {duration(document.seconds)}")
    lines.append(f"account    {document.account.summary()}")
    causes = [f"{cause} {integer(count)}" for cause, count in document.failures_by_cause.items()]
    if causes:
        lines.append(f"failures   {', '.join(causes)}")
    return [*lines, "", *document.report.splitlines()] if document.report else lines
