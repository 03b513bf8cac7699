"""Where the things around will be: cars along the lanes they may be on, others as they move now; boxes over time.

A thing has one hypothesis for each way its lanes lead on, and, off lanes, one of a constant turn rate that fades.
Speeding up or braking, as seen from one step to the next, is carried on with a fading strength.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from homeward_planner.lane_graph import LaneGraph, OnLane
from homeward_planner.plane import Floats
from homeward_planner.scene import Kind, Thing

STEP_S = 0.1
ON_LANE_M, ALONG_RAD = 2.5, math.radians(40.0)
MOST_WAYS = 4
FADES_S = 1.5  # a change of speed or a turn goes on for about so long
MERGES_S = 1.5  # in which a car comes back to the middle of its lane
STANDS_MPS = 0.2
MOST_MPS2 = 8.0
FORGOTTEN_S = 1.0


@dataclass(frozen=True, eq=False)
class Forecast:
    """H hypotheses at T times: `boxes[h, t]` is x, y, yaw, half length, half width; `share[h]` how likely each is
    among its thing's (0 to 1); `owner[h]` the thing's place in the list that was given."""

    boxes: Floats
    share: Floats
    owner: Floats


class Predictor:
    """Remembers how fast each thing was, so that its acceleration is known."""

    def __init__(self, graph: LaneGraph) -> None:
        self.graph = graph
        self._seen: dict[int, tuple[float, float, float]] = {}

    def predict(self, now_s: float, things: Sequence[Thing], steps: int) -> Forecast:
        """The hypotheses for all things, every STEP_S from now on, `steps` + 1 times."""
        self._seen = {number: seen for number, seen in self._seen.items() if 0.0 <= now_s - seen[0] < FORGOTTEN_S}
        boxes, share, owner = [], [], []
        for place, thing in enumerate(things):
            ways = list(self.ways(thing, travelled(thing.speed_mps, self.acceleration(now_s, thing), steps)))
            boxes += ways
            share += [1.0 / len(ways)] * len(ways)
            owner += [float(place)] * len(ways)
        stacked = np.stack(boxes) if boxes else np.zeros((0, steps + 1, 5))
        return Forecast(stacked, np.array(share, dtype=np.float64), np.array(owner, dtype=np.float64))

    def acceleration(self, now_s: float, thing: Thing) -> float:
        """Smoothed over a few steps; 0 for what is seen for the first time."""
        then_s, speed, before = self._seen.get(thing.id, (now_s, thing.speed_mps, 0.0))
        after_s = now_s - then_s
        now = before
        if after_s > 1e-3:
            share = min(after_s / 0.2, 1.0)
            now = before + share * ((thing.speed_mps - speed) / after_s - before)
        now = min(max(now, -MOST_MPS2), MOST_MPS2 / 2.0)
        self._seen[thing.id] = (now_s, thing.speed_mps, now)
        return now

    def ways(self, thing: Thing, travelled_m: Floats) -> Iterator[Floats]:
        """One row of boxes a hypothesis."""
        places = [] if thing.kind is Kind.PEDESTRIAN else self.graph.places_near(thing.pose, ON_LANE_M, ALONG_RAD)
        if travelled_m[-1] < STANDS_MPS * STEP_S * len(travelled_m) or not places:
            yield turning(thing, travelled_m)
            return
        for path in itertools.islice(_paths(self.graph, places, float(travelled_m[-1])), MOST_WAYS):
            yield self._along(thing, path, travelled_m)

    def _along(self, thing: Thing, path: tuple[OnLane, Floats], travelled_m: Floats) -> Floats:
        """Along the middle of lanes, the offset to it fading."""
        start, points = path
        steps = np.hypot(*np.diff(points, axis=0).T)
        along = np.concatenate([[0.0], np.cumsum(steps)])
        heading = np.unwrap(np.arctan2(*np.diff(points, axis=0).T[::-1]))
        heading = np.append(heading, heading[-1])
        beyond = np.maximum(start.s_m + travelled_m - along[-1], 0.0)
        at = np.minimum(start.s_m + travelled_m, along[-1])
        yaw = np.interp(at, along, heading)
        left = _fading(thing, start, travelled_m)
        x = np.interp(at, along, points[:, 0]) + beyond * np.cos(yaw) - left * np.sin(yaw)
        y = np.interp(at, along, points[:, 1]) + beyond * np.sin(yaw) + left * np.cos(yaw)
        turned = yaw + start.turn_rad * np.exp(-travelled_m / max(thing.speed_mps * MERGES_S, 3.0))
        return _boxes(thing, x, y, turned)


def _fading(thing: Thing, start: OnLane, travelled_m: Floats) -> Floats:
    """The offset from the lane's middle: as the thing heads now, and back to it within some seconds."""
    length = max(thing.speed_mps * MERGES_S, 3.0)
    share = travelled_m / length
    left: Floats = (start.left_m + (start.left_m / length + math.tan(start.turn_rad)) * travelled_m) * np.exp(-share)
    return left


def travelled(speed_mps: float, acceleration_mps2: float, steps: int) -> Floats:
    """How far a thing goes; it doesn't go back when it has braked to a standstill."""
    times = np.arange(steps + 1, dtype=np.float64) * STEP_S
    speed = speed_mps + acceleration_mps2 * FADES_S * (1.0 - np.exp(-times / FADES_S))
    speed = np.maximum(speed, 0.0) if speed_mps >= 0.0 else np.minimum(speed, 0.0)
    if speed_mps >= 0.0:
        speed = np.where(np.minimum.accumulate(speed) <= 0.0, 0.0, speed)
    return np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2.0 * STEP_S)])


def turning(thing: Thing, travelled_m: Floats) -> Floats:
    """Straight on, or on with a turn that fades."""
    times = np.arange(len(travelled_m), dtype=np.float64) * STEP_S
    yaw = thing.pose.yaw_rad + thing.yaw_rate_radps * FADES_S * (1.0 - np.exp(-times / FADES_S))
    step = np.diff(travelled_m)
    x = thing.pose.x_m + np.concatenate([[0.0], np.cumsum(step * np.cos(yaw[:-1]))])
    y = thing.pose.y_m + np.concatenate([[0.0], np.cumsum(step * np.sin(yaw[:-1]))])
    return _boxes(thing, x, y, yaw)


def _boxes(thing: Thing, x: Floats, y: Floats, yaw: Floats) -> Floats:
    half = np.ones_like(x)
    return np.stack([x, y, yaw, half * thing.length_m / 2.0, half * thing.width_m / 2.0], axis=1)


def _paths(graph: LaneGraph, places: Iterable[OnLane], reach_m: float) -> Iterator[tuple[OnLane, Floats]]:
    """The ways that lead on from the nearest places, as points from the first lane's start on; equal ones once."""
    nearest = list(places)
    taken: set[tuple[int, ...]] = set()
    for place in (one for one in nearest if abs(one.left_m) < abs(nearest[0].left_m) + 0.5):
        for lanes in _onward(graph, (place.lane,), graph.lanes[place.lane].length_m - place.s_m, reach_m):
            if lanes not in taken:
                taken.add(lanes)
                yield place, np.concatenate(
                    [graph.lanes[lanes[0]].line.points_m, *(graph.lanes[lane].line.points_m[1:] for lane in lanes[1:])]
                )


def _onward(graph: LaneGraph, lanes: tuple[int, ...], known_m: float, reach_m: float) -> Iterator[tuple[int, ...]]:
    following = [lane for lane in graph.lanes[lanes[-1]].successors if lane not in lanes]
    if known_m >= reach_m or not following:
        yield lanes
        return
    for lane in following:
        yield from _onward(graph, (*lanes, lane), known_m + graph.lanes[lane].length_m, reach_m)
