"""Whole trips on Hometown: planner and controller cores driving a kinematic car, with lights and other cars."""

from __future__ import annotations

import math

import numpy as np
import pytest

from homeward_planner.planner_state import Mode
from homeward_planner.scene import Colour, Kind, Pose, Thing

COMFORTABLE_JERK_MPS3 = 4.0


def jerk(drive) -> np.ndarray:
    """The change of the car's acceleration over a tenth of a second, while it moves (a brake held at rest isn't
    felt).
    """
    moves = (drive.column("speed")[::5] > 0.3)[1:]
    return (np.diff(drive.column("acceleration")[::5]) / 0.1)[moves]


def ahead_of(drive, metres: float) -> Pose:
    """A pose on the way, some metres ahead of the car."""
    corridor = drive.planner.corridor
    return Pose(*corridor.line.pose_at(drive.planner._at_m + metres))


@pytest.mark.parametrize(
    ("start", "goal"), [("home", "office"), ("office", "home"), ("school", "toll_road"), ("toll_road", "car_park")]
)
def test_a_trip_on_free_roads_is_exact_and_comfortable(drive, places, signals, start: str, goal: str) -> None:
    trip = drive(places[start], lights=lambda now_s: signals.all(Colour.GREEN)).to(places[goal]).run(240.0)
    assert trip.modes[-1] is Mode.ARRIVED
    target = places[goal]
    assert math.hypot(trip.pose.x_m - target.x_m, trip.pose.y_m - target.y_m) < 1.0
    assert abs(math.remainder(trip.pose.yaw_rad - target.yaw_rad, math.tau)) < math.radians(5.0)
    assert np.abs(trip.column("left")).max() < 0.3
    assert np.abs(trip.column("lateral_acceleration")).max() < 2.5
    assert trip.column("acceleration").min() > -2.5
    assert np.abs(jerk(trip)).max() < COMFORTABLE_JERK_MPS3


def test_home_to_the_office_stops_at_red_and_never_runs_it(drive, places, signals, hometown) -> None:
    trip = drive(places["home"], lights=signals.colours).to(places["office"])
    lines = {stop.rule.id: stop for stop in trip.planner.corridor.stops if stop.rule.kind == "light"}
    assert len(lines) == 3
    trip.run(400.0)
    assert trip.modes[-1] is Mode.ARRIVED
    assert "red_light" in trip.reasons
    bumper = trip.column("along") + 3.8
    for stop in lines.values():
        passes = trip.column("time")[np.flatnonzero((bumper[:-1] < stop.at_m) & (bumper[1:] >= stop.at_m))]
        assert len(passes) == 1
        shown = {light.signal_id: light.colour for light in signals.colours(float(passes[0]))}
        assert all(shown[name] is not Colour.RED for name in stop.rule.signals), f"red at {passes[0]:.1f} s"
    assert trip.column("acceleration").min() > -4.0


def test_it_follows_a_car_that_stops_and_goes_without_touching_it(drive, places, signals, make_car) -> None:
    trip = drive(places["home"], lights=lambda now_s: signals.all(Colour.GREEN)).to(places["office"])
    corridor = trip.planner.corridor
    state = {"s": 45.0, "then": 0.0}

    def speed(now_s: float) -> float:
        return float(np.interp(now_s % 40.0, [0.0, 18.0, 20.0, 30.0, 34.0, 40.0], [6.0, 6.0, 0.0, 0.0, 6.0, 6.0]))

    def lead(now_s: float, ego) -> list[Thing]:
        state["s"] += (now_s - state["then"]) * speed(now_s)
        state["then"] = now_s
        return [make_car(7, Pose(*corridor.line.pose_at(state["s"])), speed(now_s))]

    trip.things = lead
    trip.run(120.0)
    assert not trip.hits
    assert "lead_vehicle" in trip.reasons
    assert trip.column("along")[-1] > 400.0
    assert trip.column("acceleration").min() > -4.5


def test_a_car_that_brakes_hard_ahead_is_not_hit(drive, places, signals, make_car) -> None:
    trip = drive(places["roundabout"], lights=lambda now_s: signals.all(Colour.GREEN))
    trip.pose = Pose(-195.0, -1.75, 0.0)
    trip.to(places["office"])
    corridor = trip.planner.corridor
    state = {"s": 35.0, "v": 13.0, "then": 0.0}

    def lead(now_s: float, ego) -> list[Thing]:
        dt = now_s - state["then"]
        state["then"] = now_s
        if now_s > 12.0:
            state["v"] = max(state["v"] - 7.0 * dt, 0.0)
        state["s"] += state["v"] * dt
        return [make_car(7, Pose(*corridor.line.pose_at(state["s"])), state["v"])]

    trip.things = lead
    trip.run(25.0)
    assert max(trip.column("speed")) > 9.0
    assert trip.speed_mps < 0.5
    assert not trip.hits


def test_behind_a_car_that_brakes_late_for_a_red_light_it_brakes_early_and_gently(drive, places, signals, make_car) -> None:
    """Where the queue will end is known from the light, long before the car ahead brakes for it."""
    trip = drive(places["home"], lights=lambda now_s: signals.all(Colour.RED)).to(places["office"])
    corridor = trip.planner.corridor
    line_m = next(stop for stop in corridor.stops if stop.rule.kind == "light").at_m
    state = {"s": 45.0, "then": 0.0}

    def lead(now_s: float, ego) -> list[Thing]:
        left_m = line_m - 4.0 - state["s"]
        speed = min(11.0, math.sqrt(2.0 * 8.0 * max(left_m, 0.0)))
        state["s"] += (now_s - state["then"]) * speed
        state["then"] = now_s
        return [make_car(7, Pose(*corridor.line.pose_at(state["s"])), speed)]

    trip.things = lead
    trip.run(80.0)
    assert not trip.hits
    assert trip.speed_mps < 0.05
    assert trip.column("along")[-1] > line_m - 25.0
    assert trip.column("acceleration").min() > -2.0


def test_it_stands_at_a_stop_sign(drive, places, signals) -> None:
    trip = drive(places["hill"], lights=lambda now_s: signals.all(Colour.GREEN))
    trip.pose = places["school"]
    trip.to(places["toll_road"]).run(60.0, until=lambda one: one.planner._at_m > 90.0)
    (line,) = [stop.at_m for stop in trip.planner.corridor.stops if stop.rule.kind == "stop"]
    standing = trip.column("along")[trip.column("speed") < 0.05] + 3.8
    close = standing[(standing > line - 3.0) & (standing < line + 0.1)]
    assert len(close) * 0.02 > 0.9, "it stands about a second, its bumper at the line"


def test_it_lets_cars_in_the_roundabout_go_first(drive, places, signals, make_car) -> None:
    trip = drive(Pose(-251.75, 85.0, -math.pi / 2.0), lights=lambda now_s: signals.all(Colour.GREEN)).to(places["office"])

    def ring(now_s: float, ego) -> list[Thing]:
        found = []
        for number in range(2):  # they circle for forty seconds, then leave the scene
            bearing = 0.3 * now_s + math.pi * number
            pose = Pose(-250.0 + 22.0 * math.cos(bearing), 22.0 * math.sin(bearing), bearing + math.pi / 2.0)
            found += [make_car(number, pose, 6.6)] if now_s < 40.0 else []
        return found

    trip.things = ring
    trip.run(90.0, until=lambda one: one.planner._at_m > 260.0)
    assert not trip.hits
    assert trip.planner._at_m > 250.0


def test_it_waits_for_somebody_on_a_crosswalk(drive, places, signals) -> None:
    trip = drive(places["shop"], lights=lambda now_s: signals.all(Colour.GREEN))
    trip.pose = Pose(61.75, 40.0, math.pi / 2.0)
    trip.to(places["hill"])
    walk = trip.planner.corridor.walks[0]
    x, y, heading = trip.planner.corridor.line.pose_at((walk.from_m + walk.to_m) / 2.0)

    def person(now_s: float, ego) -> list[Thing]:
        left = 10.0 - 1.0 * now_s if now_s < 18.0 else -8.0
        pose = Pose(x - left * math.sin(heading), y + left * math.cos(heading), heading - math.pi / 2.0)
        return [Thing(3, Kind.PEDESTRIAN, pose, 0.5, 0.5, 1.0 if now_s < 18.0 else 0.0)]

    trip.things = person
    trip.run(40.0, until=lambda one: one.planner._at_m > walk.to_m + 5.0)
    assert not trip.hits
    assert "crosswalk" in trip.reasons
    assert trip.planner._at_m > walk.to_m


def test_it_changes_lanes_when_there_is_room(drive, places, signals, make_car) -> None:
    trip = drive(Pose(30.0, 1.75, math.pi), lights=lambda now_s: signals.all(Colour.GREEN))
    trip.to(places["home"])
    corridor = trip.planner.corridor
    assert [change.side for change in corridor.changes] == ["right"]

    def beside(now_s: float, ego) -> list[Thing]:
        return [make_car(5, Pose(ego.pose.x_m + 1.0, 5.25, math.pi), ego.speed_mps)] if now_s < 6.0 else []

    trip.things = beside
    trip.run(40.0, until=lambda one: abs(one.pose.y_m - 5.25) < 0.3)
    assert not trip.hits
    assert trip.now_s > 6.0, "it waited until the car beside it had gone"
    assert abs(trip.pose.y_m - 5.25) < 0.3
    assert np.abs(trip.column("lateral_acceleration")).max() < 2.5


def test_a_car_that_stands_in_the_lane_is_passed(drive, places, signals, make_car) -> None:
    trip = drive(places["home"], lights=lambda now_s: signals.all(Colour.GREEN)).to(places["office"])
    parked = make_car(9, ahead_of(trip, 60.0), 0.0)
    trip.things = lambda now_s, ego: [parked]
    trip.run(70.0, until=lambda one: one.planner._at_m > 130.0)
    assert trip.planner._at_m > 130.0
    assert not trip.hits
    assert 2.0 < trip.column("left").max() < 3.5
    assert np.abs(trip.column("lateral_acceleration")).max() < 2.5
    assert trip.column("acceleration").min() > -3.0


def test_it_waits_behind_a_parked_car_until_nobody_comes(drive, places, signals, make_car) -> None:
    trip = drive(places["home"], lights=lambda now_s: signals.all(Colour.GREEN)).to(places["office"])
    parked = make_car(9, ahead_of(trip, 60.0), 0.0)
    corridor = trip.planner.corridor

    def oncoming(now_s: float, ego) -> list[Thing]:
        found = [parked]
        for number in range(9):
            x, y, yaw = corridor.line.pose_at(max(100.0 + 25.0 * number - 6.0 * now_s, 0.0))
            beside = Pose(x - 3.5 * math.sin(yaw), y + 3.5 * math.cos(yaw), yaw + math.pi)
            found += [make_car(11 + number, beside, 6.0)] if 100.0 + 25.0 * number > 6.0 * now_s else []
        return found

    trip.things = oncoming
    trip.run(26.0)
    assert "passing" in trip.reasons
    assert trip.speed_mps < 0.1
    trip.run(60.0, until=lambda one: one.planner._at_m > 130.0)
    assert trip.planner._at_m > 130.0
    assert not trip.hits


def test_a_road_that_is_closed_is_said_to_be_blocked(drive, places, signals, make_car) -> None:
    trip = drive(places["home"], lights=lambda now_s: signals.all(Colour.GREEN)).to(places["office"])
    pose = ahead_of(trip, 60.0)
    aside = [Pose(pose.x_m - left * math.sin(pose.yaw_rad), pose.y_m + left * math.cos(pose.yaw_rad), pose.yaw_rad)
             for left in (-1.5, 0.7, 2.9, 4.8)]
    barrier = [make_car(n, one, 0.0) for n, one in enumerate(aside)]
    trip.things = lambda now_s, ego: barrier
    trip.run(70.0, until=lambda one: one.modes[-1] is Mode.BLOCKED)
    assert trip.modes[-1] is Mode.BLOCKED
    assert trip.output.faults[0].code == "planner.blocked"
    assert not trip.hits


def test_two_runs_are_equal(drive, places, signals, make_car) -> None:
    def one() -> np.ndarray:
        trip = drive(places["home"], lights=signals.colours).to(places["office"])
        trip.things = lambda now_s, ego: [make_car(4, Pose(-200.0 + 3.0 * now_s, 191.625, math.pi), 3.0)]
        return np.array(trip.run(20.0).rows)

    assert (one() == one()).all()


def test_a_closed_lane_is_gone_round_by_another_way(drive, signals, make_car) -> None:
    """Two lanes lead on, ours is closed for good over its whole width, with no room to pass beside it: the other is taken."""
    trip = drive(Pose(-66.0, -5.25, 0.0), lights=lambda now_s: signals.all(Colour.GREEN)).to(Pose(150.0, -5.25, 0.0))
    line = trip.planner.corridor.line
    queue = [make_car(9, Pose(*line.pose_at(52.0)), 0.0), make_car(10, Pose(-15.0, -1.75, 0.0), 0.0)]
    trip.things = lambda now_s, ego: queue if now_s < 60.0 else queue[:1]
    trip.run(140.0, until=lambda one: one.pose.x_m > 110.0)
    assert trip.pose.x_m > 110.0
    assert not trip.hits


def test_it_goes_slower_past_parked_cars(drive, places, signals, make_car) -> None:
    trip = drive(Pose(-195.0, -1.75, 0.0), lights=lambda now_s: signals.all(Colour.GREEN)).to(places["office"])
    x, y, yaw = trip.planner.corridor.line.pose_at(trip.planner._at_m + 65.0)
    parked = make_car(9, Pose(x + 2.7 * math.sin(yaw), y - 2.7 * math.cos(yaw), yaw), 0.0)
    trip.run(14.0)
    free = float(trip.column("speed").max())
    again = drive(Pose(-195.0, -1.75, 0.0), lights=lambda now_s: signals.all(Colour.GREEN)).to(places["office"])
    again.things = lambda now_s, ego: [parked]
    again.run(16.0)
    beside = np.hypot(again.column("x") - parked.pose.x_m, again.column("y") - parked.pose.y_m) < 4.0
    assert beside.any()
    assert again.column("speed")[beside].min() < 9.8 < free - 0.8
    assert np.abs(again.column("left")).max() < 0.4
