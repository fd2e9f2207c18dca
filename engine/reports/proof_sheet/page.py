"""The proof sheet as a page: crops side by side, a click puts the source in a JPEG's place."""

from __future__ import annotations

import base64
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from engine.formatting import counted, data_size, decibels, percent
from engine.jpeg.inspect import Table, standard_tables
from engine.reports.html import Column, name, page, section, table, text, unbroken
from engine.reports.proof_sheet.sample_image import Candidate, Specimen, Unreadable

N = True
"""A numeric column."""


@dataclass(frozen=True)
class Sheet:
    title: str
    made: str
    seed: int
    qualities: tuple[int, ...]
    specimens: tuple[Specimen, ...]
    unreadable: tuple[Unreadable, ...]
    drawn_from: int
    """Images in the ledger or the batch."""


STYLE = """
body { max-width: none; padding-left: max(1.5rem, calc(50vw - 58rem)); padding-right: max(1.5rem, calc(50vw - 58rem)); }
header, .prose { max-width: 68rem; }
.crops { display: flex; flex-wrap: wrap; gap: 1.2rem .8rem; margin-top: .8rem; }
.crops figure { margin: 0; max-width: 100%; }
.crops img { display: block; max-width: none; background: var(--tint); }
.crops button { all: unset; display: block; cursor: pointer; max-width: 100%; overflow: auto; }
.crops button:focus-visible { outline: 3px solid var(--done); outline-offset: 2px; }
.crops button[aria-pressed=true] { outline: 3px solid var(--accepted); outline-offset: 2px; }
.crops figcaption { padding-top: .4rem; font-variant-numeric: tabular-nums; color: var(--ink); max-width: 21rem; }
.crops figcaption span { color: var(--soft); display: block; }
.crops i { font-style: normal; } .pressed { display: none; }
[aria-pressed=true] ~ figcaption .pressed { display: inline; }
[aria-pressed=true] ~ figcaption .unpressed { display: none; }
.specimen { border-top: 1px solid var(--line); padding-top: .2rem; margin-top: 2.6rem; break-inside: avoid; }
.specimen h3 { margin-bottom: .1rem; overflow-wrap: anywhere; }
.divisors td, .divisors th { text-align: right; padding: .1rem .35rem; border: 0; font-weight: 400; }
.divisors table { width: auto; } .pair { display: flex; flex-wrap: wrap; gap: 0 3rem; }
kbd { font: .85em ui-monospace, monospace; border: 1px solid var(--line); border-radius: 3px; padding: 0 .35em; }
@media print { .crops img { max-width: 8cm; height: auto; } }
"""

SCRIPT = """
"use strict";
const own = new Map();
function show(button, source) {
  const image = button.querySelector("img");
  if (!own.has(button)) own.set(button, image.src);
  image.src = source ? button.closest(".crops").querySelector(".source img").src : own.get(button);
  button.setAttribute("aria-pressed", String(source));
}
const buttons = [...document.querySelectorAll("button.flip")];
for (const button of buttons)
  button.addEventListener("click", () => show(button, button.getAttribute("aria-pressed") !== "true"));
document.addEventListener("keydown", event => {
  if (event.key !== "s" || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = buttons.some(button => button.getAttribute("aria-pressed") !== "true");
  for (const button of buttons) show(button, all);
});
function fit() {
  for (const image of document.querySelectorAll(".crops img"))
    image.style.width = image.getAttribute("width") / window.devicePixelRatio + "px";
}
fit();
window.addEventListener("resize", fit);
"""


def render(sheet: Sheet) -> str:
    """The whole document."""
    listed = ", ".join(str(quality) for quality in sheet.qualities)
    intro = (
        f"<p>{counted(len(sheet.specimens), 'image')} of {sheet.drawn_from:,}, drawn at random (seed {sheet.seed}), at "
        f"JPEG quality {listed}. The crops show one pixel of the image as one pixel of the screen, from a place with "
        "more detail than most of the image has. A click on a JPEG puts the source in its place and back: what "
        "moves is the difference. <kbd>s</kbd> does it for all.</p>"
    )
    body = (
        f"<header><h1>{name(sheet.title)}</h1><p class=soft>Proof sheet, {text(sheet.made)}</p>{intro}"
        f"{_summary(sheet)}</header><main>{''.join(map(_specimen, sheet.specimens))}"
        f"<div class=prose>{_unreadable(sheet.unreadable)}{_tables(sheet.qualities)}</div></main>"
    )
    return page(f"Proof sheet: {sheet.title}", body, STYLE, SCRIPT)


def _summary(sheet: Sheet) -> str:
    if not sheet.specimens:
        return "<p>There is no image to show.</p>"
    source = sum(specimen.source_bytes for specimen in sheet.specimens)
    titles = ("JPEG", "of the JPEG 2000", "PSNR, lowest", "median", "highest")
    rows = []
    for index, quality in enumerate(sheet.qualities):
        candidates = [specimen.candidates[index] for specimen in sheet.specimens]
        psnr = sorted(candidate.psnr_db for candidate in candidates)
        size = sum(candidate.jpeg_bytes for candidate in candidates)
        rows.append(
            [
                f"quality {quality}",
                unbroken(data_size(size)),
                unbroken(percent(size, source)),
                unbroken(decibels(psnr[0])),
                unbroken(decibels(statistics.median(psnr))),
                unbroken(decibels(psnr[-1])),
            ]
        )
    caption = f"{counted(len(sheet.specimens), 'image')}, {unbroken(data_size(source))} of JPEG 2000"
    return table([Column("together"), *(Column(title, N) for title in titles)], rows, caption)


def _specimen(specimen: Specimen) -> str:
    row, crop = specimen.row, specimen.crop
    facts = (
        f"{specimen.width:,} × {specimen.height:,} pixels; crop from {crop.left:,}, {crop.top:,}; "
        f"no. {row.id}, record {name(row.record)}"
    )
    warnings = "".join(f"<p class=soft>{text(warning)}</p>" for warning in specimen.warnings)
    size = unbroken(data_size(specimen.source_bytes))
    source = (
        f"<figure class=source>{_image(specimen.png, crop.width, crop.height, 'the source')}"
        f"<figcaption><b>source</b><span>{size} of JPEG 2000</span></figcaption></figure>"
    )
    candidates = "".join(_candidate(specimen, candidate) for candidate in specimen.candidates)
    return (
        f"<section class=specimen><h3>{name(row.target)}</h3><p class=soft>{facts}</p>{warnings}"
        f"<div class=crops>{source}{candidates}</div></section>"
    )


def _candidate(specimen: Specimen, candidate: Candidate) -> str:
    crop = specimen.crop
    label = f"JPEG of quality {candidate.quality}; shows the source when pressed"
    image = _image(candidate.png, crop.width, crop.height, f"JPEG of quality {candidate.quality}")
    ratio = unbroken(percent(candidate.jpeg_bytes, specimen.source_bytes))
    said = (
        f"{unbroken(data_size(candidate.jpeg_bytes))}, {ratio} of the JPEG 2000; "
        f"{text(candidate.subsampling)}<br>PSNR {unbroken(decibels(candidate.psnr_db))}"
    )
    return (
        f'<figure><button type=button class=flip aria-pressed=false aria-label="{text(label)}">{image}</button>'
        f"<figcaption><b><i class=unpressed>quality {candidate.quality}</i>"
        f"<i class=pressed>source, in place of quality {candidate.quality}</i></b><span>{said}</span>"
        "</figcaption></figure>"
    )


def _image(png: bytes, width: int, height: int, alt: str) -> str:
    data = base64.b64encode(png).decode("ascii")
    return f'<img width={width} height={height} alt="{text(alt)}" src="data:image/png;base64,{data}">'


def _unreadable(images: Sequence[Unreadable]) -> str:
    if not images:
        return ""
    columns = [Column("image"), Column("cause"), Column("what happened")]
    rows = [
        [name(one.row.target), text(one.failure.cause.value), text(one.failure.message)] for one in images
    ]
    return section("Not shown", "<p>Drawn too, and not readable:</p>" + table(columns, rows), "not-shown")


def _tables(qualities: Sequence[int]) -> str:
    """The divisors of every quality (ITU-T T.81 Annex K, scaled)."""
    said = (
        "<p>What a JPEG of each quality divides its 8 × 8 coefficients by, from the lowest frequency in the upper "
        "left corner. 1 keeps all there is.</p>"
    )
    parts = []
    for quality in qualities:
        luma, chroma = standard_tables(quality)
        parts.append(
            f"<details><summary>quality {quality}</summary><div class=pair>{_divisors(luma, 'brightness')}"
            f"{_divisors(chroma, 'colour')}</div></details>"
        )
    return section("Quantisation tables", said + "".join(parts), "tables")


def _divisors(values: Table, caption: str) -> str:
    rows = "".join(
        "<tr>" + "".join(f"<td>{value}</td>" for value in values[8 * row : 8 * row + 8]) + "</tr>"
        for row in range(8)
    )
    return f"<div class=divisors><table><caption>{text(caption)}</caption><tbody>{rows}</tbody></table></div>"
