"""A real Dask cluster on the loopback, as somebody else has it: a scheduler with TLS files, and a worker of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from engine.hosts.dask_settings import security_of
from engine.hosts.invitations import Authority, _made
from tests.support.host_processes import free_port
from tests.support.terminals import ROOT
from tests.support.waiting import wait_until


@dataclass
class DaskCluster:
    directory: Path
    port: int = field(default_factory=free_port)
    scheduler: subprocess.Popen[bytes] | None = None
    worker: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.directory.mkdir(exist_ok=True)
        (self.directory / "authority.pem").write_text("".join(_made("authority of a library", None)))
        self.credentials = Authority(self.directory).engine()
        for name, text in (
            ("ca", self.credentials.authority),
            ("cert", self.credentials.certificate),
            ("key", self.credentials.key),
        ):
            (self.directory / f"{name}.pem").write_text(text)

    @property
    def address(self) -> str:
        return f"tls://127.0.0.1:{self.port}"

    @property
    def settings(self) -> str:
        """Of a workspace whose hosts meet its engine there."""
        files = ", ".join(f'{name} = "{self.directory}/{name}.pem"' for name in ("ca", "cert", "key"))
        return f'[cluster]\nscheduler = "{self.address}"\ntls = {{ {files} }}\n'

    def start(self) -> None:
        """Both, as an administrator does; returns when the worker has registered."""
        tls = [
            word
            for option, name in (("ca-file", "ca"), ("cert", "cert"), ("key", "key"))
            for word in (f"--tls-{option}", str(self.directory / f"{name}.pem"))
        ]
        log = (self.directory / "log").open("ab")
        self.scheduler = subprocess.Popen(
            [
                *(sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"),
                *("--port", str(self.port), "--protocol", "tls", "--no-dashboard", *tls),
            ],
            cwd=self.directory,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=log,
        )
        self.worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "distributed.cli.dask_worker", self.address, "--no-dashboard"),
                *("--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", *tls),
            ],
            cwd=self.directory,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=log,
        )
        said = self.directory / "log"
        before = said.read_text().count("Registered to")
        wait_until(lambda: said.read_text().count("Registered to") > before, "a Dask worker of somebody else")

    def end(self) -> None:
        """Killed, both."""
        for process in (self.worker, self.scheduler):
            if process is not None:
                process.kill()
                process.wait()

    def squares(self, count: int) -> tuple[list[tuple[int, int]], int]:
        """Somebody else's work: each square with the pid that has computed it; and how many workers there are."""
        from distributed import Client

        with Client(self.address, security=security_of(self.credentials), set_as_default=False) as client:
            futures = client.map(_square_and_pid, range(count))
            return client.gather(futures), len(client.scheduler_info()["workers"])


def _square_and_pid(number: int) -> tuple[int, int]:
    return number * number, os.getpid()
