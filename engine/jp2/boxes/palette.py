"""The palette of a `pclr` box (ISO/IEC 15444-1 I.5.3.4), also if its values are deeper than it declares."""

from __future__ import annotations

from collections.abc import Sequence

from engine.jp2.errors import corrupt
from engine.jp2.header import Palette

_MOST_BITS = 38
"""Table I.13."""


def read_palette(data: bytes, warnings: list[str]) -> Palette:
    """The content of the box; a depth that its values plainly exceed is corrected, with a warning.

    Raises ImageError CORRUPT for a palette that cannot be, or whose depth cannot be told.
    """
    entries, columns = int.from_bytes(data[:2]), data[2]
    if not 1 <= entries <= 1024 or columns == 0 or len(data) < 3 + columns:
        corrupt(f"the palette claims {entries} entries of {columns} columns")
    depths = data[3 : 3 + columns]
    bits = [(depth & 0x7F) + 1 for depth in depths]
    signed = tuple(bool(depth & 0x80) for depth in depths)
    if max(bits) > _MOST_BITS:
        corrupt(f"the palette claims values of {max(bits)} bits; {_MOST_BITS} are possible")
    sizes = [-(-b // 8) for b in bits]
    _check_size(len(data) - 3 - columns, entries, sizes, warnings)
    at = 3 + columns
    values: list[list[int]] = [[] for _ in range(columns)]
    for _ in range(entries):
        for column, size in enumerate(sizes):
            values[column].append(int.from_bytes(data[at : at + size]))
            at += size
    real_bits = _real_depths(values, bits, signed, warnings)
    for column, is_signed in enumerate(signed):
        if is_signed:
            values[column] = [_signed(value, bits[column], sizes[column]) for value in values[column]]
    return Palette(real_bits, signed, tuple(zip(*values, strict=True)))


def _check_size(held: int, entries: int, sizes: Sequence[int], warnings: list[str]) -> None:
    needed = entries * sum(sizes)
    claim = f"{entries} entries of {len(sizes)} columns, which are {needed:,} bytes at the depth it declares"
    if held < needed:
        corrupt(f"the palette holds {held:,} bytes of values, too few for {claim}")
    if held >= entries * (sum(sizes) + len(sizes)):
        corrupt(
            f"the palette holds {held:,} bytes of values, and claims {claim}: its values cannot be told apart"
        )
    if held > needed:
        warnings.append(f"the palette box is {held - needed:,} bytes longer than its values")


def _real_depths(
    values: Sequence[Sequence[int]], bits: Sequence[int], signed: Sequence[bool], warnings: list[str]
) -> tuple[int, ...]:
    """Bits of each column. Columns of one declared depth have one real depth.

    If unsigned values use the topmost bit of their whole bytes, they are as deep as these: a writer that declares
    less has the depth wrong. Smaller values that are still beyond the declared depth may be of any depth.
    """
    highest: dict[int, int] = {}
    for column, depth, is_signed in zip(values, bits, signed, strict=True):
        if not is_signed:
            highest[depth] = max(highest.get(depth, 0), *column)
    real = {depth: _real_depth(depth, value, warnings) for depth, value in highest.items()}
    return tuple(depth if is_signed else real[depth] for depth, is_signed in zip(bits, signed, strict=True))


def _real_depth(declared: int, highest: int, warnings: list[str]) -> int:
    if highest >> declared == 0:
        return declared
    beyond = f"the palette has values up to {highest:,}, beyond the {declared} bits it declares"
    whole = -(-declared // 8) * 8
    if highest.bit_length() < whole:
        corrupt(f"{beyond}; how deep they are cannot be told")
    warnings.append(f"{beyond}: they are read as values of {whole} bits")
    return whole


def _signed(value: int, bits: int, size: int) -> int:
    """A value of `bits` bits in `size` bytes, above which stand zeros or copies of its sign."""
    low = value & ((1 << bits) - 1)
    extended = low - (1 << bits) if low >> (bits - 1) else low
    if value not in (low, extended % (1 << (8 * size))):
        corrupt(f"the palette has the value {value:#x}, which is not a signed one of {bits} bits")
    return extended
