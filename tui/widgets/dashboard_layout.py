"""Where the dashboard's panels go on a terminal of a given size: a pure function from sizes to regions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from textual.geometry import Region

WIDE = 116
"""Columns from which the dashboard has two columns of panels."""
GUTTER = 2
_ROOMY = 160
"""Columns from which the left side, with names and remedies, gets most of them."""
_LEFT_COLUMNS = 72
"""The least width of the left side: a worker's line needs it to name its image."""


class PanelName(StrEnum):
    HEADER = "header"
    RUN = "run"
    WORKERS = "workers"
    MEMORY = "memory"
    THROUGHPUT = "throughput"
    GPUS = "gpus"
    BATCHES = "batches"
    FAILURES = "failures"
    EVENTS = "events"


@dataclass(frozen=True)
class PanelRows:
    """How many rows each list has to show, without its title."""

    workers: int
    batches: int
    causes: int
    remedies: int = 0
    """For the causes with their whole remedies, one below the other."""
    run: int = 0
    """Of the account of a run, once no engine runs; 0 while one does."""
    gpus: int = 0
    """With their curves; 0 where there is no GPU."""


@dataclass
class _Share:
    """The rows that a panel gets, and those that it can use; without its title."""

    panel: PanelName
    rows: int
    desired: int


HEADER_ROWS = 3
_AIRY_ROWS = 36
"""From so many on there is an empty row under the header."""
_FIGURES_ROWS = 3
"""The least rows of the memory and throughput panels, without their titles."""
_CHART_ROWS = 9
"""The rows that the memory and throughput panels desire, without their titles; a tall terminal has room for more."""
_TALL_CHART_ROWS = 14
_EVENTS_ROWS = 3
"""The least rows from which the events panel is shown, without its title."""


def arrange(width: int, height: int, wanted: PanelRows) -> dict[PanelName, Region]:
    """The panels' regions; a panel that does not fit is left out. They never overlap or leave the screen."""
    header = Region(0, 0, width, min(HEADER_ROWS, height))
    top = header.bottom + (height >= _AIRY_ROWS)
    body = Region(0, top, width, max(0, height - top))
    if wanted.run:
        regions = _after_the_run(body, wanted)
    else:
        regions = _two_columns(body, wanted) if width >= WIDE else _one_column(body, wanted)
    regions[PanelName.HEADER] = header
    return {panel: region for panel, region in regions.items() if region.area}


def left_columns(width: int) -> int:
    """Of a terminal so wide: the panel of failures; all of them if the panels are under one another."""
    if width < WIDE:
        return width
    share = 13 if width >= _ROOMY else 11
    return max(_LEFT_COLUMNS, (width - GUTTER) * share // 20)


def _one_column(body: Region, wanted: PanelRows) -> dict[PanelName, Region]:
    """Workers; memory beside throughput; batches; failures; events if there is room."""
    figures = _Share(PanelName.MEMORY, _FIGURES_ROWS, _FIGURES_ROWS)
    workers = _Share(PanelName.WORKERS, 1, max(1, wanted.workers))
    batches = _Share(PanelName.BATCHES, 1, max(1, wanted.batches))
    failures = _Share(PanelName.FAILURES, 1, max(1, wanted.causes))
    events = _Share(PanelName.EVENTS, 0, 0)
    gpus = _Share(PanelName.GPUS, 1, wanted.gpus)
    shares = [workers, figures, *([gpus] if wanted.gpus else []), batches, failures]
    spare = body.height - sum(share.rows + 1 for share in shares)
    spare = _give(workers, 4, spare)
    spare = _give(failures, 2, spare)
    spare = _give(gpus, 2, spare) if wanted.gpus else spare
    spare = _give(workers, workers.desired, spare)
    spare = _give(batches, 3, spare)
    spare = _give(failures, failures.desired, spare)
    spare = _give(batches, batches.desired, spare)
    spare = _give_whole(failures, wanted.remedies, spare)
    if wanted.gpus:
        spare = _give(gpus, wanted.gpus, spare)
    spare = _gaps_first(spare, shares)
    if spare > _EVENTS_ROWS:
        events = _Share(PanelName.EVENTS, spare - 2, spare - 2)
        grow = min(_CHART_ROWS - _FIGURES_ROWS, max(0, events.rows - 6))
        figures.rows += grow
        events.rows -= grow
        shares.append(events)
    regions = _stack(body, shares)
    both = regions[PanelName.MEMORY]
    half = (both.width - GUTTER) // 2
    regions[PanelName.MEMORY] = Region(both.x, both.y, half, both.height)
    rest = Region(both.x + half + GUTTER, both.y, both.width - half - GUTTER, both.height)
    return regions | {PanelName.THROUGHPUT: rest}


def _after_the_run(body: Region, wanted: PanelRows) -> dict[PanelName, Region]:
    """What happened; failures; batches; events if there is room."""
    run = _Share(PanelName.RUN, 1, wanted.run)
    failures = _Share(PanelName.FAILURES, 1, max(1, wanted.causes))
    batches = _Share(PanelName.BATCHES, 1, max(1, wanted.batches))
    shares = [run, failures, batches]
    spare = body.height - sum(share.rows + 1 for share in shares)
    spare = _give(run, 6, spare)
    spare = _give(failures, 3, spare)
    spare = _give(batches, 2, spare)
    for share in shares:
        spare = _give(share, share.desired, spare)
    spare = _give_whole(failures, wanted.remedies, spare)
    spare = _gaps_first(spare, shares)
    if spare > _EVENTS_ROWS:
        shares.append(_Share(PanelName.EVENTS, spare - 2, spare - 2))
    return _stack(body, shares)


def _two_columns(body: Region, wanted: PanelRows) -> dict[PanelName, Region]:
    """Left: workers, batches and failures; right: memory and throughput; events under both, or if the left side needs
    all the rows, to the right."""
    left_width = left_columns(body.width)
    workers = _Share(PanelName.WORKERS, 1, max(1, wanted.workers))
    batches = _Share(PanelName.BATCHES, 1, max(1, wanted.batches))
    failures = _Share(PanelName.FAILURES, 1, max(1, wanted.causes))
    chart_rows = max(_CHART_ROWS, min(_TALL_CHART_ROWS, body.height // 4))
    memory = _Share(PanelName.MEMORY, _FIGURES_ROWS, chart_rows)
    throughput = _Share(PanelName.THROUGHPUT, _FIGURES_ROWS, chart_rows)
    gpus = _Share(PanelName.GPUS, 1, wanted.gpus)
    left, right = [workers, batches, failures], [memory, throughput, *([gpus] if wanted.gpus else [])]
    least = sum(share.desired + 2 for share in left) - failures.desired + wanted.remedies
    if least <= body.height:
        failures.desired = max(failures.desired, wanted.remedies)

    desired_rows = (
        max(sum(share.desired + 2 for share in left), sum(share.desired + 2 for share in right)) - 1
    )
    events_rows = max(0, body.height - desired_rows - 2)
    events_rows = events_rows if events_rows >= _EVENTS_ROWS else 0
    height = body.height - (events_rows + 2 if events_rows else 0)

    spare = height - sum(share.rows + 1 for share in left) - 2
    spare = _give(workers, 8, spare)
    spare = _give(failures, 4, spare)
    spare = _give(batches, 4, spare)
    spare = _give(workers, workers.desired, spare)
    spare = _give(failures, failures.desired, spare)
    _give(batches, batches.desired, spare)
    spare = height - sum(share.rows + 1 for share in right) - (len(right) - 1)
    spare = _give(gpus, wanted.gpus, spare) if wanted.gpus else spare
    for rows in range(_FIGURES_ROWS + 1, chart_rows + 1):
        spare = _give(memory, rows, spare)
        spare = _give(throughput, rows, spare)
    if not events_rows and spare >= _EVENTS_ROWS + 2:
        right.append(_Share(PanelName.EVENTS, spare - 2, spare - 2))

    regions = _stack(Region(0, body.y, left_width, height), left, gap=True)
    right_x = left_width + GUTTER
    regions |= _stack(Region(right_x, body.y, body.width - right_x, height), right, gap=True)
    if events_rows:
        regions[PanelName.EVENTS] = Region(0, body.bottom - events_rows - 1, body.width, events_rows + 1)
    return regions


def _give(share: _Share, rows: int, spare: int) -> int:
    """Lets a panel grow to `rows`, but not beyond the rows it desires; returns the rows that are left."""
    more = max(0, min(rows, share.desired) - share.rows)
    given = max(0, min(more, spare))
    share.rows += given
    return spare - given


def _give_whole(share: _Share, rows: int, spare: int) -> int:
    """All of these rows or none."""
    if share.rows < rows <= share.rows + spare:
        spare -= rows - share.rows
        share.rows = rows
    return spare


def _gaps_first(spare: int, shares: list[_Share]) -> int:
    """An empty line under every panel before anything else grows."""
    return spare - len(shares) if spare >= len(shares) else spare


def _stack(body: Region, shares: list[_Share], *, gap: bool = False) -> dict[PanelName, Region]:
    """The panels under one another, with an empty line between them if there is room for all these lines."""
    used = sum(share.rows + 1 for share in shares)
    gaps = 1 if used + len(shares) - 1 <= body.height and (gap or used + len(shares) <= body.height) else 0
    regions: dict[PanelName, Region] = {}
    y = body.y
    for share in shares:
        rows = max(0, min(share.rows + 1, body.bottom - y))
        regions[share.panel] = Region(body.x, y, body.width, rows)
        y += rows + gaps
    return regions
