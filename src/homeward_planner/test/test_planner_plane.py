"""Lines in the plane."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_planner import plane


def arc(radius: float, angle: float, count: int = 200) -> np.ndarray:
    turn = np.linspace(0.0, angle, count)
    return np.stack([radius * np.sin(turn), radius * (1.0 - np.cos(turn))], axis=1)


def test_curvature_of_an_arc_is_one_over_its_radius() -> None:
    line = plane.Line.through(arc(20.0, 1.5))
    assert line.curvature_1pm[3:-3] == pytest.approx(0.05, rel=1e-3)
    assert line.length_m == pytest.approx(30.0, rel=1e-4)


@given(st.floats(0.0, 29.0), st.floats(-5.0, 5.0))
def test_projecting_finds_what_was_laid_beside_the_line(along: float, left: float) -> None:
    line = plane.Line.through(arc(20.0, 1.5))
    x, y, heading = line.pose_at(along)
    point = np.array([[x - left * math.sin(heading), y + left * math.cos(heading)]])
    s, d = line.project(point)
    assert s[0] == pytest.approx(along, abs=0.05)
    assert d[0] == pytest.approx(left, abs=0.02)


def test_before_the_start_and_past_the_end_distances_go_on() -> None:
    line = plane.Line.through(np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]))
    s, d = line.project(np.array([[-3.0, 1.0], [5.0, -2.0], [1.5, 0.5]]))
    assert s == pytest.approx([-3.0, 5.0, 1.5])
    assert d == pytest.approx([1.0, -2.0, 0.5])


def test_projecting_onto_a_part_leaves_the_rest_of_a_loop_alone() -> None:
    line = plane.Line.through(arc(20.0, 2.0 * math.pi + 1.0, 2000))  # passes its own start again
    start = np.array([[0.0, 0.0]])
    assert line.project(start, line.window(0.0, 10.0))[0][0] == pytest.approx(0.0, abs=0.1)
    assert line.project(start, line.window(100.0, 140.0))[0][0] == pytest.approx(2.0 * math.pi * 20.0, abs=0.1)


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=20, unique=True))
def test_resampling_keeps_the_ends_and_the_step(points: list[tuple[float, float]]) -> None:
    line = plane.without_repeats(np.array(points), 1e-3)
    if len(line) < 2:
        return
    even = plane.resampled(line, 5.0)
    assert even[0] == pytest.approx(line[0]) and even[-1] == pytest.approx(line[-1])
    assert np.hypot(*np.diff(even, axis=0).T).max() <= 5.0 + 1e-6


def test_smoothing_keeps_ends_and_straights_and_rounds_corners() -> None:
    corner = plane.resampled(np.array([[0.0, 0.0], [20.0, 0.0], [20.0, 20.0]]), 0.5)
    smooth = plane.smoothed(corner, 0.5, 1.2)
    assert smooth[0] == pytest.approx(corner[0], abs=1e-9) and smooth[-1] == pytest.approx(corner[-1], abs=1e-9)
    assert smooth[10] == pytest.approx(corner[10], abs=1e-9)
    assert 0.2 < np.hypot(*(smooth - corner).T).max() < 1.0


@pytest.mark.parametrize("count", [2, 3, 5])
def test_smoothing_bears_lines_shorter_than_its_window(count: int) -> None:
    line = np.stack([np.arange(count) * 0.5, np.zeros(count)], axis=1)
    assert plane.smoothed(line, 0.5, 1.2) == pytest.approx(line, abs=0.3)


def test_angles_wrap() -> None:
    assert plane.wrapped(3.5 * math.pi) == pytest.approx(-0.5 * math.pi)
    assert plane.wrapped_all(np.array([3.5 * math.pi, -7.0])) == pytest.approx([-0.5 * math.pi, -7.0 + math.tau])
