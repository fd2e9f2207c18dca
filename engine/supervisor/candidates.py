"""The images that may start next: read once a turn of the loop, and given to one host each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from engine.ledger.models import PendingImage

_AT_ONCE = 64
"""So many a host chooses from."""


class Candidates:
    def __init__(self, read: Callable[[int], Sequence[PendingImage]]) -> None:
        """`read` gives the first images that are pending, as many as are asked for."""
        self._read = read
        self._found: list[PendingImage] = []
        self._may_be_more = True
        self._hosts: set[str] = set()
        self._too_large: dict[int, set[str]] = {}
        """Images that fit in none of these hosts."""

    def joined(self, host: str) -> None:
        self._hosts.add(host)

    def left(self, host: str) -> None:
        """What has fitted in no host so far is looked at again by those that stay."""
        self._hosts.discard(host)
        self._too_large.clear()

    def begin_turn(self) -> None:
        """What was read before is old."""
        self._found, self._may_be_more = [], True

    def of(self, host: str, held_back: Collection[int]) -> list[PendingImage]:
        """Those that this host may start: none that another has started in this turn, or that are held back here."""
        wanted = _AT_ONCE + len(held_back) + len(self._too_large)
        if self._may_be_more and len(self._found) <= wanted // 2:
            self._found = list(self._read(wanted))
            self._may_be_more = len(self._found) >= wanted
        offered = (image for image in self._found if host not in self._too_large.get(image.image_id, ()))
        return [image for image in offered if image.image_id not in held_back][:_AT_ONCE]

    def started(self, images: Collection[int]) -> None:
        """These are in flight now."""
        self._found = [image for image in self._found if image.image_id not in images]

    def fits_nowhere(self, host: str, image_id: int) -> bool:
        """This image never fits in this host; whether it fits in none of the others either."""
        hosts = self._too_large.setdefault(image_id, set())
        hosts.add(host)
        if hosts >= self._hosts:
            del self._too_large[image_id]
            return True
        return False
