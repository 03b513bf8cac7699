"""What RViz is shown of the planner: the route, what is seen and expected, what was tried, what is done, and why."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from builtin_interfaces.msg import Time
from visualization_msgs.msg import Marker

from homeward_planner.planner_state import Mode, PlannerOutput, PlannerState
from homeward_planner.scene import Colour, Kind, Pose, Thing
from homeward_planner.scene_markers import CANDIDATES, scene_markers

STRAIGHT = Pose(-195.0, -1.75, 0.0)


def shown(trip, objects=None) -> dict[str, list[Marker]]:
    """The markers by namespace, the one that clears the rest left out."""
    first, *rest = scene_markers(trip.output, objects, trip.pose, trip.planner.corridor, Time(sec=7)).markers
    assert first.action == Marker.DELETEALL
    found: dict[str, list[Marker]] = {}
    for one in rest:
        assert one.header.frame_id == "map" and one.header.stamp.sec == 7
        assert all(math.isfinite(point.x) and math.isfinite(point.y) for point in one.points)
        found.setdefault(one.ns, []).append(one)
    for name, markers in found.items():
        assert len({one.id for one in markers}) == len(markers), f"RViz would show only one of two alike in {name}"
    return found


def under_way(drive, places, signals):
    return drive(STRAIGHT, lights=lambda now_s: signals.all(Colour.GREEN)).to(places["office"]).run(8.0)


def test_the_way_the_motion_and_the_word_for_it_are_shown(drive, places, signals) -> None:
    trip = under_way(drive, places, signals)
    found = shown(trip)
    assert set(found) == {"route", "trajectory", "reason"}
    end = found["route"][0].points[-1]
    assert math.dist((end.x, end.y), (places["office"].x_m, places["office"].y_m)) < 0.5
    assert len(found["trajectory"][0].points) == len(trip.output.trajectory.x_m)
    text = found["reason"][0]
    assert text.text == "Driving." and text.pose.position.z > 2.0
    assert (text.pose.position.x, text.pose.position.y) == (trip.pose.x_m, trip.pose.y_m)


def test_what_is_expected_of_a_car_ahead_lies_along_its_lane(drive, places, signals, make_car) -> None:
    trip = under_way(drive, places, signals)
    x, y, yaw = trip.planner.corridor.line.pose_at(trip.planner._at_m + 40.0)
    trip.things = lambda now_s, ego: [make_car(9, Pose(x, y, yaw), 6.0)]
    trip.run(0.2)
    row = SimpleNamespace(id=2**31 + 4, x_m=x, y_m=y, z_m=0.8, yaw_rad=yaw, length_m=4.8, width_m=1.9, height_m=1.5)
    found = shown(trip, SimpleNamespace(objects=[row]))
    assert found["objects"][0].id == 4 and found["objects"][0].scale.x == pytest.approx(4.8)
    ahead = [math.dist((one.points[0].x, one.points[0].y), (one.points[-1].x, one.points[-1].y)) for one in found["expected"]]
    assert max(ahead) == pytest.approx(24.0, abs=3.0), "four seconds at 6 m/s"
    assert all(0.2 <= one.color.a <= 0.9 + 1e-6 for one in found["expected"])


def test_the_candidates_are_shown_where_the_plan_would_have_hit_somebody(drive, places, signals) -> None:
    trip = under_way(drive, places, signals)
    line, from_m, began_s = trip.planner.corridor.line, trip.planner._at_m + 70.0, trip.now_s

    def things(now_s: float, ego) -> list[Thing]:
        x, y, yaw = line.pose_at(from_m - 8.0 * (now_s - began_s))
        return [Thing(9, Kind.CAR, Pose(x, y, yaw + math.pi), 4.5, 1.9, 8.0)]

    trip.things = things
    trip.run(4.0, until=lambda one: one.output.foreseen is not None and one.output.foreseen.search is not None)
    found = shown(trip)
    assert CANDIDATES / 2 < len(found["candidates"]) <= CANDIDATES
    first = found["candidates"][0].points[0]
    assert math.dist((first.x, first.y), (trip.pose.x_m, trip.pose.y_m)) < 1.0, "they begin at the car"
    ends = {(round(one.points[-1].x), round(one.points[-1].y)) for one in found["candidates"]}
    assert len(ends) > 10, "spread over what was tried"


@pytest.mark.parametrize("mode", list(Mode))
def test_each_mode_has_its_word_and_a_reason_goes_before_it(mode: Mode) -> None:
    def text(state: PlannerState) -> str:
        (one,) = [found for found in scene_markers(PlannerOutput(None, state), None, STRAIGHT, None, Time()).markers if found.ns == "reason"]
        return one.text

    assert text(PlannerState(mode)).endswith(".")
    assert text(PlannerState(mode, "red_light", "Waiting at a red light.")) == "Waiting at a red light."


def test_without_a_position_there_is_nothing_to_show() -> None:
    assert len(scene_markers(PlannerOutput(None, PlannerState(Mode.IDLE)), None, None, None, Time()).markers) == 1
