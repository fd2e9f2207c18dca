"""The check of a JPEG against its picture: it is read back from disk and compared before it gets its name."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.failures import Cause, ImageError, Stage
from engine.formatting import decibels
from engine.jp2.decoding.pixel_memory import ReleasePages
from engine.jpeg.inspect import JpegError, JpegFacts, read_jpeg
from engine.jpeg.libvips import Image, Region, VipsError, vips_failure
from engine.jpeg.quality import Table, standard_tables

_PEAK = 255
"""The largest value of a sample."""
STRIPE_ROWS = 16
"""Rows that are compared together: a whole row of blocks, also with 4:2:0."""
CELL_COLUMNS = 16
_ONE_IN = 16
"""With verify = "sample" one stripe of so many is compared."""

Samples = NDArray[np.uint8]
"""(rows, columns, channels)."""


class ExpectedJpeg(Struct, frozen=True):
    """What the JPEG must be."""

    image: Any
    """pyvips.Image: the pixels it was encoded from, 8 bits, one or three bands."""
    quality: int
    subsampled: bool
    icc: bytes | None
    release_pages: ReleasePages
    """Called after each stripe."""


class Verification(Struct, frozen=True):
    psnr_db: float
    """Over all samples that were compared; infinity if all are equal."""
    compared_share: float
    """Of the picture's rows."""


def verify_jpeg(path: Path, expected: ExpectedJpeg, verify: str = "sample") -> Verification:
    """Reads a JPEG back and compares it with what it was made of.

    Size, components, sampling, quantisation tables and ICC profile must be exactly as expected. The whole JPEG is
    decoded, and libjpeg's warnings count as errors. Pixels are compared in stripes of 16 rows: one chosen at random
    out of every 16 neighbours (the same ones for the same picture), or all with verify = "full". PSNR is
    10 log10(255² / MSE), the mean taken over pixels and channels alike, in RGB as it is stored (ISO/IEC 29170-1,
    A.3, for one channel). Raises ImageError PROOF_FAILED with what differs, OSError.
    """
    facts = _facts(path)
    _check_facts(facts, expected)
    bound = _ErrorBound(facts, expected.subsampled)
    source = Region.new(expected.image)
    squares, samples, compared = 0.0, 0, 0
    try:
        for top, rows, actual in _read_back(path, expected.image.height, verify):
            stripe = _fetch(source, expected.image, top, rows)
            difference = cell_squares(stripe, actual)
            bound.check(top, stripe, difference)
            squares += float(difference.sum())
            samples += stripe.size
            compared += rows
            expected.release_pages()
    except VipsError as error:
        raise vips_failure(error, Stage.PROVING, Cause.PROOF_FAILED) from error
    return Verification(psnr_db(squares, samples), compared / expected.image.height)


def psnr_db(squares: float, samples: int) -> float:
    """Peak signal-to-noise ratio of 8-bit samples whose squared differences add up to `squares`."""
    return math.inf if squares == 0 else 10 * math.log10(_PEAK * _PEAK * samples / squares)


def _fail(message: str) -> NoReturn:
    raise ImageError(Cause.PROOF_FAILED, Stage.PROVING, message)


def _facts(path: Path) -> JpegFacts:
    try:
        return read_jpeg(path)
    except JpegError as error:
        raise ImageError(Cause.PROOF_FAILED, Stage.PROVING, str(error)) from error


def _check_facts(facts: JpegFacts, expected: ExpectedJpeg) -> None:
    image = expected.image
    if (facts.width, facts.height) != (image.width, image.height):
        _fail(f"the JPEG has {facts.width} × {facts.height} pixels, not {image.width} × {image.height}")
    if len(facts.sampling) != image.bands:
        _fail(f"the JPEG has {len(facts.sampling)} components, not {image.bands}")
    sampling = "grey" if image.bands == 1 else "4:2:0" if expected.subsampled else "4:4:4"
    if facts.subsampling != sampling:
        _fail(f"the JPEG's sampling is {facts.subsampling}, not {sampling}")
    luma, chroma = standard_tables(expected.quality)
    if facts.tables != (luma, chroma, chroma)[: image.bands]:
        _fail(f"the JPEG's quantisation tables are not those of quality {expected.quality}")
    if facts.icc != expected.icc:
        _fail("the JPEG's ICC profile is not the picture's, byte for byte")


def stripes(height: int, verify: str, seed: str) -> list[tuple[int, int]]:
    """First row and number of rows of each stripe to compare, from the top down."""
    every = [(top, min(STRIPE_ROWS, height - top)) for top in range(0, height, STRIPE_ROWS)]
    if verify == "full":
        return every
    chance = random.Random(seed)
    return [chance.choice(every[at : at + _ONE_IN]) for at in range(0, len(every), _ONE_IN)]


def _read_back(path: Path, height: int, verify: str) -> Iterator[tuple[int, int, Samples]]:
    """The stripes to compare, decoded from disk; decoding continues to the last row."""
    jpeg = Image.jpegload(str(path), access="sequential", fail_on="warning")
    region = Region.new(jpeg)
    chosen = stripes(height, verify, f"{jpeg.width}x{height}")
    for top, rows in chosen:
        yield top, rows, _fetch(region, jpeg, top, rows)
    if sum(chosen[-1]) < height:
        _fetch(region, jpeg, height - 1, 1)


def _fetch(region: Any, image: Any, top: int, rows: int) -> Samples:
    data = region.fetch(0, top, image.width, rows)
    return np.frombuffer(data, np.uint8).reshape(rows, image.width, image.bands)


def cell_squares(a: Samples, b: Samples) -> NDArray[np.float64]:
    """Squared differences of two stripes, added up over each 16 columns (the last cell may be narrower)."""
    difference = a.astype(np.int16) - b
    rows, columns, bands = difference.shape
    whole = columns // CELL_COLUMNS * CELL_COLUMNS
    cells = difference[:, :whole].reshape(rows, -1, CELL_COLUMNS * bands).astype(np.float32)
    sums: NDArray[np.float64] = np.einsum("rck,rck->c", cells, cells).astype(np.float64)
    if whole == columns:
        return sums
    rest = difference[:, whole:].astype(np.float64)
    return np.append(sums, float((rest * rest).sum()))


class _ErrorBound:
    """How far a JPEG may be from its source: as far as quantisation can bring it, and no farther.

    A DCT coefficient is off by half its divisor at most, and the DCT keeps energy (T.81 A.3.3, A.3.4): so no
    block's mean squared error in Y, Cb or Cr exceeds a quarter of the mean squared divisor. Through the matrix of
    T.871 these add up in RGB, in the worst case all in step; clipping to 0…255 only brings a sample nearer. That is
    the limit for each cell of 16 × 16: at quality 92 it is 32 dB for greys, 23 dB for RGB. If a block reaches over
    the picture's edge, all of its error may lie inside.

    Over a stripe the errors average out: spread evenly within a divisor they make a twelfth of its square, and the
    components' errors add up as energies. Pure noise, the worst case, reaches exactly that. The limit for a stripe
    is twice as much: at quality 92 it is 34 dB for greys and 28 dB for RGB, where noise measures 38 and 32, pages
    35 to 50, and an unrelated picture 5 to 12. What 4:2:0 takes away depends on the picture, and is measured.
    """

    def __init__(self, facts: JpegFacts, subsampled: bool) -> None:
        luma, chroma = (_mean_square(table) for table in (facts.tables[0], facts.tables[-1]))
        self._subsampled = subsampled and len(facts.tables) == 3
        # One code more for rounding: to YCbCr, to a DCT in integers, and back.
        if len(facts.tables) == 1:
            self._most = (math.sqrt(luma / 4) + 1) ** 2
            self._usual = luma / 12
        else:
            y, c = math.sqrt(luma / 4), math.sqrt(chroma / 4)
            self._most = sum((y + factor * c + 1) ** 2 for factor in (_RED, _GREEN_CB + _GREEN_CR, _BLUE)) / 3
            energy = _RED**2 + _GREEN_CB**2 + _GREEN_CR**2 + _BLUE**2
            self._usual = (luma + energy / 3 * chroma) / 12
        self._usual = (math.sqrt(2 * self._usual) + 1) ** 2

    def check(self, top: int, stripe: Samples, squares: NDArray[np.float64]) -> None:
        """Raises ImageError PROOF_FAILED if the stripe's squared differences are larger than possible."""
        rows, columns, bands = stripe.shape
        most = self._usual
        if self._subsampled:
            # The decoder interpolates: it may be nearer to the source than the mean is, or half as far again.
            most = (math.sqrt(most) + 1.5 * math.sqrt(_chroma_loss(stripe))) ** 2
        else:
            widths = np.full(len(squares), CELL_COLUMNS)
            widths[-1] = _whole_blocks(columns - CELL_COLUMNS * (len(squares) - 1))
            cells = squares / (widths * (_whole_blocks(rows) * bands))
            worst = int(cells.argmax())
            _check_limit(float(cells[worst]), self._most, f"at column {worst * CELL_COLUMNS}, row {top}")
        if stripe.size >= _STRIPE_SAMPLES:
            _check_limit(float(squares.sum()) / stripe.size, most, f"in rows {top} to {top + rows - 1}")


def _whole_blocks(side: int) -> int:
    return -(-side // _BLOCK) * _BLOCK


_BLOCK = 8
"""Rows and columns of a block (T.81 A.1.1)."""
_STRIPE_SAMPLES = 16 * CELL_COLUMNS * 4
"""Fewer samples, those of four cells, do not average out."""
_RED, _GREEN_CB, _GREEN_CR, _BLUE = 1.402, 0.344136, 0.714136, 1.772
"""ITU-T T.871, 7: what Cr adds to red, Cb and Cr take from green, Cb adds to blue."""


def _check_limit(mse: float, most: float, where: str) -> None:
    if mse > most:
        _fail(f"{where} the JPEG differs from the picture: PSNR {decibels(psnr_db(mse, 1))}")


def _mean_square(table: Table) -> float:
    return sum(divisor**2 for divisor in table) / 64


_TO_CHROMA = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
"""ITU-T T.871, 7: Cb and Cr of RGB."""


def _chroma_loss(stripe: Samples) -> float:
    """The largest mean squared error in RGB that averaging Cb and Cr over 2 × 2 pixels can make."""
    rows, columns = stripe.shape[0] // 2 * 2, stripe.shape[1] // 2 * 2
    if rows == 0 or columns == 0:
        return 0.0
    chroma = stripe[:rows, :columns].astype(np.float32) @ _TO_CHROMA.T
    blocks = chroma.reshape(rows // 2, 2, columns // 2, 2, 2)
    lost = blocks - blocks.mean(axis=(1, 3), keepdims=True)
    cb, cr = (float(np.mean(lost[..., index] ** 2)) for index in (0, 1))
    worst = (
        _RED * math.sqrt(cr),
        _GREEN_CB * math.sqrt(cb) + _GREEN_CR * math.sqrt(cr),
        _BLUE * math.sqrt(cb),
    )
    return sum(part**2 for part in worst) / 3
