"""libvips as the workers use it: one thread, nothing cached, its errors turned into failures."""

from __future__ import annotations

from functools import cache

import pyvips

from engine.failures import Cause, ImageError, Stage

pyvips.cache_set_max(0)
pyvips.concurrency_set(1)  # a worker is one of several on the machine's cores

BlobType = pyvips.GValue.blob_type
Image = pyvips.Image
Region = pyvips.Region
TargetCustom = pyvips.TargetCustom
VipsError = pyvips.Error


def vips_failure(error: pyvips.Error, stage: Stage, cause: Cause = Cause.INTERNAL) -> ImageError:
    """libvips' message as a failure: OUT_OF_MEMORY if it lacked memory, else `cause`."""
    message = str(error)
    if "out of memory" in message or "unable to allocate" in message:
        return ImageError(Cause.OUT_OF_MEMORY, stage, f"libvips: {message}")
    return ImageError(cause, stage, f"libvips: {message}")


@cache
def srgb_profile() -> bytes:
    """The sRGB profile that libvips carries and attaches."""
    return bytes(pyvips.Operation.call("profile_load", "srgb"))
