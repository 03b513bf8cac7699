"""The stop plan: how to come to a standstill from here with no further word, in at most sixteen points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homeward_planner.plane import Floats

POINTS = 16
STANDING_MPS = 0.05


@dataclass(frozen=True)
class StopPlan:
    """Distance [m, rising from 0], curvature [1/m, left positive] and speed [m/s, falling to 0]; equally many of
    each.
    """

    distance_m: tuple[float, ...]
    curvature_1pm: tuple[float, ...]
    speed_mps: tuple[float, ...]


def stop_plan(speed_mps: float, deceleration_mps2: float, along_m: Floats, curvature_1pm: Floats) -> StopPlan:
    """Brake evenly along a path whose curvature is known at distances from the car (the last one's beyond them).

    More of the points lie near the car, where they matter most.
    """
    known = len(along_m) > 0
    if speed_mps <= STANDING_MPS:
        here = float(np.interp(0.0, along_m, curvature_1pm)) if known else 0.0
        return StopPlan((0.0,), (here,), (0.0,))
    way_m = speed_mps**2 / (2.0 * deceleration_mps2)
    distance = way_m * np.linspace(0.0, 1.0, POINTS) ** 1.5
    speed = speed_mps * np.sqrt(np.maximum(1.0 - distance / way_m, 0.0))
    speed[-1] = 0.0
    bend = np.interp(distance, along_m, curvature_1pm) if known else np.zeros(POINTS)
    return StopPlan(tuple(distance.tolist()), tuple(bend.tolist()), tuple(speed.tolist()))
