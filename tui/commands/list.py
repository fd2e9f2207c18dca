"""`photostat list`: every image with its target, state, size, checksum and PSNR, streaming."""

from __future__ import annotations

from collections.abc import Iterator

import click

from engine.formatting import UNKNOWN, data_size, decibels
from engine.ledger.filters import NO_VERDICT, ImageFilter
from engine.ledger.image_table import documents, write_csv
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.states import ImageState
from engine.ledger.verdicts import Verdict
from engine.reports.account.psnr_distribution import PsnrDistribution
from tui.commands.shared.options import (
    barcode_option,
    batch_option,
    check_batch,
    csv_option,
    json_option,
    record_option,
    tried_on_option,
    workspace_of,
)
from tui.commands.shared.output import print_csv, print_json_array, print_line, warn
from tui.commands.shared.tried_on import on_host, say_who_tried

_MOST_OUTLIERS = 20


@click.command("list")
@batch_option
@click.option(
    "--state", type=click.Choice([state.value for state in ImageState]), help="Only images in this state."
)
@click.option(
    "--verdict",
    type=click.Choice([Verdict.FINE.value, Verdict.NOT_FINE.value, NO_VERDICT]),
    help="Only delivered images of which people say this in a review; none: of which nobody says anything.",
)
@barcode_option
@record_option
@tried_on_option
@csv_option
@json_option
@click.pass_context
def list_images(
    ctx: click.Context,
    batch: str | None,
    state: str | None,
    verdict: str | None,
    barcode: str | None,
    record: str | None,
    host: str | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """List every image: the manifest for the next system, with --csv or --json.

    --barcode and --record take a whole one, or its beginning and a *, as in --barcode 'B0017*'.

    Text that a spreadsheet would run has an apostrophe before it in the CSV, and control characters are escapes
    there. --json has every name as it is.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    with LedgerReader(workspace_of(ctx)) as reader, reader.one_view():
        check_batch(batch, reader.account())
        wanted = ImageFilter(
            batch=batch, state=state, verdict=verdict, barcode=barcode, record=record, host=host
        )
        rows = reader.stream(wanted)
        if as_json:
            print_json_array(documents(rows))
        elif as_csv:
            print_csv(lambda stream: write_csv(stream, rows))
        else:
            _print_lines(reader, map(ImageRow.of, rows))
        say_who_tried(reader, host)


def _print_lines(reader: LedgerReader, images: Iterator[ImageRow]) -> None:
    """A line an image with its warnings below; then, on stderr, the images whose PSNR is far below their batch."""
    psnr_by_batch: dict[str, PsnrDistribution] = {}
    has_hosts = bool(reader.other_hosts())
    image = None
    for image in images:
        size = data_size(image.jpeg_bytes) if image.jpeg_bytes is not None else UNKNOWN
        print_line(
            f"{image.id:>7}  {image.state:<9}  {size:>8}  {image.target}{on_host(image, has_hosts=has_hosts)}"
        )
        for warning in image.warnings:
            print_line(f"         warning: {warning}")
        if image.state == "done" and image.psnr is not None:
            psnr_by_batch.setdefault(image.batch, PsnrDistribution()).add(image.psnr)
    if image is None:
        warn("There are no such images.")
    for batch, found in psnr_by_batch.items():
        if found.flag_below is not None:
            _warn_of_outliers(reader, batch, found.flag_below)


def _warn_of_outliers(reader: LedgerReader, batch: str, limit_db: float) -> None:
    worst = reader.images(ImageFilter(batch=batch, state="done"), sort="psnr", limit=_MOST_OUTLIERS)
    for image in worst:
        if image.psnr is not None and image.psnr < limit_db:
            warn(f"PSNR far below its batch, {decibels(image.psnr)}: {image.id}  {image.target}")
