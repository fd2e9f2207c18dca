"""A review's page from the command line: made, served to a browser, and its answers taken from a file."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.control.client import NoEngine
from engine.failures import UserError, one_line
from engine.formatting import counted, data_size
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.commands.shared.options import existing_file
from tui.commands.shared.output import print_json, print_line, warn
from tui.commands.shared.progress import progress_bar
from tui.commands.shared.standing import taken_document

if TYPE_CHECKING:
    from engine.reports.review.page import ReviewSheet
    from engine.reports.review.server import Said


def make_page(
    workspace: Workspace, batch: str, sample: int, seed: int, output: Path | None, *, as_json: bool
) -> int:
    """Writes it; returns the exit code: 1 if images of the sample are not as they should be."""
    from engine.reports.review.write import write_page

    sheet = _sheet(workspace, batch, sample, seed)
    page = (output or workspace.root / "review") / f"review-{batch}.html"
    write_page(sheet, page)
    if as_json:
        print_json(_document(sheet, page))
    else:
        print_line(f"{page} ({counted(len(sheet.images), 'image')}, {data_size(page.stat().st_size)})")
        print_line(f"Drawn: {sheet.how}.")
        print_line(
            "Open it in a browser; `photostat review --import FILE` records the answers that it saves."
        )
    return _findings(sheet)


def serve_page(workspace: Workspace, batch: str, sample: int, seed: int) -> int:
    """Serves it until the person has finished; returns the exit code, as `make_page`."""
    from engine.reports.review.page import render
    from engine.reports.review.server import ReviewServer

    sheet = _sheet(workspace, batch, sample, seed)
    code = _findings(sheet)
    server = ReviewServer(lambda: render(sheet, served=True), lambda data: _take(workspace, data, batch))
    print_line(f"Open {server.url} in a browser on this machine. Finish there, or end it here with Ctrl-C.")
    if os.environ.get("SSH_CONNECTION"):
        port = server.port
        print_line(f"From your own machine, first: ssh -L {port}:127.0.0.1:{port} {socket.gethostname()}")
    server.serve()
    print_line("Finished.")
    return code


def import_answers(workspace: Workspace, path: Path, batch: str | None, *, as_json: bool) -> int:
    """Returns the exit code: 1 if something of it was not recorded."""
    from engine.reports.review.answers import MOST_BYTES, read_answers
    from engine.reports.review.record import record_answers

    with existing_file(path).open("rb") as file:
        answers = read_answers(file.read(MOST_BYTES + 1), str(path))
    recorded = record_answers(workspace, answers, batch, str(path))
    if as_json:
        document = {"batch": answers.batch, "approved": recorded.approved, **taken_document(recorded.taken)}
        print_json(document | {"messages": list(recorded.lines)})
    else:
        for line in recorded.lines:
            print_line(line)
    return 0 if recorded.is_all else 1


def _take(workspace: Workspace, data: bytes, batch: str) -> Said:
    """Records what the page has sent. Errors are for the person at the page; the server goes on."""
    from engine.reports.review.answers import read_answers
    from engine.reports.review.record import record_answers
    from engine.reports.review.server import Said

    try:
        recorded = record_answers(workspace, read_answers(data, "the page"), batch, "the page")
    except (UserError, NoEngine, OSError) as error:
        warn(str(error))
        return Said(f"Nothing was recorded: {one_line(str(error))}", False)
    for line in recorded.lines:
        print_line(line)
    return Said("\n".join(recorded.lines), recorded.is_all)


def _sheet(workspace: Workspace, batch: str, sample: int, seed: int) -> ReviewSheet:
    from engine.reports.review.write import ReviewRequest, make_review

    with LedgerReader(workspace) as reader, progress_bar("Looking at the sample") as show:
        return make_review(workspace, reader, ReviewRequest(batch, sample, seed), show)


def _findings(sheet: ReviewSheet) -> int:
    for found in sheet.findings:
        warn(f"{found.row.id}  {found.row.target}: {found.message}")
    return 1 if sheet.findings else 0


def _document(sheet: ReviewSheet, page: Path) -> dict[str, Any]:
    shown = [
        {"id": one.row.id, "target": one.row.target, "drawn_for": one.reason.value, "crops": len(one.crops)}
        for one in sheet.images
    ]
    findings = [
        {"id": one.row.id, "target": one.row.target, "drawn_for": one.reason.value, "finding": one.message}
        for one in sheet.findings
    ]
    return {
        "page": str(page),
        "batch": sheet.batch,
        "seed": sheet.seed,
        "how": sheet.how,
        "images": shown,
        "findings": findings,
    }
