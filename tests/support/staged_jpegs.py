"""Files on scratch that wait for the store, with their requests, and the StoreError that an action raises."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.messages import StoreRequest
from engine.store.base import StoreError

MakeRequest = Callable[..., StoreRequest]


def make_request(
    scratch: Path, target: str = "plates/uuid/1.jpg", size_bytes: int = 10_000, image_id: int = 1
) -> StoreRequest:
    """Random bytes on scratch, and the request to store them under `target`."""
    data = os.urandom(size_bytes)
    scratch.mkdir(exist_ok=True)
    path = scratch / f"{image_id}.jpg"
    path.write_bytes(data)
    digest = hashlib.md5(data).hexdigest()
    return StoreRequest(
        image_id, str(path), target, size_bytes, digest, f"99{image_id:04}", "uuid", "md5:abc"
    )


def store_error_of(action: Callable[[], object]) -> StoreError:
    """The StoreError that the action must raise."""
    with pytest.raises(StoreError) as caught:
        action()
    return caught.value


@pytest.fixture
def request_for(tmp_path: Path) -> MakeRequest:
    """`request_for("b/u/1.jpg", 1000)`; see `make_request`."""
    return lambda *args, **options: make_request(tmp_path / "scratch", *args, **options)
