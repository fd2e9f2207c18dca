"""`photostat failures`: the failed images by cause, with what to do about each."""

from __future__ import annotations

import click
from msgspec import structs

from engine.formatting import counted
from engine.ledger.filters import ImageFilter
from engine.ledger.image_table import documents, write_csv
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from tui.commands.shared.options import (
    barcode_option,
    batch_option,
    cause_option,
    check_batch,
    check_cause,
    csv_option,
    json_option,
    record_option,
    tried_on_option,
    workspace_of,
)
from tui.commands.shared.output import print_csv, print_json_array, print_line
from tui.commands.shared.tried_on import on_host, say_who_tried


@click.command()
@batch_option
@cause_option
@barcode_option
@record_option
@tried_on_option
@csv_option
@json_option
@click.pass_context
def failures(
    ctx: click.Context,
    batch: str | None,
    cause: str | None,
    barcode: str | None,
    record: str | None,
    host: str | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """List the images that failed, by cause, with what to do about it.

    --csv and --json have the columns of `photostat list`. --barcode and --record take a whole one, or its beginning
    and a *.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    check_cause(cause)
    wanted = ImageFilter(batch, "failed", cause, barcode=barcode, record=record, host=host)
    with LedgerReader(workspace_of(ctx)) as reader, reader.one_view():
        check_batch(batch, reader.account())
        if as_json:
            print_json_array(documents(reader.stream(wanted)))
        elif as_csv:
            print_csv(lambda stream: write_csv(stream, reader.stream(wanted)))
        else:
            _print_groups(reader, wanted)
        say_who_tried(reader, host)


def _print_groups(reader: LedgerReader, wanted: ImageFilter) -> None:
    is_part = not (wanted.barcode is None and wanted.record is None and wanted.host is None)
    has_hosts = bool(reader.other_hosts())
    found = 0
    for group in reader.failure_groups(wanted.batch):
        if wanted.cause not in (None, group.cause):
            continue
        of_this = structs.replace(wanted, cause=group.cause)
        images = reader.count(of_this) if is_part else group.images
        if not images:
            continue
        if found:
            print_line()
        found += images
        print_line(f"{group.cause}: {counted(images, 'image')}")
        print_line(f"  {group.remedy}")
        for row in reader.stream(of_this):
            _print_failure(ImageRow.of(row), has_hosts=has_hosts)
    if not found:
        print_line("Nothing of these has failed." if is_part else "Nothing has failed.")


def _print_failure(image: ImageRow, *, has_hosts: bool) -> None:
    print_line(f"  {image.id:>7}  {image.target}{on_host(image, has_hosts=has_hosts)}")
    print_line(f"           {image.message or ''}")
    if image.hint:
        print_line(f"           {image.hint}")
