"""`photostat check`: what a run would meet, before it starts."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.failures import REMEDIES, Cause
from engine.formatting import data_size, duration, integer, memory_size, three_figures
from engine.ledger.reader import LedgerReader
from engine.preflight import Finding, Preflight
from engine.preflight import check as look
from tui.commands.engine import known_batches
from tui.commands.shared import json_option, print_json, workspace_of

_SHOWN_PER_CAUSE = 10


@click.command()
@click.option("--batch", help="Only this batch.")
@json_option
@click.pass_context
def check(ctx: click.Context, batch: str | None, as_json: bool) -> None:
    """Look at every source and the store before a run; change nothing.

    Reads the header of each image that is not done: is it there, readable, JPEG 2000, not too large for a JPEG?
    How much memory and time will it need? Puts a tiny object into the store and takes it away again. Exits with
    1 when something would fail.
    """
    workspace = workspace_of(ctx)
    known_batches(workspace, (batch,) if batch else ())
    config = workspace.config()
    workers = config.engine.worker_count(os.cpu_count() or 1)
    with LedgerReader(workspace) as reader:
        accounts = reader.account()
    total = sum(a.pending + a.failed for name, a in accounts.items() if batch in (None, name))
    console = Console(stderr=True)
    with console.status("") as status:
        result = look(
            workspace,
            config,
            workers,
            batch,
            lambda n: status.update(f"{integer(n)} of {integer(total)} headers"),
        )
    if as_json:
        print_json(_document(result))
    else:
        _print(result)
    ctx.exit(0 if result.is_clean else 1)


def _document(result: Preflight) -> dict[str, Any]:
    fault = result.store_trouble
    return {
        "images": result.images,
        "ok": result.images - len(result.findings),
        "megapixels": round(result.megapixels, 3),
        "source_bytes": result.source_bytes,
        "predicted_jpeg_bytes": result.predicted_jpeg_bytes,
        "predicted_seconds": round(result.predicted_seconds, 1),
        "workers": result.workers,
        "strips": result.strips,
        "memory": {
            "largest_predicted_bytes": result.largest_need_bytes,
            "largest_target": result.largest_target,
            "capacity_bytes": result.capacity_bytes,
        },
        "store": asdict(fault) | {"remedy": fault.remedy} if fault else None,
        "scratch": result.scratch_trouble,
        "share": result.share_trouble,
        "warnings": result.warnings,
        "findings": [_finding(finding) for finding in result.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    failure = finding.failure
    return {
        "id": finding.image_id,
        "batch": finding.batch,
        "source": finding.source,
        "target": finding.target,
        "stage": failure.stage.value,
        "cause": failure.cause.value,
        "message": failure.message,
        "remedy": failure.remedy,
    }


def _print(result: Preflight) -> None:
    console = Console(highlight=False)
    good = result.images - len(result.findings)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("images looked at", f"{integer(result.images)} in {duration(result.seconds_taken)}")
    table.add_row("can be converted", f"{integer(good)}, {three_figures(result.megapixels)} megapixels")
    table.add_row("source", data_size(result.source_bytes))
    table.add_row("JPEG, about", data_size(result.predicted_jpeg_bytes))
    table.add_row("time, about", f"{duration(result.predicted_seconds)} with {result.workers} workers")
    if result.largest_need_bytes:
        need = f"{memory_size(result.largest_need_bytes)} of {memory_size(result.capacity_bytes)}"
        table.add_row("most memory", Text(f"{need} for {result.largest_target}"))
    table.add_row("in strips", f"{integer(result.strips)} (too large to decode whole in this memory)")
    fault = result.store_trouble
    table.add_row("store", Text(f"{fault.cause}: {fault.message}") if fault else "writable")
    console.print(table)
    if fault is not None:
        console.print(Text(f"\n{fault.remedy}"), soft_wrap=True)
    if result.scratch_trouble is not None:
        console.print(Text(f"\nscratch: {result.scratch_trouble}", style="bold"), soft_wrap=True)
    if result.share_trouble is not None:
        console.print(Text(f"\n{result.share_trouble}", style="bold"), soft_wrap=True)
    for warning in result.warnings:
        console.print(Text(f"\n{warning}"), soft_wrap=True)
    _print_findings(console, result.findings)


def _print_findings(console: Console, findings: list[Finding]) -> None:
    for cause, count in Counter(finding.failure.cause for finding in findings).most_common():
        console.print(
            Text(f"\n{integer(count)} {cause}: {REMEDIES[Cause(cause)]}", style="bold"), soft_wrap=True
        )
        of_this = [finding for finding in findings if finding.failure.cause is cause]
        for finding in of_this[:_SHOWN_PER_CAUSE]:
            console.print(
                Text(f"  {finding.image_id}  {finding.source}: {finding.failure.message}"), soft_wrap=True
            )
        if count > _SHOWN_PER_CAUSE:
            console.print(f"  ... and {integer(count - _SHOWN_PER_CAUSE)} more; --json lists them all")
