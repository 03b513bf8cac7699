"""Whether a crash could be avoided at all, whatever drives: the yardstick of the pre-crash tests, independent of the planner.

**When it can be known.** Our car goes on as it is. The hazard (the first that it would touch) is known from the first moment at
which it is in range and in line of sight and differs from what it would ordinarily do: by DIFFERS_M in place, DIFFERS_MPS in
speed or DIFFERS_RAD in heading. What stands or drives in the way without doing anything amiss is known as soon as it is seen.

**What could be done.** REACTION_S later (one cycle of perception, one of planning; the car's own lags come on top and make it
0.3 s) the same model of the same car begins one simple manoeuvre: braking at one of DECELERATIONS_MPS2, together with a smooth
move to the side by one of OFFSETS_M over one of DURATIONS_S. The draw is avoidable if at least one of these touches nobody, as
the others really move, and stays on the road, until SETTLED_S after it began. The same is asked once more of a car without the
command gate's limits on steering and braking: what only that one avoids is told apart (`beyond_the_gate`).

**What doesn't count against us.** Being struck from behind by somebody faster while our car stands or brakes below 4 m/s².
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homeward_can_bridge.command_gate import Limits
from homeward_cli.bench.precrash_motion import STEP_S, TIMES_S, Other
from homeward_cli.bench.precrash_roads import Road
from homeward_cli.bench.precrash_scenarios import Case
from homeward_cli.bench.precrash_vehicle import WHEELBASE_M, Cars, Shape, touching
from homeward_perception.visibility import corners_of, visible
from homeward_planner.plane import Floats

RANGE_M = 100.0
DIFFERS_M, DIFFERS_MPS, DIFFERS_RAD = 0.25, 1.0, 0.1
REACTION_S, SETTLED_S, NOMINAL_S = 0.2, 6.0, 9.0
DECELERATIONS_MPS2 = (0.0, 2.0, 4.0, 6.0, 8.0)
OFFSETS_M = tuple(0.5 * one for one in range(-8, 9))
DURATIONS_S = (0.8, 1.1, 1.5, 2.0, 2.8)
KERB_M = 0.05  # so far a corner may be over the edge: rounding, no more
LATERAL_GAINS = (16.0, 8.0)  # 1/s², 1/s: how the family's cars are held to their way


@dataclass(frozen=True)
class Judgement:
    """Of one draw: what our car would touch, when and how fast (relative), if it went on; when that can be known; and whether
    it can be avoided by the car as it is, and by one without the command gate."""

    hazard: int
    crash_s: float
    crash_mps: float
    known_s: float
    avoidable: bool
    beyond_the_gate: bool
    manoeuvre: str


def judge(case: Case, road: Road, shape: Shape, gate: Limits) -> Judgement | None:
    """None where our car, going on as it was, would touch nobody, or touches somebody from the start."""
    found = _first_contact(case, shape)
    if found is None or found[1] < 1.0:
        return None
    hazard, crash_s = found
    known_s = _known_s(case, hazard, crash_s)
    speed = relative_speed_mps(case.others[hazard], crash_s, 0.0, case.speed_mps)
    manoeuvre = _way_out(case, road, shape, gate, known_s)
    freer = manoeuvre or _way_out(case, road, shape, None, known_s)
    return Judgement(hazard, crash_s, speed, known_s, bool(manoeuvre), bool(freer) and not manoeuvre, manoeuvre)


def relative_speed_mps(other: Other, time_s: float, yaw_rad: float, speed_mps: float) -> float:
    """How fast our car and another approach, or move against, each other."""
    step = min(round(time_s / STEP_S), len(TIMES_S) - 1)
    heading, fast = other.track.yaw_rad[step], other.track.speed_mps[step]
    ours, theirs = np.exp(1j * yaw_rad) * speed_mps, np.exp(1j * heading) * fast
    return float(abs(ours - theirs))


def in_sight(case: Case, step: int, eye_m: Floats) -> list[int]:
    """The others that can be seen at a step from a place (2)."""
    shown = [number for number, one in enumerate(case.others) if TIMES_S[step] >= one.shown_from_s - 1e-9]
    boxes = np.array([_box(case.others[number], step) for number in shown]).reshape(-1, 5)
    seen = visible(eye_m, boxes, case.walls_m, RANGE_M)
    return [number for number, one in zip(shown, seen, strict=True) if one]


def _box(other: Other, step: int) -> tuple[float, ...]:
    track = other.track
    return (track.x_m[step], track.y_m[step], track.yaw_rad[step], *other.size_m)


def _nominal(case: Case, shape: Shape, times_s: Floats) -> Floats:
    """Our boxes (N, 5) if the car goes on as it is."""
    x = case.start_m[0] + (shape.front_m - shape.rear_m) / 2.0 + case.speed_mps * times_s
    columns = [x, *(np.full_like(x, one) for one in (case.start_m[1], 0.0, shape.front_m + shape.rear_m, shape.width_m))]
    return np.stack(columns, axis=1)


def _first_contact(case: Case, shape: Shape) -> tuple[int, float] | None:
    ours = _nominal(case, shape, TIMES_S)
    first: tuple[int, float] | None = None
    for number, other in enumerate(case.others):
        theirs = other.track.boxes(other.size_m)
        near = np.flatnonzero(np.hypot(*(ours[:, :2] - theirs[:, :2]).T) < 10.0)
        for step in near[near * STEP_S <= NOMINAL_S]:
            if touching(ours[step : step + 1], theirs[step])[0]:
                if first is None or TIMES_S[step] < first[1]:
                    first = (number, float(TIMES_S[step]))
                break
    return first


def _known_s(case: Case, hazard: int, crash_s: float) -> float:
    """When the hazard is first seen to be one; at the latest when it is met."""
    other = case.others[hazard]
    amiss = _amiss(other)
    for step in range(round(crash_s / STEP_S)):
        eye = np.array([case.start_m[0] + 1.4 + case.speed_mps * TIMES_S[step], case.start_m[1]])
        if amiss[step] and hazard in in_sight(case, step, eye):
            return float(TIMES_S[step])
    return crash_s


def _amiss(other: Other) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    usual, real = other.ordinary, other.track
    if usual is None:
        return np.ones(len(TIMES_S), dtype=np.bool_)
    return np.asarray(
        (np.hypot(real.x_m - usual.x_m, real.y_m - usual.y_m) > DIFFERS_M)
        | (np.abs(real.speed_mps - usual.speed_mps) > DIFFERS_MPS)
        | (np.abs(real.yaw_rad - usual.yaw_rad) > DIFFERS_RAD)
    )


def _way_out(case: Case, road: Road, shape: Shape, gate: Limits | None, known_s: float) -> str:
    """The first manoeuvre of the family that does it, in words; empty where none does."""
    plans = [(hard, 0.0, 1.0) for hard in DECELERATIONS_MPS2[::-1]]
    plans += [(hard, aside, lasts) for hard in DECELERATIONS_MPS2 for aside in OFFSETS_M if aside for lasts in DURATIONS_S]
    hard, aside, lasts = (np.array(column) for column in zip(*plans, strict=True))
    begin = round((known_s + REACTION_S) / STEP_S)
    place = (case.start_m[0] + case.speed_mps * begin * STEP_S, case.start_m[1])
    cars = Cars(len(plans), place, case.speed_mps, gate, STEP_S)
    good = np.ones(len(plans), dtype=np.bool_)
    good &= ~_touches(case, shape.boxes(cars), begin)
    for step in range(begin, min(begin + round(SETTLED_S / STEP_S), len(TIMES_S) - 2)):
        cars.step(-hard, _steering(cars, (step - begin) * STEP_S, case.start_m[1], aside, lasts))
        if (step - begin) % 2:
            boxes = shape.boxes(cars)
            good &= ~_touches(case, boxes, step + 1) & (road.outside_m(corners_of(boxes)).max(axis=1) <= KERB_M)
        if not good.any():
            return ""
    best = int(np.argmax(good))
    return _in_words(float(hard[best]), float(aside[best]), float(lasts[best]))


def _in_words(hard_mps2: float, left_m: float, lasts_s: float) -> str:
    braking = f"braking with {hard_mps2:.0f} m/s²" if hard_mps2 else "not braking"
    side = "left" if left_m > 0.0 else "right"
    return f"{braking}, {abs(left_m):.1f} m to the {side} in {lasts_s:.1f} s" if left_m else braking


def _touches(case: Case, boxes: Floats, step: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    hit = np.zeros(len(boxes), dtype=np.bool_)
    for other in case.others:
        box = np.array(_box(other, step))
        if np.hypot(*(boxes[:, :2] - box[:2]).T).min() < 12.0:
            hit |= touching(boxes, box)
    return hit


def _steering(cars: Cars, since_s: float, lane_y_m: float, aside: Floats, lasts: Floats) -> Floats:
    """What holds each car to its smooth move to the side (a polynomial of the fifth degree over time)."""
    t = np.clip(since_s / lasts, 0.0, 1.0)
    moving = (t < 1.0) & (t > 0.0)
    wanted = lane_y_m + aside * t**3 * (10.0 - 15.0 * t + 6.0 * t**2)
    rate = aside * 30.0 * t**2 * (1.0 - t) ** 2 / lasts
    push = np.where(moving, aside * 60.0 * t * (1.0 - t) * (1.0 - 2.0 * t) / lasts**2, 0.0)
    drift = cars.speed_mps * np.sin(cars.yaw_rad)
    push = push + LATERAL_GAINS[0] * (wanted - cars.y_m) + LATERAL_GAINS[1] * (rate - drift)
    return np.asarray(np.arctan(WHEELBASE_M * push / np.maximum(cars.speed_mps, 3.0) ** 2), dtype=np.float64)
