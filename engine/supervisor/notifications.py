"""Notifies the addresses in [notify] urls when the run ends or holds, by one small JSON POST that nothing waits for."""

from __future__ import annotations

import json
import logging
import threading
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict
from urllib.error import URLError

from engine.failures import one_line
from engine.ledger.account import Account

_TIMEOUT_S = 10.0
log = logging.getLogger(__name__)


class Notifier:
    """POSTs `{"event": "finished", "text": ..., "workspace": ..., "account": {...}}` to every address."""

    def __init__(self, urls: Sequence[str], workspace: str) -> None:
        self._urls = tuple(urls)
        self._workspace = workspace
        self._posts: list[threading.Thread] = []

    def notify(self, event: str, text: str, account: Account) -> None:
        """`event` is finished, drained, stopped or holding. An address that does not answer delays nothing."""
        document = {
            "event": event,
            "text": one_line(text),
            "workspace": self._workspace,
            "account": asdict(account),
        }
        body = json.dumps(document).encode()
        for number, url in enumerate(self._urls, start=1):
            thread = threading.Thread(target=_post, args=(number, url, body), daemon=True)
            thread.start()
            self._posts.append(thread)

    def wait(self, timeout_s: float = _TIMEOUT_S) -> None:
        """Give the last notifications the time to arrive."""
        for thread in self._posts:
            thread.join(timeout_s)


def _post(number: int, url: str, body: bytes) -> None:
    """Errors name the address by its number, because the address itself may contain a token."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
            return
    except (URLError, OSError, ValueError) as error:
        log.warning("notify url %d did not take the message: %s", number, type(error).__name__)
