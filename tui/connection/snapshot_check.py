"""Whether a snapshot is what it should be: it comes over a socket, and who listens there is not known."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

_MOST = 2**53
"""Beyond all counts, bytes and times there are; larger numbers break what shows them."""


def unsound(value: object, kind: Any, name: str = "") -> str:
    """The name of the first part that is not of its declared type or is no sensible number; empty when all is."""
    if get_origin(kind) in (Union, UnionType):
        return "" if any(not unsound(value, one, name) for one in get_args(kind)) else name
    if get_origin(kind) is tuple:
        return _unsound_tuple(value, get_args(kind), name)
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(value, kind):
            return name
        parts = _parts(kind)
        return next(
            filter(None, (unsound(getattr(value, part), of, f"{name}.{part}") for part, of in parts)), ""
        )
    return "" if _is(value, kind) else name


@cache
def _parts(kind: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in fields(kind))


def _unsound_tuple(value: object, kinds: tuple[Any, ...], name: str) -> str:
    if not isinstance(value, tuple):
        return name
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        return name
    return next(filter(None, (unsound(v, k, name) for v, k in zip(value, kinds, strict=True))), "")


def _is(value: object, kind: Any) -> bool:
    """bool is no number here, an int is a float, and numbers are finite."""
    if kind in (int, float):
        is_number = isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
        return is_number and -_MOST < value < _MOST and math.isfinite(value)  # type: ignore[operator, arg-type]
    if isinstance(kind, type) and issubclass(kind, (bool, str, Enum)):
        return isinstance(value, kind)
    return value is None if kind is type(None) else False
