"""The report as a page: its sentence on the account, its drawings, and the figures that its template shows."""

from __future__ import annotations

from collections.abc import Iterator

from engine.file_kind import FileKind
from engine.formatting import integer
from engine.ledger.account import Account
from engine.reports import html
from engine.reports.account.charts import account_bar, common_scale, psnr_histogram
from engine.reports.account.figures import Figures

_MOST_UNFOLDED = 20
"""Lists of at most so many images are open when the page is."""

_MOST_KINDS = 100


def render(figures: Figures) -> Iterator[str]:
    """The document, in pieces."""
    scale = common_scale(figures.measured)
    histograms = [(batch, psnr_histogram(batch, scale)) for batch in figures.measured]
    return html.render(
        "report.html",
        figures=figures,
        verdict=verdict(figures.account),
        bar=account_bar(figures.account),
        histograms=[(batch, chart) for batch, chart in histograms if chart is not None],
        most_unfolded=_MOST_UNFOLDED,
        kind_columns=FileKind.columns(),
        most_kinds=_MOST_KINDS,
    )


def verdict(account: Account) -> str:
    """What the account comes to, in a sentence or two."""
    if account.rows == 0:
        return "The ledger holds no images yet."
    all_rows = "The one image is" if account.rows == 1 else f"All {integer(account.rows)} images are"
    if account.done == account.rows:
        return f"{all_rows} converted, proved and stored."
    parts = [f"{integer(account.done)} done"]
    parts += [f"{integer(account.failed)} failed"] if account.failed else []
    parts += [f"{integer(account.accepted)} accepted with a reason"] if account.accepted else []
    parts += [f"{integer(account.remaining)} not converted yet"] if account.remaining else []
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    ending = "" if account.remaining or account.failed else " Nothing is left to do."
    return f"{all_rows} accounted for: {listed}.{ending}"
