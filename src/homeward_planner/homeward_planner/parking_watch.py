"""What comes near the car while it manoeuvres: how far along its way it may go before it would be too close to something."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from homeward_planner.parameters import PlannerParams
from homeward_planner.parking_path import Stretch
from homeward_planner.plane import Floats
from homeward_planner.scene import Kind, Thing

NEARBY_M, LOOK_M, BEFORE_M = 15.0, 4.0, 0.4
AFTER_S = (0.0, 0.5, 1.0, 1.5, 2.0)
STANDS_MPS = 0.3
KEPT_M = {Kind.PEDESTRIAN: 0.7, Kind.TWO_WHEELER: 0.7}
KEPT_MOVING_M, KEPT_STANDING_M = 0.5, 0.1


def free_until_m(stretch: Stretch, way_m: float, things: Sequence[Thing], params: PlannerParams) -> tuple[float, Thing | None]:
    """How far along the stretch the car may go, and what is in the way there; infinity while nothing is."""
    ahead = np.flatnonzero((stretch.way_m >= way_m - 0.1) & (stretch.way_m <= way_m + LOOK_M))
    best, culprit = np.inf, None
    if not len(ahead):
        return best, culprit
    here = stretch.poses[ahead[0]]
    for thing in things:
        if np.hypot(thing.pose.x_m - here[0], thing.pose.y_m - here[1]) > NEARBY_M + thing.length_m:
            continue
        near = np.flatnonzero(_gaps(stretch.poses[ahead], thing, params) < _kept_m(thing))
        if len(near) and stretch.way_m[ahead[near[0]]] - BEFORE_M < best:
            best, culprit = max(float(stretch.way_m[ahead[near[0]]]) - BEFORE_M, 0.0), thing
    return best, culprit


def _kept_m(thing: Thing) -> float:
    stands = abs(thing.speed_mps) < STANDS_MPS
    return KEPT_M.get(thing.kind, KEPT_STANDING_M if stands else KEPT_MOVING_M)


def _gaps(poses: Floats, thing: Thing, params: PlannerParams) -> Floats:
    """For each pose of the car: how far apart it and the thing are at least, now and in the next moments."""
    times = AFTER_S if abs(thing.speed_mps) >= STANDS_MPS else (0.0,)
    theirs = np.concatenate([_around(thing, after_s) for after_s in times])
    cos, sin = np.cos(poses[:, 2])[:, None], np.sin(poses[:, 2])[:, None]
    dx, dy = theirs[:, 0] - poses[:, 0][:, None], theirs[:, 1] - poses[:, 1][:, None]
    ahead, left = dx * cos + dy * sin, dy * cos - dx * sin
    beyond = np.maximum(np.maximum(ahead - params.front_m, -params.rear_m - ahead), 0.0)
    aside = np.maximum(np.abs(left) - params.width_m / 2.0, 0.0)
    gaps: Floats = np.hypot(beyond, aside).min(axis=1)
    return gaps


def _around(thing: Thing, after_s: float) -> Floats:
    """Points around a thing's outline, half a metre apart at most."""
    corners = thing.outline(after_s)
    sides = np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)
    count = max(2, int(np.ceil(max(thing.length_m, thing.width_m) / 2.0 / 0.5)) + 1)
    shares = np.linspace(0.0, 1.0, count)[:, None, None]
    return np.asarray((sides[:, 0] * (1.0 - shares) + sides[:, 1] * shares).reshape(-1, 2), dtype=np.float64)
