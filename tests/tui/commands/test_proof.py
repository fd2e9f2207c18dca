"""The qualities that `photostat proof` compares."""

from __future__ import annotations

import pytest

from tui.commands.proof import parse_qualities


def test_qualities_are_sorted_and_single() -> None:
    assert parse_qualities("95, 85,92,85") == (85, 92, 95)
    for wrong in ("", "92,", "101", "0", "high"):
        with pytest.raises(ValueError):
            parse_qualities(wrong)
