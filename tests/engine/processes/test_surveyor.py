"""The surveyor's answers about a source that could not be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from engine.messages import MissingSource, NeighbourSource, ShareAway, Surveyed, SurveyRequest
from engine.processes.share_check import ShareCheck
from engine.processes.surveyor import diagnose
from tests.support.jp2_files import make_jp2


class ReturningShare(ShareCheck):
    """A share that is back when its neighbours are looked at."""

    def __init__(self, source: Path) -> None:
        super().__init__()
        self._source = source

    def away(self, path: str, uuid: str = "", neighbours: Iterable[NeighbourSource] = ()) -> ShareAway | None:
        make_jp2(self._source, 64, 48)
        return super().away(path, uuid, neighbours)


def test_a_share_that_comes_back_between_two_looks_costs_no_image(tmp_path: Path) -> None:
    source = tmp_path / "image.jp2"
    answer = diagnose(
        ReturningShare(source), MissingSource(SurveyRequest(7, str(source), "r1"), neighbours=())
    )
    assert isinstance(answer.found, Surveyed)
    assert answer.away is None
