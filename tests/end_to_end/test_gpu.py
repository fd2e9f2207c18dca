"""Runs with a GPU, which nvImageCodec's CPU backend stands in for: the same JPEGs, also when its process dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from engine.gpu.cards import BACKEND_MEMORY, CPU_BACKEND
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    list_rows,
    start_engine,
    status,
    stored_digests,
    wait_for_end,
)
from tests.support.gpu_decoders import needs_library
from tests.support.host_processes import HostProcess, free_port, settings
from tests.support.jp2_files import Encoding, make_jp2
from tests.support.waiting import wait_until

pytestmark = needs_library
IMAGES = 8
BACKEND = {CPU_BACKEND: "cpu"}


def messages(root: Path) -> list[str]:
    return [event["message"] for event in photostat("events", "--all", "--json", workspace=root).json]


def ready(root: Path) -> dict[str, Any] | None:
    gpus = status(root).get("gpus")
    return gpus[0] if gpus and gpus[0]["state"] == "ready" else None


def test_the_same_jpegs_also_when_the_process_dies(workspace: MakeWorkspace) -> None:
    plain = workspace(images=IMAGES, name="plain")
    photostat("run", "--headless", workspace=plain)
    assert not [text for text in messages(plain) if "GPU" in text]
    without = photostat("report", "--json", workspace=plain).json
    assert (without["decoded"], without["gpu"]) == ({"whole": IMAGES}, {})
    root = workspace(images=IMAGES, name="gpu", settings='[engine]\ngpu = "require"\n')
    batch = status(root)["batches"][0]["name"]
    photostat("batches", "hold", batch, "--reason", "until the GPU is there", workspace=root)
    start_engine(root, "--workers", "1", env=BACKEND)
    gpu = wait_until(lambda: ready(root), "the GPU")
    os.kill(gpu["pid"], signal.SIGSTOP)
    photostat("batches", "release", batch, workspace=root)
    wait_until(lambda: status(root)["workers"][0]["phase"] == "decoding", "an image that waits for the GPU")
    os.kill(gpu["pid"], signal.SIGKILL)
    assert wait_for_end(root)["totals"]["done"] == IMAGES
    assert {row["attempts"] for row in list_rows(root)} == {1}
    assert stored_digests(root) == stored_digests(plain)
    told = messages(root)
    assert [text for text in told if "was killed by SIGKILL: workers decode for themselves" in text]
    calm = workspace(images=IMAGES, name="calm", settings='[engine]\ngpu = "require"\n')
    photostat("run", "--headless", "--workers", "1", workspace=calm, env=BACKEND)
    assert stored_digests(calm) == stored_digests(plain)
    by_gpu = [text for text in messages(calm) if text.endswith("decoded by the GPU")]
    assert len(by_gpu) == 2, "of three grey images and five of RGB, the first three of each kind are compared"
    report = photostat("report", "--json", workspace=calm).json
    assert (sum(report["decoded"].values()), report["decoded"]["gpu"]) == (IMAGES, 2)
    assert report["gpu"] == {"compared": 6, "decoded": 2}
    page = (calm / "report" / "report.html").read_text("utf-8")
    assert "2 images decoded by a GPU alone." in page
    assert "6 images decoded by a GPU and by OpenJPEG: the samples are equal" in page
    logs = "".join(path.read_text("utf-8") for path in (calm / "logs").iterdir())
    assert "nvjpeg" not in logs.lower()


def test_machines_use_their_own_gpus_and_one_without_holds_alone(
    workspace: MakeWorkspace, hosts: list[HostProcess]
) -> None:
    plain = workspace(images=IMAGES, name="plain")
    photostat("run", "--headless", workspace=plain)
    required = f'[engine]\ngpu = "require"\n\n{settings(free_port())}here = false\n'
    root = workspace(images=IMAGES, name="gpu", settings=required)
    assert photostat("check", "--json", workspace=root).json["gpu"] is None
    batch = status(root)["batches"][0]["name"]
    photostat("batches", "hold", batch, "--reason", "until the hosts are there", workspace=root)
    hosts += [HostProcess(root, "b", env=BACKEND), HostProcess(root, "c")]
    start_engine(root)
    gpu = wait_until(lambda: ready(root), "the GPU of a host")
    assert (gpu["name"], gpu["host"]) == ("CPU backend", "b")
    assert "CPU backend on b: " in photostat("status", workspace=root).stdout
    why = 'gpu = "require" under [engine], and there is no GPU on this machine (no /dev/nvidia0'
    wait_until(lambda: hosts[1].has_said(f"gets no images for now: {why}"), "the host without one")
    photostat("batches", "release", batch, workspace=root)
    assert wait_for_end(root)["totals"]["done"] == IMAGES
    assert stored_digests(root) == stored_digests(plain)
    report = photostat("report", "--json", workspace=root).json
    assert report["gpu"] == {"compared": 6, "decoded": 2}
    events = photostat("events", "--all", "--json", workspace=root).json
    assert [one["host"] for one in events if one["message"] == "CPU backend decodes"] == ["b"]
    assert {one["host"] for one in events if one["message"].startswith("attempt 1")} == {"b"}
    assert hosts[0].has_said("; 1 GPU here")
    for host in hosts:
        assert host.end() == 0, host.said


def test_a_run_that_requires_a_gpu_does_not_start_without_one(workspace: MakeWorkspace) -> None:
    root = workspace(images=1, settings='[engine]\ngpu = "require"\n')
    done = photostat("run", "--headless", workspace=root, expect=2)
    assert "there is no GPU on this machine" in done.stderr
    checked = photostat("check", workspace=root, expect=1).stdout.splitlines()
    (line,) = [text for text in checked if "GPU" in text]
    assert line.startswith('gpu = "require" under [engine], and there is no GPU on this machine (no /dev/')
    assert line.endswith("): no run starts")
    assert photostat("check", "--json", workspace=root, expect=1).json["gpu"]["problem"] == line
    assert "gpus" not in status(root)


def test_a_check_says_what_a_gpu_would_decode(workspace: MakeWorkspace) -> None:
    root = workspace(images=5)
    assert photostat("check", "--json", workspace=root).json["gpu"] is None
    assert "GPU" not in photostat("check", "--deep", "--sample", "0", workspace=root).stdout
    sources = [Path(row["source"]) for row in list_rows(root)]
    make_jp2(sources[1], encoding=Encoding(reversible=False, ratios=(10,)))
    make_jp2(sources[2], encoding=Encoding(region_of_interest=(0, 5)))
    assert ", no GPU counted" in photostat("check", workspace=root, env=BACKEND).stdout
    gpu = photostat("check", "--json", workspace=root, env=BACKEND).json["gpu"]
    assert (gpu["cards"], gpu["images"]) == (["CPU backend"], 3)
    assert gpu["refused"] == {"irreversible wavelet": 1, "region of interest": 1}
    env = BACKEND | {BACKEND_MEMORY: "2000000", "PATH": "/nowhere"}
    make_jp2(sources[3], 400, 300, channels=1)  # too large for the card that it plays
    told = photostat("check", "--deep", workspace=root, env=env).stdout
    assert "2 left to the cores" in told
    assert "no: too large for the memory of the card" in told
    assert "GPU CPU backend: decodes in a run too; agrees about" in told
    assert "no: region of interest" in told
    deep = photostat("check", "--deep", "--json", workspace=root, env=env).json["deep"]
    found = {
        (one["outcome"], one["message"])
        for image in deep["images"]
        for one in image["comparisons"]
        if one["way"] == "GPU"
    }
    assert found == {
        ("same", ""),
        ("no opinion", "irreversible wavelet"),
        ("no opinion", "region of interest"),
        ("no opinion", "too large for the memory of the card"),
    }
    (gpu,) = [one for one in deep["decoders"] if one["name"] == "GPU"]
    assert (gpu["version"], gpu["problem"]) == ("CPU backend", "")
    toml = root / "photostat.toml"
    toml.write_text(toml.read_text().replace("gpu_lossy = false", "gpu_lossy = true"))
    assert photostat("check", "--json", workspace=root, env=BACKEND).json["gpu"]["images"] == 4
