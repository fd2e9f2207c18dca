"""Delivers messages: a thread for each address, so that one that hangs delays no other."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from engine.config import NotifySettings
from engine.config.notify_urls import is_plain, shown
from engine.failures import UserError
from engine.notify.message import Message
from engine.notify.protocol import Delivered
from engine.notify.services import NotTaken, Service, UnknownService, service_at

_AGAIN_AFTER_S = 3.0
"""A message that is not taken is sent once more, then given up."""
_MOST_WAITING = 20
"""Messages for one address, while it hangs."""


class Delivery:
    def __init__(
        self, services: Sequence[Service], urls: Sequence[str], tell: Callable[[Delivered], None]
    ) -> None:
        """`tell` is called after each attempt, in other threads."""
        self._ways = [
            _Way(number, shown(url), service, tell)
            for number, (url, service) in enumerate(zip(urls, services, strict=True), start=1)
        ]

    def send(self, message: Message) -> None:
        """Does not wait."""
        for way in self._ways:
            way.send(message)

    def finish(self, longest_s: float) -> list[Delivered]:
        """Wait until all is delivered or given up; returns the addresses that still hang then."""
        deadline = time.monotonic() + longest_s
        for way in self._ways:
            way.send(None)
        for way in self._ways:
            way.wait(max(0.0, deadline - time.monotonic()))
        return [Delivered(w.number, w.address, "no answer") for w in self._ways if w.is_busy]


class _Way:
    """To one address, in the order in which messages come."""

    def __init__(
        self, number: int, address: str, service: Service, tell: Callable[[Delivered], None]
    ) -> None:
        self.number = number
        self.address = address
        self._service = service
        self._tell = tell
        self._waiting: queue.Queue[Message | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name=f"address {number}", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        return self._thread.is_alive()

    def send(self, message: Message | None) -> None:
        while True:
            try:
                self._waiting.put_nowait(message)
            except queue.Full:  # the oldest says least about how things are now
                self._waiting.get_nowait()
            else:
                return

    def wait(self, longest_s: float) -> None:
        self._thread.join(longest_s)

    def _work(self) -> None:
        while (message := self._waiting.get()) is not None:
            problem = attempt(self._service, message)
            self._tell(Delivered(self.number, self.address, problem, is_last=not problem))
            if problem:
                time.sleep(_AGAIN_AFTER_S)
                self._tell(Delivered(self.number, self.address, attempt(self._service, message)))


def attempt(service: Service, message: Message) -> str:
    """Why the message was not taken; empty if it was."""
    try:
        service.send(message)
    except NotTaken as error:
        return str(error)
    return ""


def services_at(urls: Sequence[str]) -> list[Service]:
    """Raises UnknownService, whose text names the address."""
    services = []
    for number, url in enumerate(urls, start=1):
        try:
            services.append(service_at(url))
        except UnknownService:
            raise UnknownService(
                f"[notify] urls: apprise does not understand address {number} ({shown(url)}): compare it with what "
                "apprise's documentation has for that service"
            ) from None
    return services


def check_addresses(settings: NotifySettings) -> None:
    """Raises UserError if apprise does not understand an address."""
    if all(map(is_plain, settings.urls)):
        return
    try:
        services_at(settings.urls)
    except UnknownService as unknown:
        raise UserError(str(unknown)) from unknown


def try_each(urls: Sequence[str], message: Message, longest_s: float) -> list[Delivered]:
    """Send a message once to every address, at the same time. Raises UnknownService."""
    problems: dict[int, str] = {}
    threads = []
    for number, service in enumerate(services_at(urls)):
        thread = threading.Thread(
            target=lambda number=number, service=service: problems.update(
                {number: attempt(service, message)}
            ),
            daemon=True,
        )
        thread.start()
        threads.append(thread)
    deadline = time.monotonic() + longest_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [
        Delivered(number + 1, shown(url), problems.get(number, "no answer"))
        for number, url in enumerate(urls)
    ]
