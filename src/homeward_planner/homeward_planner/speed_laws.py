"""The laws that a speed profile is driven by, one small step after another; compiled, for the loop is hot."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from homeward_planner.jit import compiled
from homeward_planner.plane import Floats

STEP_S = 0.1
GRID_M = 0.5
PREVIEW_S = 0.7
LAST_MPS, LAST_DECELERATION_MPS2 = 0.3, 0.45
URGENT_MPS2 = 2.6
RELEASE = 1.5
STANDING_MPS = 0.02
ANYTHING_MPS2 = 99.0
LEAD_STOPS_MPS2, RESERVE = 8.0, 1.15  # the hardest that what is ahead may brake; how much more than needed is enough


class Manner(NamedTuple):
    """How the car likes to be driven; see PlannerParams."""

    acceleration_max_mps2: float
    deceleration_comfort_mps2: float
    deceleration_hard_mps2: float
    jerk_comfort_mps3: float
    jerk_hard_mps3: float
    front_m: float
    headway_s: float
    standstill_gap_m: float


@compiled
def driven(
    s: float,
    v: float,
    a: float,
    steps: int,
    from_m: float,
    free_mps: Floats,
    stop_m: float,
    lead_rear_m: Floats,
    lead_mps: Floats,
    manner: Manner,
) -> Floats:
    """Distance, speed and acceleration at each step (steps + 1 × 3).

    `free_mps` is the envelope every GRID_M from `from_m`.
    """
    rows = np.empty((steps + 1, 3))
    rows[0, 0], rows[0, 1], rows[0, 2] = s, v, a
    for step in range(steps):
        soon_s, soon_v = eased_off(s, v, a, manner)
        wanted = min(freely(soon_s, soon_v, from_m, free_mps, manner), to_stop(soon_s, soon_v, stop_m, manner))
        for place in range(len(lead_mps)):
            rear_m = lead_rear_m[place] + lead_mps[place] * step * STEP_S
            wanted = min(wanted, behind(rear_m, lead_mps[place], soon_s, soon_v, manner))
        a = _eased(a, wanted, manner)
        following = v + a * STEP_S
        if following <= STANDING_MPS and a <= 0.0:  # a standstill ends the braking
            s, v, a = s + v * STEP_S / 2.0, 0.0, 0.0
        else:
            s, v = s + (v + following) * STEP_S / 2.0, following
        rows[step + 1, 0], rows[step + 1, 1], rows[step + 1, 2] = s, v, a
    return rows


@compiled
def eased_off(s: float, v: float, a: float, manner: Manner) -> tuple[float, float]:
    """Where a car that speeds up will be, and how fast, once it has let go of the accelerator: decide for then."""
    if a <= 0.0:
        return s, v
    time_s = a / manner.jerk_comfort_mps3
    return s + v * time_s + a * time_s**2 / 3.0, v + a * time_s / 2.0


@compiled
def freely(s: float, v: float, from_m: float, free_mps: Floats, manner: Manner) -> float:
    """The acceleration that limits and bends allow: reach the envelope a moment ahead; less push near it."""
    place = (s + v * PREVIEW_S - from_m) / GRID_M
    index = min(max(int(place), 0), len(free_mps) - 2)
    share = min(max(place - index, 0.0), 1.0)
    target = float(free_mps[index]) * (1.0 - share) + float(free_mps[index + 1]) * share
    near = min(v / max(target, 0.1), 1.0)
    return min((target - v) / PREVIEW_S, manner.acceleration_max_mps2 * (1.0 - 0.7 * near**4))


@compiled
def to_stop(s: float, v: float, stop_m: float, manner: Manner) -> float:
    """The acceleration for a stop: brake so that the envelope to it is met, and at last softly."""
    if stop_m == math.inf:
        return ANYTHING_MPS2
    left = stop_m - s
    rest = left - v * PREVIEW_S
    if rest > 0.0:  # a stop that becomes known late is not braked for harder than it takes
        enough = max(RESERVE * v * v / (2.0 * left), manner.deceleration_comfort_mps2)
        return max((math.sqrt(2.0 * manner.deceleration_comfort_mps2 * rest) - v) / PREVIEW_S, -enough)
    needed = -v * v / (2.0 * left) if left > 0.02 else -math.inf
    if v < LAST_MPS:
        return max(needed, -LAST_DECELERATION_MPS2)
    late = needed < -2.0 * manner.deceleration_comfort_mps2
    return max(needed, -manner.deceleration_hard_mps2) if late else -v / PREVIEW_S


@compiled
def behind(rear_m: float, lead_mps: float, s: float, v: float, manner: Manner) -> float:
    """The interaction of the intelligent-driver model with something ahead (Treiber, Hennecke, Helbing 2000, eq. 3).

    Far from what stands it asks for more than a stop takes: no more here than what would do if the lead braked at its
    hardest this moment, or than is comfortable.
    """
    gap = rear_m - s - manner.front_m
    if gap <= 0.1:
        return -manner.deceleration_hard_mps2
    braking = math.sqrt(manner.acceleration_max_mps2 * manner.deceleration_comfort_mps2)
    wished = manner.standstill_gap_m + max(0.0, v * manner.headway_s + v * (v - lead_mps) / (2.0 * braking))
    room = max(gap - manner.standstill_gap_m + max(lead_mps, 0.0) ** 2 / (2.0 * LEAD_STOPS_MPS2), 0.1)
    enough = max(RESERVE * v * v / (2.0 * room), manner.deceleration_comfort_mps2)
    return max(manner.acceleration_max_mps2 * (1.0 - (wished / gap) ** 2), -min(enough, manner.deceleration_hard_mps2))


@compiled
def _eased(a: float, wanted: float, manner: Manner) -> float:
    """The next acceleration: towards the wanted one, its change limited; faster where braking is urgent, and in letting
    go of the brake."""
    wanted = min(max(wanted, -manner.deceleration_hard_mps2), manner.acceleration_max_mps2)
    downward = upward = manner.jerk_hard_mps3 if wanted < -URGENT_MPS2 else manner.jerk_comfort_mps3
    if -URGENT_MPS2 <= wanted < -manner.deceleration_comfort_mps2:  # to begin late would mean to end hard
        downward = RELEASE * manner.jerk_comfort_mps3
    if a < 0.0:
        upward = manner.jerk_hard_mps3 if a < -URGENT_MPS2 else RELEASE * manner.jerk_comfort_mps3
    return min(max(wanted, a - downward * STEP_S), a + upward * STEP_S)
