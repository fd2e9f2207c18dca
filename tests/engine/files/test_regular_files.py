"""Only ordinary files are opened: nothing waits for a writer, and no device is read."""

from __future__ import annotations

import os
import queue
import socket
import threading
from pathlib import Path

import pytest

from engine.failures import Cause, ImageError
from engine.files.regular_files import NotRegular, open_bytes
from engine.jp2.file_reader import FileReader
from engine.processes.worker import read_ahead
from engine.store.base import StoreError
from engine.store.local import LocalStore
from tests.support.waiting import LONGEST_WAIT_S, wait_until


def odd_files(directory: Path) -> dict[str, Path]:
    os.mkfifo(directory / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(directory / "socket"))
    return {
        "a named pipe": directory / "pipe",
        "a socket": directory / "socket",
        "a device": Path("/dev/zero"),
        "a directory": directory,
    }


def test_what_is_no_ordinary_file_is_named_and_not_read(tmp_path: Path) -> None:
    for what, path in odd_files(tmp_path).items():
        with pytest.raises(NotRegular) as refused:
            open_bytes(path)
        assert refused.value.what == what
        with pytest.raises(ImageError) as failed:
            FileReader.open(path)
        assert failed.value.failure.cause is Cause.SOURCE_UNREADABLE
        assert failed.value.failure.message == f'"{path}" is {what}'


def test_a_link_to_a_file_is_opened_as_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"bytes")
    (tmp_path / "link").symlink_to("file")
    with open_bytes(tmp_path / "link") as file:
        assert file.read() == b"bytes"


def test_a_worker_that_reads_ahead_passes_a_pipe_and_a_device(tmp_path: Path) -> None:
    sources: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=read_ahead, args=(sources,), daemon=True).start()
    for path in (*odd_files(tmp_path).values(), tmp_path / "none", tmp_path):
        sources.put(str(path))
    wait_until(sources.empty, "the last of them")


def test_a_pipe_in_the_store_does_not_stop_the_comparison(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    answers: queue.SimpleQueue[object] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(LocalStore(tmp_path).digest("a.jpg"))
        except StoreError as error:
            answers.put(error.failure.message)

    threading.Thread(target=ask, daemon=True).start()
    assert "a named pipe" in str(answers.get(timeout=LONGEST_WAIT_S))
