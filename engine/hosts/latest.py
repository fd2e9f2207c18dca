"""The latest of many names: a host that comes and goes for months takes no more memory than one that stays."""

from __future__ import annotations


class Latest:
    def __init__(self, most: int) -> None:
        self._names: dict[str, None] = {}
        self._most = most

    def add(self, *names: str) -> None:
        """The oldest are forgotten."""
        for name in names:
            self._names.pop(name, None)
            self._names[name] = None
        while len(self._names) > self._most:
            del self._names[next(iter(self._names))]

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __len__(self) -> int:
        return len(self._names)
