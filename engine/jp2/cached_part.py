"""A part of a file that is read when it is first asked for, without the lock that all instances share.

Until Python 3.11, functools.cached_property holds one lock for all objects of a class while it computes: a read that
never returns would stop the threads that read other files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class cached_part(Generic[T]):
    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read
        self.__doc__ = read.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> T:
        value = self._read(instance)
        instance.__dict__[self._name] = value  # which is found first from now on
        return value
