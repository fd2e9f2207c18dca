"""The snapshot is the document of `status --json`: it survives the way to a client, and nothing else passes for one."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from msgspec import structs

from engine.control.process_snapshots import LeftBehind, WorkerSnapshot
from engine.control.snapshot import (
    BatchSnapshot,
    Bytes,
    EngineIdentity,
    Hold,
    HoldReason,
    MemorySnapshot,
    OrderSnapshot,
    Rates,
    Snapshot,
    State,
    StoreSnapshot,
    SurveySnapshot,
)
from engine.control.volume_snapshot import VolumeName, VolumeSnapshot
from engine.failures import Stage
from engine.ledger.account import Account, LedgerFigures
from engine.ledger.batch_order import BatchHold
from engine.ledger.states import OrderKind

SNAPSHOT = Snapshot(
    state=State.HOLDING,
    time=1_772_409_845.25,
    hold=Hold(HoldReason.SOURCE, "is the share mounted?", 1_772_409_800.0, None),
    batches=(
        BatchSnapshot.of("newspapers", Account(10, 4, 1, 3, 1, 1)),
        BatchSnapshot.of(
            "maps",
            Account(2, 2),
            selected=False,
            hold=BatchHold(1_772_400_000.5, '{"user":"anna","host":"desk","tty":"pts/3"}', "the review"),
        ),
    ),
    workers=(
        WorkerSnapshot(
            1,
            4712,
            Stage.DECODING,
            7,
            "a_0001.jpg",
            39.2,
            5.5,
            310 << 20,
            667 << 20,
            2,
            predicted_seconds=12.5,
            overdue=True,
            quiet_seconds=61.5,
        ),
        WorkerSnapshot(2, None, Stage.IDLE, None, "", None, None, None, None),
    ),
    workers_wanted=2,
    workers_asked=3,
    memory=MemorySnapshot(48 << 30, 3 << 30, 4 << 30, 1 << 30, -(2 << 30)),
    rates=Rates(1.5, 41.7, 18.5e6, 7.5e6),
    store=StoreSnapshot("s3://holdings/jpeg", 3, 41_000_000, 2, 20 << 30, 20_000_000),
    eta_seconds=None,
    eta_range_seconds=None,
    elapsed_seconds=12.5,
    survey=SurveySnapshot(10, 6, 1),
    volumes=(VolumeSnapshot(VolumeName.LEDGER, "/srv/ws", 5, 10, 7, False),),
    bytes=Bytes(16_800_000, 6_810_000),
    failures_by_cause={"truncated": 3, "corrupt": 1},
    failures_this_run=2,
    engine=EngineIdentity(4711, 1_772_409_832.75, "0.1.0"),
    orders=(OrderSnapshot(3, OrderKind.REQUEUE, 1_772_409_833.5, 4, 2, 1),),
    skipped=(9,),
    left_behind=(LeftBehind(4713, "photostat-worker-1", 8, "maps/u/b.jpg", "/mnt/b.jp2", 1_772_409_840.0),),
    pause=None,
    ended=None,
    outside_hours_until=1_772_438_400.0,
)
DOCUMENT = {
    "state": "holding",
    "time": 1_772_409_845.25,
    "hold": {
        "reason": "source",
        "detail": "is the share mounted?",
        "since": 1_772_409_800.0,
        "until": None,
    },
    "totals": {"rows": 12, "pending": 6, "in_flight": 1, "done": 3, "failed": 1, "accepted": 1},
    "batches": [
        {
            "name": "newspapers",
            "selected": True,
            "rows": 10,
            "pending": 4,
            "in_flight": 1,
            "done": 3,
            "failed": 1,
            "accepted": 1,
            "held": None,
        },
        {
            "name": "maps",
            "selected": False,
            "rows": 2,
            "pending": 2,
            "in_flight": 0,
            "done": 0,
            "failed": 0,
            "accepted": 0,
            "held": {
                "by": {"user": "anna", "host": "desk", "tty": "pts/3"},
                "since": 1_772_400_000.5,
                "reason": "the review",
            },
        },
    ],
    "workers": [
        {
            "slot": 1,
            "pid": 4712,
            "phase": "decoding",
            "image_id": 7,
            "image": "a_0001.jpg",
            "megapixels": 39.2,
            "seconds": 5.5,
            "rss_bytes": 325058560,
            "predicted_bytes": 699400192,
            "threads": 2,
            "started": None,
            "predicted_seconds": 12.5,
            "overdue": True,
            "quiet_seconds": 61.5,
        },
        {
            "slot": 2,
            "pid": None,
            "phase": "idle",
            "image_id": None,
            "image": "",
            "megapixels": None,
            "seconds": None,
            "rss_bytes": None,
            "predicted_bytes": None,
            "threads": 1,
            "started": None,
            "predicted_seconds": None,
            "overdue": False,
            "quiet_seconds": None,
        },
    ],
    "workers_wanted": 2,
    "workers_asked": 3,
    "memory": {
        "total": 51539607552,
        "available": 3221225472,
        "floor": 4294967296,
        "committed": 1073741824,
        "headroom": -2147483648,
    },
    "rates": {
        "images_per_s": 1.5,
        "megapixels_per_s": 41.7,
        "source_bytes_per_s": 18.5e6,
        "jpeg_bytes_per_s": 7.5e6,
    },
    "store": {
        "url": "s3://holdings/jpeg",
        "waiting": 3,
        "waiting_bytes": 41_000_000,
        "transferring": 2,
        "scratch_limit": 21474836480,
        "bandwidth_limit": 20_000_000,
    },
    "eta_seconds": None,
    "eta_range_seconds": None,
    "elapsed_seconds": 12.5,
    "survey": {"images": 10, "read": 6, "failed": 1},
    "volumes": [
        {
            "name": "ledger",
            "path": "/srv/ws",
            "free": 5,
            "total": 10,
            "needed": 7,
            "enough": False,
            "problem": "",
        }
    ],
    "bytes": {"source": 16_800_000, "jpeg": 6_810_000},
    "failures_by_cause": {"truncated": 3, "corrupt": 1},
    "failures_this_run": 2,
    "engine": {"pid": 4711, "started": 1_772_409_832.75, "version": "0.1.0", "answers": True},
    "orders": [
        {
            "id": 3,
            "kind": "requeue",
            "taken": 1_772_409_833.5,
            "images": 4,
            "seen": 2,
            "changed": 1,
            "ended": None,
            "problem": None,
        }
    ],
    "skipped": [9],
    "left_behind": [
        {
            "pid": 4713,
            "name": "photostat-worker-1",
            "image_id": 8,
            "image": "maps/u/b.jpg",
            "path": "/mnt/b.jp2",
            "since": 1_772_409_840.0,
        }
    ],
    "pause": None,
    "ended": None,
    "outside_hours_until": 1_772_438_400.0,
}


def read_snapshot(document: object) -> Snapshot:
    """As a client reads it out of the engine's reply."""
    return msgspec.convert(document, Snapshot)


def test_the_document_has_every_key_in_its_place() -> None:
    assert json.dumps(SNAPSHOT.to_json()) == json.dumps(DOCUMENT)


def test_a_snapshot_survives_the_way_to_a_client() -> None:
    assert read_snapshot(json.loads(json.dumps(SNAPSHOT.to_json()))) == SNAPSHOT


def test_what_a_later_engine_adds_is_passed_over() -> None:
    later = DOCUMENT | {"clouds": [], "engine": {**SNAPSHOT.to_json()["engine"], "cores": 12}}
    assert read_snapshot(later) == SNAPSHOT


def test_text_that_is_no_unicode_survives_too() -> None:
    """A path of the file system may have bytes that are no UTF-8 (PEP 383)."""
    odd = structs.replace(SNAPSHOT, store=StoreSnapshot("file:\udcff"))
    assert read_snapshot(json.loads(json.dumps(odd.to_json()))) == odd


def test_the_totals_are_the_sum_of_the_batches_whatever_is_sent() -> None:
    assert read_snapshot(DOCUMENT | {"totals": {"rows": 99}}) == SNAPSHOT
    assert structs.replace(SNAPSHOT, batches=SNAPSHOT.batches[1:]).totals == Account(2, 2)


def test_the_ledger_alone_makes_a_snapshot() -> None:
    figures = LedgerFigures({"maps": Account(3, done=2, failed=1)}, 30, 10, (("corrupt", 1),))
    snapshot = Snapshot.from_ledger(figures, 5.0)
    assert (snapshot.state, snapshot.bytes, snapshot.engine) == (State.FINISHED, Bytes(30, 10), None)
    assert Snapshot.from_ledger(LedgerFigures({}, 0, 0, ()), 5.0).state is State.STOPPED
    assert read_snapshot(snapshot.to_json()) == snapshot


def with_part(path: str, value: object) -> Any:
    """The document with another value at `memory.total`, `workers.0.pid` …"""
    document: Any = deepcopy(DOCUMENT)
    part, *rest = path.split(".")
    place = document
    while rest:
        place = place[int(part)] if isinstance(place, list) else place[part]
        part, *rest = rest
    place[part] = value
    return document


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("state", ["dancing", "", None, 1, ["running"]]),
        ("time", ["now", None, True, NAN, INFINITY, -INFINITY, 1e300, 2**53, 10**400]),
        ("hold", [3, "store", {}, {"reason": "store"}]),
        ("hold.reason", ["the moon", None, 3]),
        ("hold.since", [None, "x", NAN]),
        ("hold.detail", [None, 3, b"x"]),
        ("batches", [None, 3, {}, "maps", [1], [{}]]),
        ("batches.0.name", [None, 3]),
        ("batches.0.selected", [None, 1, "yes"]),
        ("batches.1.rows", [-1, 2.0, True, None, "2", 2**53, 10**400]),
        ("batches.1.held", [3, {}, "anna"]),
        ("batches.1.held.since", [None, "long"]),
        ("workers", [None, 3, [1, 2], [[]]]),
        ("workers.0.slot", [None, -1, 1.5]),
        ("workers.0.phase", ["dreaming", None]),
        ("workers.0.megapixels", ["39", INFINITY, True]),
        ("workers.0.image", [None, 3]),
        ("workers_wanted", [None, -1, "2"]),
        ("memory", [None, []]),
        ("memory.total", ["much", -1, 1.5, 2**60]),
        ("memory.headroom", [None, -(2**53), 0.5]),
        ("rates.images_per_s", ["fast", NAN, INFINITY, 1e17]),
        ("store.url", [None, 3]),
        ("eta_seconds", ["soon", NAN, False]),
        ("elapsed_seconds", [None, "long"]),
        ("bytes", [None, {}, {"source": 1}, {"source": 1, "jpeg": -1}]),
        ("failures_by_cause", [None, [], {"corrupt": "many"}, {"corrupt": -1}, [["corrupt", 1]]]),
        ("engine", [3, {}, {"pid": 1}]),
        ("engine.answers", [None, "yes"]),
    ],
)
def test_what_is_no_snapshot_is_refused(path: str, values: list[object]) -> None:
    for value in values:
        with pytest.raises(msgspec.ValidationError):
            read_snapshot(with_part(path, value))


@pytest.mark.parametrize("key", [key for key in DOCUMENT if key != "totals"])
def test_a_snapshot_without_one_of_its_keys_is_refused(key: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_snapshot({name: value for name, value in DOCUMENT.items() if name != key})


@pytest.mark.parametrize("document", [None, 3, "running", [], [DOCUMENT], b"{}"])
def test_what_is_no_document_is_refused(document: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_snapshot(document)
