"""The report's tables for spreadsheets: their columns, and what stands in them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from engine.file_kind import FileKind
from engine.ledger.models import ImageRow, KindCount
from engine.ledger.verdicts import Standing
from engine.reports.account.figures import BatchFigures

_STATES = ("pending", "in_flight", "done", "failed", "accepted")
_TIMES = ("first_unix_s", "last_unix_s", "busy_s", "cpu_s", "attempts")
BATCH_COLUMNS = (
    *("batch", "images", *_STATES, "megapixels", "source_bytes", "jpeg_bytes", "jpeg_quality"),
    *("psnr_lowest_db", "psnr_5_percent_db", "psnr_median_db", "psnr_highest_db", "identical", "far_below"),
    *_TIMES,
    *("fine", "not_fine", "approved_by", "approved_unix_s", "approval_note", "changed_since_approval"),
)
IMAGE_COLUMNS = (
    *("id", "batch", "uuid", "barcode", "record", "source", "target", "state", "attempts", "stage", "cause"),
    *("message", "remedy", "reason", "width", "height", "source_bytes", "jpeg_bytes", "md5", "psnr"),
    *("verdict", "verdict_why", "verdict_by", "verdict_at", "host", "decoded"),
)
KIND_COLUMNS = (*FileKind.columns(), "images", "done", "failed", "with_warnings")
ATTENTION_COLUMNS = (*IMAGE_COLUMNS, "why")


def image_cells(row: ImageRow) -> list[object]:
    document = row.to_json()
    return [document[column] for column in IMAGE_COLUMNS]


def kind_cells(count: KindCount) -> list[object]:
    cells = count.kind.cells() if count.kind else ("not known", *[""] * (len(FileKind.columns()) - 1))
    return [*cells, count.images, count.done, count.failed, count.warned]


def batch_cells(batch: BatchFigures) -> list[object]:
    account, psnr, times = structs.asdict(batch.account), batch.psnr, batch.times
    levels_db = (psnr.lowest, psnr.quantile(0.05), psnr.median, psnr.highest)
    worked: Sequence[object] = [""] * len(_TIMES)
    if times is not None:
        worked = (times.first, times.last, round(times.busy_s, 1), round(times.cpu_s, 1), times.attempts)
    return [
        batch.name,
        account["rows"],
        *(account[state] for state in _STATES),
        round(batch.megapixels.total, 3),
        int(batch.source_bytes.total),
        int(batch.jpeg_bytes.total),
        batch.quality,
        *(round(level, 2) if psnr.finite and level is not None else "" for level in levels_db),
        psnr.identical,
        batch.flagged_count,
        *worked,
        *_sign_off_cells(batch.standing),
    ]


def _sign_off_cells(standing: Standing | None) -> list[object]:
    if standing is None:
        return [""] * 6
    approval = standing.approval
    approved = (
        (approval.person, approval.given, approval.note, standing.changed_since) if approval else [""] * 4
    )
    return [standing.fine, standing.not_fine, *approved]
