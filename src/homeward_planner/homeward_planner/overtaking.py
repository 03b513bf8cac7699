"""Changing lanes to pass somebody slow, where the lane beside leads to the goal as well.

The way to the goal is sought again from the lane beside; the change itself is made like any other (lane_changes.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homeward_planner import lane_changes
from homeward_planner.corridor import Corridor
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.occupancy import Occupant, Placed
from homeward_planner.parameters import PlannerParams
from homeward_planner.route import Leg, Refusal, Route, find_route
from homeward_planner.scene import Kind, Pose
from homeward_planner.speed_profile import Start
from homeward_planner.tracks import LaneChange

SLOW, MOVES_MPS = 0.7, 1.5  # of the limit; slower than this it stands, and isn't overtaken but passed
NEAR_S, NEAR_M = 3.5, 12.0
PATIENCE_S, PAUSE_S = 3.0, 20.0
CLEAR_M = 45.0  # to the next junction, at least, and to the lane's end
AHEAD_M = 80.0  # on the lane beside nobody slow for so far
BACK_M = 120.0  # a change back begins no sooner
DETOUR_S = 8.0  # a way from the lane beside that takes no longer than this


@dataclass(frozen=True, eq=False)
class Ahead:
    """The way, where the car is on it, and what is on it and beside."""

    corridor: Corridor
    start: Start
    ahead: Sequence[Occupant]
    placed: Sequence[Placed]


class Overtaking:
    """Remembers for how long somebody slow has been ahead."""

    def __init__(self, graph: LaneGraph, params: PlannerParams) -> None:
        self.graph, self.params = graph, params
        self._behind: tuple[int, float] | None = None  # whom, since when
        self._not_before_s = 0.0

    def forget(self) -> None:
        """Drop what belongs to a route that ended."""
        self._behind = None

    def decide(self, now_s: float, around: Ahead) -> Route | None:
        """The way to the goal that begins with a change to the lane on the left, when it is time for one."""
        slow = self._slow_one(around)
        if slow is None or now_s < self._not_before_s:
            self._behind = None
            return None
        if self._behind is None or self._behind[0] != slow.thing.id:
            self._behind = (slow.thing.id, now_s)
        if now_s - self._behind[1] < PATIENCE_S:
            return None
        found = self._way(around, slow.speed_mps)
        if found is not None:
            self._behind, self._not_before_s = None, now_s + PAUSE_S
        return found

    def _slow_one(self, around: Ahead) -> Occupant | None:
        corridor, start = around.corridor, around.start
        one = next((one for one in around.ahead if one.from_m > start.s_m), None)
        if one is None or one.thing.kind is Kind.PEDESTRIAN or one.speed_mps < MOVES_MPS:
            return None
        gap_m = one.from_m - start.s_m - self.params.front_m
        slow = one.speed_mps < SLOW * float(corridor.limit_mps[corridor.at(start.s_m)])
        return one if slow and gap_m < NEAR_M + NEAR_S * start.speed_mps else None

    def _way(self, around: Ahead, slow_mps: float) -> Route | None:
        corridor, start = around.corridor, around.start
        lane = self.graph.lanes[int(corridor.lane[corridor.at(start.s_m)])]
        if lane.left is None or lane.in_junction or self._is_short(corridor, start.s_m):
            return None
        pose = Pose(*corridor.line.pose_at(start.s_m))
        here, beside = self.graph.place_on(lane.index, pose), self.graph.place_on(lane.left, pose)
        if lane.length_m - here.s_m < CLEAR_M or not self._is_free(around, lane.left, slow_mps):
            return None
        x, y, yaw = self.graph.lanes[lane.left].line.pose_at(beside.s_m)
        route = find_route(self.graph, Pose(x, y, yaw), corridor.route.goal)
        if isinstance(route, Refusal) or route.legs[0].lane != lane.left:
            return None
        known = find_route(self.graph, pose, corridor.route.goal)
        if isinstance(known, Refusal) or route.time_s > known.time_s + DETOUR_S:
            return None
        return Route((Leg(lane.index, max(here.s_m, 0.0), lane.length_m, "left"), *route.legs), route.goal, route.time_s)

    def _is_short(self, corridor: Corridor, ego_m: float) -> bool:
        """Whether a junction, a lane change of the route or the goal comes too soon."""
        places = [one.from_m for one in corridor.passages] + [one.from_m for one in corridor.changes] + [corridor.goal_m]
        return any(ego_m - 5.0 < place < ego_m + CLEAR_M for place in places)

    def _is_free(self, around: Ahead, target: int, slow_mps: float) -> bool:
        start = around.start
        change = LaneChange(0, "left", start.s_m, start.s_m, start.s_m, target)
        if not lane_changes.is_free(change, around.corridor, start.s_m, start.speed_mps, around.placed, self.params):
            return False
        low, high = lane_changes.BESIDE_M
        return not any(
            low < one.left_m < high and 0.0 < one.s_m - start.s_m < AHEAD_M and one.thing.speed_mps < slow_mps + 1.0
            for one in around.placed
        )
