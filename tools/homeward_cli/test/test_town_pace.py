"""Our speed beside the traffic's, as the leaderboard's minimum speed wants it."""

from __future__ import annotations

import numpy as np

from homeward_cli.bench.town_pace import CHECKPOINTS, Pace


def test_each_part_of_the_way_has_its_own_means_however_long_it_took() -> None:
    pace = Pace(400.0)
    for at_m, ours, theirs in ((0.0, 0.0, 6.0), (10.0, 4.0, 8.0), (10.0, 5.0, 10.0), (150.0, 9.0, 6.0), (399.0, 7.0, 7.0), (401.0, 9.0, 5.0)):
        pace.note(at_m, ours, np.array([theirs]))
    assert pace.parts() == [(3.0, 8.0), (9.0, 6.0), (0.0, None), (8.0, 6.0)]


def test_a_part_that_was_not_begun_is_not_judged() -> None:
    pace = Pace(400.0)
    pace.note(120.0, 5.0, np.array([5.0]))
    assert len(pace.parts()) == 2 < CHECKPOINTS
    assert Pace(400.0).parts() == [(0.0, None)]


def test_all_traffic_counts_and_who_waits_too() -> None:
    pace = Pace(100.0)
    pace.note(0.0, 4.0, np.array([6.0, 0.0, 0.0]))
    pace.note(1.0, 4.0, np.zeros(0))
    assert pace.parts()[0] == (4.0, 2.0) and len(pace.rows) == 1
