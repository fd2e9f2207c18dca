"""Two lossless codestreams of one small picture: a decoder that is wrong about its samples is not asked."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 13, 9

PLAIN = base64.b64decode(
    "/0//UQAvAAAAAAANAAAACQAAAAAAAAAAAAAADQAAAAkAAAAAAAAAAAADBwEBBwEBBwEB/1IADAAAAAEAAQQEAAH/XAAHQEBISFD/"
    "ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjT/kAAKAAAAAABJAAH/k9+AoBFoK8I7mtd4bxl1s0ZL2MMlh8wm"
    "34CAEoxDc89bIhlM3EWfWU2Ff4CAgJPzCxFPh9X7yoAAAAMH/9k="
)
"""By OpenJPEG 2.5.4."""

HIGH_THROUGHPUT = base64.b64decode(
    "/0//UQAvQAAAAAANAAAACQAAAAAAAAAAAAAADQAAAAkAAAAAAAAAAAADBwEBBwEBBwEB/1AACAACAAAABP9SAAwAAAABAQEEBEAB"
    "/1wAByBYWFhg/2QADgABSFQgcGljdHVyZf+QAAoAAAAAARQAAf+TwAusv4fV/PIdLN97G4/nedkNTmcSbYliep40tG6B5QBCLP17"
    "nc/hrkX6AADXMAHAC7B+R3+H3+F3+B1+h9/heXqenqfn6Xl6np7n7+/3+/v9/QBCL9r3NwGgAAPmAAAxsAHAC7Cv8+Nxuf0+zo4e"
    "3m7fT4//Py/H1+vB1cff8ffbx7P/SwDC7X3NwYqEIQD7UETUsAHACOAEcAFvgPwDAPwDAPv9/f1+v9/v9/v9fn9/v9/v9/v9fh1+"
    "suIGAAAxugDACOAEcAF0wPwDAPwDAPv333//fvv379+/f/9++/fff/9++/fv379//34dfrLkBhCAMboAwAjgBHABGPwDAPwDAPgD"
    "AP/Z"
)
"""With the code-blocks of ISO/IEC 15444-15, by Grok 10.0.5. FFmpeg before 6.1 decodes it to noise, without an error."""


def is_known(planes: Sequence[NDArray[Any]]) -> bool:
    """Whether these are the samples of the picture."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    known = [(x * 20) % 256, (y * 28) % 256, 255 * ((x + y) % 2)]
    return len(planes) == len(known) and all(map(np.array_equal, planes, known))
