"""Peaks that `python -m bench.peaks` measured: the worker's largest resident set for an image and a way of decoding.

Linux on x86-64, Python 3.11, OpenJPEG 2.5.4 of Pillow 13's wheel, libvips 8.18.7.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.messages import DecodeMode, Plan, Surveyed


@dataclass(frozen=True)
class Measured:
    name: str
    facts: Surveyed
    plan: Plan
    peak_mib: int

    @property
    def megapixels(self) -> float:
        return self.facts.width * self.facts.height / 1e6

    def __str__(self) -> str:
        disk = "-disk" if self.plan.pixels_on_disk else ""
        rows = f"-{self.plan.strip_rows}" if self.plan.mode is DecodeMode.STRIPS else ""
        return f"{self.name}-{self.plan.mode}{rows}{disk}"


def _measured(line: str) -> Measured:
    name, width, height, components, bits, tile, code_block, source_bytes, how, peak = line.split()
    facts = Surveyed(
        image_id=1,
        source_bytes=int(source_bytes),
        width=int(width),
        height=int(height),
        components=int(components),
        bits=int(bits),
        tile_width=int(tile) or int(width),
        tile_height=int(tile) or int(height),
        levels=5,
        colour="grey" if components == "1" else "srgb",
        code_block_samples=int(code_block),
    )
    mode, *options = how.split("-")
    rows = next((int(option) for option in options if option.isdigit()), 2048)
    return Measured(
        name, facts, Plan(DecodeMode(mode), strip_rows=rows, pixels_on_disk="disk" in options), int(peak)
    )


# name, width, height, components, bits, tile (0: untiled), samples a code-block, file in bytes, how, peak in MiB
_TABLE = """
rgb-17                    4096  4096 3  8    0 4096  23194120 whole              280
rgb-17                    4096  4096 3  8    0 4096  23194120 strips-1024        318
rgb-17                    4096  4096 3  8    0 4096  23194120 strips-256-disk    158
rgb-17-tiles-1024         4096  4096 3  8 1024 4096  24230628 tiles              133
rgb-17-tiles-1024         4096  4096 3  8 1024 4096  24230628 tiles-disk          97
rgb-67                    8192  8192 3  8    0 4096  92775784 whole              943
rgb-67                    8192  8192 3  8    0 4096  92775784 strips-1024        726
rgb-67                    8192  8192 3  8    0 4096  92775784 strips-256-disk    313
rgb-67-lrcp               8192  8192 3  8    0 4096  92775784 whole              941
rgb-67-lrcp               8192  8192 3  8    0 4096  92775784 strips-1024        725
rgb-67-lrcp               8192  8192 3  8    0 4096  92775784 strips-256-disk    313
rgb-67-blocks-32          8192  8192 3  8    0 1024  94608904 whole             1005
rgb-67-blocks-32          8192  8192 3  8    0 1024  94608904 strips-1024        776
rgb-67-blocks-32          8192  8192 3  8    0 1024  94608904 strips-256-disk    365
rgb-67-smooth             8192  8192 3  8    0 4096  50109896 whole              902
rgb-67-smooth             8192  8192 3  8    0 4096  50109896 strips-1024        684
rgb-67-smooth             8192  8192 3  8    0 4096  50109896 strips-256-disk    273
rgb-67-16-bit             8192  8192 3 16    0 4096 301519304 whole             1143
rgb-67-16-bit             8192  8192 3 16    0 4096 301519304 strips-1024        925
rgb-67-16-bit             8192  8192 3 16    0 4096 301519304 strips-256-disk    513
rgb-67-wide              32768  2048 3  8    0 4096  92775784 whole              941
rgb-67-wide              32768  2048 3  8    0 4096  92775784 strips-1024       1710
rgb-67-wide              32768  2048 3  8    0 4096  92775784 strips-256-disk    730
rgb-67-tall               2048 32768 3  8    0 4096  92775784 whole              941
rgb-67-tall               2048 32768 3  8    0 4096  92775784 strips-1024        454
rgb-67-tall               2048 32768 3  8    0 4096  92775784 strips-256-disk    206
grey-67                   8192  8192 1  8    0 4096  32683010 whole              355
grey-67                   8192  8192 1  8    0 4096  32683010 strips-1024        341
grey-67                   8192  8192 1  8    0 4096  32683010 strips-256-disk    173
grey-67-16-bit            8192  8192 1 16    0 4096 102461394 whole              423
grey-67-16-bit            8192  8192 1 16    0 4096 102461394 strips-1024        408
grey-67-16-bit            8192  8192 1 16    0 4096 102461394 strips-256-disk    238
rgb-67-tiles-1024         8192  8192 3  8 1024 4096  96921876 tiles              298
rgb-67-tiles-1024         8192  8192 3  8 1024 4096  96921876 tiles-disk         111
rgb-67-tiles-256          8192  8192 3  8  256 4096 108641492 tiles              314
rgb-67-tiles-256          8192  8192 3  8  256 4096 108641492 tiles-disk         125
rgb-67-tiles-2048         8192  8192 3  8 2048 4096  92681700 tiles              354
rgb-67-tiles-2048         8192  8192 3  8 2048 4096  92681700 tiles-disk         210
grey-67-tiles-1024        8192  8192 1  8 1024 4096  35863566 tiles              149
grey-67-tiles-1024        8192  8192 1  8 1024 4096  35863566 tiles-disk          88
rgb-67-tiles-1024-16-bit  8192  8192 3 16 1024 4096 306006420 tiles              300
rgb-67-tiles-1024-16-bit  8192  8192 3 16 1024 4096 306006420 tiles-disk         118
rgb-201                  16384 12288 3  8    0 4096 278326888 whole             2702
rgb-201                  16384 12288 3  8    0 4096 278326888 strips-1024       1698
rgb-201                  16384 12288 3  8    0 4096 278326888 strips-256-disk    680
rgb-201-tiles-1024       16384 12288 3  8 1024 4096 290765204 tiles              747
rgb-201-tiles-1024       16384 12288 3  8 1024 4096 290765204 tiles-disk         172
rgb-67-wide-tiles        32768  2048 3  8 1024 4096  96921876 tiles              349
rgb-67-wide-tiles        32768  2048 3  8 1024 4096  96921876 tiles-disk         182
rgb-134-widest-tiles     64512  2048 3  8 1024 4096 190814738 tiles              644
rgb-134-widest-tiles     64512  2048 3  8 1024 4096 190814738 tiles-disk         279
grey-67-wide-tiles       32768  2048 1  8 1024 4096  35863566 tiles              173
grey-67-wide-tiles       32768  2048 1  8 1024 4096  35863566 tiles-disk         109
grey-3-huge-pages         1400  1900 1 10    0 4096   2428895 whole               85
"""

MEASURED = [_measured(line) for line in _TABLE.strip().splitlines()]
