"""The numbers of a snapshot: what comes over a socket is checked against their limits."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

_BEYOND = 2**53
"""Larger than any count, size or time there is; numbers from here on lose their last digits where they are shown."""
Count = Annotated[int, Meta(ge=0, lt=_BEYOND)]
Signed = Annotated[int, Meta(gt=-_BEYOND, lt=_BEYOND)]
Number = Annotated[float, Meta(gt=-float(_BEYOND), lt=float(_BEYOND))]
"""Finite, because it has limits."""
