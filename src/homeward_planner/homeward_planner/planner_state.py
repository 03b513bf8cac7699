"""What the planner tells at each step: what it does and why, the trajectory, what to indicate, faults."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from homeward_planner.behaviour import BLOCKED
from homeward_planner.caution import UNSURE
from homeward_planner.evasion import EVADING, Foreseen
from homeward_planner.parking import Manoeuvre
from homeward_planner.speed_profile import Profile
from homeward_planner.trajectory import Trajectory
from homeward_planner.way import Way
from homeward_runtime.faults import Fault


class Mode(enum.IntEnum):
    """As homeward_interfaces/PlannerState numbers them."""

    IDLE = 0
    DRIVING = 1
    WAITING = 2
    ARRIVED = 3
    BLOCKED = 4


class Indicators(enum.IntEnum):
    """As homeward_interfaces/VehicleState numbers them."""

    NONE = 0
    LEFT = 1
    RIGHT = 2
    HAZARD = 3


SIDES = {"": Indicators.NONE, "left": Indicators.LEFT, "right": Indicators.RIGHT}


@dataclass(frozen=True)
class PlannerState:
    """What the planner does and why: a stable code and a sentence; what is left of the way; the limit here (0:
    unknown).
    """

    mode: Mode
    reason: str = ""
    text: str = ""
    distance_remaining_m: float = 0.0
    time_remaining_s: float = 0.0
    progress: float = 0.0
    speed_limit_mps: float = 0.0


@dataclass(frozen=True, eq=False)
class PlannerOutput:
    """One step's result. No trajectory means: come to a standstill."""

    trajectory: Trajectory | None
    state: PlannerState
    indicators: Indicators = Indicators.NONE
    faults: tuple[Fault, ...] = ()
    foreseen: Foreseen | None = None


def state_on(way: Way, mode: Mode, s_m: float, code: str, text: str) -> PlannerState:
    """The state of a car that is somewhere on a way; while it drives, only what is out of the ordinary is told."""
    corridor = way.corridor
    rest_m = max(corridor.goal_m - s_m, 0.0)
    here_s, goal_s = np.interp([s_m, corridor.goal_m], corridor.line.s_m, way.time_s)
    told = mode is not Mode.DRIVING or code == EVADING
    return PlannerState(
        mode,
        code if told else "",
        text if told else "",
        rest_m,
        float(max(goal_s - here_s, 0.0)),
        float(np.clip(1.0 - rest_m / max(corridor.goal_m, 1.0), 0.0, 1.0)),
        float(corridor.limit_mps[corridor.at(s_m)]),
    )


def state_in(found: Manoeuvre, mode: Mode, pace_mps: float, goes_on: bool) -> PlannerState:
    """The state of a car on its way into a place, or (`goes_on`) out of one and on along the road."""
    left_s = 2.0 * found.left_m / pace_mps
    return PlannerState(mode, found.reason, found.text, found.left_m, left_s, 0.0 if goes_on else 0.99)


def mode_on(profile: Profile, speed_mps: float, way: Way, s_m: float) -> Mode:
    """DRIVING, unless something holds the car well below the speed it could go."""
    if profile.code == BLOCKED[0]:
        return Mode.BLOCKED
    could_mps = float(np.interp(s_m, way.corridor.line.s_m, way.envelope_mps))
    held = profile.code not in ("", "goal") and speed_mps < 0.7 * could_mps
    return Mode.WAITING if held or profile.code == UNSURE[0] else Mode.DRIVING
