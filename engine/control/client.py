"""A client of the engine's socket, for the commands and the TUI: asks, waits a bounded time, and says why not."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any, Self

from msgspec import ValidationError

from engine.control.server import MAX_LINE_BYTES, PROTOCOL
from engine.control.snapshot import Snapshot
from engine.failures import UserError
from engine.ledger.lock import Holder, find_engine
from engine.workspace import Workspace

_LOOK_S = 0.02


class NoEngine(Exception):
    """No engine answers on this workspace's socket; the message says so in one line."""


class EngineSilent(NoEngine):
    """An engine is there, for it holds the ledger's lock, and does not answer; the message says what to do."""

    def __init__(self, holder: Holder, why: str = "") -> None:
        self.holder = holder
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder.since))
        who = f"the engine (pid {holder.pid}, since {since})"
        super().__init__(f"{who} does not answer: {why or _why_silent(holder)}")


class Refused(UserError):
    """The engine answered, and said no."""


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
        """Raises NoEngine where none runs, EngineSilent where one does and does not answer within `timeout_s`,
        UserError where what answers is no engine or speaks another protocol.

        An engine that is just starting or leaving is waited for: it holds the lock before and after it listens.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            engine = find_engine(workspace.lock_path)
            path = Path(engine.socket) if engine and engine.socket else workspace.socket_path
            try:
                return cls._open(path, workspace, timeout_s, deadline)
            except (OSError, NoEngine) as error:
                engine = find_engine(workspace.lock_path)
                if engine is None:
                    raise NoEngine(f"no engine answers in {workspace.root}") from error
                if not engine.is_here:
                    raise EngineSilent(engine, f"it runs on {engine.host}; ask it there") from error
                if isinstance(error, PermissionError):
                    raise EngineSilent(engine, "it listens only to the user who started it") from error
                if time.monotonic() >= deadline:
                    raise EngineSilent(engine) from TimeoutError(str(error))
            time.sleep(_LOOK_S)

    @classmethod
    def _open(cls, path: Path, workspace: Workspace, timeout_s: float, deadline: float) -> Self:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(max(_LOOK_S, deadline - time.monotonic()))
            connection.connect(str(path))
            client = cls(connection, workspace, timeout_s)
            client._greet(path, deadline)
        except BaseException:
            connection.close()
            raise
        return client

    def command(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Returns the reply's fields; raises Refused with the engine's reason, NoEngine when it goes away,
        EngineSilent when it stays and says nothing."""
        self._next_id += 1
        request = {"id": self._next_id, "command": name, **arguments}
        deadline = time.monotonic() + self._timeout_s
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            reply = self._read_line(deadline)
        except TimeoutError as error:
            engine = find_engine(self._workspace.lock_path)
            if engine is not None:
                raise EngineSilent(engine) from error
            raise NoEngine("the engine does not answer any more") from error
        except OSError as error:
            raise NoEngine("the engine does not answer any more") from error
        if not isinstance(reply, dict) or reply.get("id") != self._next_id:
            raise self._another_version()
        if reply.pop("ok", None) is not True:
            raise Refused(str(reply.get("error", "the engine refused, and did not say why")))
        return reply

    def snapshot(self) -> Snapshot:
        reply = self.command("snapshot")
        try:
            return Snapshot.from_json(reply["snapshot"])
        except (KeyError, ValidationError) as error:
            raise self._another_version() from error

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _greet(self, path: Path, deadline: float) -> None:
        """Take in the engine's first line."""
        hello = self._read_line(deadline)
        if not isinstance(hello, dict) or "photostat" not in hello:
            raise UserError(f"{path}: what listens there is not a photostat engine")
        pid, version = hello.get("pid"), hello.get("version")
        self.version = version if isinstance(version, str) else ""
        if hello["photostat"] != PROTOCOL or not isinstance(pid, int) or not isinstance(version, str):
            raise self._another_version()
        self.pid = pid

    def _another_version(self) -> UserError:
        which = f"version {self.version}" if self.version else "another version"
        return UserError(
            f"the engine in {self._workspace.root} is {which} and speaks another protocol: "
            "use the photostat it was started with"
        )

    def _read_line(self, deadline: float) -> Any:
        """One JSON document; raises TimeoutError, NoEngine at the connection's end, UserError for what is no JSON."""
        while b"\n" not in self._buffer:
            self._socket.settimeout(max(_LOOK_S, deadline - time.monotonic()))
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
        return f"it is suspended; `kill -CONT {holder.pid}` lets it go on"
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
