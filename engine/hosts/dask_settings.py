"""How Dask is set up here: it carries messages and knows who is there; it schedules, balances and keeps nothing."""

from __future__ import annotations

from typing import Any

from engine.hosts.invitations import Credentials

_SETTINGS: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.scheduler.worker-ttl": "30s",
    "distributed.scheduler.no-workers-timeout": "20s",
    "distributed.scheduler.events-cleanup-delay": "1m",
    "distributed.admin.log-length": 100,
    "distributed.admin.low-level-log-length": 100,
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.comm.timeouts.connect": "10s",
    "distributed.comm.timeouts.tcp": "15s",  # below 11 s Dask asserts
    "distributed.diagnostics.nvml": False,
    "distributed.logging": {"distributed": "critical", "tornado": "critical"},
}


def configure() -> None:
    """Before anything of Dask's own is imported in this process."""
    import dask

    dask.config.set(_SETTINGS)


def security_of(credentials: Credentials) -> Any:
    """A `distributed.Security`: both ends show a certificate of the authority."""
    from distributed.security import Security

    return Security(
        require_encryption=True,
        tls_ca_file=credentials.authority,
        **{
            f"tls_{role}_{what}": text
            for role in ("scheduler", "worker", "client")
            for what, text in (("cert", credentials.certificate), ("key", credentials.key))
        },
    )
