"""How fast to drive along a corridor: under limits, slow in bends, to a stop where held, behind what is ahead; smoothly.

An envelope holds the speeds from which comfortable braking meets every limit ahead. The profile is then driven
forward in small steps by the laws of `speed_laws.py`: at each, the acceleration that reaches the envelope a moment
ahead, or less where a stop or something ahead asks for less; its change is limited (jerk).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeward_planner.corridor import Corridor
from homeward_planner.parameters import PlannerParams
from homeward_planner.plane import Floats, Line
from homeward_planner.speed_laws import GRID_M, STEP_S, Manner, behind, driven, eased_off, freely, to_stop

FREE = ""
NOTABLE_MPS2 = 0.2


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


def capped(along_m: Floats, envelope_mps: Floats, from_m: float, to_m: float, top_mps: float, params: PlannerParams) -> Floats:
    """An envelope with no more than a speed between two places, met by comfortable braking."""
    before = np.sqrt(top_mps**2 + 2.0 * params.deceleration_comfort_mps2 * np.maximum(from_m - along_m, 0.0))
    return np.where(along_m <= to_m, np.minimum(envelope_mps, before), envelope_mps)


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
    hold = min(holds, key=lambda one: one.at_m, default=None)
    stop_m = hold.at_m if hold is not None else math.inf
    grid = start.s_m + GRID_M * np.arange(math.ceil(2.0 * params.look_ahead_m / GRID_M))
    free = np.interp(grid, along_m, envelope_mps)
    manner = manner_of(params)
    rears = np.array([lead.rear_m for lead in leads], dtype=np.float64)
    speeds = np.array([lead.speed_mps for lead in leads], dtype=np.float64)
    v = max(start.speed_mps, 0.0)
    rows = driven(start.s_m, v, start.acceleration_mps2, steps, start.s_m, free, stop_m, rears, speeds, manner)
    code, text = _reason(start, free, hold, leads, manner)
    return Profile(_times(steps), rows[:, 0], rows[:, 1], rows[:, 2], code, text)


def warm_up(params: PlannerParams) -> None:
    """Compile what is hot, or fetch it from the disk, before a car waits for it."""
    along = np.linspace(0.0, 10.0, 21)
    Line.through(np.stack([along, along], axis=1)).project(np.zeros((1, 2)))
    drive(Start(0.0, 1.0, 0.1), along, np.ones(21), [Hold(5.0, FREE, "")], [Lead(9.0, 0.0, FREE, "")], params)


def manner_of(params: PlannerParams) -> Manner:
    """The parameters that the laws need."""
    return Manner(*(getattr(params, name) for name in Manner._fields))


def _times(steps: int) -> Floats:
    times: Floats = np.arange(steps + 1, dtype=np.float64) * STEP_S
    return times


def _reason(start: Start, free_mps: Floats, hold: Hold | None, leads: Sequence[Lead], manner: Manner) -> tuple[str, str]:
    """What asks for the least acceleration now, if that is notably less than limits and bends ask for."""
    s, v = eased_off(start.s_m, max(start.speed_mps, 0.0), start.acceleration_mps2, manner)
    asked = [(behind(lead.rear_m, lead.speed_mps, s, v, manner), lead.code, lead.text) for lead in leads]
    if hold is not None:
        asked.append((to_stop(s, v, hold.at_m, manner), hold.code, hold.text))
    least = min(asked, key=lambda one: one[0], default=None)
    if least is None or least[0] > freely(s, v, start.s_m, free_mps, manner) - NOTABLE_MPS2:
        return FREE, ""
    return least[1], least[2]
