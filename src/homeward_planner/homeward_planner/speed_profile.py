"""How fast to drive along a corridor: under limits, slow in bends, to a stop where held, behind what is ahead; smoothly.

An envelope holds the speeds from which comfortable braking meets every limit ahead. The profile is then driven
forward in small steps: at each, the acceleration that reaches the envelope a moment ahead, or less where the
intelligent-driver model (Treiber, Hennecke, Helbing 2000, eq. 3) asks for less behind something; its change is
limited (jerk).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeward_planner.corridor import Corridor
from homeward_planner.parameters import PlannerParams
from homeward_planner.plane import Floats

STEP_S = 0.1
GRID_M = 0.5
PREVIEW_S = 0.7
LAST_MPS, LAST_DECELERATION_MPS2 = 0.3, 0.45
URGENT_MPS2 = 2.6
RELEASE = 2.0
STANDING_MPS = 0.02
FREE = ""


@dataclass(frozen=True)
class Hold:
    """Somewhere the rear axle must not pass, and why: a stable code and a sentence for the driver."""

    at_m: float
    code: str
    text: str


@dataclass(frozen=True)
class Lead:
    """Something ahead on the way: where its rear is, how fast it goes along the way, and what to say of it."""

    rear_m: float
    speed_mps: float
    code: str
    text: str


@dataclass(frozen=True)
class Start:
    """Where along the corridor a profile begins, and how fast."""

    s_m: float
    speed_mps: float
    acceleration_mps2: float


@dataclass(frozen=True, eq=False)
class Profile:
    """Distance, speed and acceleration every STEP_S; what holds the car back now (empty codes: nothing)."""

    time_s: Floats
    s_m: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    code: str = FREE
    text: str = ""

    def time_at(self, s_m: float) -> float:
        """When a distance is reached; infinite where it isn't within the profile."""
        if s_m <= self.s_m[0]:
            return 0.0
        if s_m > self.s_m[-1]:
            return math.inf
        place = int(np.searchsorted(self.s_m, s_m))
        before, after = self.s_m[place - 1], self.s_m[place]
        share = (s_m - before) / max(after - before, 1e-9)
        return float(self.time_s[place - 1] + share * STEP_S)


def envelope(corridor: Corridor, params: PlannerParams) -> Floats:
    """The highest speed at each point of a corridor from which every limit and bend ahead is met by comfortable
    braking.
    """
    bend = np.sqrt(params.lateral_acceleration_max_mps2 / np.maximum(np.abs(corridor.line.curvature_1pm), 1e-4))
    cap = np.minimum(corridor.limit_mps * params.speed_share, bend)
    rise = 2.0 * params.deceleration_comfort_mps2 * corridor.line.s_m
    reachable = np.minimum.accumulate((cap**2 + rise)[::-1])[::-1] - rise
    return np.sqrt(np.maximum(reachable, 0.0))


@dataclass(frozen=True, eq=False)
class Dash:
    """How soon the car could be anywhere ahead if it went on now, with nothing in its way."""

    s_m: Floats
    time_s: Floats

    def time_at(self, s_m: float) -> float:
        """When a distance is reached; 0 for what lies behind."""
        return float(np.interp(s_m, self.s_m, self.time_s, left=0.0))


def dash(start: Start, along_m: Floats, envelope_mps: Floats, params: PlannerParams) -> Dash:
    """Speed up as hard as is usual, up to the envelope."""
    grid: Floats = start.s_m + GRID_M * np.arange(math.ceil(1.5 * params.look_ahead_m / GRID_M), dtype=np.float64)
    gain = 2.0 * 0.8 * params.acceleration_max_mps2 * grid
    cap = np.interp(grid, along_m, envelope_mps) ** 2
    cap[0] = min(max(start.speed_mps, 0.0) ** 2, cap[0])
    speed = np.sqrt(np.maximum(np.minimum.accumulate(cap - gain) + gain, 0.0))
    steps = 2.0 * GRID_M / np.maximum(speed[1:] + speed[:-1], 0.2)
    return Dash(grid, np.concatenate([[0.0], np.cumsum(steps)]))


def drive(
    start: Start,
    along_m: Floats,
    envelope_mps: Floats,
    holds: Sequence[Hold],
    leads: Sequence[Lead],
    params: PlannerParams,
) -> Profile:
    """The profile from a start. `envelope_mps` belongs to the points at `along_m`."""
    steps = round(params.horizon_s / STEP_S)
    first_hold = min(holds, key=lambda hold: hold.at_m, default=None)
    stop_m = first_hold.at_m if first_hold is not None else math.inf
    speeds = _Speeds(start.s_m, along_m, envelope_mps, stop_m, params)
    s, v, a = start.s_m, max(start.speed_mps, 0.0), start.acceleration_mps2
    rows = [(s, v, a)]
    for step in range(steps):
        soon = _eased_off(s, v, a, params)
        wanted = min(speeds.wanted(*soon), *(_behind(lead, step * STEP_S, *soon, params) for lead in leads), 99.0)
        a = _eased(a, wanted, params)
        s, v, a = _moved(s, v, a)
        rows.append((s, v, a))
    way, speed, acceleration = np.array(rows, dtype=np.float64).T
    code, text = _reason(start, speeds, first_hold, leads, params)
    return Profile(_times(steps), way, speed, acceleration, code, text)


def _times(steps: int) -> Floats:
    times: Floats = np.arange(steps + 1, dtype=np.float64) * STEP_S
    return times


class _Speeds:
    """Which acceleration limits, bends and the next hold ask for; on a grid, for the loop is hot."""

    def __init__(self, from_m: float, along_m: Floats, envelope_mps: Floats, stop_m: float, params: PlannerParams) -> None:
        self.from_m, self.stop_m, self.params = from_m, stop_m, params
        grid = from_m + GRID_M * np.arange(math.ceil(params.look_ahead_m * 2.0 / GRID_M))
        self.free: list[float] = np.interp(grid, along_m, envelope_mps).tolist()

    def wanted(self, s: float, v: float) -> float:
        """The acceleration, both for limits and for the hold."""
        return min(self.freely(s, v), self.to_stop(s, v))

    def freely(self, s: float, v: float) -> float:
        """The acceleration without the hold."""
        place = (s + v * PREVIEW_S - self.from_m) / GRID_M
        index = min(int(place), len(self.free) - 2)
        share = min(place - index, 1.0)
        target = self.free[index] * (1.0 - share) + self.free[index + 1] * share
        return min((target - v) / PREVIEW_S, self._push(v, target))

    def to_stop(self, s: float, v: float) -> float:
        """The acceleration for the hold: brake so that the envelope to it is met, and at last softly."""
        rest = self.stop_m - s - v * PREVIEW_S
        if rest == math.inf:
            return 99.0
        if rest <= 0.0:
            left = self.stop_m - s
            needed = -v * v / (2.0 * left) if left > 0.02 else -math.inf
            if v < LAST_MPS:
                return max(needed, -LAST_DECELERATION_MPS2)
            late = needed < -2.0 * self.params.deceleration_comfort_mps2
            return max(needed, -self.params.deceleration_hard_mps2) if late else -v / PREVIEW_S
        target = math.sqrt(2.0 * self.params.deceleration_comfort_mps2 * rest)
        return (target - v) / PREVIEW_S

    def _push(self, v: float, target: float) -> float:
        """The hardest speeding up; less near the wanted speed."""
        share = min(v / max(target, 0.1), 1.0)
        return self.params.acceleration_max_mps2 * (1.0 - 0.7 * share**4)


def _eased_off(s: float, v: float, a: float, params: PlannerParams) -> tuple[float, float]:
    """Where a car that speeds up will be, and how fast, once it has let go of the accelerator: decide for then."""
    if a <= 0.0:
        return s, v
    time_s = a / params.jerk_comfort_mps3
    return s + v * time_s + a * time_s**2 / 3.0, v + a * time_s / 2.0


def _behind(lead: Lead, time_s: float, s: float, v: float, params: PlannerParams) -> float:
    """The intelligent-driver model's interaction with something ahead that keeps its speed."""
    gap = lead.rear_m + lead.speed_mps * time_s - s - params.front_m
    closing = v - lead.speed_mps
    braking = math.sqrt(params.acceleration_max_mps2 * params.deceleration_comfort_mps2)
    wished = params.standstill_gap_m + max(0.0, v * params.headway_s + v * closing / (2.0 * braking))
    if gap <= 0.1:
        return -params.deceleration_hard_mps2
    asked = params.acceleration_max_mps2 * (1.0 - (wished / gap) ** 2)
    return max(asked, -params.deceleration_hard_mps2)


def _eased(a: float, wanted: float, params: PlannerParams) -> float:
    """The next acceleration: towards the wanted one, its change limited; faster where braking is urgent, and in
    letting go of the brake.
    """
    wanted = min(max(wanted, -params.deceleration_hard_mps2), params.acceleration_max_mps2)
    downward = params.jerk_hard_mps3 if wanted < -URGENT_MPS2 else params.jerk_comfort_mps3
    upward = params.jerk_hard_mps3 if a < -URGENT_MPS2 else RELEASE * params.jerk_comfort_mps3 if a < 0.0 else downward
    return min(max(wanted, a - downward * STEP_S), a + upward * STEP_S)


def _moved(s: float, v: float, a: float) -> tuple[float, float, float]:
    """Distance, speed and acceleration a step later; a standstill ends the braking."""
    following = v + a * STEP_S
    if following <= STANDING_MPS and a <= 0.0:
        return s + max(v, 0.0) * STEP_S / 2.0, 0.0, 0.0
    return s + (v + following) * STEP_S / 2.0, following, a


def _reason(start: Start, speeds: _Speeds, hold: Hold | None, leads: Sequence[Lead], params: PlannerParams) -> tuple[str, str]:
    """What asks for the least acceleration now, if that is less than limits and bends ask for."""
    s, v = _eased_off(start.s_m, max(start.speed_mps, 0.0), start.acceleration_mps2, params)
    asked = [(_behind(lead, 0.0, s, v, params), lead.code, lead.text) for lead in leads]
    if hold is not None:
        asked.append((speeds.to_stop(s, v), hold.code, hold.text))
    least = min(asked, key=lambda one: one[0], default=None)
    if least is None or least[0] > speeds.freely(s, v) - 0.2:
        return FREE, ""
    return least[1], least[2]
