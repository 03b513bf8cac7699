"""Shortest ways of a car that drives forwards and backwards, where nothing is in the way.

Words of arcs at full lock and straight pieces after J. A. Reeds and L. A. Shepp, *Optimal paths for a car that goes both
forwards and backwards*, Pacific Journal of Mathematics 145 (1990), section 8: its formulas 8.1 to 8.11 each with the
mirrored, the reversed and the backward form. Lengths are in turning radii. Every word is checked by driving it, so that a
word that does not end at its goal is never used.
"""

from __future__ import annotations

import math

import numpy as np

from homeward_planner.jit import compiled
from homeward_planner.plane import Floats

FAMILIES = 8
WORDS = FAMILIES * 8  # each as it is, mirrored, reversed, both, and all of that backward
PIECES = 5
EXACT = 1e-6
HALF = math.pi / 2.0


@compiled
def wrapped_angle(angle_rad: float) -> float:
    """The same angle between -pi and pi."""
    return angle_rad - math.tau * math.floor((angle_rad + math.pi) / math.tau)


@compiled
def word_to(number: int, x: float, y: float, turn_rad: float, turns: Floats, lengths: Floats) -> bool:
    """Fill in word `number` (of WORDS) that leads to a pose given in turning radii, seen from the start.

    `turns` (PIECES) are 1 left, -1 right, 0 straight; `lengths` (PIECES) are signed, backwards negative, unused ones 0.
    False: this word doesn't lead there.
    """
    family, form = number % FAMILIES, number // FAMILIES
    gx, gy, turn = x, y, turn_rad
    if form & 4:  # backward: from the goal to the start, driven the other way round
        gx, gy = x * math.cos(turn) + y * math.sin(turn), x * math.sin(turn) - y * math.cos(turn)
    if form & 1:
        gx, turn = -gx, -turn
    if form & 2:
        gy, turn = -gy, -turn
    turns[:] = 0.0
    lengths[:] = 0.0
    if not _solved(family, gx, gy, turn, turns, lengths):
        return False
    if form & 1:
        lengths *= -1.0
    if form & 2:
        turns *= -1.0
    if form & 4:
        _turn_round(turns)
        _turn_round(lengths)
    return _leads_to(x, y, turn_rad, turns, lengths)


@compiled
def shortest_length(x: float, y: float, turn_rad: float) -> float:
    """The length of the shortest word to a pose, in turning radii."""
    turns, lengths = np.empty(PIECES), np.empty(PIECES)
    best = np.inf
    for number in range(WORDS):
        if word_to(number, x, y, turn_rad, turns, lengths):
            best = min(best, np.abs(lengths).sum())
    return best


@compiled
def _turn_round(values: Floats) -> None:
    for place in range(PIECES // 2):
        values[place], values[PIECES - 1 - place] = values[PIECES - 1 - place], values[place]


@compiled
def _leads_to(x: float, y: float, turn_rad: float, turns: Floats, lengths: Floats) -> bool:
    """Drive the word from the origin and look where it ends."""
    px, py, yaw = 0.0, 0.0, 0.0
    for place in range(PIECES):
        px, py, yaw = arc(px, py, yaw, turns[place], lengths[place])
    return bool(abs(px - x) < EXACT and abs(py - y) < EXACT and abs(wrapped_angle(yaw - turn_rad)) < EXACT)


@compiled
def arc(x: float, y: float, yaw_rad: float, curvature: float, way: float) -> tuple[float, float, float]:
    """The pose after a signed way at constant curvature."""
    turned = curvature * way
    if abs(turned) < 1e-9:
        return x + way * math.cos(yaw_rad), y + way * math.sin(yaw_rad), yaw_rad
    chord = 2.0 * math.sin(turned / 2.0) / curvature
    middle = yaw_rad + turned / 2.0
    return x + chord * math.cos(middle), y + chord * math.sin(middle), yaw_rad + turned


@compiled
def _solved(family: int, x: float, y: float, turn: float, turns: Floats, lengths: Floats) -> bool:
    """One family's first form; circles are left ones first. False where there is no real solution."""
    same_x, same_y = x - math.sin(turn), y - 1.0 + math.cos(turn)  # between the middles of two left circles
    other_x, other_y = x + math.sin(turn), y - 1.0 - math.cos(turn)  # of a left and a right one
    same, other = math.hypot(same_x, same_y), math.hypot(other_x, other_y)
    if family == 0:
        first = math.atan2(same_y, same_x)
        _fill(turns, lengths, (1.0, 0.0, 1.0, 0.0), (first, same, wrapped_angle(turn - first), 0.0))
        return True
    if family == 1:
        if other < 2.0:
            return False
        straight = math.sqrt(other * other - 4.0)
        first = wrapped_angle(math.atan2(other_y, other_x) + math.atan2(2.0, straight))
        _fill(turns, lengths, (1.0, 0.0, -1.0, 0.0), (first, straight, wrapped_angle(first - turn), 0.0))
        return True
    if family == 2:
        if same > 4.0:
            return False
        middle = -2.0 * math.asin(same / 4.0)
        first = wrapped_angle(math.atan2(same_y, same_x) + middle / 2.0 + math.pi)
        _fill(turns, lengths, (1.0, -1.0, 1.0, 0.0), (first, middle, wrapped_angle(turn - first + middle), 0.0))
        return True
    return _solved_longer(family, turn, (same_x, same_y, same), (other_x, other_y, other), turns, lengths)


@compiled
def _solved_longer(
    family: int, turn: float, to_same: tuple[float, float, float], to_other: tuple[float, float, float], turns: Floats,
    lengths: Floats,
) -> bool:  # fmt: skip
    """The words of four and five pieces."""
    same_x, same_y, same = to_same
    other_x, other_y, other = to_other
    if family == 3 or family == 4:
        share = (2.0 + other) / 4.0 if family == 3 else (20.0 - other * other) / 16.0
        if not 0.0 <= share <= 1.0:
            return False
        second = math.acos(share) if family == 3 else -math.acos(share)
        third = -second if family == 3 else second
        first, last = _outer_arcs(second, third, other_x, other_y, turn)
        _fill(turns, lengths, (1.0, -1.0, 1.0, -1.0), (first, second, third, last))
        return True
    if family == 5:
        if same < 2.0:
            return False
        root = math.sqrt(same * same - 4.0)
        first = wrapped_angle(math.atan2(same_y, same_x) + math.atan2(root, -2.0))
        _fill(turns, lengths, (1.0, -1.0, 0.0, 1.0), (first, -HALF, 2.0 - root, wrapped_angle(turn - HALF - first)))
        return True
    if other < 2.0:
        return False
    if family == 6:
        first = math.atan2(other_x, -other_y)
        _fill(turns, lengths, (1.0, -1.0, 0.0, -1.0), (first, -HALF, 2.0 - other, wrapped_angle(first + HALF - turn)))
        return True
    straight = 4.0 - math.sqrt(other * other - 4.0)
    first = wrapped_angle(
        math.atan2((4.0 - straight) * other_x - 2.0 * other_y, -2.0 * other_x + (straight - 4.0) * other_y)
    )
    _fill(turns, lengths, (1.0, -1.0, 0.0, 1.0), (first, -HALF, straight, -HALF))
    turns[4], lengths[4] = -1.0, wrapped_angle(first - turn)
    return True


@compiled
def _outer_arcs(second: float, third: float, x: float, y: float, turn: float) -> tuple[float, float]:
    """First and last arc of four that go left, right, left, right, from the two in the middle."""
    between = wrapped_angle(second - third)
    a, b = math.sin(second) - math.sin(between), math.cos(second) - math.cos(between) - 1.0
    first = math.atan2(y * a - x * b, x * a + y * b)
    if 2.0 * (math.cos(between) - math.cos(third) - math.cos(second)) + 3.0 < 0.0:
        first += math.pi
    first = wrapped_angle(first)
    return first, wrapped_angle(first - second + third - turn)


@compiled
def _fill(
    turns: Floats, lengths: Floats, kinds: tuple[float, float, float, float], ways: tuple[float, float, float, float]
) -> None:
    for place in range(4):
        turns[place], lengths[place] = kinds[place], ways[place]
