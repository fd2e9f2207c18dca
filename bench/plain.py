"""One image, plainly: Pillow decodes it whole and writes a JPEG. What `bench.memory` runs under GNU parallel."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image


def main(source: str, target: str) -> None:
    Image.MAX_IMAGE_PIXELS = None
    part = Path(target + ".part")
    with Image.open(source) as image:
        plain = image if image.mode in ("L", "RGB") else image.convert("L")
        plain.save(part, "JPEG", quality=92, subsampling=0)
    part.rename(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
