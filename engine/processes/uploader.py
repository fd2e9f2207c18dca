"""The uploader process: puts proved JPEGs from scratch into the store, several at once."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from engine.config import StoreSettings
from engine.failures import Cause
from engine.messages import (
    FaultKind,
    KnownStore,
    NotStored,
    ProbeStore,
    Quit,
    ShareOfBandwidth,
    Stored,
    StoreProbed,
    StoreRequest,
)
from engine.processes.child import tie_to_parent
from engine.store.bandwidth import BandwidthLimit, limit_of
from engine.store.base import Store, StoreError
from engine.store.open import open_store
from engine.store.retry import Backoff, with_retries

log = logging.getLogger(__name__)

T = TypeVar("T")
Answer = Stored | NotStored | StoreProbed


def uploader_main(
    conn: Connection[Any, Any], parent_pid: int, settings: StoreSettings, root: str, known: KnownStore
) -> None:
    """The process's main: serves the pipe until Quit, then finishes what is under way; ends at once on EOF.

    `root` is the workspace's directory; for `known` see `Store.expect`. Every StoreRequest is answered by
    one Stored or NotStored, every ProbeStore by one StoreProbed, in any order."""
    tie_to_parent(parent_pid, killed_first=True)
    limit = limit_of(settings.bandwidth_limit)
    serve(conn, open_store(settings, root, known, limit), settings.transfers, limit=limit)


def serve(
    conn: Connection[Any, Any],
    store: Store,
    transfers: int,
    backoff: Backoff | None = None,
    limit: BandwidthLimit | None = None,
) -> None:
    """The loop of `uploader_main`, with an opened store."""
    uploader = _Uploader(conn, store, backoff or Backoff())
    with ThreadPoolExecutor(transfers, "transfer") as pool, ThreadPoolExecutor(1, "probe") as prober:
        while True:
            try:
                message = conn.recv()
            except (EOFError, OSError):
                # The engine is gone. What is half sent has no final name yet, and the next engine sends it again.
                os._exit(0)
            match message:
                case StoreRequest():
                    pool.submit(uploader.store_one, message)
                case ProbeStore():
                    prober.submit(uploader.probe, message)
                case ShareOfBandwidth() if limit is not None:
                    limit.change(message.bytes_per_s)
                case Quit():
                    break
                case _:
                    log.error("the uploader was sent a %s", type(message).__name__)
    store.close()


class _Uploader:
    def __init__(self, conn: Connection[Any, Any], store: Store, backoff: Backoff) -> None:
        self._conn = conn
        self._store = store
        self._backoff = backoff
        self._sending = threading.Lock()

    def store_one(self, request: StoreRequest) -> None:
        """Transfer one JPEG, with retries, and answer."""
        outcome = outcome_of(
            lambda: with_retries(lambda: self._store.put(request), self._backoff, random.random)
        )
        if isinstance(outcome, StoreError):
            self._send(NotStored(request.image_id, outcome.fault, outcome.failure, outcome.never_answered))
        else:
            self._send(outcome)

    def probe(self, message: ProbeStore) -> None:
        """Probe the store once by writing, and answer: a store that can be listed but takes nothing is not well."""
        self._store.expect(message.known)
        outcome = outcome_of(lambda: self._probe(overrule=message.overrule))
        if isinstance(outcome, StoreError):
            self._send(StoreProbed(outcome.fault, outcome.failure, outcome.never_answered))
        else:
            self._send(StoreProbed(overruled=outcome))

    def _probe(self, *, overrule: bool) -> bool:
        """Whether the store is taken for the right one only because a person says so."""
        overruled = overrule and self._store.overrule()
        self._store.write_probe()
        return overruled

    def _send(self, answer: Answer) -> None:
        # After a broken pipe the loop sees the EOF and ends the process.
        with self._sending, contextlib.suppress(BrokenPipeError):
            self._conn.send(answer)


def outcome_of(action: Callable[[], T]) -> T | StoreError:
    """The boundary where exceptions become values. Nothing says that an unforeseen one is this image's fault."""
    try:
        return action()
    except StoreError as error:
        return error
    except Exception as error:
        log.exception("a transfer failed in an unforeseen way")
        return StoreError(
            FaultKind.TRANSIENT,
            Cause.STORE_UNAVAILABLE,
            f"an unforeseen error of photostat or the store: {type(error).__name__}: {error}",
        )
