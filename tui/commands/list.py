"""`photostat list`: every image with its target, state, size, checksum and PSNR, streaming."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator

import click

from engine.formatting import UNKNOWN, data_size, decibels, visible
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.schema import STATES
from engine.reports.account.distribution import Distribution
from tui.commands.shared import (
    batch_option,
    check_batch,
    json_option,
    print_json_array,
    remark,
    workspace_of,
)


@click.command("list")
@batch_option
@click.option("--state", type=click.Choice(STATES), help="Only images in this state.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a header on stdout instead.")
@json_option
@click.pass_context
def list_images(
    ctx: click.Context, batch: str | None, state: str | None, as_csv: bool, as_json: bool
) -> None:
    """List every image: the manifest for the next system, with --csv or --json."""
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    with LedgerReader(workspace_of(ctx)) as reader:
        check_batch(batch, reader.account())
        images = reader.iterate(batch=batch, state=state)
        if as_json:
            print_json_array(image.to_json() for image in images)
        elif as_csv:
            _print_csv(images)
        else:
            _print_lines(reader, images)


def _print_csv(images: Iterator[ImageRow]) -> None:
    """UTF-8 whatever the locale: it is for another program."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    writer: csv.DictWriter[str] | None = None
    for image in images:
        row = image.to_json()
        row["warnings"] = "; ".join(image.warnings)
        if writer is None:
            writer = _csv_writer(row)
        writer.writerow(row)
    if writer is None:
        _csv_writer(ImageRow.names())


def _csv_writer(names: Iterable[str]) -> csv.DictWriter[str]:
    writer = csv.DictWriter(sys.stdout, list(names), lineterminator="\n")
    writer.writeheader()
    return writer


def _print_lines(reader: LedgerReader, images: Iterator[ImageRow]) -> None:
    """A line an image, its warnings under it; at the end, on stderr, whose PSNR is far below its batch."""
    spread: dict[str, Distribution] = {}
    for image in images:
        size = data_size(image.jpeg_bytes) if image.jpeg_bytes is not None else UNKNOWN
        click.echo(f"{image.id:>7}  {image.state:<9}  {size:>8}  {visible(image.target)}")
        for warning in image.warnings:
            click.echo(f"         warning: {visible(warning)}")
        if image.state == "done" and image.psnr is not None:
            spread.setdefault(image.batch, Distribution()).add(image.psnr)
    for batch, found in spread.items():
        if found.flag_below is not None:
            _remark_outliers(reader, batch, found.flag_below)


_MOST_OUTLIERS = 20


def _remark_outliers(reader: LedgerReader, batch: str, limit_db: float) -> None:
    worst = reader.images(batch=batch, state="done", sort="psnr", limit=_MOST_OUTLIERS)
    for image in worst:
        if image.psnr is not None and image.psnr < limit_db:
            remark(f"PSNR far below its batch, {decibels(image.psnr)}: {image.id}  {image.target}")
