"""What the car does when somebody else makes a mistake: it brakes harder, or goes round, and says so."""

from __future__ import annotations

import math

import numpy as np
import pytest

from homeward_planner.scene import Colour, Ego, Kind, Pose, Thing
from homeward_planner.threats import Watch

STRAIGHT = Pose(-195.0, -1.75, 0.0)


def under_way(drive, places, signals, seconds: float = 8.0):
    """A drive along the straight road towards the office, at speed."""
    trip = drive(STRAIGHT, lights=lambda now_s: signals.all(Colour.GREEN)).to(places["office"])
    trip.run(seconds)
    assert trip.speed_mps > 8.0
    return trip


def at(trip, ahead_m: float, left_m: float) -> tuple[float, float, float]:
    x, y, yaw = trip.planner.corridor.line.pose_at(trip.planner._at_m + ahead_m)
    return x - left_m * math.sin(yaw), y + left_m * math.cos(yaw), yaw


@pytest.mark.parametrize(("ahead_m", "walks_mps"), [(24.0, 1.4), (26.0, 2.5), (30.0, 4.0), (40.0, 1.0)])
def test_somebody_who_steps_out_is_not_hit(drive, places, signals, ahead_m: float, walks_mps: float) -> None:
    trip = under_way(drive, places, signals)
    x, y, yaw = at(trip, ahead_m, -2.6)
    began_s = trip.now_s

    def things(now_s: float, ego) -> list[Thing]:
        gone = walks_mps * (now_s - began_s)
        place = Pose(x - gone * math.sin(yaw), y + gone * math.cos(yaw), yaw + math.pi / 2.0)
        return [Thing(9, Kind.PEDESTRIAN, place, 0.5, 0.5, walks_mps)]

    trip.things = things
    trip.run(8.0)
    assert not trip.hits
    assert np.abs(trip.column("left")).max() < 0.4, "braking is enough: it keeps to its lane"
    assert trip.speed_mps > 3.0, "it goes on after that"


@pytest.mark.parametrize(("ahead_m", "comes_mps"), [(45.0, 4.0), (50.0, 4.0), (110.0, 9.0)])
def test_a_car_that_comes_towards_us_in_our_lane_is_avoided(drive, places, signals, make_car, ahead_m: float, comes_mps: float) -> None:
    trip = under_way(drive, places, signals, 6.5)
    x, y, yaw = at(trip, ahead_m, 0.2)
    began_s = trip.now_s

    def things(now_s: float, ego) -> list[Thing]:
        gone = comes_mps * (now_s - began_s)
        return [make_car(9, Pose(x - gone * math.cos(yaw), y - gone * math.sin(yaw), yaw + math.pi), comes_mps)]

    trip.things = things
    trip.run(12.0)
    assert not trip.hits
    assert "evading" in trip.reasons or comes_mps > 5.0
    assert "planner.off_road" not in trip.reasons


def test_nobody_in_the_way_changes_nothing(drive, places, signals, make_car) -> None:
    """Oncoming cars in their own lane, and somebody on the pavement, are no reason."""
    trip = drive(STRAIGHT, lights=lambda now_s: signals.all(Colour.GREEN)).to(places["office"])

    def things(now_s: float, ego) -> list[Thing]:
        cars = [make_car(n, Pose(200.0 - 9.0 * now_s + 40.0 * n, 1.75, math.pi), 9.0) for n in range(6)]
        return [*cars, Thing(90, Kind.PEDESTRIAN, Pose(-100.0, -6.0, 0.0), 0.5, 0.5, 1.2)]

    trip.things = things
    trip.run(20.0)
    assert "evading" not in trip.reasons
    assert np.abs(trip.column("left")).max() < 0.4


@pytest.mark.parametrize(("bent", "keeps"), [(True, True), (False, False)])
def test_in_a_bend_a_driver_may_turn_a_little_late(hometown, bent: bool, keeps: bool) -> None:
    """A third of a radian off the lane's heading is how people take a sharp bend; on a straight lane it is leaving it."""
    sharpest = [float(np.abs(lane.line.curvature_1pm).max()) for lane in hometown.lanes]
    chosen = next(n for n, bend in enumerate(sharpest) if (0.07 < bend < 0.3 if bent else bend < 1e-4))
    line = hometown.lanes[chosen].line
    at_m = float(line.s_m[int(np.abs(line.curvature_1pm).argmax())]) if bent else float(line.s_m[-1]) / 2.0
    x, y, yaw = line.pose_at(at_m)
    other = Thing(3, Kind.CAR, Pose(x, y, yaw + 0.3), 4.5, 1.9, 5.0)
    (expected,) = Watch(hometown).expect(0.0, Ego(Pose(x + 5.0, y, 0.0), 5.0, 0.0), [other])
    assert (expected.spread_mps == 0.0) == keeps
