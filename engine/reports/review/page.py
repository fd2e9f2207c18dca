"""The page of a review: source and JPEG side by side, and what a person says of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.ledger.verdicts import Standing
from engine.reports import html
from engine.reports.review.look import Finding, ReviewedImage


@dataclass(frozen=True)
class ReviewSheet:
    title: str
    """The workspace's name."""
    ledger: str
    """Its identity."""
    made: float
    """Unix time, s."""
    how: str
    """How the images were drawn, in words."""
    seed: int
    standing: Standing
    """Of the batch, before it was looked at."""
    images: tuple[ReviewedImage, ...]
    findings: tuple[Finding, ...]

    @property
    def batch(self) -> str:
        return self.standing.batch

    @property
    def facts(self) -> dict[str, Any]:
        """What the page's script needs."""
        known_bad = [image for image in self.images if image.row.verdict == "not-fine"]
        return {
            "ledger": self.ledger,
            "batch": self.batch,
            "made": self.made,
            "seed": self.seed,
            "changes": self.standing.changes,
            "failed": self.standing.account.failed,
            "waiting": self.standing.waiting,
            "findings": len(self.findings),
            "notFineElsewhere": self.standing.not_fine - len(known_bad),
            "images": [
                {
                    "id": image.row.id,
                    "md5": image.row.md5,
                    "verdict": image.row.verdict,
                    "why": image.row.verdict_why or "",
                }
                for image in self.images
            ],
        }


def render(sheet: ReviewSheet, *, served: bool = False) -> Iterator[str]:
    """The document, in pieces. A page that is `served` gives its answers to its server, others save them."""
    return html.render("review.html", sheet=sheet, served=served)
