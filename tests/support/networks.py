"""Machines in this machine: the engine and each host have a network namespace (root only), and links that break."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

_ENGINE, _TESTS = "10.77.0.1", "10.77.0.254"


class Machine:
    """A namespace with an interface of its own, which lasts as long as a process in it."""

    def __init__(self, at: Path | None = None) -> None:
        """`at`: it has mounts of its own too, and this is where its commands run."""
        self._keeper = subprocess.Popen(
            ["unshare", "--net", *(["--mount"] if at else []), "sleep", "infinity"]
        )
        kinds = ("net", "mnt") if at else ("net",)
        for kind in kinds:
            here = Path(f"/proc/self/ns/{kind}").readlink()
            own = Path(f"/proc/{self._keeper.pid}/ns/{kind}")
            wait_until(lambda here=here, own=own: own.readlink() != here, "a namespace")  # type: ignore[misc]
        self.inside: tuple[str, ...] = ("nsenter", f"--net=/proc/{self._keeper.pid}/ns/net")
        """In front of a command that is to run there."""
        if at is not None:
            mounts = f"--mount=/proc/{self._keeper.pid}/ns/mnt"
            self.inside = (*self.inside, mounts, "env", "-C", str(at))
        self.run("ip", "link", "set", "lo", "up")

    @property
    def pid(self) -> int:
        return self._keeper.pid

    def run(self, *command: str) -> str:
        """What it prints; it has to succeed."""
        done = subprocess.run([*self.inside, *command], check=True, capture_output=True, text=True)
        return done.stdout

    def end(self) -> None:
        self._keeper.send_signal(signal.SIGKILL)
        self._keeper.wait()


class Network:
    """The engine's machine with a bridge; each host's cable ends there."""

    def __init__(self) -> None:
        self.engine = Machine()
        self._hosts: list[Machine] = []
        self.engine.run("ip", "link", "add", "bridge", "type", "bridge")
        self.engine.run("ip", "address", "add", f"{_ENGINE}/24", "dev", "bridge")
        self.engine.run("ip", "link", "set", "bridge", "up")

    @property
    def listen(self) -> str:
        """For the engine's settings."""
        return f"tls://{_ENGINE}:8786"

    def add(self, at: Path | None = None) -> Link:
        """Another machine, which reaches the engine; see Machine."""
        machine = Machine(at)
        self._hosts.append(machine)
        return Link(self.engine, machine, len(self._hosts))

    def reach(self) -> str:
        """A cable to this process's own namespace: at this address all machines reach what it serves. It goes with the
        engine's machine."""
        own = f"tests{os.getpid()}"
        pair = ("ip", "link", "add", "port0", "type", "veth", "peer", "name", own, "netns", str(os.getpid()))
        self.engine.run(*pair)
        self.engine.run("ip", "link", "set", "port0", "master", "bridge", "up")
        for command in (("address", "add", f"{_TESTS}/24", "dev", own), ("link", "set", own, "up")):
            subprocess.run(["ip", *command], check=True)
        return _TESTS

    def end(self) -> None:
        for machine in (*self._hosts, self.engine):
            machine.end()


class Link:
    """A machine, and its cable to the engine."""

    def __init__(self, engine: Machine, machine: Machine, number: int) -> None:
        self.machine = machine
        self._engine = engine
        self._port = f"port{number}"
        cable = ("ip", "link", "add", self._port, "type", "veth")
        engine.run(*cable, "peer", "name", "eth0", "netns", str(machine.pid))
        engine.run("ip", "link", "set", self._port, "master", "bridge", "up")
        machine.run("ip", "address", "add", f"10.77.0.{number + 1}/24", "dev", "eth0")
        machine.run("ip", "link", "set", "eth0", "up")

    def pull(self) -> None:
        """The cable is out: both ends see that."""
        self._engine.run("ip", "link", "set", self._port, "down")

    def plug_in(self) -> None:
        self._engine.run("ip", "link", "set", self._port, "up")

    def drop(self) -> None:
        """Whatever goes to this machine is lost on its way, also the answer to a SYN; nobody is told."""
        self._engine.run("tc", "qdisc", "replace", "dev", self._port, "root", "pfifo", "limit", "0")

    def drop_nothing(self) -> None:
        self._engine.run("tc", "qdisc", "delete", "dev", self._port, "root")


@pytest.fixture
def network() -> Iterator[Network]:
    """Skipped where no namespaces can be made: that takes root, `ip`, `tc` and the kernel's veth."""
    for tool in ("ip", "tc", "unshare", "nsenter"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    problem = subprocess.run(
        ["unshare", "--net", "ip", "link", "add", "type", "veth"], capture_output=True, text=True, check=False
    )
    if problem.returncode:
        pytest.skip(f"no network namespaces with veth here: {problem.stderr.strip()}")
    made = Network()
    yield made
    made.end()
