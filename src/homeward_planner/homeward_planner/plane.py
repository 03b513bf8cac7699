"""Lines in the plane: arc length, heading, curvature, resampling, smoothing, and the Frenet frame along a line."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homeward_planner.jit import compiled

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


def wrapped(angle_rad: float) -> float:
    """The same angle between -pi and pi."""
    return math.remainder(angle_rad, math.tau)


def wrapped_all(angles_rad: Floats) -> Floats:
    """The same angles between -pi and pi."""
    turned: Floats = (angles_rad + math.pi) % math.tau - math.pi
    return turned


def arc_lengths(points_m: Floats) -> Floats:
    """The length along a line (N × 2 or N × 3) up to each of its points: N, from 0."""
    steps = np.linalg.norm(np.diff(points_m, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def without_repeats(points_m: Floats, apart_m: float = 1e-6) -> Floats:
    """The line without points that lie on the one before."""
    steps = np.linalg.norm(np.diff(points_m[:, :2], axis=0), axis=1)
    kept: Floats = points_m[np.concatenate([[True], steps > apart_m])]
    return kept


def resampled(points_m: Floats, step_m: float) -> Floats:
    """The line with points a constant distance apart, no further than `step_m`; both ends stay."""
    along = arc_lengths(points_m[:, :2])
    count = max(2, math.ceil(along[-1] / step_m - 1e-9) + 1)
    return at_fractions(points_m, along, np.linspace(0.0, along[-1], count))


def at_fractions(points_m: Floats, along_m: Floats, wanted_m: Floats) -> Floats:
    """Points of a line at the given lengths along it."""
    return np.stack([np.interp(wanted_m, along_m, points_m[:, axis]) for axis in range(points_m.shape[1])], axis=1)


def headings(points_m: Floats) -> Floats:
    """The direction of a line at its points, unwrapped: central differences, one-sided at the ends."""
    slope = np.gradient(points_m[:, :2], axis=0)
    return np.unwrap(np.arctan2(slope[:, 1], slope[:, 0]))


def curvatures(heading_rad: Floats, along_m: Floats) -> Floats:
    """The change of heading along a line, 1/m, left positive."""
    if len(along_m) < 2:
        return np.zeros_like(along_m)
    return np.asarray(np.gradient(heading_rad, along_m), dtype=np.float64)


def smoothed(points_m: Floats, step_m: float, reach_m: float) -> Floats:
    """A line with equal steps, smoothed by a Gaussian of standard deviation `reach_m`; its ends keep their places.

    On an arc of radius r it moves inward by reach²/2r.
    """
    half = math.ceil(3.0 * reach_m / step_m)
    if len(points_m) < 3 or half == 0:
        return points_m
    offsets = np.arange(-half, half + 1) * step_m
    weights = np.exp(-0.5 * (offsets / reach_m) ** 2)
    weights /= weights.sum()
    before = 2.0 * points_m[0] - points_m[min(half, len(points_m) - 1) : 0 : -1]
    after = 2.0 * points_m[-1] - points_m[-2 : -2 - min(half, len(points_m) - 1) : -1]
    padded = np.concatenate([before, points_m, after])
    short = half - len(before)  # a line shorter than the window: repeat its ends
    if short > 0:
        padded = np.pad(padded, ((short, short), (0, 0)), mode="edge")
    columns = [np.convolve(padded[:, axis], weights, mode="valid") for axis in range(points_m.shape[1])]
    return np.stack(columns, axis=1)


@dataclass(frozen=True, eq=False)
class Line:
    """A line in the plane with what is known along it: points (N × 2), arc length, heading (unwrapped) and
    curvature.
    """

    points_m: Floats
    s_m: Floats
    heading_rad: Floats
    curvature_1pm: Floats

    @staticmethod
    def through(points_m: Floats) -> Line:
        """The line through at least two different points (N × 2)."""
        along = arc_lengths(points_m)
        heading = headings(points_m)
        return Line(points_m, along, heading, curvatures(heading, along))

    @property
    def length_m(self) -> float:
        """The length of the line."""
        return float(self.s_m[-1])

    def window(self, from_s_m: float, to_s_m: float) -> slice:
        """The points between two arc lengths, and one more at either end."""
        first = int(np.searchsorted(self.s_m, from_s_m)) - 1
        last = int(np.searchsorted(self.s_m, to_s_m, side="right")) + 1
        first = min(max(first, 0), len(self.s_m) - 2)
        return slice(first, max(min(last, len(self.s_m)), first + 2))

    def project(self, points_m: Floats, part: slice = slice(None)) -> tuple[Floats, Floats]:
        """Arc length and signed distance to the left of the nearest point of (a part of) the line: M and M.

        Before the start and beyond the end arc length goes on along the tangent, so it can be negative.
        """
        return _projected(points_m, self.points_m[part], self.s_m[part])

    def pose_at(self, s_m: float) -> tuple[float, float, float]:
        """x, y, heading at an arc length (the ends' beyond them)."""
        x = float(np.interp(s_m, self.s_m, self.points_m[:, 0]))
        y = float(np.interp(s_m, self.s_m, self.points_m[:, 1]))
        return x, y, float(np.interp(s_m, self.s_m, self.heading_rad))


@compiled
def _projected(points_m: Floats, line: Floats, along: Floats) -> tuple[Floats, Floats]:
    """For each point: the arc length of the nearest place on a line, and the signed distance to it."""
    s, left = np.empty(len(points_m)), np.empty(len(points_m))
    for place in range(len(points_m)):
        x, y = points_m[place, 0], points_m[place, 1]
        nearest, least = 0, np.inf
        for corner in range(len(line)):
            gap = (line[corner, 0] - x) ** 2 + (line[corner, 1] - y) ** 2
            if gap < least:
                nearest, least = corner, gap
        best = np.inf
        for segment in range(max(nearest - 1, 0), min(nearest, len(line) - 2) + 1):
            there, aside, gap = _on_segment(x, y, line, along, segment)
            if gap < best:
                s[place], left[place], best = there, aside, gap
    return s, left


@compiled
def _on_segment(x: float, y: float, line: Floats, along: Floats, segment: int) -> tuple[float, float, float]:
    """Arc length, signed distance and gap to one segment of a line; the first and the last one go on for ever."""
    start_x, start_y = line[segment, 0], line[segment, 1]
    step_x, step_y = line[segment + 1, 0] - start_x, line[segment + 1, 1] - start_y
    length = max(math.sqrt(step_x**2 + step_y**2), 1e-12)
    forward = ((x - start_x) * step_x + (y - start_y) * step_y) / length
    aside = ((y - start_y) * step_x - (x - start_x) * step_y) / length
    on_line = forward
    if segment > 0:
        on_line = max(on_line, 0.0)
    if segment < len(line) - 2:
        on_line = min(on_line, length)
    gap = math.sqrt((forward - on_line) ** 2 + aside**2)
    return along[segment] + on_line, math.copysign(gap, aside), gap
