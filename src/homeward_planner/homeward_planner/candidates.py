"""Candidate motions in the Frenet frame: where along the way and how far beside it, every STEP_S.

Along the way quartic polynomials reach a speed, and quintic ones a place at a time; beside it quintic polynomials over
the way travelled reach an offset (Werling et al., "Optimal trajectory generation for dynamic street scenarios in a Frenet
frame", ICRA 2010, there over time: over distance they also hold at walking pace). Steady braking and steady speeding up
are added as they are: what is left in need, and the way to a standstill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeward_planner.plane import Floats

STEP_S = 0.1
SPEED_TIMES_S = (1.0, 2.0, 3.5)
STEADY_MPS2 = (-9.0, -7.8, -5.5, -4.0, -2.5, -1.2, 0.0, 1.0, 2.0, 3.5)
SIDE_TIMES_S = (1.2, 2.0, 3.2)
SHORTEST_M = 4.0


@dataclass(frozen=True)
class Aim:
    """What is wanted: a speed; a place along the way between two times, if any, at a speed between two; offsets."""

    speed_mps: float
    arrive_m: tuple[float, float] | None = None
    arrive_s: tuple[float, float] = (0.0, 0.0)
    arrive_mps: tuple[float, float] = (0.0, 100.0)
    arrive_left_m: float = 0.9
    left_m: tuple[float, ...] = (0.0,)
    """Offsets that are good to end on: the middle of the lane, and of those beside it."""


@dataclass(frozen=True, eq=False)
class Along:
    """K motions along the way at T times: distance, speed, acceleration (K × T each)."""

    s_m: Floats
    speed_mps: Floats
    acceleration_mps2: Floats


def along(s_m: float, speed_mps: float, acceleration_mps2: float, aim: Aim, steps: int) -> Along:
    """The motions along the way from a state of the car."""
    times: Floats = np.arange(steps + 1, dtype=np.float64) * STEP_S
    top = max(aim.speed_mps, speed_mps, 1.0) * 1.1
    wanted = np.unique(np.concatenate([np.linspace(0.0, top, 9), [aim.speed_mps, speed_mps]]))
    ends, overs = (one.reshape(-1, 1) for one in np.meshgrid(wanted, np.array(SPEED_TIMES_S), indexing="ij"))
    rows = [_to_speed(times, speed_mps, acceleration_mps2, ends, overs)]
    rows += [_steady(times, speed_mps, np.array(STEADY_MPS2)[:, None])]
    rows += list(_to_place(times, s_m, speed_mps, acceleration_mps2, aim))
    speed = np.concatenate([row[0] for row in rows])
    acceleration = np.concatenate([row[1] for row in rows])
    way = np.concatenate([np.zeros((len(speed), 1)), np.cumsum((speed[:, 1:] + speed[:, :-1]) / 2.0 * STEP_S, axis=1)], axis=1)
    return Along(s_m + way, speed, acceleration)


def _stopped(speed: Floats, acceleration: Floats) -> tuple[Floats, Floats]:
    """No way back: once at a standstill by braking, it stays there. Rows of M × T."""
    before = np.concatenate([np.ones_like(speed[:, :1]), speed[:, 1:]], axis=1)
    moving = np.minimum.accumulate(before, axis=1) > 0.0
    return np.where(moving, np.maximum(speed, 0.0), 0.0), np.where(moving, acceleration, 0.0)


def _to_speed(times: Floats, speed: float, acceleration: float, end: Floats, over_s: Floats) -> tuple[Floats, Floats]:
    """The quartics that ends with a speed and no acceleration; then steady."""
    t = np.clip(times / over_s, 0.0, 1.0)
    change, bend = end - speed, acceleration * over_s
    v = speed + bend * t + (3.0 * change - 2.0 * bend) * t**2 + (bend - 2.0 * change) * t**3
    a = (bend + 2.0 * (3.0 * change - 2.0 * bend) * t + 3.0 * (bend - 2.0 * change) * t**2) / over_s
    return _stopped(v, np.where(times < over_s, a, 0.0))


def _steady(times: Floats, speed: float, acceleration: Floats) -> tuple[Floats, Floats]:
    return _stopped(speed + acceleration * times, acceleration + 0.0 * times)


def _to_place(times: Floats, s_m: float, speed: float, acceleration: float, aim: Aim) -> Sequence[tuple[Floats, Floats]]:
    """Quintics into the window of a goal: three times, three places; each with the even speed that would do."""
    if aim.arrive_m is None or aim.arrive_s[1] < STEP_S:
        return []
    rows = []
    for over in np.linspace(max(aim.arrive_s[0], 1.0), max(aim.arrive_s[1], 1.0), 3):
        for place in np.linspace(*aim.arrive_m, 3):
            even = min(max((place - s_m) / over, 0.0), 2.0 * speed + 15.0)
            for end in {even, min(max(even, aim.arrive_mps[0]), aim.arrive_mps[1])}:
                rows.append(_quintic(times, place - s_m, speed, acceleration, end, float(over)))
    return rows


def _quintic(times: Floats, way: float, speed: float, acceleration: float, end: float, over_s: float) -> tuple[Floats, Floats]:
    """The quintic that ends after a way with a speed and no acceleration; then steady."""
    t = np.clip(times / over_s, 0.0, 1.0)[None, :]
    v0, a0, v1 = speed * over_s, acceleration * over_s**2 / 2.0, end * over_s
    rest, rise, turn = way - v0 - a0, v1 - v0 - 2.0 * a0, -2.0 * a0
    c3, c4, c5 = 10 * rest - 4 * rise + turn / 2, -15 * rest + 7 * rise - turn, 6 * rest - 3 * rise + turn / 2
    v = (v0 + 2 * a0 * t + 3 * c3 * t**2 + 4 * c4 * t**3 + 5 * c5 * t**4) / over_s
    a = (2 * a0 + 6 * c3 * t + 12 * c4 * t**2 + 20 * c5 * t**3) / over_s**2
    return _stopped(v, np.where(times < over_s, a, 0.0))


def sides(motions: Along, offsets_m: Sequence[float]) -> tuple[Floats, Floats, Floats]:
    """For each motion and each way to the side: which motion, the offset to end on, and after which way: three of M."""
    which, offset, length = [], [], []
    moved = motions.s_m - motions.s_m[:, :1]
    for over in SIDE_TIMES_S:
        at = min(round(over / STEP_S), moved.shape[1] - 1)
        reach = np.maximum(moved[:, at], SHORTEST_M)
        for end in offsets_m:
            which.append(np.arange(len(moved), dtype=np.float64))
            offset.append(np.full(len(moved), end))
            length.append(reach)
    return np.concatenate(which), np.concatenate(offset), np.concatenate(length)
