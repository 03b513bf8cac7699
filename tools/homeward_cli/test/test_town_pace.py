"""Our speed beside the traffic's, as the leaderboard's minimum speed wants it."""

from __future__ import annotations

import numpy as np
import pytest

from homeward_cli.bench.town_pace import CHECKPOINTS, NEARBY_M, NEARBY_S, Pace


def near(*speeds_mps: float) -> tuple[np.ndarray, np.ndarray]:
    """Vehicles 10 m ahead."""
    return np.tile([10.0, 0.0], (len(speeds_mps), 1)), np.array(speeds_mps)


def test_each_part_of_the_way_has_its_own_means_however_long_it_took() -> None:
    pace = Pace(400.0)
    for at_m, ours, theirs in ((0.0, 0.0, 6.0), (10.0, 4.0, 8.0), (10.0, 5.0, 10.0), (150.0, 9.0, 6.0), (399.0, 7.0, 7.0), (401.0, 9.0, 5.0)):
        pace.note(at_m, ours, *near(theirs))
    assert pace.parts() == [(3.0, 8.0), (9.0, 6.0), (0.0, None), (8.0, 6.0)]


def test_a_part_that_was_not_begun_is_not_judged() -> None:
    pace = Pace(400.0)
    pace.note(120.0, 5.0, *near(5.0))
    assert len(pace.parts()) == 2 < CHECKPOINTS
    assert Pace(400.0).parts() == [(0.0, None)]


@pytest.mark.parametrize("ours_mps", [0.0, 10.0])
def test_only_the_traffic_nearby_counts_and_who_waits_too(ours_mps: float) -> None:
    reach_m = NEARBY_M + NEARBY_S * ours_mps
    pace, places = Pace(100.0), np.array([[reach_m - 1.0, 0.0], [0.0, 1.0 - reach_m], [reach_m + 1.0, 0.0]])
    pace.note(0.0, ours_mps, places, np.array([6.0, 0.0, 20.0]))
    pace.note(1.0, ours_mps, places[2:], np.array([20.0]))
    pace.note(1.0, ours_mps, np.zeros((0, 2)), np.zeros(0))
    assert pace.parts()[0] == (ours_mps, 3.0) and len(pace.rows) == 1
