"""What the trip benchmark says of accuracy and comfort."""

from __future__ import annotations

import math

import numpy as np
import pytest

from homeward_cli.bench.trip_quality import TripQuality


def test_the_lateral_error_is_that_beside_the_plan_of_the_time() -> None:
    quality = TripQuality()
    for stamp in range(10):
        quality.plans.append((float(stamp) / 10, np.stack([np.arange(20.0), np.full(20, float(stamp))], axis=1)))
    quality.places = [(0.45, 3.3, 4.2), (0.05, -1.0, 0.1), (0.95, 25.0, 8.7), (9.0, 0.0, 0.0), (-1.0, 0.0, 0.0)]
    assert quality.lateral_errors_m() == pytest.approx([0.2, 0.1, 0.3])


def test_a_plan_that_stands_is_no_line() -> None:
    quality = TripQuality([(0.0, np.zeros((5, 2)))], [(0.1, 1.0, 1.0)])
    assert quality.figures()["lateral_error_p95_m"] is None


def test_comfort_is_that_of_the_motion() -> None:
    """A swinging of 1 m/s² at a quarter of a hertz has a jerk of 1.57 m/s³; turning at 8 m/s and 0.2 rad/s is 1.6 m/s²."""
    quality = TripQuality()
    quality.motions = [(t, 8.0, math.sin(math.tau * 0.25 * t), 0.2) for t in np.arange(0.0, 40.0, 0.02)]
    found = quality.figures()
    assert found["acceleration_max_mps2"] == pytest.approx(1.0, abs=0.03)
    assert found["jerk_max_mps3"] == pytest.approx(1.57, abs=0.1)
    assert found["lateral_acceleration_max_mps2"] == pytest.approx(1.6, abs=0.02)
    assert found["emergencies"] == 0


def test_an_emergency_is_counted_and_not_held_against_comfort() -> None:
    quality = TripQuality()
    quality.motions = [(t, 8.0, -7.0 if 10.0 < t < 11.5 or 20.0 < t < 21.0 else 0.0, 0.0) for t in np.arange(0.0, 40.0, 0.02)]
    found = quality.figures()
    assert found["emergencies"] == 2 and found["acceleration_max_mps2"] < 1.0


def test_a_moment_is_too_short_to_judge() -> None:
    quality = TripQuality(motions=[(t / 50, 3.0, 0.0, 0.0) for t in range(100)])
    assert quality.figures()["jerk_max_mps3"] is None
