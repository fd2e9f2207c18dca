"""How Dask is set up here: it carries messages and knows who is there. It has no tasks and no workers here."""

from __future__ import annotations

import warnings
from typing import Any

from engine.hosts.invitations import Credentials

_SETTINGS: dict[str, Any] = {
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.http.routes": [],
    "distributed.scheduler.events-cleanup-delay": "1m",
    "distributed.admin.log-length": 100,
    "distributed.admin.low-level-log-length": 100,
    "distributed.comm.timeouts.connect": "10s",
    "distributed.comm.timeouts.tcp": "15s",  # below 11 s Dask asserts
    "distributed.diagnostics.nvml": False,
    "distributed.logging": {  # what matters of it is an event, or is said by the host
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"nowhere": {"class": "logging.NullHandler"}},
        "loggers": {
            name: {"handlers": ["nowhere"], "propagate": False} for name in ("distributed", "tornado")
        },
    },
}


def configure() -> None:
    """Before anything of Dask's own is imported in this process."""
    import dask

    # A machine that reaches nothing outside is as good as any; the address that Dask looks for is asked for nowhere.
    warnings.filterwarnings("ignore", "Couldn't detect a suitable IP address", RuntimeWarning)
    dask.config.set(_SETTINGS)


def security_of(credentials: Credentials) -> Any:
    """A `distributed.Security`: both ends show a certificate of the authority."""
    configure()
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
