"""People on crosswalks: stop before a crosswalk while somebody is on it, or steps onto it before the car is over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from homeward_planner.corridor import Corridor, Walk
from homeward_planner.parameters import PlannerParams
from homeward_planner.plane import Floats
from homeward_planner.scene import Kind, Thing
from homeward_planner.speed_profile import Hold, Profile

CROSSWALK = ("crosswalk", "Waiting for somebody at the crosswalk.")
AROUND_M = 1.0
WALKS_MPS = 0.3
FORESEEN_S = np.arange(0.0, 6.01, 0.5)
AFTER_US_S = 1.0


def crosswalk_holds(corridor: Corridor, free: Profile, things: Sequence[Thing], params: PlannerParams) -> list[Hold]:
    """Where to stop for people. `free` is how the car would drive otherwise, from its present place."""
    people = [thing for thing in things if thing.kind is Kind.PEDESTRIAN]
    ego_m = float(free.s_m[0])
    found = []
    for walk in corridor.walks:
        hold_m = walk.from_m - params.front_m - params.stop_margin_m
        ahead = walk.from_m - ego_m - params.front_m
        if -0.3 < ahead < params.look_ahead_m and any(_in_the_way(walk, free, person, params) for person in people):
            found.append(Hold(hold_m, *CROSSWALK))
    return found


def _in_the_way(walk: Walk, free: Profile, person: Thing, params: PlannerParams) -> bool:
    """Whether somebody is on the crosswalk, or will be while the car passes."""
    moves = person.speed_mps if abs(person.speed_mps) > WALKS_MPS else 0.0
    heading = person.pose.yaw_rad
    steps = moves * FORESEEN_S
    places = np.stack([person.pose.x_m + steps * np.cos(heading), person.pose.y_m + steps * np.sin(heading)], axis=1)
    on_it = _distance_m(places, walk.crosswalk.outline_m) < AROUND_M
    if on_it[0]:
        return True
    enter_s, leave_s = free.time_at(walk.from_m - params.front_m), free.time_at(walk.to_m + params.rear_m)
    meanwhile = (enter_s - AFTER_US_S < FORESEEN_S) & (leave_s + AFTER_US_S > FORESEEN_S)
    return bool((on_it & meanwhile).any())


def _distance_m(points_m: Floats, outline_m: Floats) -> Floats:
    """How far points lie outside a convex outline; negative inside."""
    start, step = outline_m, np.roll(outline_m, -1, axis=0) - outline_m
    ahead = step / np.maximum(np.hypot(*step.T), 1e-9)[:, None]
    offset = points_m[:, None, :] - start[None]
    left = ahead[None, :, 0] * offset[..., 1] - ahead[None, :, 1] * offset[..., 0]
    area = float((start[:, 0] * np.roll(start, -1, axis=0)[:, 1] - start[:, 1] * np.roll(start, -1, axis=0)[:, 0]).sum())
    outside = -left if area > 0.0 else left
    return np.asarray(outside.max(axis=1), dtype=np.float64)
