"""Beside a driver who drives himself: what he is warned of, and when the car brakes because he could not any more.

The car's own motion is held as it is: curvature, speed, and the braking that is under way. Something counts as in its way
only if following the lane would lead into it as well, so that a bend ahead with traffic in the other lane is no danger.
A forward collision is warned of 2.5 s before it. The car brakes for the driver where more than 5 m/s^2 would be needed, or
where less than a second is left and comfortable braking does not mend it. It goes on until the way is free, or to a standstill,
which is held for a moment; the driver ends it by pressing the accelerator anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeward_planner.evasion import body_of
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.motion_costs import Body
from homeward_planner.parameters import PlannerParams
from homeward_planner.plane import Floats
from homeward_planner.prediction import Predictor, travelled
from homeward_planner.scene import Ego, Kind, Pose, Thing
from homeward_planner.threats import FORESEEN_S, LIKELY, STEP_S, Expected, Watch, along_braking, as_motion, first_hits
from homeward_planner.threats import STEPS as FORESEEN_STEPS
from homeward_planner.trajectory import Trajectory

WARN_S, BRAKE_S = 2.5, 1.0
BRAKE_MPS2, COMFORTABLE_MPS2 = 5.0, 2.5
DECELERATIONS_MPS2 = tuple(float(one) for one in np.arange(0.5, 10.1, 0.5))
STEPS = 30
ROOM_M = 0.05
KEEPS_LEFT_M, KEEPS_TURN_RAD = 1.0, 0.15  # as threats.py has it for the others
SLOWEST_MPS, STANDING_MPS, HOLDS_S = 1.5, 0.1, 1.5
TO_STANDSTILL_MPS = 3.0  # begun, it goes on to a standstill from here on, though the way may be free for some seconds
DEPARTS_S, DEPARTS_FROM_MPS, DEPARTS_M = 0.8, 8.0, 0.1
TOWARDS = -0.5  # the cosine between two headings
LANE_REACH_M, LANE_TURN_RAD = 2.5, 0.4
SPEEDING_MPS = 1.4
SHOWN_S = 1.0  # a warning is told at least so long
TEXTS = {
    "forward_collision": "Brake! Something is in the way.",
    "emergency_braking": "Emergency braking!",
    "lane_departure": "The car is leaving its lane.",
    "speed": "Faster than the limit.",
}
LEFT, RIGHT = 1, 2  # indicators, as homeward_interfaces/VehicleState numbers them


@dataclass(frozen=True)
class Hands:
    """What the driver does: how the wheels stand (as curvature), the acceleration there is, pedals and indicators."""

    curvature_1pm: float
    acceleration_mps2: float = 0.0
    accelerates: bool = False
    indicators: int = 0

    @property
    def finite(self) -> bool:
        """Whether the numbers are some that a car can have."""
        return abs(self.curvature_1pm) <= 1.0 and abs(self.acceleration_mps2) <= 50.0


@dataclass(frozen=True)
class Danger:
    """How soon the held motion hits something, and the braking from now on that avoids it (infinite: none does)."""

    collision_s: float = math.inf
    needed_mps2: float = 0.0

    @property
    def warns(self) -> bool:
        """Whether to tell the driver."""
        return self.collision_s <= WARN_S

    @property
    def brakes(self) -> bool:
        """Whether a driver who brakes comfortably could not avoid it any more."""
        return self.needed_mps2 > BRAKE_MPS2 or (self.collision_s <= BRAKE_S and self.needed_mps2 > COMFORTABLE_MPS2)


@dataclass(frozen=True, eq=False)
class Watched:
    """Codes of TEXTS to be told now; how to brake, where the car does so for the driver."""

    warnings: tuple[str, ...] = ()
    braking: Trajectory | None = None


NOTHING = Watched()


class DriverWatch:
    """Watches over a driver on one map; remembers what it began."""

    def __init__(self, graph: LaneGraph, params: PlannerParams) -> None:
        self.graph, self.params = graph, params
        self.body: Body = body_of(params)
        self.watch, self._ways = Watch(graph), Predictor(graph)
        self._told: dict[str, float] = {}
        self._braking = self._overridden = self._accelerated = False
        self._stood_s: float | None = None

    def forget(self) -> None:
        """Somebody else drives now."""
        self._told.clear()
        self._braking = self._overridden = self._accelerated = False
        self._stood_s = None

    def look(self, now_s: float, ego: Ego | None, hands: Hands | None, things: Sequence[Thing] | None) -> Watched:
        """What to tell the driver and whether to brake. What isn't known or no number warns of nothing."""
        if ego is None or hands is None or not (ego.finite and hands.finite and math.isfinite(now_s)):
            self.forget()
            return NOTHING
        around = [thing for thing in things or () if thing.finite]
        danger = self.danger(now_s, ego, hands, around)
        self._decide(now_s, ego, hands, danger)
        found = {"forward_collision": danger.warns, "emergency_braking": self._braking, "speed": self._is_fast(ego)}
        found["lane_departure"] = self._departs(ego, hands)
        braking = self._trajectory(now_s, ego, hands) if self._braking else None
        return Watched(self._shown(now_s, found), braking)

    # collisions

    def danger(self, now_s: float, ego: Ego, hands: Hands, things: Sequence[Thing]) -> Danger:
        """What the held motion leads to."""
        expected = [self._in_lane(ego, one) for one in self.watch.expect(now_s, ego, things)]
        if ego.speed_mps < (STANDING_MPS if self._braking else SLOWEST_MPS) or not expected:
            return Danger()
        held = held_motion(ego, hands.curvature_1pm)
        along = [held, *self._along_lanes(ego)]
        under_way = max(-hands.acceleration_mps2, 0.0) if not self._braking else 0.0
        collision_s = max(self._collision_s(_braked(motion, under_way), expected) for motion in along)
        if math.isinf(collision_s):
            return Danger()
        enough = (one for one in DECELERATIONS_MPS2 if math.isinf(self._collision_s(along_braking(held, one), expected)))
        return Danger(collision_s, next(enough, math.inf))

    def _in_lane(self, ego: Ego, one: Expected) -> Expected:
        """Somebody who comes towards us in a lane of his own is expected to keep to it, though he turns a little otherwise than
        the lane does just there: a bend is no reason to brake for the driver."""
        comes = math.cos(one.thing.pose.yaw_rad - ego.pose.yaw_rad) < TOWARDS
        if not comes or one.thing.kind is Kind.PEDESTRIAN:
            return one
        if not self.graph.places_near(one.thing.pose, KEEPS_LEFT_M, LANE_TURN_RAD):
            return one
        boxes = np.stack(list(self._ways.ways(one.thing, travelled(one.thing.speed_mps, 0.0, FORESEEN_STEPS))))
        return Expected(one.thing, boxes, np.full(len(boxes), 1.0 / len(boxes)), FORESEEN_S, 0.0)

    def _along_lanes(self, ego: Ego) -> list[Floats]:
        """The motions that follow the lanes from here on at this speed; none for a car that doesn't keep to one."""
        if not self.graph.places_near(ego.pose, KEEPS_LEFT_M, KEEPS_TURN_RAD):
            return []
        centre_m = (self.params.front_m - self.params.rear_m) / 2.0
        cos, sin = math.cos(ego.pose.yaw_rad), math.sin(ego.pose.yaw_rad)
        centre = Pose(ego.pose.x_m + centre_m * cos, ego.pose.y_m + centre_m * sin, ego.pose.yaw_rad)
        box = Thing(-1, Kind.CAR, centre, self.params.front_m + self.params.rear_m, self.params.width_m, ego.speed_mps)
        return [_of_boxes(boxes, centre_m, ego.speed_mps) for boxes in self._ways.ways(box, travelled(ego.speed_mps, 0.0, STEPS))]

    def _collision_s(self, motion: Floats, expected: Sequence[Expected]) -> float:
        return min((self._hit_s(motion, one) for one in expected), default=math.inf)

    def _hit_s(self, motion: Floats, one: Expected) -> float:
        """When a thing is hit, if that is likely."""
        last = min(round(one.until_s / STEP_S), STEPS)
        places = first_hits(self.body, motion, one.boxes, ROOM_M, 0.0, last)
        hit = places >= 0
        return float(places[hit].min()) * STEP_S if float(one.share[hit].sum()) >= LIKELY else math.inf

    def _decide(self, now_s: float, ego: Ego, hands: Hands, danger: Danger) -> None:
        """Begin, go on or end braking."""
        pressed = hands.accelerates and not self._accelerated
        self._accelerated = hands.accelerates
        if self._braking and pressed:
            self._braking, self._overridden = False, True
        elif self._braking:
            self._braking = not self._is_over(now_s, ego, danger)
        elif danger.brakes and not self._overridden:
            self._braking, self._stood_s = True, None
        self._overridden = self._overridden and danger.warns

    def _is_over(self, now_s: float, ego: Ego, danger: Danger) -> bool:
        """Whether the way is free again while the car rolls, or it has stood long enough for the driver to see."""
        if ego.speed_mps > STANDING_MPS:
            self._stood_s = None
            return ego.speed_mps > TO_STANDSTILL_MPS and math.isinf(danger.collision_s)
        self._stood_s = now_s if self._stood_s is None else self._stood_s
        return now_s - self._stood_s >= HOLDS_S

    def _trajectory(self, now_s: float, ego: Ego, hands: Hands) -> Trajectory:
        """Braking as hard as the plan ever does, along the curvature that the driver holds."""
        hard = self.params.deceleration_hard_mps2
        rows = along_braking(held_motion(ego, hands.curvature_1pm), hard)
        times: Floats = np.arange(rows.shape[1], dtype=np.float64) * STEP_S
        slowing = np.where(rows[3] > 0.0, -hard, 0.0)
        return Trajectory(now_s, times, rows[0], rows[1], rows[2], rows[3], slowing, rows[5])

    # lane and limit

    def _departs(self, ego: Ego, hands: Hands) -> bool:
        """Whether the car's side will soon be over the edge of its lane, and nobody indicated that."""
        places = self.graph.places_near(ego.pose, LANE_REACH_M, LANE_TURN_RAD)
        if ego.speed_mps < DEPARTS_FROM_MPS or not places or any(self.graph.lanes[one.lane].in_junction for one in places):
            return False
        lane, place = self.graph.lanes[places[0].lane], places[0]
        lane_bend = float(np.interp(place.s_m, lane.line.s_m, lane.line.curvature_1pm))
        gone_m = ego.speed_mps * DEPARTS_S
        left_m = place.left_m + gone_m * math.sin(place.turn_rad) + (hands.curvature_1pm - lane_bend) * gone_m**2 / 2.0
        spare_m = (float(np.interp(place.s_m, lane.line.s_m, lane.width_m)) - self.params.width_m) / 2.0
        outward = abs(left_m) > abs(place.left_m)
        return outward and abs(left_m) > spare_m + DEPARTS_M and hands.indicators != (LEFT if left_m > 0.0 else RIGHT)

    def _is_fast(self, ego: Ego) -> bool:
        places = self.graph.places_near(ego.pose, LANE_REACH_M, LANE_TURN_RAD)
        limits = [self.graph.lanes[one.lane].speed_limit_mps for one in places]
        return bool(limits) and ego.speed_mps > max(limits) + SPEEDING_MPS

    def _shown(self, now_s: float, found: dict[str, bool]) -> tuple[str, ...]:
        """The warnings of now, and those that began to be told a moment ago."""
        self._told |= {code: now_s + SHOWN_S for code, holds in found.items() if holds}
        return tuple(code for code in TEXTS if 0.0 < self._told.get(code, -math.inf) - now_s <= SHOWN_S)


def held_motion(ego: Ego, curvature_1pm: float) -> Floats:
    """The motion (7 × STEPS + 1, rows as in motion_costs) that goes on with this curvature at this speed."""
    times: Floats = np.arange(STEPS + 1, dtype=np.float64) * STEP_S
    along = ego.speed_mps * times
    yaw: Floats = np.asarray(ego.pose.yaw_rad + curvature_1pm * along, dtype=np.float64)
    steps, middle = np.diff(along), (yaw[1:] + yaw[:-1]) / 2.0
    x = ego.pose.x_m + np.concatenate([[0.0], np.cumsum(steps * np.cos(middle))])
    y = ego.pose.y_m + np.concatenate([[0.0], np.cumsum(steps * np.sin(middle))])
    ones = np.ones_like(times)
    return as_motion([x, y, yaw, ego.speed_mps * ones, 0.0 * ones, curvature_1pm * ones])


def _braked(motion: Floats, braking_mps2: float) -> Floats:
    return along_braking(motion, braking_mps2) if braking_mps2 > 0.0 else motion


def _of_boxes(boxes: Floats, centre_m: float, speed_mps: float) -> Floats:
    """The motion of the rear axle of a car whose boxes these are."""
    yaw = boxes[:, 2]
    ones = np.ones(len(boxes))
    columns = [boxes[:, 0] - centre_m * np.cos(yaw), boxes[:, 1] - centre_m * np.sin(yaw), yaw, speed_mps * ones]
    return as_motion([*columns, 0.0 * ones, 0.0 * ones])
