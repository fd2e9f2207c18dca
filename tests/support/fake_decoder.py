"""A program called kdu_expand that decodes the known pictures right, and of every other makes what a test asks for."""

from __future__ import annotations

import sys
from pathlib import Path

_PROGRAM = """#!{python}
import os, signal, struct, sys
if sys.argv[1] == "-v":
    print("kdu_expand, core version v9.9")
    sys.exit()
source, targets = sys.argv[2], sys.argv[4].split(",")
data = open(source, "rb").read()
width, height = struct.unpack_from(">II", data, 8)
known = (width, height) == (13, 9)
if known:
    planes = [
        bytes((x * 20) % 256 for y in range(9) for x in range(13)),
        bytes((y * 28) % 256 for y in range(9) for x in range(13)),
        bytes(255 * ((x + y) % 2) for y in range(9) for x in range(13)),
    ]
else:
    planes = [bytes(width * height) for _ in targets]
{behaviour}
for target, plane in zip(targets, planes):
    open(target, "wb").write(plane)
"""

BLACK = ""
"""It decodes every picture to black."""
NEVER_RIGHT = "planes = [bytes(len(plane)) for plane in planes]"
FAILS = "if not known: sys.exit('no licence for this')"
HUNGRY = "if not known: planes = [b'x' * (1 << 40)]"
SHORT = "if not known: planes = [plane[:-1] for plane in planes]"


def hangs(marker: Path) -> str:
    """It writes its process id there and never ends."""
    return f"if not known:\n    open({str(marker)!r}, 'w').write(str(os.getpid()))\n    signal.pause()"


def install(folder: Path, behaviour: str = BLACK) -> dict[str, str]:
    """The environment in which it is the only other program that decodes."""
    folder.mkdir(exist_ok=True)
    program = folder / "kdu_expand"
    program.write_text(_PROGRAM.format(python=sys.executable, behaviour=behaviour))
    program.chmod(0o755)
    return {"PATH": str(folder)}
