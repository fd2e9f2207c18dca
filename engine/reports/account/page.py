"""The report as a page: figures in, HTML out. Every text from outside goes through `htmlpage.text` or `name`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.formatting import (
    UNKNOWN,
    counted,
    data_size,
    date_and_time,
    decibels,
    duration,
    long_date,
    percent,
)
from engine.ledger.account import Account
from engine.ledger.models import ImageRow
from engine.reports.account import charts
from engine.reports.account.figures import MOST_LISTED, BatchFigures, Causes, Figures, Range, Warned
from engine.reports.html import Column, name, page, section, table, text, unbroken

N = True
"""A numeric column."""
_HISTOGRAM_DB = 0.25
_LEAST_BARS, _MOST_BARS = 24, 60


def render(figures: Figures) -> str:
    """The whole document."""
    account = figures.account
    body = (
        f"<header><h1>{name(figures.title)}</h1>"
        f"<p class=soft>Conversion report, {text(long_date(figures.made))}</p>"
        f"<p class=lead>{verdict(account)}</p>{charts.account_bar(account)}</header><main>"
        f"{_account(figures)}{_sizes(figures)}{_times(figures)}{_quality(figures)}"
        f"{_failures(figures)}{_accepted(figures)}{_warnings(figures)}</main>"
        f"<footer>Made by photostat {text(figures.version)} from the workspace’s ledger. Beside this page: "
        "<code>batches.csv</code> has its figures, <code>failures.csv</code> every failed and accepted image, "
        "<code>attention.csv</code> every image with a warning or a PSNR far below its batch.</footer>"
    )
    return page(f"Conversion report: {figures.title}", body, charts.STYLE)


def verdict(account: Account) -> str:
    """What the account comes to, in a sentence or two."""
    if account.rows == 0:
        return "The ledger holds no images yet."
    parts = [f"{account.done:,} done"]
    parts += [f"{account.failed:,} failed"] if account.failed else []
    parts += [f"{account.accepted:,} accepted with a reason"] if account.accepted else []
    waiting = account.remaining
    parts += [f"{waiting:,} not converted yet"] if waiting else []
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    all_rows = "The one image" if account.rows == 1 else f"All {account.rows:,} images"
    are = "is" if account.rows == 1 else "are"
    if account.done == account.rows:
        return f"{all_rows} {are} converted, proved and stored."
    ending = "" if waiting or account.failed else " Nothing is left to do."
    return f"{all_rows} {are} accounted for: {listed}.{ending}"


def _account(figures: Figures) -> str:
    columns = [
        Column("batch"),
        *(Column(title, N) for title in ("images", "done", "failed", "accepted", "waiting")),
    ]
    rows = [[name(batch.name), *_account_cells(batch.account)] for batch in figures.batches]
    foot = ["together", *_account_cells(figures.account)] if len(rows) > 1 else ()
    whole = (
        f"<p>{counted(figures.representations, 'representation')}, of which {figures.complete:,} complete: "
        "every image of it done or accepted.</p>"
    )
    return section("Account", whole + table(columns, rows, foot=foot), "account")


def _account_cells(account: Account) -> list[str]:
    waiting = account.remaining
    numbers = (account.rows, account.done, account.failed, account.accepted, waiting)
    return [f"{number:,}" if number else UNKNOWN for number in numbers]


def _sizes(figures: Figures) -> str:
    titles = ("megapixels", "JPEG 2000", "JPEG", "JPEG : JPEG 2000", "average before", "after")
    columns = [Column("batch"), *(Column(title, N) for title in titles)]
    rows = [[name(batch.name), *_size_cells(batch)] for batch in figures.batches]
    source = figures.total(lambda batch: batch.source_bytes)
    jpeg = figures.total(lambda batch: batch.jpeg_bytes)
    if not source:
        return ""
    before, after = unbroken(data_size(source)), unbroken(data_size(jpeg))
    ratio = unbroken(percent(jpeg, source))
    saved = f"<p>{before} of JPEG 2000 became {after} of JPEG: {ratio}.</p>"
    ranges = _one_range(figures)
    return section("Sizes", saved + ranges + table(columns, rows), "sizes")


def _size_cells(batch: BatchFigures) -> list[str]:
    source, jpeg, pixels = batch.source_bytes, batch.jpeg_bytes, batch.megapixels
    if not jpeg.number:
        return [UNKNOWN] * 6
    return [
        f"{pixels.total:,.0f}" if pixels.total >= 100 else f"{pixels.total:.1f}",
        unbroken(data_size(source.total)),
        unbroken(data_size(jpeg.total)),
        unbroken(percent(jpeg.total, source.total)),
        unbroken(data_size(source.total / max(1, source.number))),
        unbroken(data_size(jpeg.total / jpeg.number)),
    ]


def _one_range(figures: Figures) -> str:
    known: list[Range] = [batch.megapixels for batch in figures.batches if batch.megapixels.number]
    if not known:
        return ""
    least, most = min(r.least for r in known), max(r.most for r in known)
    return f"<p>The smallest image has {least:.1f} megapixels, the largest {most:,.1f}.</p>"


def _times(figures: Figures) -> str:
    begun = [batch for batch in figures.batches if batch.times is not None]
    if not begun:
        return ""
    titles = ("begun", "ended", "at work", "images / hour", "CPU s / image", "CPU s / megapixel", "attempts")
    columns = [Column("batch"), *(Column(title, N) for title in titles)]
    rows = []
    for batch in begun:
        times = batch.times
        assert times is not None
        converted = times.converted
        pixels = batch.megapixels.total
        rows.append(
            [
                name(batch.name),
                text(date_and_time(times.first)),
                text(date_and_time(times.last)),
                unbroken(duration(times.busy_s)),
                f"{converted / times.busy_s * 3600:,.0f}" if times.busy_s else UNKNOWN,
                f"{times.cpu_s / converted:.2f}" if converted else UNKNOWN,
                f"{times.cpu_s / pixels:.3f}" if pixels and converted else UNKNOWN,
                f"{times.attempts:,}",
            ]
        )
    said = "<p>“At work” is the time with at least one image under way; pauses and holds are not in it.</p>"
    return section("Time", said + table(columns, rows), "time")


def _quality(figures: Figures) -> str:
    measured = [batch for batch in figures.batches if batch.psnr.count]
    if not measured:
        return ""
    titles = ("JPEG quality", "measured", "lowest", "5 % below", "median", "highest", "far below")
    columns = [Column("batch"), *(Column(title, N) for title in titles)]
    rows = [[name(batch.name), *_quality_cells(batch)] for batch in measured]
    said = (
        "<p>PSNR compares each JPEG with the pixels of its source; higher is nearer. An image is far below its "
        "batch when it lies 5 robust standard deviations and 3 dB under the median: worth a look, not "
        "necessarily wrong. JPEG quality is what photostat.toml says today.</p>"
    )
    span, width = _common_scale(measured)
    drawn = "".join(_psnr_figure(batch, span, width) for batch in measured)
    return section("Quality", said + table(columns, rows) + drawn, "quality")


def _quality_cells(batch: BatchFigures) -> list[str]:
    psnr = batch.psnr
    finite = psnr.finite > 0
    return [
        str(batch.quality),
        f"{psnr.count:,}",
        unbroken(decibels(psnr.lowest)) if finite else unbroken(decibels(float("inf"))),
        unbroken(decibels(psnr.quantile(0.05))),
        unbroken(decibels(psnr.median)),
        unbroken(decibels(psnr.highest)) if finite else UNKNOWN,
        f"{batch.flagged_count:,}" if batch.flagged_count else UNKNOWN,
    ]


def _common_scale(batches: Sequence[BatchFigures]) -> tuple[tuple[float, float], float]:
    """The same axis for every batch, so that they can be compared: its ends and the bars' width, dB."""
    finite = [batch.psnr for batch in batches if batch.psnr.finite]
    least = min((psnr.lowest for psnr in finite), default=0.0)
    most = max((psnr.highest for psnr in finite), default=0.0)
    width = _HISTOGRAM_DB
    while (most - least) / width > _MOST_BARS:
        width *= 2
    first, last = math.floor(least / width) * width, (math.floor(most / width) + 1) * width
    while (last - first) / width < _LEAST_BARS:
        first, last = first - width, last + width
    return (first, last), width


def _psnr_figure(batch: BatchFigures, span: tuple[float, float], width: float) -> str:
    bars = batch.psnr.histogram(width)
    label = f"PSNR in {batch.name}: median {unbroken(decibels(batch.psnr.median))}"
    drawn = charts.histogram(bars, span, width, batch.psnr.flag_below, label)
    if not drawn:
        return ""
    caption = f"images by PSNR in dB, {width:g} dB a bar"
    if batch.psnr.flag_below is not None and batch.psnr.flag_below > span[0]:
        caption += "; left of the dashed line an image is far below"
    if batch.psnr.identical:
        caption += f"; {counted(batch.psnr.identical, 'image')} without any difference not drawn"
    figure = f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>"
    flagged = ""
    if batch.flagged:
        rows = (
            [_image(row), unbroken(decibels(row.psnr)), unbroken(data_size(row.jpeg_bytes or 0))]
            for row in batch.flagged
        )
        columns = [Column("image"), Column("PSNR", N), Column("JPEG", N)]
        summary = f"{counted(batch.flagged_count, 'image')} far below the batch"
        flagged = _details(
            summary, table(columns, rows), batch.flagged_count, is_open=batch.flagged_count <= 20
        )
    return f"<h3>{name(batch.name)}</h3>{figure}{flagged}"


def _failures(figures: Figures) -> str:
    if not figures.failures:
        return section("Failures", "<p>None.</p>", "failures")
    columns = [Column("cause"), Column("images", N), Column("what can be done")]
    rows = [[text(c.cause), f"{c.count:,}", text(c.remedy)] for c in figures.failures]
    lists = "".join(_cause(group) for group in figures.failures)
    return section("Failures", table(columns, rows) + lists, "failures")


def _cause(group: Causes) -> str:
    columns = [Column("image"), Column("what happened"), Column("source"), Column("attempts", N)]
    rows = (
        [_image(row), text(row.message or ""), name(row.source), str(row.attempts)] for row in group.images
    )
    summary = f"{group.cause}: {counted(group.count, 'image')}"
    return _details(summary, table(columns, rows), group.count, is_open=group.count <= 20)


def _accepted(figures: Figures) -> str:
    if not figures.accepted_count:
        return ""
    columns = [Column("image"), Column("reason"), Column("cause"), Column("what happened")]
    rows = (
        [_image(row), text(row.reason or ""), text(row.cause or ""), text(row.message or "")]
        for row in figures.accepted
    )
    said = "<p>A person decided that these are out of the account, and said why.</p>"
    rest = _left_out(figures.accepted_count, len(figures.accepted))
    return section("Accepted", said + table(columns, rows) + rest, "accepted")


def _warnings(figures: Figures) -> str:
    if not figures.warnings:
        return ""
    said = (
        f"<p>{counted(figures.warned_images, 'image')} carry warnings: what a decoder remarked on, or what was "
        "changed on purpose.</p>"
    )
    return section("Warnings", said + "".join(_warned(warned) for warned in figures.warnings), "warnings")


def _warned(warned: Warned) -> str:
    columns = [Column("image"), Column("warnings")]
    rows = ([_image(row), "<br>".join(text(warning) for warning in row.warnings)] for row in warned.images)
    return _details(f"{warned.text} ({counted(warned.count, 'image')})", table(columns, rows), warned.count)


def _image(row: ImageRow) -> str:
    return f"{name(row.target)}<br><small class=soft>no. {row.id}, record {name(row.record)}</small>"


def _details(summary: str, inner: str, images: int, is_open: bool = False) -> str:
    opened = " open" if is_open else ""
    rest = _left_out(images, MOST_LISTED)
    return f"<details{opened}><summary>{text(summary)}</summary>{inner}{rest}</details>"


def _left_out(images: int, listed: int) -> str:
    return (
        f"<p class=soft>The first {listed:,} of {images:,}; the table beside this page has all.</p>"
        if images > listed
        else ""
    )
