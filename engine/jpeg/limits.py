"""How large a JPEG can be."""

from __future__ import annotations

from engine.failures import Cause, ImageError, Stage

LONGEST_SIDE = 65_500
"""A JPEG's longest side in pixels: JPEG_MAX_DIMENSION of libjpeg's jmorecfg.h."""


def check_sides(width: int, height: int, oversize: str) -> None:
    """Raises ImageError TOO_LARGE_FOR_JPEG unless the picture fits or may be shrunk (`oversize` of [jpeg])."""
    if max(width, height) > LONGEST_SIDE and oversize != "shrink":
        message = f"{width:,} × {height:,} pixels: a JPEG's side ends at {LONGEST_SIDE:,}"
        raise ImageError(Cause.TOO_LARGE_FOR_JPEG, Stage.VALIDATING, message)
