"""The referee's judgement, on made-up drives that offend and such that don't."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import numpy as np
import pytest

from homeward_cli.bench.judging import (
    Arrival,
    Boxes,
    Collisions,
    Frames,
    Journey,
    LaneDepartures,
    LaneFix,
    RedLights,
    StopLines,
    faults_of,
    overlapping,
)

STEP_S = 0.02


def boxes(*rows: tuple[float, float, float]) -> Boxes:
    """Cars of 4.5 x 1.8 x 1.5 m at x, y, yaw."""
    table = np.array(rows, float).reshape(-1, 3)
    middle = np.column_stack((table[:, :2], np.full(len(table), 0.75)))
    return Boxes(middle, table[:, 2], np.tile((2.25, 0.9, 0.75), (len(table), 1)))


# ---- collisions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "hit"),
    [
        ((4.4, 0.0, 0.0), True),  # nose into tail
        ((4.6, 0.0, 0.0), False),  # a hand's breadth apart
        ((0.0, 1.7, 0.0), True),  # side by side, mirrors gone
        ((0.0, 1.9, 0.0), False),
        ((3.0, 0.0, pi / 2), True),  # across in front
        ((3.3, 0.0, pi / 2), False),
        ((2.6, 1.6, pi / 4), True),  # corner into corner
        ((3.8, 2.9, pi / 4), False),
    ],
)
def test_boxes_overlap_where_metal_would(other: tuple[float, float, float], hit: bool) -> None:
    assert overlapping(boxes((0, 0, 0)), boxes(other)).tolist() == [hit]


def test_a_bridge_above_is_no_collision() -> None:
    above = boxes((0, 0, 0))
    above.middle[0, 2] = 6.0
    assert overlapping(boxes((0, 0, 0)), above).tolist() == [False]
    assert overlapping(boxes((0, 0, 0)), boxes()).tolist() == []


def test_one_crash_that_lasts_is_one_and_a_second_one_is_another() -> None:
    collisions = Collisions()
    for tick in range(500):
        now_s = tick * STEP_S
        touching = now_s < 2.0 or 2.5 < now_s < 3.0 or now_s > 8.0
        collisions.see(now_s, [7] if touching else [])
    assert [(round(t, 2), actor) for t, actor in collisions.events] == [(0.0, 7), (8.02, 7)]


# ---- red lights ------------------------------------------------------------------------------------------------


LINES = StopLines(
    np.array([(50.0, 0.0), (50.0, 3.5)]), np.array([(1.0, 0.0), (1.0, 0.0)]), np.array([1.75, 1.75]), np.array([0, 1])
)
EAST = np.array((1.0, 0.0))


def drive_past(red: list[bool], y_m: float = 0.0, heading: np.ndarray = EAST, start_m: float = 45.0) -> RedLights:
    judge = RedLights(LINES)
    for tick in range(60):
        judge.see(tick * STEP_S, np.array((start_m + 0.2 * tick * heading[0], y_m)), heading, np.array(red))
    return judge


def test_passing_a_red_light_is_seen_once_and_by_its_own_lane_only() -> None:
    judge = drive_past([True, True])
    assert [light for _, light in judge.events] == [0]
    assert judge.passed == 1
    assert [light for _, light in drive_past([True, True], y_m=3.5).events] == [1]


def test_passing_a_green_light_or_beside_the_lane_or_backwards_is_fine() -> None:
    assert drive_past([False, True]).events == []
    assert drive_past([True, True], y_m=-4.0).events == []
    assert drive_past([True, True], heading=-EAST, start_m=55.0).events == []


def test_stopping_before_the_line_is_fine_and_so_is_a_light_that_turns_red_behind_us() -> None:
    judge = RedLights(LINES)
    for tick in range(200):
        judge.see(tick * STEP_S, np.array((min(45.0 + 0.1 * tick, 49.9), 0.0)), EAST, np.array((True, True)))
    assert judge.events == []
    judge = RedLights(LINES)
    for tick in range(60):
        x = 45.0 + 0.2 * tick
        judge.see(tick * STEP_S, np.array((x, 0.0)), EAST, np.array((x > 50.0, False)))
    assert (judge.events, judge.passed) == ([], 1)


def test_a_teleport_over_a_line_is_not_a_drive() -> None:
    judge = RedLights(LINES)
    for x in (40.0, 60.0):
        judge.see(x, np.array((x, 0.0)), EAST, np.array((True, True)))
    assert judge.events == []


# ---- lanes -----------------------------------------------------------------------------------------------------


GOOD = LaneFix(0.1, 0.9, 1.75, 1.0, False, False, False, True)


def watch(*stretches: tuple[float, LaneFix]) -> list[tuple[float, str]]:
    """(seconds, fix) after one another; the events."""
    judge, now_s = LaneDepartures(), 0.0
    for seconds, fix in stretches:
        for _ in range(round(seconds / STEP_S)):
            judge.see(now_s, fix)
            now_s += STEP_S
    return [(round(t, 2), kind) for t, kind in judge.events]


OVER = replace(GOOD, offset_m=1.2)


def test_a_good_drive_has_no_departure() -> None:
    assert watch((60.0, GOOD)) == []
    assert watch((60.0, replace(GOOD, offset_m=0.95))) == [], "within the margin of the edge"


@pytest.mark.parametrize(
    ("fix", "kind"),
    [
        (OVER, "edge"),
        (replace(GOOD, offset_m=-1.2), "edge"),
        (replace(GOOD, all_on_road=False), "off_road"),
        (replace(GOOD, all_on_road=False, in_junction=True), "off_road"),
        (replace(GOOD, facing=-1.0), "wrong_way"),
    ],
)
def test_each_way_of_leaving_the_lane_is_seen(fix: LaneFix, kind: str) -> None:
    assert watch((1.0, GOOD), (2.0, fix), (1.0, GOOD)) == [(1.0, kind)]


def test_a_moment_over_the_edge_is_forgiven_and_two_departures_are_two() -> None:
    assert watch((1.0, GOOD), (0.4, OVER), (1.0, GOOD), (0.4, OVER)) == []
    assert len(watch((1.0, OVER), (1.0, GOOD), (1.0, OVER))) == 2


def test_changing_lanes_is_allowed_where_the_line_says_so_but_straddling_is_not() -> None:
    to_right = replace(OVER, may_go_right=True)
    assert watch((4.0, to_right), (1.0, GOOD)) == []
    assert watch((4.0, replace(OVER, may_go_left=True)), (1.0, GOOD)) == [(0.0, "edge")], (
        "allowed to the other side only"
    )
    assert watch((8.0, to_right)) == [(0.0, "changing")]


def test_in_a_junction_edges_and_directions_do_not_count() -> None:
    assert faults_of(replace(OVER, in_junction=True, facing=-1.0)) == {}


# ---- arriving --------------------------------------------------------------------------------------------------


def test_arriving_means_standing_at_the_goal_for_a_second() -> None:
    arrival = Arrival(np.array((100.0, 50.0)), 2.0)
    assert not arrival.see(0.0, np.array((100.0, 50.0)), 5.0), "driving by is not arriving"
    assert not arrival.see(1.0, np.array((100.5, 50.5)), 0.0)
    assert not arrival.see(1.9, np.array((100.5, 50.5)), 0.0)
    assert not arrival.see(1.95, np.array((100.5, 50.5)), 0.5), "it moved again"
    assert not arrival.see(2.0, np.array((100.5, 50.5)), 0.0)
    assert arrival.see(3.0, np.array((100.5, 50.5)), 0.0)
    assert arrival.at_s == 3.0
    assert not Arrival(np.array((100.0, 50.0)), 2.0).see(9.0, np.array((103.0, 50.0)), 0.0)


def test_distance_is_what_was_driven_and_not_a_teleport() -> None:
    journey = Journey()
    for x in (0.0, 1.0, 2.0, 500.0, 501.0):
        journey.see(np.array((x, 0.0)), x / 100)
    assert (journey.distance_m, journey.top_speed_mps) == (3.0, 5.01)


def test_gaps_between_frames_are_counted() -> None:
    frames = Frames()
    for frame in (5, 6, 7, 10, 11):
        frames.see(frame)
    assert (frames.count, frames.missing) == (5, 2)
