"""A workspace whose engine has other machines: each with a network, mounts and a scratch of its own."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from engine.ledger.reader import LedgerReader
from engine.ledger.states import AttemptOutcome
from engine.workspace import Workspace
from tests.soak.place_faults import mount_tmpfs
from tests.soak.site import Site
from tests.support.command_line import Outcome, photostat
from tests.support.engine_runs import list_rows
from tests.support.host_processes import HostProcess, listening
from tests.support.networks import Network
from tests.support.waiting import wait_until

_SCRATCH = "24m"
_LEFT, _REFUSED, _KILLED, _TERMINATED = 0, 2, -9, -15


class OtherMachine:
    """Its host process is started again whenever it has ended, as systemd does."""

    def __init__(self, site: ClusterSite, name: str, runs_first: str) -> None:
        self._site, self.name, self._runs_first = site, name, runs_first
        self.directory = site.root.parent / f"machine-{name}"
        self.scratch = self.directory / f"photostat-{name}-scratch"
        mount_tmpfs(self.scratch, _SCRATCH)
        self.link = site.network.add(self.directory)
        self.host: HostProcess | None = None
        self._said_before = ""
        """By the processes before the present one."""

    def keep_running(self) -> None:
        host = self.host
        if host is not None and (code := host.process.poll()) is not None:
            was_told_before_it_began = code == _TERMINATED and host.said == self._said_before
            ended_well = code in (_LEFT, _REFUSED, _KILLED) or was_told_before_it_began
            assert ended_well, f"{self.name}: {code}: {host.said[-2000:]}"
            self._said_before = host.said
            if code == _REFUSED:  # it was forgotten: somebody invites it again
                host.invitation.unlink(missing_ok=True)
            host = None
        inside = self.link.machine.inside
        self.host = host or HostProcess(self._site.root, self.name, through=inside, site=self._runs_first)
        assert "Traceback" not in self.host.said, f"{self.name}: {self.host.said[-3000:]}"

    def run(self, *command: str) -> None:
        """There; whether it succeeds depends on what else happens there."""
        with suppress(subprocess.CalledProcessError):
            self.link.machine.run(*command)

    def process(self, what: str) -> psutil.Process | None:
        """Its `host` process, or one of that one's children by a part of the name."""
        if self.host is None or self.host.process.poll() is not None:
            return None
        with suppress(psutil.NoSuchProcess):
            host = psutil.Process(self.host.process.pid)
            children = [one for one in host.children() if one.cmdline()[-1:] and what in one.cmdline()[-1]]
            return host if what == "host" else next(iter(children), None)
        return None

    def end(self) -> None:
        """All that it had is stored: it ends, and leaves nothing."""
        self.keep_running()
        host = self.host
        assert host is not None
        wait_until(lambda: host.has_said("photostat host: connects to"), "it to run")
        assert host.end() == 0, host.said[-2000:]
        assert host.scratch == [], f"{self.name}: {host.scratch}"


class ClusterSite(Site):
    def __init__(
        self,
        root: Path,
        share: Path,
        settings: str,
        machines: Mapping[str, str],
        network: Network,
    ) -> None:
        """`machines`: by name, what Python runs first there."""
        self.network = network
        self.machines: list[OtherMachine] = []
        super().__init__(root, share, settings + listening(self.network.listen))
        self.machines += [OtherMachine(self, name, first) for name, first in machines.items()]

    def command(self, *args: str | Path, codes: tuple[int, ...] = (0, 1, 2, 3)) -> Outcome:
        if args[0] != "run":
            return super().command(*args, codes=codes)
        outcome = photostat(*args, workspace=self.root, expect=None, inside=self.network.engine.inside)
        assert outcome.code in codes, f"{self.name}: {outcome.stderr}"
        return outcome

    def keep_running(self) -> None:
        super().keep_running()
        for machine in self.machines:
            machine.keep_running()

    def look(self) -> None:
        super().look()
        for machine in self.machines:
            if (host := machine.process("host")) is not None:
                self.growth.sample(host)

    def finish(self, longest_s: float) -> None:
        super().finish(longest_s)
        self.command("requeue", "--all")  # what a person has let fail
        super().finish(longest_s)
        for machine in self.machines:
            machine.end()

    def count_attempts(self, of_the_store: Collection[str]) -> dict[str, int]:
        """By what came of them. Only those count whose worker was killed, whose image is at fault, or which the store
        has refused for a cause that may be an image's.

        The ledger has no cause of an attempt that a worker's death or a person has ended."""
        found: Counter[str] = Counter()
        with LedgerReader(Workspace(self.root)) as reader:
            for row in list_rows(self.root):
                for attempt in reader.attempts(row["id"]):
                    found[f"{attempt.outcome} {attempt.cause}"] += 1
                    counts = attempt.outcome in (AttemptOutcome.FAILED, AttemptOutcome.AGAIN)
                    causes = (row["cause"], "worker-crashed", "timed-out", None, *of_the_store)
                    assert not counts or attempt.cause in causes, f"{row['source']}: {attempt}"
        return dict(found)

    def close(self) -> None:
        for machine in self.machines:
            if machine.host is not None and machine.host.process.poll() is None:
                with suppress(psutil.NoSuchProcess):
                    machine.host.kill()
        self.network.end()
