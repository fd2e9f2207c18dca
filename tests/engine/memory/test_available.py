"""Memory as the machine, its control groups and the settings allow, read from trees like the kernel's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engine.failures import UserError
from engine.memory import cgroup
from engine.memory.available import Memory, MemoryReader, parse_floor, parse_size
from engine.memory.usage import (
    oom_kill_count,
    own_tree,
    peak_rss_bytes,
    reset_peak,
    rss_bytes,
    set_oom_score,
    tree_bytes,
)
from tests.support.cgroups import MakeGroup, run_inside
from tests.support.cgroups import memory_group as memory_group

GIB = 2**30
MIB = 2**20

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' /proc")


class FakeMachine:
    """A /proc and a /sys/fs/cgroup under one directory."""

    def __init__(self, root: Path, total_bytes: int = 16 * GIB, available_bytes: int = 12 * GIB) -> None:
        self.proc, self.mount = root / "proc", root / "cgroup"
        (self.proc / "self").mkdir(parents=True)
        self.mount.mkdir()
        self.available(total_bytes, available_bytes)
        self.write(self.proc / "vmstat", "nr_free_pages 17\noom_kill 5\n")

    def available(self, total_bytes: int, available_bytes: int) -> None:
        text = f"MemTotal: {total_bytes // 1024} kB\nMemFree: 1 kB\nMemAvailable:   {available_bytes // 1024} kB\n"
        self.write(self.proc / "meminfo", text)

    def belongs(self, membership: str, mount: str) -> None:
        self.write(self.proc / "self/cgroup", membership)
        self.write(self.proc / "self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + mount)

    def in_v2(self, path: str, root: str = "/") -> None:
        self.belongs(f"0::{path}\n", f"31 22 0:28 {root} {self.mount} rw - cgroup2 cgroup2 rw\n")

    def in_v1(self, path: str, root: str = "/") -> None:
        mount = f"31 22 0:28 {root} {self.mount} rw - cgroup cgroup rw,memory\n"
        self.belongs(f"5:cpu,cpuacct:/elsewhere\n4:memory:{path}\n", mount)

    def group_v2(
        self, path: str, limit: str, used: int, file: int = 0, high: str = "max", kills: int = 0
    ) -> None:
        directory = self.mount / path
        directory.mkdir(parents=True, exist_ok=True)
        self.write(directory / "memory.max", f"{limit}\n")
        self.write(directory / "memory.high", f"{high}\n")
        self.write(directory / "memory.current", f"{used}\n")
        stat = f"anon 1\ninactive_file {file // 2}\nactive_file {file - file // 2}\nslab_reclaimable 0\n"
        self.write(directory / "memory.stat", stat)
        self.write(directory / "memory.events", f"low 0\noom 3\noom_kill {kills}\n")

    def group_v1(self, path: str, limit: int, used: int, file: int = 0, kills: int = 0) -> None:
        directory = self.mount / path
        directory.mkdir(parents=True, exist_ok=True)
        self.write(directory / "memory.limit_in_bytes", f"{limit}\n")
        self.write(directory / "memory.usage_in_bytes", f"{used}\n")
        stat = f"inactive_file 1\ntotal_inactive_file {file}\ntotal_active_file 0\n"
        self.write(directory / "memory.stat", stat)
        self.write(directory / "memory.oom_control", f"oom_kill_disable 0\nunder_oom 0\noom_kill {kills}\n")

    def write(self, path: Path, text: str) -> None:
        path.write_text(text)


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


class TestTheMachine:
    def test_without_groups_it_is_meminfo(self, machine: FakeMachine) -> None:
        assert MemoryReader(proc=machine.proc).read() == Memory(16 * GIB, 12 * GIB)

    def test_every_read_looks_again(self, machine: FakeMachine) -> None:
        reader = MemoryReader(proc=machine.proc)
        machine.available(16 * GIB, 3 * GIB)
        assert reader.read().available_bytes == 3 * GIB

    def test_without_proc_psutil_is_asked(self, tmp_path: Path) -> None:
        memory = MemoryReader(proc=tmp_path / "none").read()
        assert memory.total_bytes == psutil.virtual_memory().total
        assert 0 < memory.available_bytes <= memory.total_bytes

    def test_memory_limit_makes_the_machine_smaller(self, machine: FakeMachine) -> None:
        reader = MemoryReader(3 * GIB, proc=machine.proc)
        assert reader.read(lambda: GIB) == Memory(3 * GIB, 2 * GIB)

    def test_what_is_ours_is_asked_only_with_a_memory_limit(self, machine: FakeMachine) -> None:
        def fail() -> int:
            raise AssertionError

        assert MemoryReader(proc=machine.proc).read(fail) == Memory(16 * GIB, 12 * GIB)

    def test_memory_limit_promises_no_more_than_the_machine_has(self, machine: FakeMachine) -> None:
        machine.available(16 * GIB, GIB)
        assert MemoryReader(3 * GIB, proc=machine.proc).read().available_bytes == GIB

    def test_more_of_ours_than_memory_limit_leaves_nothing(self, machine: FakeMachine) -> None:
        assert MemoryReader(GIB, proc=machine.proc).read(lambda: 2 * GIB).available_bytes == 0

    @linux
    def test_a_sample_is_cheap(self) -> None:
        reader = MemoryReader()
        reader.read()
        best = min(_seconds(reader.read) for _ in range(50))
        assert best < 0.0003 * 10  # 0.1 ms measured; ten times the promise, for a busy machine


def _seconds(call: object) -> float:
    started = time.perf_counter()
    assert callable(call)
    call()
    return time.perf_counter() - started


class TestControlGroups2:
    def test_the_limit_less_what_is_used(self, machine: FakeMachine) -> None:
        machine.group_v2("job", str(4 * GIB), GIB)
        machine.in_v2("/job")
        assert MemoryReader(proc=machine.proc).read() == Memory(4 * GIB, 3 * GIB)

    def test_file_pages_can_be_dropped_and_count_as_available(self, machine: FakeMachine) -> None:
        machine.group_v2("job", str(4 * GIB), 4 * GIB, file=3 * GIB)
        machine.in_v2("/job")
        assert MemoryReader(proc=machine.proc).read().available_bytes == 3 * GIB

    def test_high_counts_like_max(self, machine: FakeMachine) -> None:
        machine.group_v2("job", str(4 * GIB), GIB, high=str(2 * GIB))
        machine.in_v2("/job")
        assert MemoryReader(proc=machine.proc).read() == Memory(2 * GIB, GIB)

    def test_an_outer_group_binds_the_inner_one(self, machine: FakeMachine) -> None:
        machine.group_v2("slice", str(5 * GIB), 4 * GIB)
        machine.group_v2("slice/job", str(6 * GIB), GIB)
        machine.in_v2("/slice/job")
        assert MemoryReader(proc=machine.proc).read() == Memory(5 * GIB, GIB)

    def test_no_limit_is_no_limit(self, machine: FakeMachine) -> None:
        machine.group_v2("job", "max", GIB)
        machine.in_v2("/job")
        assert MemoryReader(proc=machine.proc).read() == Memory(16 * GIB, 12 * GIB)

    def test_a_limit_above_the_machine_changes_nothing(self, machine: FakeMachine) -> None:
        machine.group_v2("job", str(64 * GIB), GIB)
        machine.in_v2("/job")
        assert MemoryReader(proc=machine.proc).read() == Memory(16 * GIB, 12 * GIB)

    def test_in_a_container_the_mount_is_our_group(self, machine: FakeMachine) -> None:
        machine.group_v2(".", str(2 * GIB), GIB)
        machine.in_v2("/docker/abc", root="/docker/abc")
        assert MemoryReader(proc=machine.proc).read() == Memory(2 * GIB, GIB)

    def test_in_a_group_namespace_a_path_outside_means_the_mount(self, machine: FakeMachine) -> None:
        machine.group_v2(".", str(2 * GIB), GIB)
        machine.in_v2("/../sibling")
        assert MemoryReader(proc=machine.proc).read() == Memory(2 * GIB, GIB)

    def test_a_limit_that_is_set_later_is_seen(self, machine: FakeMachine) -> None:
        machine.group_v2("job", "max", GIB)
        machine.in_v2("/job")
        reader = MemoryReader(proc=machine.proc)
        machine.group_v2("job", str(2 * GIB), GIB)
        assert reader.read() == Memory(2 * GIB, GIB)

    def test_a_mount_point_with_a_blank(self, machine: FakeMachine) -> None:
        machine.mount = machine.mount.parent / "control group"
        machine.group_v2("job", str(2 * GIB), GIB)
        machine.belongs(
            "0::/job\n", f"31 22 0:28 / {machine.mount.parent}/control\\040group rw - cgroup2 none rw\n"
        )
        assert MemoryReader(proc=machine.proc).read() == Memory(2 * GIB, GIB)


class TestControlGroups1:
    def test_the_limit_less_what_is_used_and_cannot_be_dropped(self, machine: FakeMachine) -> None:
        machine.group_v1("docker/abc", 4 * GIB, 3 * GIB, file=GIB)
        machine.in_v1("/docker/abc")
        assert MemoryReader(proc=machine.proc).read() == Memory(4 * GIB, 2 * GIB)

    def test_an_outer_group_binds_the_inner_one(self, machine: FakeMachine) -> None:
        machine.group_v1("docker", 3 * GIB, 2 * GIB)
        machine.group_v1("docker/abc", 9223372036854771712, GIB)
        machine.in_v1("/docker/abc")
        assert MemoryReader(proc=machine.proc).read() == Memory(3 * GIB, GIB)

    def test_the_number_that_means_no_limit(self, machine: FakeMachine) -> None:
        machine.group_v1("job", 9223372036854771712, GIB)
        machine.in_v1("/job")
        assert MemoryReader(proc=machine.proc).read() == Memory(16 * GIB, 12 * GIB)


class TestKillsForMemory:
    def test_our_own_group_counts_them(self, machine: FakeMachine) -> None:
        machine.group_v2("job", "max", GIB, kills=2)
        machine.in_v2("/job")
        assert oom_kill_count(machine.proc) == 2

    def test_in_version_1_too(self, machine: FakeMachine) -> None:
        machine.group_v1("job", 4 * GIB, GIB, kills=3)
        machine.in_v1("/job")
        assert oom_kill_count(machine.proc) == 3

    def test_without_a_group_the_machine_counts(self, machine: FakeMachine) -> None:
        assert oom_kill_count(machine.proc) == 5

    def test_without_any_count_it_stays_zero(self, tmp_path: Path) -> None:
        assert oom_kill_count(tmp_path / "none") == 0

    @linux
    def test_a_process_that_the_kernel_kills_in_a_group_of_ours_is_counted(
        self, memory_group: MakeGroup
    ) -> None:
        group = memory_group(128 * MIB)
        before = cgroup.oom_kills(group)
        assert before is not None
        hog = "b = bytearray(400 << 20); b[::4096] = bytes(len(b[::4096]))"
        ended = run_inside(group, [sys.executable, "-c", hog])
        assert ended.returncode in (-9, 137)
        assert cgroup.oom_kills(group) == before + 1

    @linux
    def test_a_group_of_ours_binds_a_process_in_it(self, memory_group: MakeGroup) -> None:
        look = "from engine.memory.available import MemoryReader; print(MemoryReader().read().total_bytes)"
        ended = run_inside(memory_group(128 * MIB), [sys.executable, "-c", look])
        assert int(ended.stdout) == 128 * MIB


class TestProcesses:
    @linux
    def test_the_resident_set_of_a_process(self) -> None:
        assert rss_bytes(os.getpid()) == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)

    @linux
    def test_a_process_that_is_gone_uses_nothing(self) -> None:
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        assert rss_bytes(ended.pid) == 0

    def test_the_tree_is_this_process_and_its_children(self) -> None:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
            assert {os.getpid(), child.pid} <= set(own_tree())
            child.communicate(b"\n")

    @linux
    def test_what_processes_share_counts_once(self) -> None:
        pid = os.getpid()
        once, twice = tree_bytes([pid]), tree_bytes([pid, pid])
        assert once < twice < 2 * once

    @linux
    def test_each_image_has_its_own_peak(self) -> None:
        block = bytearray(200 * MIB)
        block[::4096] = bytes(len(block[::4096]))
        high = peak_rss_bytes()
        del block
        if not reset_peak():
            pytest.skip("this system does not let a process reset its peak")
        assert peak_rss_bytes() < high - 150 * MIB

    @linux
    def test_a_child_can_be_made_the_first_to_go(self) -> None:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            assert set_oom_score(900, child.pid)
            assert Path(f"/proc/{child.pid}/oom_score_adj").read_text().strip() == "900"
        finally:
            child.communicate(b"\n")

    def test_a_process_that_is_gone_has_no_score(self) -> None:
        assert not set_oom_score(900, 2**22 - 1)


class TestAmounts:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1024", 1024),
            ("3GiB", 3 * GIB),
            ("3 gib", 3 * GIB),
            ("4g", 4 * GIB),
            ("500MB", 500_000_000),
            ("0.5 GiB", GIB // 2),
        ],
    )
    def test_sizes(self, text: str, expected: int) -> None:
        assert parse_size(text) == expected

    @pytest.mark.parametrize("text", ["", "GiB", "-1", "3 bananas", "1e9"])
    def test_what_is_no_size(self, text: str) -> None:
        with pytest.raises(UserError, match="amount of memory"):
            parse_size(text)

    def test_a_floor_in_per_cent_is_of_the_total(self) -> None:
        assert parse_floor("10%", 4 * GIB) == 4 * GIB // 10

    def test_a_floor_in_bytes(self) -> None:
        assert parse_floor("512MiB", 4 * GIB) == 512 * MIB

    @pytest.mark.parametrize("text", ["100%", "8GiB"])
    def test_a_floor_that_leaves_nothing_is_an_error(self, text: str) -> None:
        with pytest.raises(UserError, match="leaves nothing"):
            parse_floor(text, 4 * GIB)
