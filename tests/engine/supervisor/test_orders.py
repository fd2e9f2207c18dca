"""How large the slices are in which orders are carried out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.supervisor.orders import next_limit


@given(cost_s=st.floats(1e-7, 1e-3), start=st.integers(20, 20_000))
def test_slices_come_to_take_a_fiftieth_of_a_second_whatever_an_image_costs(
    cost_s: float, start: int
) -> None:
    limit = start
    for _ in range(30):
        limit = next_limit(limit, limit * cost_s)
    assert limit * cost_s <= 0.021
    assert limit * cost_s >= 0.018 or limit == 20_000


def test_a_slice_that_took_long_is_followed_by_a_small_one() -> None:
    assert next_limit(20_000, 5.0) == 80
    assert next_limit(200, 60.0) == 20
    assert next_limit(200, 0.0) == 400
