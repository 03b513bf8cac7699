"""Walkers for the town benchmark: some stroll beside the road, some step onto it ahead of our car. Controlled by command, so that
every control is acknowledged before the next tick.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import atan2, cos, degrees, hypot, sin
from typing import Any

import carla
import numpy as np

BESIDE_M = 1.6  # beyond the road's edge
STROLL_MPS, STROLL_M = 1.2, 15.0
CROSS_MPS = (1.0, 1.8)
NOTICE_S = (3.5, 5.5)  # before our car would be there: time to see, to brake gently and to stop
NEAREST_M = 18.0
UP_M = 1.0
STANDING_MPS, ARM_M, PATIENCE_S = 0.5, 0.8, 3.0  # nobody walks into a car that stands: so near they stop; so long they wait
CAR_M = (2.5, 1.1)  # half our car's length and width


@dataclass
class Walker:
    """One walker; directions and places in CARLA's frame. A crosser waits at `place` and has its way across."""

    actor: Any
    place: tuple[float, float]
    ahead: tuple[float, float]
    speed_mps: float
    way_m: float
    notice_s: float = 0.0
    crosses: bool = False
    began: bool = False
    gone_m: float = 0.0
    waited_s: float = 0.0


@dataclass(frozen=True)
class Ego:
    """Our car now, in CARLA's frame; `yaw_rad` clockwise seen from above, as there."""

    at_m: tuple[float, float]
    velocity_mps: tuple[float, float]
    yaw_rad: float

    def stands_before(self, x_m: float, y_m: float) -> bool:
        """Whether it stands, and this place is in it."""
        dx, dy = x_m - self.at_m[0], y_m - self.at_m[1]
        along, aside = dx * cos(self.yaw_rad) + dy * sin(self.yaw_rad), dy * cos(self.yaw_rad) - dx * sin(self.yaw_rad)
        return hypot(*self.velocity_mps) < STANDING_MPS and abs(along) < CAR_M[0] and abs(aside) < CAR_M[1]


class Walkers:
    """Spawned before the drive; `control` once a tick."""

    def __init__(self, client: Any, world: Any, seed: int) -> None:
        self._client, self._world, self._map = client, world, world.get_map()
        self._chance = random.Random(seed)
        self._kinds = sorted(world.get_blueprint_library().filter("walker.pedestrian.*"), key=lambda one: one.id)
        self.walkers: list[Walker] = []

    def add_crosser(self, x_m: float, y_m: float) -> bool:
        """Somebody who steps onto the road where our route passes (ROS frame), from the right. False where there is no room."""
        lane = self._map.get_waypoint(carla.Location(x_m, -y_m, 0.0))
        yaw, right = _yaw(lane), _right(lane)
        edge = _outermost(lane)
        half = edge.lane_width / 2 + BESIDE_M
        place = edge.transform.location.x + right[0] * half, edge.transform.location.y + right[1] * half
        across_m = half + lane.lane_width * 3.5 + BESIDE_M
        walker = self._spawn(place, edge.transform.location.z, yaw)
        if walker is None:
            return False
        self.walkers.append(Walker(walker, place, (-right[0], -right[1]), self._chance.uniform(*CROSS_MPS), across_m,
                                   self._chance.uniform(*NOTICE_S), crosses=True))  # fmt: skip
        return True

    def add_strollers(self, count: int) -> int:
        """Walkers beside the roads, to and fro; how many found room."""
        points = self._map.get_spawn_points()
        self._chance.shuffle(points)
        added = 0
        for point in points:
            if added == count:
                break
            lane = _outermost(self._map.get_waypoint(point.location))
            if lane.is_junction:
                continue
            right, half = _right(lane), lane.lane_width / 2 + BESIDE_M
            place = lane.transform.location.x + right[0] * half, lane.transform.location.y + right[1] * half
            actor = self._spawn(place, lane.transform.location.z, _yaw(lane))
            if actor is not None:
                self.walkers.append(Walker(actor, place, (cos(_yaw(lane)), sin(_yaw(lane))), STROLL_MPS, STROLL_M))
                added += 1
        return added

    def _spawn(self, place: tuple[float, float], z_m: float, yaw: float) -> Any:
        turn = carla.Rotation(yaw=degrees(yaw))
        blueprint = self._chance.choice(self._kinds)
        return self._world.try_spawn_actor(blueprint, carla.Transform(carla.Location(*place, z_m + UP_M), turn))

    def control(self, dt_s: float, ego: Ego) -> None:
        """Everybody's next step, in one acknowledged batch."""
        commands = [carla.command.ApplyWalkerControl(one.actor.id, self._next(one, dt_s, ego)) for one in self.walkers]
        if commands:
            self._client.apply_batch_sync(commands, False)

    def _next(self, one: Walker, dt_s: float, ego: Ego) -> Any:
        speed_mps = one.speed_mps
        if one.crosses:
            one.began = one.began or _is_time(one, ego.at_m, ego.velocity_mps)
            speed_mps = speed_mps if one.began and one.gone_m < one.way_m else 0.0
        if speed_mps and ego.stands_before(*self._ahead_of(one)):
            speed_mps = 0.0
            one.waited_s += dt_s
            if one.waited_s > PATIENCE_S:  # and goes back
                one.waited_s, one.ahead, one.way_m, one.gone_m = 0.0, (-one.ahead[0], -one.ahead[1]), one.gone_m, 0.0
        elif one.gone_m > one.way_m:
            one.gone_m, one.ahead = 0.0, (-one.ahead[0], -one.ahead[1])
        one.gone_m += speed_mps * dt_s
        return carla.WalkerControl(carla.Vector3D(*one.ahead, 0.0), speed_mps, False)

    def _ahead_of(self, one: Walker) -> tuple[float, float]:
        """An arm's length before it."""
        here = one.actor.get_location()
        return here.x + one.ahead[0] * ARM_M, here.y + one.ahead[1] * ARM_M


def _is_time(one: Walker, ego_xy: tuple[float, float], velocity: tuple[float, float]) -> bool:
    """Whether our car, as it goes now, is `notice_s` away, and not nearer than a kind soul would step out."""
    dx, dy = one.place[0] - ego_xy[0], one.place[1] - ego_xy[1]
    speed_mps = hypot(*velocity)
    if speed_mps < 1.0:
        return False
    ahead_m = (dx * velocity[0] + dy * velocity[1]) / speed_mps
    aside_m = abs(dx * velocity[1] - dy * velocity[0]) / speed_mps
    return aside_m < 12.0 and NEAREST_M < ahead_m <= max(one.notice_s * speed_mps, NEAREST_M + 1.0)


def _outermost(lane: Any) -> Any:
    """The driving lane at the right edge of the road."""
    for _ in range(6):
        beside = lane.get_right_lane()
        if beside is None or beside.lane_type != carla.LaneType.Driving or beside.lane_id * lane.lane_id < 0:
            break
        lane = beside
    return lane


def _yaw(lane: Any) -> float:
    return float(np.radians(lane.transform.rotation.yaw))


def _right(lane: Any) -> tuple[float, float]:
    vector = lane.transform.get_right_vector()
    turn = atan2(vector.y, vector.x)
    return cos(turn), sin(turn)
