"""What this machine makes of the specimens, as an engine tells hosts."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from engine.conversion.specimens import Conversions, convert_specimens


@cache
def specimens() -> Conversions:
    with tempfile.TemporaryDirectory() as directory:
        return convert_specimens(Path(directory))
