"""The process of a host: `python -m engine.host INVITATION`, started by `photostat host` on another machine.

It connects to the engine that has invited it, and lends it this machine: workers and an uploader as its own children.
If the connection is lost, or the engine ends, it ends them, and tries to connect again until somebody stops it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from engine.failures import UserError, one_line
from engine.formatting import counted
from engine.gpu.cards import cards, devices_in, why_no_cards
from engine.hosts.base import HAS_LEFT
from engine.hosts.children import Children
from engine.hosts.connection import Connection
from engine.hosts.first_contact import make_contact, reason
from engine.hosts.host_scratch import take_scratch, what_stays
from engine.hosts.invitations import Invitation
from engine.hosts.libraries import libraries
from engine.hosts.received_invitation import invitation_of_stdin
from engine.hosts.session import Session
from engine.hosts.waiting_words import AgainAndAgain
from engine.hosts.wire import Hello, Parcel, topic_of_host
from engine.ledger.states import EventKind
from engine.memory.available import MemoryReader
from engine.memory.usage import OOM_SUPERVISOR, set_oom_score
from engine.visible_stderr import make_stderr_visible

_TICK_S = 0.25
_HELLO_EVERY_S = 1.0
_AGAIN_AFTER_S = 5.0
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
CONNECTION_LOST = 3
"""The exit code of a host that was started over ssh; 0 is that of one which was to leave."""
_ENDED = "it was ended there"
FINISHES_WITHIN_S = 75.0
"""Less than the 90 s after which systemd kills what has not ended (TimeoutStopSec)."""


@dataclass(frozen=True)
class HostOptions:
    invitation: Path
    """`-`: from standard input."""
    scratch: Path | None
    workers: int
    while_stdin: bool = False
    """Whoever has started it over ssh: it ends when standard input does, and connects only once."""


class ConnectionLost(Exception):
    """Of a host that connects only once."""


class _Said:
    """What people see of it on stderr, each thing once until it changes."""

    def __init__(self) -> None:
        self._last = ""
        self._waits: AgainAndAgain | None = None

    def say(self, what: str) -> None:
        self._waits = None
        self._say(what)

    def wait(self, what: str) -> None:
        """It waits, for the same as before or for another reason: told now, and then less and less often."""
        now = time.monotonic()
        self._waits = self._waits or AgainAndAgain()
        if self._waits.is_due(now):
            self._last = ""
            self._say(what)

    def _say(self, what: str) -> None:
        if what != self._last:
            self._last = what
            print(f"photostat host: {one_line(what)}", file=sys.stderr, flush=True)

    def info(self, kind: EventKind, message: str, /, *, pid: int | None = None) -> None:
        self.say(message)

    def warning(self, kind: EventKind, message: str, /, *, pid: int | None = None) -> None:
        self.say(message)


class HostProcess:
    def __init__(self, options: HostOptions) -> None:
        self._options = options
        self._invitation = (
            Invitation.read(options.invitation) if str(options.invitation) != "-" else invitation_of_stdin()
        )
        name = f"photostat-{self._invitation.name}-scratch"
        self._scratch = options.scratch if options.scratch is not None else Path(name).absolute()
        self._said = _Said()
        self._wake_up = asyncio.Event()
        self._left = asyncio.Event()
        """Somebody ends it, and it waits for nothing any more."""
        self._serves: Session | None = None
        """While it is connected."""
        self._is_connected = self._has_connected = False
        self._session: Session | None = None
        """The last one with an engine."""

    async def run(self) -> None:
        """Until a person stops it. Raises UserError if the engine refuses it."""
        loop = asyncio.get_running_loop()
        for signum in _ENDING:
            loop.add_signal_handler(signum, self._leave)
        if self._options.while_stdin:
            loop.add_reader(sys.stdin.fileno(), self._read_stdin)
        is_ours = take_scratch(self._scratch) or self._options.scratch is None
        try:
            await self._connect_again_and_again()
        except UserError:
            self._say_what_stays()
            raise
        else:
            self._say_what_stays()
        finally:
            if is_ours:
                with contextlib.suppress(OSError):  # something waits there for the next time
                    self._scratch.rmdir()
        for signum in _ENDING:  # one more of them changes nothing now
            loop.remove_signal_handler(signum)
            signal.signal(signum, signal.SIG_IGN)

    async def _connect_again_and_again(self) -> None:
        self._said.say(f"connects to {self._invitation.address}")
        while not self._left.is_set():
            try:
                await self._connect_until_leaving()
            except (OSError, TimeoutError) as error:
                self._said.wait(
                    f"no engine answers at {self._invitation.address} ({reason(error)}): waits for it, and tries again"
                )
            if self._options.while_stdin and self._has_connected and not self._left.is_set():
                raise ConnectionLost  # who has started it starts it again
            if not self._left.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake_up.wait(), _AGAIN_AFTER_S)
        if self._session is not None:
            self._session.remove_all()

    def _say_what_stays(self) -> None:
        if what := what_stays(self._scratch):
            self._said.say(what)

    def _read_stdin(self) -> None:
        """When it ends, whoever has started this has gone: it leaves at once."""
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._left.set()
            self._wake_up.set()

    def _leave(self) -> None:
        """The first time it finishes what it has, the second time it leaves at once."""
        session = self._serves
        if session is not None and session.has_joined and not session.finishes:
            session.finish(_ENDED)
            most = f"{FINISHES_WITHIN_S:.0f} s at most"
            self._said.say(f"finishes what it has, {most}, then leaves; a second Ctrl-C or SIGTERM: at once")
            asyncio.get_running_loop().call_later(FINISHES_WITHIN_S, self._leave)
        else:
            if session is not None and session.finishes:
                self._said.say("leaves at once: others convert what it had")
            self._left.set()
        self._wake_up.set()

    async def _connect_until_leaving(self) -> None:
        """Whoever ends it while nobody answers waits for nobody."""
        connecting, leaving = asyncio.ensure_future(self._connect()), asyncio.ensure_future(self._left.wait())
        await asyncio.wait({connecting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if not self._is_connected:
            connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await connecting

    async def _connect(self) -> None:
        """One connection, from its beginning to its end."""
        incarnation = secrets.token_hex(16)
        children = Children(self._scratch / "host.children", self._said, self._wake_up)
        children.take_over()
        received: list[Parcel] = []
        sent: list[Parcel] = []
        invitation, scratch = self._invitation, self._scratch
        session = Session(incarnation, invitation.name, children, scratch, sent.append)

        def take(data: bytes) -> None:
            received.append(Parcel.unpacked(data))
            self._wake_up.set()

        await make_contact(invitation)
        try:
            name = f"{invitation.name}-{incarnation}"
            async with Connection(invitation.address, invitation.credentials, name) as connection:
                self._is_connected = self._has_connected = True
                self._serves = session
                try:
                    await connection.listen(topic_of_host(invitation.topic, invitation.name), take)
                    await self._serve(session, connection, received, sent)
                finally:
                    await session.end()  # first: closing a broken connection takes its time
        finally:
            self._is_connected = False
            self._serves = None
            if session.finishes:
                self._left.set()
            self._session = session if session.greeted else self._session
        if session.refused is not None:
            raise UserError(f"the engine refuses {self._invitation.name}: {session.refused}")

    async def _serve(
        self, session: Session, connection: Connection, received: list[Parcel], sent: list[Parcel]
    ) -> None:
        def send(parcel: Parcel) -> None:
            connection.send(self._invitation.topic, parcel.packed())

        said_hello_at = 0.0
        self._said.say(f"connected to {self._invitation.address}, waits for its engine")
        while connection.is_open and not session.is_over and session.refused is None:
            now = time.monotonic()
            while received:
                session.take(received.pop(0))
            if not session.greeted and now - said_hello_at >= _HELLO_EVERY_S:
                said_hello_at = now
                send(Parcel(session.incarnation, -1, (self._hello(connection),)))
            if session.dismissed is not None:
                self._left.set()
                session.leave(f"{HAS_LEFT}{session.dismissed}")
            elif self._left.is_set():
                session.leave(f"{HAS_LEFT}{_ENDED}")
            session.work(now)
            for parcel in sent:
                send(parcel)
            sent.clear()
            if session.dismissed is not None:
                why = "" if session.dismissed == _ENDED else f", {session.dismissed}"
                self._said.say(f"leaves{why}: all that it had is stored")
            elif session.finishes:
                pass
            elif session.problem is not None:
                self._said.say(f"cannot join: {session.problem}")
            elif session.held:
                self._said.say(f"gets no images for now: {session.held}")
            elif session.has_joined:
                workers = counted(self._options.workers, "worker")
                self._said.say(f"joined as {self._invitation.name}, {workers}{_gpus_here()}")
            if self._left.is_set() or session.problem is not None or session.refused is not None:
                return  # closing the connection waits for the last words
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake_up.wait(), _TICK_S)
            self._wake_up.clear()
        self._said.say("the connection is over")

    def _hello(self, connection: Connection) -> Hello:
        options = self._options
        memory = MemoryReader().read()
        found = tuple(cards())
        return Hello(
            self._invitation.name,
            connection.identity,
            libraries(),
            os.cpu_count() or 1,
            options.workers,
            memory,
            cards=found,
            no_cards="" if found else why_no_cards(),
        )


def _gpus_here() -> str:
    """What `joined` says of them; nothing where there is none. Whether they are used the engine's settings say."""
    if found := cards():
        return f"; {counted(len(found), 'GPU')} here"
    return f"; no GPU is used: {why_no_cards()}" if devices_in() else ""


def main() -> int:
    """0 when somebody has ended it, 2 if it cannot work, 3 if it connects only once and the connection is lost."""
    parser = argparse.ArgumentParser(prog="python -m engine.host")
    parser.add_argument("invitation", type=Path)
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--while-stdin", action="store_true")
    parser.add_argument("--workers", type=int, required=True)
    options = parser.parse_args()
    make_stderr_visible()
    set_oom_score(OOM_SUPERVISOR)
    try:
        asyncio.run(
            HostProcess(
                HostOptions(options.invitation, options.scratch, options.workers, options.while_stdin)
            ).run()
        )
    except UserError as error:
        print(f"photostat host: {one_line(str(error))}", file=sys.stderr, flush=True)
        return 2
    except ConnectionLost:
        return CONNECTION_LOST
    return 0


if __name__ == "__main__":
    sys.exit(main())
