"""`photostat list`: every image with its target, state, size, checksum and PSNR, streaming."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator

import click

from engine.ledger.reader import LedgerReader
from engine.ledger.rows import ImageRow
from engine.ledger.schema import STATES
from tui.commands.shared import (
    batch_option,
    check_batch,
    clean,
    json_option,
    print_json_array,
    workspace_of,
)
from tui.words import DASH, data


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
            _print_lines(images)


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


def _print_lines(images: Iterator[ImageRow]) -> None:
    for image in images:
        size = data(image.jpeg_bytes) if image.jpeg_bytes is not None else DASH
        click.echo(f"{image.id:>7}  {image.state:<9}  {size:>8}  {clean(image.target)}")
