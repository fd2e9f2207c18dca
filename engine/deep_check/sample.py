"""Counts the kinds of a collection and chooses a few images of each, in memory that does not grow with it. Pure."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator

from engine.deep_check.results import KindResult, SampledImage
from engine.file_kind import FileKind

MOST_KINDS = 2000
"""More than any collection has; beyond them kinds are not told apart."""


class KindSample:
    """The same images for the same seed, in whatever order they come."""

    def __init__(self, size: int, seed: int = 0) -> None:
        self._size, self._seed = size, seed
        self._counts: dict[FileKind, int] = {}
        self._chosen: dict[FileKind, list[tuple[float, float, int, SampledImage]]] = {}
        self.other_kinds = 0
        """Images of kinds beyond the limit."""

    def add(self, image: SampledImage, *, fits: bool) -> None:
        """`fits` says whether it can be decoded whole in the memory that there is: such images are chosen first."""
        if image.kind not in self._counts and len(self._counts) >= MOST_KINDS:
            self.other_kinds += 1
            return
        self._counts[image.kind] = self._counts.get(image.kind, 0) + 1
        chosen = self._chosen.setdefault(image.kind, [])
        entry = (-float(not fits), -self._rank(image), -image.image_id, image)
        if len(chosen) < self._size:
            heapq.heappush(chosen, entry)
        elif self._size and entry[:3] > chosen[0][:3]:
            heapq.heapreplace(chosen, entry)

    def _rank(self, image: SampledImage) -> float:
        digest = hashlib.blake2b(f"{self._seed}/{image.target}".encode(), digest_size=6).digest()
        return float(int.from_bytes(digest))

    def kinds(self) -> list[KindResult]:
        """The most frequent first, without results yet."""
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return [KindResult(kind, images) for kind, images in ordered]

    def images(self) -> list[SampledImage]:
        """One of each kind, then the second of each, and so on: whoever stops early has seen most kinds."""
        order = [kind.kind for kind in self.kinds()]
        rounds = [[entry[3] for entry in sorted(self._chosen[kind], reverse=True)] for kind in order]
        return list(_by_turns(rounds))


def _by_turns(rounds: list[list[SampledImage]]) -> Iterator[SampledImage]:
    for number in range(max(map(len, rounds), default=0)):
        yield from (images[number] for images in rounds if number < len(images))
