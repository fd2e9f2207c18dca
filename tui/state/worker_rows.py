"""The rows of the workers: one a worker, and with several hosts under a row of its host, which may be folded."""

from __future__ import annotations

from collections.abc import Sequence

from engine.control.process_snapshots import WorkerSnapshot
from engine.control.snapshot import HostSnapshot, Snapshot
from tui.state.hosts import several_hosts

_LEAST_COLUMNS = 3
_INDENT = 1


class HostFolds:
    """Which hosts' workers are out of sight: as a person has chosen for a host, else all if not all fit."""

    def __init__(self) -> None:
        self._chosen: dict[str, bool] = {}
        self.automatic = False
        """Not all workers fit."""

    def is_folded(self, host: str) -> bool:
        return self._chosen.get(host, self.automatic)

    def choose(self, host: str, *, folded: bool) -> None:
        self._chosen[host] = folded


class WorkerRows:
    """Of one snapshot; the key of a worker is its own, that of a host `conv2/`."""

    def __init__(self, snapshot: Snapshot, folds: HostFolds) -> None:
        self.workers = {worker.key: worker for worker in snapshot.workers}
        self.hosts = {head_key(host.name): host for host in several_hosts(snapshot)}
        self._of_host = _by_host(snapshot.workers) if self.hosts else {}
        self._folds = folds

    @property
    def keys(self) -> list[str]:
        if not self.hosts:
            return list(self.workers)
        found: list[str] = []
        for key, host in self.hosts.items():
            found.append(key)
            if not self._folds.is_folded(host.name):
                found += [worker.key for worker in self._of_host.get(host.name, ())]
        return found

    def host_of(self, key: str | None) -> HostSnapshot | None:
        """The host of a row, also of a worker that is not there any more; None where there are no rows of hosts."""
        return None if key is None else self.hosts.get(key[: key.rfind("/") + 1] or head_key("here"))

    @property
    def if_unfolded(self) -> int:
        """Rows of all hosts and workers, also those about to start: it changes only if hosts come or go, or a person
        wants more workers."""
        return sum(1 + self._most_workers(host) for host in self.hosts.values())

    @property
    def wanted(self) -> int:
        """Rows for all that is in sight."""
        if not self.hosts:
            return len(self.workers)
        return sum(
            1 if self._folds.is_folded(host.name) else 1 + self._most_workers(host)
            for host in self.hosts.values()
        )

    @property
    def slot_columns(self) -> int:
        """For the number of a worker, further right if it is under its host."""
        longest = max((len(str(worker.slot)) for worker in self.workers.values()), default=1)
        return max(_LEAST_COLUMNS, 1 + longest) + (_INDENT if self.hosts else 0)

    def _most_workers(self, host: HostSnapshot) -> int:
        return max(host.workers, len(self._of_host.get(host.name, ())))


def head_key(host: str) -> str:
    return f"{host}/"


def _by_host(workers: Sequence[WorkerSnapshot]) -> dict[str, list[WorkerSnapshot]]:
    found: dict[str, list[WorkerSnapshot]] = {}
    for worker in workers:
        found.setdefault(worker.host, []).append(worker)
    return found
