"""Walkers of the town benchmark: nobody walks into a car that stands."""

from __future__ import annotations

import pytest

from homeward_cli.bench.town_walkers import Ego


@pytest.mark.parametrize(
    ("place", "speed_mps", "stands"),
    [((10.0, 6.1), 0.0, False), ((10.0, 5.9), 0.0, True), ((12.4, 5.0), 0.2, True), ((12.6, 5.0), 0.0, False), ((10.0, 5.0), 1.0, False)],
)  # fmt: skip
def test_a_place_in_a_standing_car(place: tuple[float, float], speed_mps: float, stands: bool) -> None:
    assert Ego((10.0, 4.9), (speed_mps, 0.0), 0.0).stands_before(*place) == stands


def test_a_car_that_is_turned() -> None:
    assert Ego((0.0, 0.0), (0.0, 0.0), 1.5708).stands_before(0.0, 2.4)
    assert not Ego((0.0, 0.0), (0.0, 0.0), 1.5708).stands_before(2.4, 0.0)
