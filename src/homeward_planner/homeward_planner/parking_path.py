"""A manoeuvre's way as the car can drive it: stretches between standstills, bends that change no faster than wheels turn.

A search gives arcs that jump from one bend to the next. Here the bends along the way become straight lines between knots and
are moved, by Gauss and Newton's method, until the way ends where it should and no bend changes too fast for walking pace.
Where that touches something, or doesn't succeed, the car stops at each jump and turns its wheels standing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from homeward_planner.free_space import Body, FreeSpace
from homeward_planner.hybrid_a_star import Pieces
from homeward_planner.jit import compiled
from homeward_planner.parameters import PlannerParams
from homeward_planner.plane import Floats
from homeward_planner.reeds_shepp import arc
from homeward_planner.scene import Pose

SAMPLE_M, KNOT_M = 0.1, 0.4
LOCK_SHARE, LOCK_SHARE_MOST = 0.92, 0.97  # of the wheels' largest angle: searched with, and allowed after smoothing
RATE_SHARE = 0.7  # of the wheels' fastest turn, planned with
SLOWEST_MPS, SMOOTH_MPS = 0.1, 0.6
JUMP_1PM = 0.03  # a bend that jumps by more makes the car stop for its wheels
ROUNDS, NUDGE = 12, 1e-5
END_M, END_RAD = 0.01, 0.004
HOLD, LIMIT, END, CALM = 0.4, 60.0, 200.0, 0.5  # weights of the residuals


@dataclass(frozen=True, eq=False)
class Stretch:
    """A way in one gear from standstill to standstill: N poses a constant distance apart, `way_m` along it, bends as the
    wheels have to stand (left positive, whichever way it goes), and the speed allowed (positive). `forwards`: the gear.
    """

    forwards: bool
    way_m: Floats
    x_m: Floats
    y_m: Floats
    yaw_rad: Floats
    curvature_1pm: Floats
    limit_mps: Floats

    @property
    def length_m(self) -> float:
        """How long it is."""
        return float(self.way_m[-1])

    @property
    def poses(self) -> Floats:
        """x, y, yaw: N × 3."""
        return np.stack([self.x_m, self.y_m, self.yaw_rad], axis=1)

    @property
    def end(self) -> Pose:
        """Where it ends."""
        return Pose(float(self.x_m[-1]), float(self.y_m[-1]), float(self.yaw_rad[-1]))


def curvature_max_1pm(params: PlannerParams) -> float:
    """The sharpest bend that is searched with."""
    return math.tan(LOCK_SHARE * params.steering_max_rad) / params.wheelbase_m


def stretches(start: Pose, pieces: Pieces, space: FreeSpace, body: Body, params: PlannerParams) -> tuple[Stretch, ...]:
    """The way from a search, smoothed where that stays free of everything."""
    smooth = _smoothed(start, pieces, params)
    if smooth is not None and all(space.is_free(body, one.poses[1:]).all() for one in smooth):
        return smooth
    return tuple(_exact(start, pieces, params))


def _exact(start: Pose, pieces: Pieces, params: PlannerParams) -> list[Stretch]:
    """A stretch for each arc; arcs that go on alike within a hair were joined before."""
    found, at = [], (start.x_m, start.y_m, start.yaw_rad)
    for bend, length in zip(pieces.curvature_1pm.tolist(), pieces.length_m.tolist(), strict=True):
        count = max(2, math.ceil(abs(length) / SAMPLE_M) + 1)
        poses = np.array([arc(*at, bend, length * share) for share in np.linspace(0.0, 1.0, count)])
        found.append(_stretch(length > 0.0, abs(length), poses, np.full(count, bend), params))
        at = (float(poses[-1, 0]), float(poses[-1, 1]), float(poses[-1, 2]))
    return found


def _stretch(forwards: bool, length_m: float, poses: Floats, bends: Floats, params: PlannerParams) -> Stretch:
    way = np.linspace(0.0, length_m, len(poses))
    angle = np.arctan(bends * params.wheelbase_m)
    slopes = np.abs(np.diff(angle)) / np.maximum(np.diff(way), 1e-6)
    turning = np.maximum(np.append(slopes, 0.0), np.insert(slopes, 0, 0.0))  # the faster of both sides of a sample
    wheels = RATE_SHARE * params.steering_rate_max_radps / np.maximum(turning, 1e-6)
    pace = params.walking_pace_mps if forwards else params.walking_pace_back_mps
    limit = np.clip(wheels, SLOWEST_MPS, pace)
    braking = np.sqrt(2.0 * params.manoeuvre_acceleration_mps2 * np.maximum(length_m - way, 0.0))
    for place in range(len(way) - 2, -1, -1):  # slow down in time for what limits it further on
        step = way[place + 1] - way[place]
        soon = math.sqrt(limit[place + 1] ** 2 + 2.0 * params.manoeuvre_acceleration_mps2 * step)
        limit[place] = min(limit[place], soon)
    return Stretch(forwards, way, poses[:, 0], poses[:, 1], poses[:, 2], bends, np.minimum(limit, braking))


# smoothing


@dataclass(frozen=True, eq=False)
class _Shape:
    """What is fixed about the unknowns: for each stretch its sign, number of knots and of samples; the limits."""

    signs: Floats
    knots: Floats
    samples: Floats
    bend_most: float
    rate_most: float


def _smoothed(start: Pose, pieces: Pieces, params: PlannerParams) -> tuple[Stretch, ...] | None:
    """None where no such way ends at the goal within the limits."""
    shape, unknowns = _guess(pieces, params)
    begin = np.array([start.x_m, start.y_m, start.yaw_rad])
    exact = pieces.poses(start, 0.02)
    goal = exact[-1]
    ways = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(exact[:, :2], axis=0).T))])
    wanted = _samples_on(exact, ways, pieces, shape)
    residual = _residual(unknowns, begin, goal, wanted, shape.signs, shape.knots, shape.samples, shape.bend_most, shape.rate_most)
    damping = 1e-3
    for _ in range(ROUNDS):
        slope = _slopes(unknowns, residual, begin, goal, wanted, shape)
        normal = slope.T @ slope
        step = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-9), -slope.T @ residual)
        better = unknowns + step
        better[-len(shape.signs) :] = np.maximum(better[-len(shape.signs) :], 0.05)
        then = _residual(better, begin, goal, wanted, shape.signs, shape.knots, shape.samples, shape.bend_most, shape.rate_most)
        gain = float(residual @ residual - then @ then)
        if gain > 0.0:
            unknowns, residual, damping = better, then, damping / 4.0
            if gain < 1e-6 * float(residual @ residual):
                break
        else:
            damping *= 8.0
    return _checked(unknowns, begin, goal, shape, params)


def _guess(pieces: Pieces, params: PlannerParams) -> tuple[_Shape, Floats]:
    """The search's bends at knots, averaged around each, and the lengths."""
    signs, bends, lengths, knots = [], [], [], []
    edges = np.concatenate([[0], np.flatnonzero(np.diff(np.sign(pieces.length_m))) + 1, [len(pieces.length_m)]])
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        ends = np.concatenate([[0.0], np.cumsum(np.abs(pieces.length_m[first:last]))])
        length = float(ends[-1])
        count = max(3, math.ceil(length / KNOT_M) + 1)
        turned = np.concatenate([[0.0], np.cumsum(pieces.curvature_1pm[first:last] * np.diff(ends))])
        at = np.linspace(0.0, length, count)
        low, high = np.maximum(at - KNOT_M, 0.0), np.minimum(at + KNOT_M, length)
        bends.append((np.interp(high, ends, turned) - np.interp(low, ends, turned)) / (high - low))
        signs.append(math.copysign(1.0, float(pieces.length_m[first])))
        lengths.append(length)
        knots.append(count)
    samples = [max(4, math.ceil(length / SAMPLE_M)) for length in lengths]
    most = math.tan(LOCK_SHARE_MOST * params.steering_max_rad) / params.wheelbase_m
    rate = RATE_SHARE * params.steering_rate_max_radps / SMOOTH_MPS / params.wheelbase_m
    shape = _Shape(np.array(signs), np.array(knots, dtype=np.float64), np.array(samples, dtype=np.float64), most, rate)
    return shape, np.concatenate([*bends, lengths])


def _samples_on(exact: Floats, ways: Floats, pieces: Pieces, shape: _Shape) -> Floats:
    """Where the samples lie on the way of the search: N × 2."""
    edges = np.flatnonzero(np.diff(np.sign(pieces.length_m))) + 1
    total = np.concatenate([[0.0], np.cumsum(np.abs(pieces.length_m))])
    cusps = np.concatenate([[0.0], total[edges], [total[-1]]]) * ways[-1] / total[-1]
    at = [np.linspace(a, b, int(n) + 1)[1:] for a, b, n in zip(cusps[:-1], cusps[1:], shape.samples, strict=True)]
    every = np.concatenate(at)
    return np.stack([np.interp(every, ways, exact[:, 0]), np.interp(every, ways, exact[:, 1])], axis=1)


def _slopes(unknowns: Floats, residual: Floats, begin: Floats, goal: Floats, wanted: Floats, shape: _Shape) -> Floats:
    """How the residuals change with the unknowns, by differences."""
    slope = np.empty((len(residual), len(unknowns)))
    for place in range(len(unknowns)):
        moved = unknowns.copy()
        moved[place] += NUDGE
        then = _residual(moved, begin, goal, wanted, shape.signs, shape.knots, shape.samples, shape.bend_most, shape.rate_most)
        slope[:, place] = (then - residual) / NUDGE
    return slope


def _checked(unknowns: Floats, begin: Floats, goal: Floats, shape: _Shape, params: PlannerParams) -> tuple[Stretch, ...] | None:
    poses, bends = _laid(unknowns, begin, shape.signs, shape.knots, shape.samples)
    gap = poses[-1] - goal
    if not (math.hypot(gap[0], gap[1]) < END_M and abs(gap[2]) < END_RAD and np.abs(bends).max() <= 1.01 * shape.bend_most):
        return None
    found, first = [], 0
    for sign, length, count in zip(shape.signs, unknowns[-len(shape.signs) :], shape.samples.astype(int), strict=True):
        part = slice(first, first + count + 1)
        changes = np.abs(np.diff(bends[part])) * count / float(length)
        if changes.max() > 2.0 * shape.rate_most:
            return None
        found.append(_stretch(bool(sign > 0.0), float(length), poses[part], bends[part], params))
        first += count + 1
    return tuple(found)


@compiled
def _laid(unknowns: Floats, begin: Floats, signs: Floats, knots: Floats, samples: Floats) -> tuple[Floats, Floats]:
    """Poses (N × 3) and bends (N) along all stretches, each with its first and its last point."""
    total = int(samples.sum()) + len(signs)
    poses, bends = np.empty((total, 3)), np.empty(total)
    x, y, yaw = begin[0], begin[1], begin[2]
    place, knot = 0, 0
    for part in range(len(signs)):
        count, steps = int(knots[part]), int(samples[part])
        length = unknowns[len(unknowns) - len(signs) + part]
        poses[place, 0], poses[place, 1], poses[place, 2] = x, y, yaw
        bends[place] = unknowns[knot]
        for step in range(steps):
            middle = _between(unknowns, knot, count, (step + 0.5) / steps)
            x, y, yaw = arc(x, y, yaw, middle, signs[part] * length / steps)
            place += 1
            poses[place, 0], poses[place, 1], poses[place, 2] = x, y, yaw
            bends[place] = _between(unknowns, knot, count, (step + 1.0) / steps)
        place += 1
        knot += count
    return poses, bends


@compiled
def _between(unknowns: Floats, first: int, count: int, share: float) -> float:
    """The bend at a share of a stretch."""
    at = share * (count - 1)
    knot = min(int(at), count - 2)
    return float(unknowns[first + knot] * (knot + 1 - at) + unknowns[first + knot + 1] * (at - knot))


@compiled
def _residual(
    unknowns: Floats, begin: Floats, goal: Floats, wanted: Floats, signs: Floats, knots: Floats, samples: Floats,
    bend_most: float, rate_most: float,
) -> Floats:  # fmt: skip
    """How far the way is off its end, off the way of the search, and beyond the limits."""
    poses, _ = _laid(unknowns, begin, signs, knots, samples)
    every = int(knots.sum())
    found = np.zeros(3 + 2 * len(wanted) + 3 * every)
    for axis in range(3):
        found[axis] = END * (poses[-1, axis] - goal[axis])
    at, row, knot = 3, 0, 0
    place = 0
    for part in range(len(signs)):
        place += 1
        for _ in range(int(samples[part])):
            found[at], found[at + 1] = HOLD * (poses[place, 0] - wanted[row, 0]), HOLD * (poses[place, 1] - wanted[row, 1])
            at, row, place = at + 2, row + 1, place + 1
    for part in range(len(signs)):
        count = int(knots[part])
        apart = max(unknowns[len(unknowns) - len(signs) + part], 0.05) / (count - 1)
        for number in range(count):
            bend = unknowns[knot + number]
            found[at] = LIMIT * max(abs(bend) - bend_most, 0.0)
            if number > 0:
                change = bend - unknowns[knot + number - 1]
                found[at + 1] = LIMIT * max(abs(change) - rate_most * apart, 0.0)
                found[at + 2] = CALM * change
            at += 3
        knot += count
    return found
