"""Fixtures for all tests: real JP2 files, real workspaces, the conformance files."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from engine.control.client import EngineClient, EngineSilent, NoEngine
from engine.workspace import Workspace
from tests.support.command_in_process import add_export
from tests.support.host_processes import hosts as hosts
from tests.support.hung_sources import hung_sources as hung_sources
from tests.support.jp2_files import Row, make_jp2, representation, write_export
from tests.support.networks import network as network
from tests.support.notified import mail_server as mail_server
from tests.support.s3_relay import relay as relay
from tests.support.seaweed import https_seaweed as https_seaweed
from tests.support.seaweed import own_seaweed as own_seaweed
from tests.support.seaweed import prefix as prefix
from tests.support.seaweed import s3_credentials as s3_credentials
from tests.support.seaweed import seaweed as seaweed
from tests.support.seaweed import seaweed_server as seaweed_server
from tests.support.staged_jpegs import request_for as request_for
from tests.support.system_tools import skip_without_tools
from tests.support.wrong_server import wrong_server as wrong_server

# A busy machine is no reason to fail; and CI judges a change, not the luck of a draw.
settings.register_profile(
    "photostat",
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("photostat")

ENCODED = "TESTS_ENCODED_IMAGES"
END_TO_END = Path(__file__).parent / "end_to_end"

LARGE = {"width": 700, "height": 600}
"""Sides of images that take long enough to stop a worker in the middle of one, and no longer."""

MakeJp2 = Callable[..., Path]
MakeWorkspace = Callable[..., Path]


def pytest_runtest_setup(item: pytest.Item) -> None:
    skip_without_tools(item)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each of the processes that share the tests begins with its part of those that start engines, some of every file.

    These wait much and differ in length: at the end a few of them would keep one process at work and the others idle.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    with_engines = [item for item in items if END_TO_END in item.path.parents]
    others = [item for item in items if END_TO_END not in item.path.parents]
    items[:] = [
        item
        for number in range(processes)
        for item in (
            *with_engines[number::processes],
            *others[len(others) * number // processes : len(others) * (number + 1) // processes],
        )
    ]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long values by their length, because pytest puts the names into the environment, which has a limit."""
    return f"{argname} of {len(val)}" if isinstance(val, bytes | str) and len(val) > 80 else None


@pytest.fixture(scope="session", autouse=True)
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whoever runs the tests may have chosen a theme."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("settings")))
        environment.delenv("PHOTOSTAT_THEME", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def encoded_images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A directory for all processes of a run."""
    base = tmp_path_factory.getbasetemp()
    directory = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "encoded"
    directory.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(ENCODED, str(directory))
        yield


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is UTC."""
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def jp2(tmp_path: Path) -> MakeJp2:
    """`jp2("a.jp2", 300, 200, channels=1, ...)` gives the path of a JP2 under tmp_path; see `make_jp2`."""

    def make(name: str = "image.jp2", width: int = 256, height: int = 192, **options: Any) -> Path:
        path = tmp_path / name
        make_jp2(path, width, height, **options)
        return path

    return make


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[MakeWorkspace]:
    """`workspace(images=5)` gives a workspace with that many small images pending in batch "plates".

    Options: `batch`; `width`, `height` of the images; `settings`, the text of photostat.toml (default: all
    defaults); `add`, False to stop before the import; `name` of the directory under tmp_path. Images are
    `source/REPRESENTATION/IMAGE.jp2`, five to a representation; the export is `export.csv`. An engine that a
    failed test leaves behind is ended.
    """
    made: list[Path] = []

    def make(
        images: int = 5,
        *,
        batch: str = "plates",
        width: int = 160,
        height: int = 120,
        settings: str | None = None,
        add: bool = True,
        name: str = "workspace",
    ) -> Path:
        root = tmp_path / name
        made.append(root)
        Workspace.init(root)
        if settings is not None:
            (root / "photostat.toml").write_text(settings, encoding="utf-8")
        write_export(root / "export.csv", make_sources(root, images, width, height))
        if add:
            add_export(root, root / "export.csv", batch)
        return root

    yield make
    for root in made:
        end_engine(root)


def end_engine(root: Path) -> None:
    """Kills an engine that still runs there."""
    try:
        with EngineClient.connect(Workspace(root), timeout_s=2) as client:
            os.kill(client.pid, signal.SIGKILL)
    except EngineSilent as silent:
        os.kill(silent.holder.pid, signal.SIGKILL)
    except (NoEngine, ProcessLookupError):
        return


DIFFERENT_IMAGES = 12
"""So many of a workspace's images differ, the others are copies: encoding them takes more time than converting."""


@cache
def _jp2_bytes(width: int, height: int, channels: int, seed: int) -> bytes:
    """Many tests use the same images, also those of other processes of this run."""
    directory = Path(os.environ[ENCODED])
    path = directory / f"{width}x{height}x{channels}-{seed}.jp2"
    if not path.exists():
        unfinished = directory / f"{path.stem}-{os.getpid()}.jp2"
        make_jp2(unfinished, width, height, channels=channels, seed=seed)
        unfinished.replace(path)
    return path.read_bytes()


def make_sources(root: Path, images: int, width: int, height: int) -> list[Row]:
    """That many JP2s under `root/source`, as rows of an export with absolute paths; sizes differ a little."""
    rows = []
    for number in range(images):
        identity = representation(number // 5)
        path = root / "source" / identity / f"image_{number:04}.jp2"
        path.parent.mkdir(parents=True, exist_ok=True)
        seed = number % DIFFERENT_IMAGES
        path.write_bytes(_jp2_bytes(width + seed % 7, height + seed % 5, 3 if seed % 3 else 1, seed))
        rows.append(
            Row(
                identity,
                f"B{number // 5:06}",
                f"99{number:08}",
                f"image_{number:04}.tif",
                "plates",
                str(path),
            )
        )
    return rows


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The directory of the ISO/IEC 15444-4 files; the test is skipped if they are not here."""
    given = os.environ.get("PHOTOSTAT_CONFORMANCE")
    path = Path(given) if given else Path(__file__).parents[1].parent / "shared" / "jp2-conformance"
    if not path.is_dir():
        pytest.skip(
            "the JPEG 2000 conformance files are not here (PHOTOSTAT_CONFORMANCE names their directory)"
        )
    return path
