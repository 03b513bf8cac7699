"""Finds where lanes come too close to one another to be driven side by side: crossings and merges in junctions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from homeward_planner.lane_graph import Crossing, Lane
from homeward_planner.plane import Floats

TOO_CLOSE_M = 2.4  # a car's width and a little: centres closer than this collide
SAME_LEVEL_M = 2.5  # a bridge is higher


def with_crossings(lanes: Sequence[Lane], goes_first: dict[int, set[int]]) -> tuple[Lane, ...]:
    """The lanes with their crossings. `goes_first` holds, by lane id, the ids of the lanes that go before it.

    Lanes that part from one another (a common predecessor) are left out: there the cars ahead are simply ahead.
    """
    found: dict[int, list[Crossing]] = {lane.index: [] for lane in lanes}
    for one, other in _neighbours([lane for lane in lanes if lane.in_junction]):
        if set(one.predecessors) & set(other.predecessors) or one.index in _linked(other):
            continue
        ranges = _close_range(one, other)
        if ranges is None:
            continue
        waits = (other.id in goes_first.get(one.id, ()), one.id in goes_first.get(other.id, ()))
        found[one.index].append(Crossing(other.index, *ranges, *waits))
        found[other.index].append(Crossing(one.index, *ranges[2:], *ranges[:2], *waits[::-1]))
    return tuple(replace(lane, crossings=tuple(found[lane.index])) for lane in lanes)


def _linked(lane: Lane) -> tuple[int, ...]:
    return (*lane.successors, *lane.predecessors)


def _neighbours(lanes: Sequence[Lane]) -> Iterator[tuple[Lane, Lane]]:
    """The pairs of lanes around which the boxes meet."""
    if not lanes:
        return
    lowest = np.array([lane.line.points_m.min(axis=0) for lane in lanes]) - TOO_CLOSE_M / 2.0
    highest = np.array([lane.line.points_m.max(axis=0) for lane in lanes]) + TOO_CLOSE_M / 2.0
    for place, lane in enumerate(lanes):
        meet = ((lowest[place] <= highest[place + 1 :]) & (lowest[place + 1 :] <= highest[place])).all(axis=1)
        for other in np.flatnonzero(meet):
            yield lane, lanes[place + 1 + int(other)]


def _close_range(one: Lane, other: Lane) -> tuple[float, float, float, float] | None:
    """From where to where on each lane the other is too close; None where they pass clear of one another."""
    gaps = np.linalg.norm(one.line.points_m[:, None, :] - other.line.points_m[None, :, :], axis=2)
    close = (gaps < TOO_CLOSE_M) & (np.abs(one.height_m[:, None] - other.height_m[None, :]) < SAME_LEVEL_M)
    if not close.any():
        return None
    return (*_ends(one.line.s_m, close.any(axis=1)), *_ends(other.line.s_m, close.any(axis=0)))


def _ends(along_m: Floats, close: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[float, float]:
    places = np.flatnonzero(close)
    return float(along_m[places[0]]), float(along_m[places[-1]])
