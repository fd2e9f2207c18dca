"""A client of the engine's socket, for the commands and the TUI: it asks, waits a bounded time, and says why not.

Who listens on the socket is the process that holds the ledger's lock, and a process of this user: the kernel says so
(`engine.control.peers`). Its version is not known: whatever comes is read as a typed message, or refused.
"""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any, Self, TypeVar

from msgspec import Struct, ValidationError, convert, to_builtins

from engine.control.peers import peer_of, why_not_the_engine
from engine.control.requests import MAX_LINE_BYTES, PROTOCOL, Answer, GetSnapshot, Hello, Reply, Request
from engine.control.snapshot import Snapshot
from engine.failures import UserError
from engine.formatting import date_and_second
from engine.ledger.lock import Holder, find_engine
from engine.workspace import Workspace

ReplyT = TypeVar("ReplyT", bound=Reply)
MessageT = TypeVar("MessageT", bound=Struct)

_RETRY_EVERY_S = 0.02


class NoEngine(Exception):
    """No engine answers on this workspace's socket; the message says so in one line."""


class EngineSilent(NoEngine):
    """An engine runs, because it holds the ledger's lock, and does not answer; the message says what to do."""

    def __init__(self, holder: Holder, why: str = "") -> None:
        self.holder = holder
        who = f"the engine (pid {holder.pid}, since {date_and_second(holder.since)})"
        super().__init__(f"{who} does not answer: {why or _why_silent(holder)}")


class _NotTheEngine(NoEngine):
    """Somebody else listens where the engine should."""


class Refused(UserError):
    """The engine answered, and refused."""


def running_engine(workspace: Workspace, timeout_s: float = 5.0) -> EngineClient | None:
    """A connection to the engine that runs here, None if none does. Raises EngineSilent and UserError."""
    try:
        return EngineClient.connect(workspace, timeout_s)
    except EngineSilent:
        raise
    except NoEngine:
        return None


def running_pid(workspace: Workspace) -> int | None:
    """The process of the engine that runs here, None if none does. Raises EngineSilent and UserError."""
    client = running_engine(workspace)
    if client is None:
        return None
    with client:
        return client.pid


class EngineClient:
    """One connection; not for several threads at once."""

    def __init__(self, connection: socket.socket, workspace: Workspace, timeout_s: float) -> None:
        self._socket = connection
        self._workspace = workspace
        self._timeout_s = timeout_s
        self._buffer = b""
        self._next_id = 0
        self.pid = 0
        self.version = ""

    @classmethod
    def connect(cls, workspace: Workspace, timeout_s: float = 5.0) -> Self:
        """Raises NoEngine if none runs, EngineSilent if one does and does not answer within `timeout_s`,
        UserError if what answers is no engine or speaks another protocol.

        An engine that is just starting or leaving is waited for: it holds the lock before and after it listens.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            holder = find_engine(workspace.lock_path)
            if holder is None:
                raise NoEngine(f"no engine answers in {workspace.root}")
            try:
                return cls._open(holder, workspace, timeout_s, deadline)
            except (OSError, NoEngine) as error:
                engine = find_engine(workspace.lock_path)
                if engine is None:
                    raise NoEngine(f"no engine answers in {workspace.root}") from error
                if isinstance(error, _NotTheEngine) and engine == holder:
                    raise EngineSilent(engine, str(error)) from error
                if not engine.is_here:
                    raise EngineSilent(engine, f"it runs on {engine.host}; ask it there") from error
                if isinstance(error, PermissionError):
                    raise EngineSilent(engine, "it listens only to the user who started it") from error
                if time.monotonic() >= deadline:
                    raise EngineSilent(engine) from TimeoutError(str(error))
            time.sleep(_RETRY_EVERY_S)

    @classmethod
    def _open(cls, holder: Holder, workspace: Workspace, timeout_s: float, deadline: float) -> Self:
        """Raises NoEngine if the lock's holder does not listen yet, OSError, and _NotTheEngine."""
        if not holder.socket:
            raise NoEngine("it does not listen yet")
        path = Path(holder.socket)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(max(_RETRY_EVERY_S, deadline - time.monotonic()))
            connection.connect(str(path))
            why = why_not_the_engine(peer_of(connection), holder, workspace.root)
            if why is not None:
                raise _NotTheEngine(why)
            client = cls(connection, workspace, timeout_s)
            client._read_hello(path, deadline)
        except BaseException:
            connection.close()
            raise
        return client

    def ask(self, request: Request[ReplyT]) -> ReplyT:
        """The reply. Raises Refused with the engine's reason, NoEngine if it goes away, EngineSilent if it stays
        and does not answer in time, UserError if the reply is not what this version understands."""
        self._next_id += 1
        message = {"id": self._next_id, **to_builtins(request)}
        deadline = time.monotonic() + self._timeout_s
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            reply = self._read_line(deadline)
        except TimeoutError as error:
            engine = find_engine(self._workspace.lock_path)
            if engine is not None:
                raise EngineSilent(engine) from error
            raise NoEngine("the engine does not answer any more") from error
        except OSError as error:
            raise NoEngine("the engine does not answer any more") from error
        answer = self._read_as(Answer, reply)
        if answer.id != self._next_id:
            raise self._another_version()
        if not answer.ok:
            raise Refused(answer.error)
        return self._read_as(request.reply_type(), reply)

    def snapshot(self) -> Snapshot:
        return self.ask(GetSnapshot()).snapshot

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_hello(self, path: Path, deadline: float) -> None:
        """Take in the engine's first line."""
        line = self._read_line(deadline)
        if isinstance(line, dict) and line.get("ok") is False:
            raise Refused(self._read_as(Answer, line).error)
        if not isinstance(line, dict) or "photostat" not in line:
            raise UserError(f"{path}: what listens there is not a photostat engine")
        version = line.get("version")
        self.version = version if isinstance(version, str) else ""
        hello = self._read_as(Hello, line)
        if hello.photostat != PROTOCOL:
            raise self._another_version()
        self.pid = hello.pid

    def _read_as(self, kind: type[MessageT], document: Any) -> MessageT:
        try:
            return convert(document, kind)
        except ValidationError as error:
            raise self._another_version() from error

    def _another_version(self) -> UserError:
        which = f"version {self.version}" if self.version else "another version"
        return UserError(
            f"the engine in {self._workspace.root} is {which} and speaks another protocol: "
            "use the photostat it was started with"
        )

    def _read_line(self, deadline: float) -> Any:
        """One JSON document; raises TimeoutError, NoEngine at the connection's end, UserError for what is no JSON."""
        while b"\n" not in self._buffer:
            self._socket.settimeout(max(_RETRY_EVERY_S, deadline - time.monotonic()))
            chunk = self._socket.recv(65536)
            if not chunk:
                raise NoEngine("the engine has left")
            self._buffer += chunk
            if len(self._buffer) > MAX_LINE_BYTES:
                raise _no_engine_of_ours(self._socket)
            if time.monotonic() > deadline and b"\n" not in self._buffer:
                raise TimeoutError("no whole line in time")
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _no_engine_of_ours(self._socket) from error


def _no_engine_of_ours(connection: socket.socket) -> UserError:
    return UserError(f"{connection.getpeername()}: what listens there is not a photostat engine")


def _why_silent(holder: Holder) -> str:
    """What may be wrong with an engine of this machine, and what to do about it."""
    if _is_suspended(holder.pid):
        return f"it is suspended; `kill -CONT {holder.pid}` lets it continue"
    return (
        f"it may be busy, or wait for a disk that hangs; try again. `kill {holder.pid}` asks it to finish what is "
        f"in flight and leave, `kill -9 {holder.pid}` ends it; what is done stays done"
    )


def _is_suspended(pid: int) -> bool:
    import psutil  # only here: a command should start quickly

    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.Error:
        return False
