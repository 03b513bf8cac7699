"""Who waits for whom where ways through a junction meet.

In this order: a `<priority>` record of the file; a yield or stop sign on one of the two; a light on one of the two;
who turns left waits for who comes from ahead; and where nothing is said, who comes from the right goes first. Ways
under lights wait for one another only where they turn left across the road from ahead: the rest is the lights'
business.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .geometry import Points
from .opendrive import Network
from .signals import Approach, turn_of
from .strips import Strip, Strips

BODY_WIDTH_M = 2.2  # two ways whose centres come closer than this can't be driven side by side
AHEAD_RAD = math.radians(135.0)
RIGHT_RAD = math.radians(45.0)
TURN_RAD = math.radians(30.0)


@dataclass(frozen=True)
class Waiting:
    """A way through a junction, and the ways that go before it."""

    way: Strip
    first: tuple[Strip, ...]


@dataclass(frozen=True)
class Rules:
    """What signs and lights say: names of the ways under each."""

    yielding: frozenset[str]
    stopping: frozenset[str]
    lit: frozenset[str]

    @staticmethod
    def of(yields: list[Approach], stops: list[Approach], lights: list[Approach]) -> Rules:
        """From the approaches of each kind."""
        return Rules(*(frozenset(way.name for one in some for way in one.ways) for some in (yields, stops, lights)))

    def signed(self, way: Strip) -> bool:
        """Whether a sign makes a way wait."""
        return way.name in self.yielding or way.name in self.stopping


def waiting(network: Network, strips: Strips, rules: Rules) -> list[Waiting]:
    """For each way that has to wait for another, what it waits for, in the file's order."""
    first: dict[str, list[Strip]] = defaultdict(list)
    junctions: dict[str, list[Strip]] = defaultdict(list)
    for strip in strips.all:
        if strip.road.in_junction:
            junctions[strip.road.junction].append(strip)
    for junction, ways in junctions.items():
        for one, other in combinations(ways, 2):
            if _meet(one, other):
                winner = _who_goes_first(network, junction, rules, one, other)
                if winner is not None:
                    first[(other if winner is one else one).name].append(winner)
    return [Waiting(strip, tuple(first[strip.name])) for strip in strips.all if strip.name in first]


def all_way_stops(strips: Strips, stops: list[Approach]) -> list[list[Approach]]:
    """The junctions at which every way in has a stop sign: their approaches, a list a junction."""
    signed = {way.name for approach in stops for way in approach.ways}
    entering: dict[str, set[str]] = defaultdict(set)
    for strip in strips.all:
        if strip.road.in_junction and any(not before.road.in_junction for before in strip.preceding):
            entering[strip.road.junction].add(strip.name)
    groups = []
    for names in entering.values():
        here = [approach for approach in stops if any(way.name in names for way in approach.ways)]
        if len(here) > 1 and names <= signed:
            groups.append(here)
    return groups


def _meet(one: Strip, other: Strip) -> bool:
    """Whether two ways come from different lanes and can't both be driven at once."""
    sources = {before.name for before in one.preceding} & {before.name for before in other.preceding}
    if sources or any(after is other for after in one.following) or any(after is one for after in other.following):
        return False
    return _closest_m(one.centre, other.centre) < BODY_WIDTH_M


def _closest_m(one: Points, other: Points) -> float:
    """The least distance in the plane, between points at most a metre apart, at the same level (2.5 m)."""
    near, far = _dense(one), _dense(other)
    distances = np.linalg.norm(near[:, None, :2] - far[None, :, :2], axis=2)
    distances[np.abs(near[:, None, 2] - far[None, :, 2]) > 2.5] = np.inf
    return float(distances.min())


def _dense(line: Points) -> Points:
    steps = np.linalg.norm(np.diff(line[:, :2], axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    wanted = np.linspace(0.0, along[-1], max(2, math.ceil(along[-1])))
    return np.stack([np.interp(wanted, along, line[:, axis]) for axis in range(3)], axis=1)


def _who_goes_first(network: Network, junction: str, rules: Rules, one: Strip, other: Strip) -> Strip | None:
    said = network.junctions[junction].first if junction in network.junctions else frozenset()
    for high, low in ((one, other), (other, one)):
        if (high.road.id, low.road.id) in said:
            return high
    if rules.signed(one) != rules.signed(other):
        return other if rules.signed(one) else one
    lit = (one.name in rules.lit, other.name in rules.lit)
    if lit[0] != lit[1]:
        return one if lit[0] else other
    return _by_geometry(one, other, lit[0])


def _by_geometry(one: Strip, other: Strip, lit: bool) -> Strip | None:
    """Left turns wait for who comes from ahead; else, without lights, who comes from the right goes first."""
    between = math.remainder(one.headings[0] - other.headings[0], math.tau)
    left = (turn_of(one) > TURN_RAD, turn_of(other) > TURN_RAD)
    if abs(between) > AHEAD_RAD:
        return None if left[0] == left[1] else (other if left[0] else one)
    if lit:
        return None
    if abs(between) < RIGHT_RAD:
        return one if abs(turn_of(one)) <= abs(turn_of(other)) else other
    return one if between > 0.0 else other
