"""`photostat check`: reads every header and tests the store before a run, and prints what would fail."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import asdict
from typing import Any

import click
from msgspec import structs

from engine.config import RunHours
from engine.failures import REMEDIES, Cause, without_path
from engine.formatting import counted, data_size, duration, integer, memory_size, three_figures
from engine.ledger.reader import LedgerReader
from engine.notify.delivery import check_addresses
from engine.preflight.check import check as look
from engine.preflight.result import Finding, Preflight
from tui.commands.shared.deep_check import DeepSample, deep_document, print_deep
from tui.commands.shared.gpu_outlook import gpu_document, gpu_fact, print_gpu_kinds
from tui.commands.shared.options import batch_option, check_batch, json_option, workspace_of
from tui.commands.shared.output import print_facts, print_json, print_line
from tui.commands.shared.progress import headers_progress

_SHOWN_PER_CAUSE = 10
_SAMPLE = 2
"""Images of each kind that --deep decodes."""


@click.command()
@batch_option
@click.option(
    "--deep",
    is_flag=True,
    help="Also decode a sample of each kind of file in every mode and by other decoders.",
)
@click.option(
    "--sample",
    type=click.IntRange(0),
    metavar="N",
    help="With --deep: images of each kind, 2 without it; 0 only counts the kinds.",
)
@click.option("--seed", type=int, metavar="N", help="With --deep: another number chooses other images.")
@json_option
@click.pass_context
def check(
    ctx: click.Context, batch: str | None, deep: bool, sample: int | None, seed: int | None, as_json: bool
) -> None:
    """Check every source and the store before a run; change nothing.

    Reads the header of each image that is not done: is it there, readable, JPEG 2000, not too large for a JPEG?
    How much memory and time will it need? Writes a tiny object to the store and deletes it again. The exit code
    is 1 when something would fail, when something would hold a run at once (store, share, disks, memory, ledger), or
    when the store is not proved to do all that a run relies on.

    With --deep it also groups the images by kind (who wrote the file, and how), decodes some of each kind in every
    mode that a run may choose, and by the other decoders that are installed, and compares sample by sample. It may
    run beside an engine. Ctrl-C ends the comparison, and what was found is printed.
    """
    if not deep and (sample is not None or seed is not None):
        raise click.UsageError("--sample and --seed go with --deep")
    workspace = workspace_of(ctx)
    with LedgerReader(workspace) as reader:
        accounts = reader.account()
    check_batch(batch, accounts)
    config = workspace.config()
    check_addresses(config.notify)
    workers = config.engine.worker_count(os.cpu_count() or 1)
    kinds = DeepSample(config, _SAMPLE if sample is None else sample, seed or 0) if deep else None
    with headers_progress() as progress:
        result = look(
            workspace, config, workers, batch, progress, kinds.add if kinds else lambda row, path, found: None
        )
    report = kinds.decode(workers, result.images) if kinds else None
    if as_json:
        print_json(
            _document(result)
            | {
                "hours": _hours_document(config.engine.hours),
                "deep": deep_document(report) if report else None,
            }
        )
    else:
        _print(result, converts_here=config.cluster.here)
        if report:
            print_deep(report)
            print_gpu_kinds(result.gpu, report)
    if report is not None and report.interrupted:
        ctx.exit(128 + signal.SIGINT)
    ctx.exit(0 if result.is_clean and (report is None or report.is_clean) else 1)


def _hours_document(hours: RunHours) -> dict[str, Any] | None:
    """None if images may start at any time."""
    now = time.time()
    return {"hours": hours.text, "open": hours.is_open(now)} if hours.text else None


def _document(result: Preflight) -> dict[str, Any]:
    fault = result.store_failure
    return {
        "images": result.images,
        "converted_meanwhile": result.converted_meanwhile,
        "seconds": round(result.seconds_taken, 3),
        "headers_per_second": round(result.headers_per_second, 1),
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
        "store": structs.asdict(fault) | {"remedy": fault.remedy} if fault else None,
        "store_proved": result.store_is_proved,
        "store_untried": dict(result.store_steps_untried),
        "would_hold": [asdict(hold) for hold in result.would_hold],
        "scratch": result.scratch_problem,
        "share": result.share_problem,
        "warnings": result.warnings,
        "gpu": gpu_document(result.gpu) if result.gpu else None,
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


def _print(result: Preflight, *, converts_here: bool) -> None:
    fault = result.store_failure
    print_facts(_facts(result, converts_here=converts_here))
    if fault is not None:
        print_line()
        print_line(fault.remedy)
    if result.would_hold:
        print_line()
        print_line("A run would hold now:", bold=True)
        for hold in result.would_hold:
            print_line(f"  {hold.reason}: {hold.detail}")
    if result.gpu is not None and result.gpu.problem:
        print_line()
        print_line(result.gpu.problem, bold=True)
    for warning in result.warnings:
        print_line()
        print_line(warning)
    _print_findings(result.findings)


def _facts(result: Preflight, *, converts_here: bool) -> list[tuple[str, str]]:
    good = result.images - len(result.findings)
    fault = result.store_failure
    later = result.converted_meanwhile
    elsewhere = "" if converts_here else " on other machines: [cluster] here = false"
    by_gpu = ", no GPU counted" if result.gpu is not None and result.gpu.cards else ""
    meanwhile = f"; {integer(later)} more were converted meanwhile" if later else ""
    facts = [
        (
            "images checked",
            f"{integer(result.images)} in {duration(result.seconds_taken)}{_rate(result)}{meanwhile}",
        ),
        ("can be converted", f"{integer(good)}, {three_figures(result.megapixels)} megapixels"),
        ("source", data_size(result.source_bytes)),
        ("JPEG, about", data_size(result.predicted_jpeg_bytes)),
        (
            "time, about",
            f"{duration(result.predicted_seconds)} with {counted(result.workers, 'worker')}{elsewhere}{by_gpu}",
        ),
    ]
    if result.largest_need_bytes:
        need = f"{memory_size(result.largest_need_bytes)} of {memory_size(result.capacity_bytes)}"
        facts.append(("most memory", f"{need} for {result.largest_target}"))
    facts.append(("in strips", f"{integer(result.strips)} (too large to decode whole in this memory)"))
    if result.gpu is not None and (result.gpu.cards or result.gpu.unused):
        facts.append(("GPU", gpu_fact(result.gpu)))
    facts.append(("store", f"{fault.cause}: {fault.message}" if fault else _tried(result)))
    return facts


def _rate(result: Preflight) -> str:
    """Nothing for so few that it says nothing."""
    is_told = result.seconds_taken >= 1 and result.headers_per_second >= 1
    return f", {integer(round(result.headers_per_second))}/s" if is_told else ""


def _tried(result: Preflight) -> str:
    """What the trial of the store comes to."""
    untried = [f"{step} not tried ({why})" for step, why in result.store_steps_untried.items()]
    return "; ".join(["writable" if result.store_is_proved else "not proved", *untried])


def _print_findings(findings: list[Finding]) -> None:
    for cause, count in Counter(finding.failure.cause for finding in findings).most_common():
        print_line()
        print_line(f"{integer(count)} {cause}: {REMEDIES[Cause(cause)]}", bold=True)
        of_this = [finding for finding in findings if finding.failure.cause is cause]
        for finding in of_this[:_SHOWN_PER_CAUSE]:
            message = without_path(finding.failure.message, finding.source)
            print_line(f"  {finding.image_id}  {finding.source}: {message}")
        if count > _SHOWN_PER_CAUSE:
            print_line(f"  ... and {integer(count - _SHOWN_PER_CAUSE)} more; --json lists them all")
