"""What lies or comes in the way: things around the car, laid on the corridor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from homeward_planner.corridor import Corridor
from homeward_planner.parameters import PlannerParams
from homeward_planner.plane import Floats, wrapped
from homeward_planner.scene import Kind, Thing

Beside = Callable[[Floats], Floats]
CUT_IN_S = 1.2
WALKER_S = 2.0
CUT_IN_RAD = math.radians(50.0)
STANDS_MPS = 0.5


@dataclass(frozen=True)
class Occupant:
    """A thing on the way: from where to where along it, and its speed along it (negative: towards the car)."""

    thing: Thing
    from_m: float
    to_m: float
    speed_mps: float

    @property
    def stands(self) -> bool:
        """Whether it doesn't move to speak of."""
        return abs(self.thing.speed_mps) < STANDS_MPS


@dataclass(frozen=True, eq=False)
class Placed:
    """A thing's centre on the corridor: distance along it, to the left, and its heading against the way."""

    thing: Thing
    s_m: float
    left_m: float
    turn_rad: float


def place(corridor: Corridor, ego_m: float, things: Sequence[Thing], params: PlannerParams) -> list[Placed]:
    """Where the things around lie on the corridor."""
    if not things:
        return []
    part = corridor.line.window(ego_m - params.look_ahead_m / 2.0, ego_m + params.look_ahead_m)
    centres = np.array([(thing.pose.x_m, thing.pose.y_m) for thing in things])
    along, left = corridor.line.project(centres, part)
    heading = np.interp(along, corridor.line.s_m, corridor.line.heading_rad)
    return [
        Placed(thing, float(s), float(d), wrapped(thing.pose.yaw_rad - float(h)))
        for thing, s, d, h in zip(things, along, left, heading, strict=True)
    ]


def occupants(
    corridor: Corridor, ego_m: float, placed: Sequence[Placed], params: PlannerParams, beside: Beside | None = None
) -> list[Occupant]:
    """The things on the way ahead, nearest first: those that stand or drive on it, and those about to come onto it.

    `beside` tells how far to the left of the corridor the car is going to drive. A car that merges counts once it is ahead
    of ours: for one beside or behind, braking is no answer.
    """
    part = corridor.line.window(ego_m - 15.0, ego_m + params.look_ahead_m)
    nearby = [one for one in placed if abs(one.left_m) < 15.0]
    middle_m = ego_m + (params.front_m - params.rear_m) / 2.0
    soon = [one for one in nearby if _comes(one) and (one.thing.kind is Kind.PEDESTRIAN or one.s_m > middle_m)]
    outlines = [one.thing.outline() for one in nearby]
    outlines += [one.thing.outline(WALKER_S if one.thing.kind is Kind.PEDESTRIAN else CUT_IN_S) for one in soon]
    if not outlines:
        return []
    along, left = (values.reshape(-1, 8) for values in corridor.line.project(np.concatenate(outlines), part))
    if beside is not None:
        left = left - beside(along)
    found: dict[int, Occupant] = {}
    for one, s, d in zip([*nearby, *soon], along, left, strict=True):
        reach = _reach(s, d, params.width_m / 2.0 + params.side_margin_m)
        if reach is not None and reach[1] > ego_m and reach[0] < corridor.line.s_m[part][-1]:
            speed = one.thing.speed_mps * math.cos(one.turn_rad)
            known = found.get(one.thing.id)
            if known is None or reach[0] < known.from_m:
                found[one.thing.id] = Occupant(one.thing, *reach, speed)
    return sorted(found.values(), key=lambda occupant: (occupant.from_m, occupant.thing.id))


def _comes(one: Placed) -> bool:
    """Whether a thing beside the way moves towards it: a walker, or a car that merges (crossing cars have
    junctions).
    """
    aside = one.thing.speed_mps * math.sin(one.turn_rad)
    if abs(aside) < 0.3 or aside * one.left_m > 0.0:
        return False
    return one.thing.kind is Kind.PEDESTRIAN or abs(one.turn_rad) < CUT_IN_RAD


def _reach(s: Floats, d: Floats, half_width_m: float) -> tuple[float, float] | None:
    """From where to where an outline reaches into the strip around the line."""
    inside = np.abs(d) <= half_width_m
    if inside.any():
        return float(s[inside].min()), float(s[inside].max())
    if d.min() < 0.0 < d.max() and s.max() - s.min() < 60.0:  # it lies across, its outline points all beyond the strip
        return float(s.min()), float(s.max())
    return None
