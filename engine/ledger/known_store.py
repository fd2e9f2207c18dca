"""What the ledger knows of its store: enough to tell whether a directory is it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from engine.ledger.queries import LedgerQueries
from engine.messages import KnownStore

_SAMPLE = 64
"""Of 64 files spread over a store that has lost nine of ten, at least one is there, but for one time in a thousand."""


def known_store(ledger: LedgerQueries, root: Path, host: str = "") -> KnownStore:
    """What an uploader on this host is told. `root` is the workspace's: a copy of a workspace has the same ledger, and
    is another owner."""
    written = os.fsencode(ledger.identity) + os.fsencode(os.path.realpath(root))
    owner = hashlib.blake2b(written, digest_size=8).hexdigest()
    sample = ledger.stored_sample(_SAMPLE)
    return KnownStore(owner, ledger.images_expected(sample), sample, host)
