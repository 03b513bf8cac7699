"""Keeping the lane without a goal: the way straight on from where the car is, and where it can't be kept any further.

At a junction the lane that leads straight on is taken; where lanes part elsewhere, the one that bends least. Where there is no
such lane, or the lane ends, the car hands back: it says so in time, and stops before that place if nobody takes over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from homeward_planner.lane_graph import Lane, LaneGraph, OnLane
from homeward_planner.parameters import PlannerParams
from homeward_planner.route import Leg, Refusal, Route, lane_time_s
from homeward_planner.scene import Pose

REACH_M, RENEWED_M = 700.0, 480.0  # so far the way is laid; with less than this ahead it is laid anew
ON_LANE_M, ALONG_RAD = 2.5, math.radians(45.0)
AT_ONE_PLACE_M = 0.5
STRAIGHT_RAD, CLEARLY_RAD = math.radians(30.0), math.radians(12.0)
SHORTEST_M = 15.0
TAKE_OVER_S = 10.0  # between saying that it ends and beginning to brake for it

NOT_ON_LANE = Refusal("off_road", "The car is not on a lane of the map.")
TOO_LATE = "There is no room left: {}"
ENDINGS = {
    "cruise_lane_ends": "The lane ends: please take over.",
    "cruise_fork": "The lane parts and none leads straight on: please take over.",
    "cruise_turns": "The lane only turns here: please take over.",
}


@dataclass(frozen=True)
class StraightOn:
    """The way straight on, and why it can't be kept further than that; an empty code where it was only laid no further."""

    route: Route
    code: str = ""

    @property
    def text(self) -> str:
        """The ending in a sentence for the driver."""
        return ENDINGS.get(self.code, "")


def straight_on(graph: LaneGraph, pose: Pose, params: PlannerParams, keep: frozenset[int] = frozenset()) -> StraightOn | Refusal:
    """The way straight on from a pose; where lanes lie over one another, along one of those to `keep`."""
    if not pose.finite:
        return NOT_ON_LANE
    places = graph.places_near(pose, ON_LANE_M, ALONG_RAD)
    if not places:
        return NOT_ON_LANE
    start = min(places, key=lambda one: _unlikely(graph, one, places[0], keep))
    lanes, code = _followed(graph, start)
    legs = _legs(lanes, start.s_m, params.front_m + params.stop_margin_m if code else 0.0)
    if legs is None:
        return Refusal(code, TOO_LATE.format(ENDINGS[code]))
    x, y, yaw = graph.lanes[legs[-1].lane].line.pose_at(legs[-1].to_m)
    time_s = sum(lane_time_s(graph.lanes[leg.lane], leg.from_m, leg.to_m) for leg in legs)
    return StraightOn(Route(legs, Pose(x, y, yaw), time_s), code)


def hands_back(code: str, left_m: float, speed_mps: float, params: PlannerParams) -> bool:
    """Whether it is time to ask the driver: TAKE_OVER_S before the car would begin to brake for the end of its way."""
    braking_m = speed_mps**2 / (2.0 * params.deceleration_comfort_mps2)
    return bool(code) and left_m < braking_m + TAKE_OVER_S * max(speed_mps, 1.0)


def _unlikely(graph: LaneGraph, one: OnLane, nearest: OnLane, keep: frozenset[int]) -> tuple[bool, bool, float, float]:
    """Lanes at one place lie over one another: rather the one that was kept, then the one that leads straight on."""
    beside = abs(one.left_m) > abs(nearest.left_m) + AT_ONE_PLACE_M
    return beside, bool(keep) and one.lane not in keep, _bend_rad(graph.lanes[one.lane]), abs(one.left_m)


def _followed(graph: LaneGraph, start: OnLane) -> tuple[list[Lane], str]:
    """The lanes straight on as far as the way is laid, or with the reason why it ends before."""
    lanes, known_m = [graph.lanes[start.lane]], -start.s_m
    while True:
        known_m += lanes[-1].length_m
        if known_m >= REACH_M:
            return lanes, ""
        following = _straight([graph.lanes[one] for one in lanes[-1].successors])
        if isinstance(following, str):
            return lanes, following
        lanes.append(following)


def _straight(options: list[Lane]) -> Lane | str:
    """The lane that leads straight on, or why there is none."""
    if not options:
        return "cruise_lane_ends"
    if any(lane.in_junction for lane in options):
        ahead = [lane for lane in options if lane.turn == "straight" or _bend_rad(lane) < STRAIGHT_RAD]
        if not ahead:
            return "cruise_turns" if len(options) == 1 else "cruise_fork"
        return _least_bent(ahead)
    return options[0] if len(options) == 1 else _least_bent(options)


def _least_bent(options: list[Lane]) -> Lane | str:
    """The straightest, where it clearly is; lanes to choose from that lead the same way are no clear choice."""
    ranked = sorted(options, key=_bend_rad)
    clear = len(ranked) == 1 or _bend_rad(ranked[1]) > _bend_rad(ranked[0]) + CLEARLY_RAD
    return ranked[0] if clear else "cruise_fork"


def _bend_rad(lane: Lane) -> float:
    return abs(math.remainder(float(lane.line.heading_rad[-1] - lane.line.heading_rad[0]), math.tau))


def _legs(lanes: list[Lane], from_m: float, short_m: float) -> tuple[Leg, ...] | None:
    """The legs along lanes, ending so much before the last one's end; None where too little is left."""
    begin_m = max(from_m, 0.0)
    ends = [lane.length_m for lane in lanes]
    spare_m = sum(ends) - begin_m - short_m
    if spare_m < SHORTEST_M:
        return None
    while ends[-1] <= short_m:
        short_m -= ends.pop()
    ends[-1] -= short_m
    starts = [begin_m] + [0.0] * (len(ends) - 1)
    return tuple(Leg(lane.index, start, end) for lane, start, end in zip(lanes, starts, ends, strict=False))
