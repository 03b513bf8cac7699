"""Who will be where the car wants to be: the planned motion against what is likely to come of the things around.

A thing that keeps to its lane is expected to go on along it; one that leaves it, or was never on one, as it moves now.
Somebody who crosses and could still stop for us counts only once that takes harder braking than people do: the rules of
the road (give_way.py, walkers.py) look after the rest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from homeward_planner.jit import compiled
from homeward_planner.lane_graph import LaneGraph, OnLane
from homeward_planner.motion_costs import ROW_V, ROW_X, ROW_Y, ROW_YAW, Body, gap
from homeward_planner.plane import Floats
from homeward_planner.prediction import Forecast, Predictor, travelled, turning
from homeward_planner.scene import Ego, Kind, Thing

STEP_S = 0.1
FORESEEN_S = 4.0
STEPS = round(FORESEEN_S / STEP_S)
KEEPS_LEFT_M, KEEPS_TURN_RAD = 1.0, 0.12  # a thing within these of its lane's middle, now and soon, keeps to it
SOON_S = 1.0
BEND_LAG_M, SHARPEST_1PM = 3.0, 0.15  # so much earlier or later a driver turns than the lane does
LEAVING_S, WALKING_S = 2.5, 3.0  # so far ahead a motion that no lane explains is believed
CROSSING_RAD = (math.radians(30.0), math.radians(150.0))
TOWARDS = -0.8  # the cosine between two headings
ON_ROAD = 0.4  # of a turn goes on, where a road leads straight
STRAIGHTENS_S, STRAIGHTENS_MPS, ASTRAY_M, ASTRAY_RAD = 0.5, 3.0, 3.0, 0.4
SPEEDS_UP_ON = 1.3  # one that speeds up may come as much further
POLITE_MPS2, REACTS_S, SPEEDS_UP_MPS2 = 3.0, 0.6, 0.4
FIRM_MPS2 = 3.5
LIKELY = 0.5
PACES, SHARES = (1.0, 0.75, 1.25), (0.6, 0.2, 0.2)  # one that no lane leads may go slower or faster than it does now
ROOM_M, SPREAD_MPS = 0.2, 0.08
MOST_WAYS = 4
BESIDE_M = 12.0


@dataclass(frozen=True, eq=False)
class Expected:
    """What is expected of one thing: its hypotheses (H × T × 5 as in Forecast), how likely each is, how far ahead they are
    believed, and how much wider it gets with time."""

    thing: Thing
    boxes: Floats
    share: Floats
    until_s: float
    spread_mps: float
    acceleration_mps2: float = 0.0


class Watch:
    """Remembers how things moved, so that their acceleration is known."""

    def __init__(self, graph: LaneGraph) -> None:
        self.graph = graph
        self._predictor = Predictor(graph)

    def expect(self, now_s: float, ego: Ego, things: Sequence[Thing]) -> list[Expected]:
        """What is expected of all that could come near within the time that is foreseen."""
        reach = abs(ego.speed_mps) * FORESEEN_S + BESIDE_M
        found = []
        for thing in things:
            acceleration = self._predictor.acceleration(now_s, thing)
            apart = math.hypot(thing.pose.x_m - ego.pose.x_m, thing.pose.y_m - ego.pose.y_m)
            if apart < reach + abs(thing.speed_mps) * FORESEEN_S + thing.length_m:
                found.append(self._one(ego, thing, acceleration))
        return found

    def threats(self, body: Body, motion: Floats, expected: Sequence[Expected], room_m: float = ROOM_M) -> list[Expected]:
        """Those that the motion (7 × T, rows as in motion_costs) would come closer to than `room_m`, if nothing were done."""
        return [one for one in expected if self._hits(body, motion, one, room_m)]

    def _one(self, ego: Ego, thing: Thing, acceleration_mps2: float) -> Expected:
        way = travelled(thing.speed_mps, acceleration_mps2, STEPS)
        lanes = self._kept_lanes(thing, way)
        if lanes and acceleration_mps2 > SPEEDS_UP_MPS2:
            lanes += self._kept_lanes(thing, way * SPEEDS_UP_ON)
        if lanes:
            return Expected(thing, np.stack(lanes), np.full(len(lanes), 1.0 / len(lanes)), FORESEEN_S, 0.0, acceleration_mps2)
        comes = math.cos(thing.pose.yaw_rad - ego.pose.yaw_rad) < TOWARDS
        until_s = FORESEEN_S if comes else WALKING_S if thing.kind in (Kind.PEDESTRIAN, Kind.TWO_WHEELER) else LEAVING_S
        straight = self._straightened(thing, way)
        if straight is not None:
            boxes = np.stack([turning(replace(thing, yaw_rate_radps=ON_ROAD * thing.yaw_rate_radps), way), straight])
            return Expected(thing, boxes, np.array([0.5, 0.5]), until_s, SPREAD_MPS, acceleration_mps2)
        boxes = np.stack([turning(thing, way * pace) for pace in PACES])
        return Expected(thing, boxes, np.array(SHARES), until_s, SPREAD_MPS, acceleration_mps2)

    def _straightened(self, thing: Thing, way_m: Floats) -> Floats | None:
        """For a car on the road that keeps to no lane: it goes on along the road where it is, with or against the traffic."""
        if thing.kind in (Kind.PEDESTRIAN, Kind.TWO_WHEELER) or abs(thing.speed_mps) < STRAIGHTENS_MPS:
            return None
        for place in self.graph.places_near(thing.pose, ASTRAY_M):
            against = abs(place.turn_rad) > math.pi / 2.0
            turn = place.turn_rad - (math.copysign(math.pi, place.turn_rad) if against else 0.0)
            if abs(turn) < ASTRAY_RAD:
                return _turned_to(thing, thing.pose.yaw_rad - turn, way_m)
        return None

    def _kept_lanes(self, thing: Thing, way_m: Floats) -> list[Floats]:
        if thing.kind is Kind.PEDESTRIAN:
            return []
        places = self.graph.places_near(thing.pose, KEEPS_LEFT_M, KEEPS_TURN_RAD + BEND_LAG_M * SHARPEST_1PM)
        if not any(self._keeps_to(place, thing.speed_mps) for place in places):
            return []
        return list(itertools.islice(self._predictor.ways(thing, way_m), MOST_WAYS))

    def _keeps_to(self, place: OnLane, speed_mps: float) -> bool:
        """Whether a thing stays near a lane's middle, now and soon; in a bend it may turn a little early or late."""
        line = self.graph.lanes[place.lane].line
        near = line.window(place.s_m - BEND_LAG_M, place.s_m + BEND_LAG_M)
        bend_1pm = min(float(np.abs(line.curvature_1pm[near]).max(initial=0.0)), SHARPEST_1PM)
        off_rad = max(abs(place.turn_rad) - BEND_LAG_M * bend_1pm, 0.0)
        drift_m = math.copysign(SOON_S * speed_mps * math.sin(off_rad), place.turn_rad)
        return off_rad <= KEEPS_TURN_RAD and abs(place.left_m + drift_m) <= KEEPS_LEFT_M

    def _hits(self, body: Body, motion: Floats, one: Expected, room_m: float) -> bool:
        last = round(one.until_s / STEP_S)
        places = first_hits(body, motion, one.boxes, room_m, one.spread_mps, last)
        hit = places >= 0
        if float(one.share[hit].sum()) < LIKELY:
            return False
        numbers = [int(number) for number in np.flatnonzero(hit)]
        if all(_same_way(motion, one, number, int(places[number])) for number in numbers):
            firmly = along_braking(motion, FIRM_MPS2)
            return bool((first_hits(body, firmly, one.boxes, ROOM_M, one.spread_mps, last) >= 0).any())
        return any(self._stays(body, motion, one, number, int(places[number])) for number in numbers)

    def _stays(self, body: Body, motion: Floats, one: Expected, number: int, place: int) -> bool:
        """Whether it hits even if the other one brakes for us, in the way people do (only who crosses on a lane would)."""
        turn = abs(math.remainder(one.boxes[number, place, 2] - motion[ROW_YAW, place], math.tau))
        if not CROSSING_RAD[0] < turn < CROSSING_RAD[1] or one.spread_mps > 0.0:
            return True
        polite = _slowed(one.boxes[number], one.thing.speed_mps, one.acceleration_mps2)
        last = round(one.until_s / STEP_S)
        return bool((first_hits(body, motion, polite[None], ROOM_M, one.spread_mps, last) >= 0).any())


def _turned_to(thing: Thing, yaw_rad: float, way_m: Floats) -> Floats:
    """The boxes of a thing that turns to a heading within a second or so."""
    times = np.arange(len(way_m)) * STEP_S
    yaw = yaw_rad + (thing.pose.yaw_rad - yaw_rad) * np.exp(-times / STRAIGHTENS_S)
    step = np.diff(way_m)
    x = thing.pose.x_m + np.concatenate([[0.0], np.cumsum(step * np.cos(yaw[:-1]))])
    y = thing.pose.y_m + np.concatenate([[0.0], np.cumsum(step * np.sin(yaw[:-1]))])
    half = np.ones_like(x)
    return np.stack([x, y, yaw, half * thing.length_m / 2.0, half * thing.width_m / 2.0], axis=1)


def _same_way(motion: Floats, one: Expected, number: int, place: int) -> bool:
    """Whether a thing that would be hit drives on ahead of us: following it mends that, while firm braking would."""
    turn = math.remainder(one.boxes[number, place, 2] - motion[ROW_YAW, place], math.tau)
    return one.thing.kind is not Kind.PEDESTRIAN and abs(turn) < CROSSING_RAD[0]


def along_braking(motion: Floats, braking_mps2: float) -> Floats:
    """The same path, braking firmly from now on."""
    gone = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(motion[:2], axis=1)))])
    times = np.arange(motion.shape[1]) * STEP_S
    speed = np.maximum(motion[ROW_V, 0] - braking_mps2 * times, 0.0)
    reached = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2.0 * STEP_S)])
    strictly = gone + np.arange(len(gone)) * 1e-9
    braked = np.stack([np.interp(reached, strictly, row) for row in motion])
    braked[ROW_V] = speed
    return np.ascontiguousarray(braked)


def forecast_of(expected: Sequence[Expected]) -> Forecast:
    """All hypotheses in one, each thing as wide as it may have become."""
    rows = [_spread(one) for one in expected]
    boxes = np.concatenate(rows) if rows else np.zeros((0, STEPS + 1, 5))
    share = np.concatenate([one.share for one in expected]) if rows else np.zeros(0)
    owner = np.concatenate([np.full(len(one.share), float(place)) for place, one in enumerate(expected)]) if rows else np.zeros(0)
    return Forecast(boxes, share, owner)


def _spread(one: Expected) -> Floats:
    grown = one.boxes.copy()
    grown[:, :, 3:] += ROOM_M / 2.0 + one.spread_mps * np.arange(STEPS + 1)[None, :, None] * STEP_S
    return grown


def _slowed(boxes: Floats, speed_mps: float, acceleration_mps2: float) -> Floats:
    """The same way, braking politely from now on, or, for one that speeds up, a little later: where it is at each step."""
    gone = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(boxes[:, :2], axis=0).T))])
    times = np.arange(len(boxes)) * STEP_S
    reacts_s, gains = (REACTS_S, acceleration_mps2) if acceleration_mps2 > SPEEDS_UP_MPS2 else (0.0, 0.0)
    fastest = abs(speed_mps) + gains * reacts_s
    speed = np.where(times < reacts_s, abs(speed_mps) + gains * times, fastest - POLITE_MPS2 * (times - reacts_s))
    reached = np.concatenate([[0.0], np.cumsum(np.maximum((speed[1:] + speed[:-1]) / 2.0, 0.0) * STEP_S)])
    strictly = gone + np.arange(len(gone)) * 1e-9
    columns = [np.interp(reached, strictly, column) for column in (boxes[:, 0], boxes[:, 1], np.unwrap(boxes[:, 2]))]
    return np.stack([*columns, boxes[:, 3], boxes[:, 4]], axis=1)


@compiled
def first_hits(body: Body, motion: Floats, boxes: Floats, room_m: float, spread_mps: float, last: int) -> Floats:
    """For each hypothesis (H × T × 5) the first place in time at which the motion comes too close to it; -1: none.

    Nobody behind is counted, and nobody who walks or drives against a standing car, but for those who come towards it.
    """
    found = np.full(len(boxes), -1.0)
    for one in range(len(boxes)):
        for place in range(1, min(motion.shape[1], boxes.shape[1], last + 1)):
            x, y, yaw = motion[ROW_X, place], motion[ROW_Y, place], motion[ROW_YAW, place]
            if gap(body, x, y, yaw, boxes[one, place]) < room_m + spread_mps * place * STEP_S:
                ahead = (boxes[one, place, 0] - x) * math.cos(yaw) + (boxes[one, place, 1] - y) * math.sin(yaw)
                comes = math.cos(boxes[one, place, 2] - yaw) < -0.7
                if ahead > 0.0 and (comes or motion[ROW_V, place] > 0.1):
                    found[one] = place
                break
    return found


def as_motion(columns: Sequence[Floats]) -> Floats:
    """x, y, yaw, speed, acceleration, curvature at equal steps as rows of a motion (7 × T); no offsets."""
    rows = [np.asarray(column, dtype=np.float64) for column in columns]
    return np.ascontiguousarray(np.stack([*rows, np.zeros_like(rows[0])]))
