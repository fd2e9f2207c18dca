"""A scheduler that answers no more is noticed, and an engine that was suspended blames nobody."""

from __future__ import annotations

from engine.hosts.silence import Silence


def test_silence_is_counted_from_the_last_answer_and_not_while_nobody_listened() -> None:
    silence = Silence(100.0)
    assert silence.look(101.0, 0) == 1.0
    assert silence.look(102.0, 1) == 0.0, "something was heard"
    for second in range(103, 110):
        lasts_s = silence.look(float(second), 1)
    assert lasts_s == 7.0
    assert silence.look(3600.0, 1) < 10.0, "this process did not run for an hour"
    assert silence.look(3601.0, 2) == 0.0
