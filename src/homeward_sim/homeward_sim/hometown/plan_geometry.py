"""Paths of straight lines and circular arcs in the plane, joined without a kink."""

from __future__ import annotations

import math
from dataclasses import dataclass

Point = tuple[float, float]

STRAIGHT_RAD = 1e-9  # a change of heading below this is none


@dataclass(frozen=True)
class Pose:
    """A point and a direction."""

    x_m: float
    y_m: float
    heading_rad: float

    def moved(self, ahead_m: float, left_m: float = 0.0) -> Pose:
        """The pose that far ahead and to the left, heading the same way."""
        cos, sin = math.cos(self.heading_rad), math.sin(self.heading_rad)
        return Pose(self.x_m + ahead_m * cos - left_m * sin, self.y_m + ahead_m * sin + left_m * cos, self.heading_rad)

    def turned(self, angle_rad: float) -> Pose:
        """The same place, heading turned to the left by an angle."""
        return Pose(self.x_m, self.y_m, self.heading_rad + angle_rad)


@dataclass(frozen=True)
class Piece:
    """One line (curvature 0) or one arc (curvature in 1/m, positive to the left)."""

    start: Pose
    length_m: float
    curvature_1pm: float = 0.0

    def pose_at(self, distance_m: float) -> Pose:
        """The pose after a distance along the piece."""
        turn = self.curvature_1pm * distance_m
        if abs(turn) < STRAIGHT_RAD:
            return self.start.moved(distance_m)
        chord = 2.0 * math.sin(turn / 2.0) / self.curvature_1pm
        half_way = self.start.turned(turn / 2.0).moved(chord)
        return Pose(half_way.x_m, half_way.y_m, self.start.heading_rad + turn)


@dataclass(frozen=True)
class Path:
    """Pieces, each starting where the last one ends."""

    pieces: tuple[Piece, ...]

    @property
    def length_m(self) -> float:
        """The length of all pieces."""
        return sum(piece.length_m for piece in self.pieces)

    def pose_at(self, distance_m: float, left_m: float = 0.0) -> Pose:
        """The pose after a distance along the path, moved to the left by an offset."""
        rest = distance_m
        for piece in self.pieces[:-1]:
            if rest <= piece.length_m:
                return piece.pose_at(rest).moved(0.0, left_m)
            rest -= piece.length_m
        return self.pieces[-1].pose_at(rest).moved(0.0, left_m)


def wrapped(angle_rad: float) -> float:
    """The angle between -pi and pi."""
    return math.remainder(angle_rad, 2.0 * math.pi)


def heading_between(here: Point, there: Point) -> float:
    """The direction from one point to another."""
    return math.atan2(there[1] - here[1], there[0] - here[0])


def bearing_of(centre: Point, pose: Pose) -> float:
    """The direction from a centre to a pose, from 0 (east) up to a full turn, counter-clockwise."""
    nudge = 1e-6  # so that due east is 0 and not nearly a full turn
    return (heading_between(centre, (pose.x_m, pose.y_m)) + nudge) % (2.0 * math.pi) - nudge


def through_points(points: list[Point], radii_m: list[float]) -> Path:
    """A path along a polyline, its inner corners rounded with the given radii (one each)."""
    pieces: list[Piece] = []
    start = Pose(*points[0], heading_between(points[0], points[1]))
    for corner, following, radius_m in zip(points[1:-1], points[2:], radii_m, strict=True):
        turn = wrapped(heading_between(corner, following) - start.heading_rad)
        tangent = radius_m * math.tan(abs(turn) / 2.0)
        straight = math.dist((start.x_m, start.y_m), corner) - tangent
        pieces += _line_then_arc(start, straight, turn, radius_m)
        start = pieces[-1].pose_at(pieces[-1].length_m)
    pieces.append(Piece(start, math.dist((start.x_m, start.y_m), points[-1])))
    return Path(tuple(pieces))


def circle_part(centre: Point, radius_m: float, from_rad: float, to_rad: float) -> Path:
    """The arc around a centre, counter-clockwise from one bearing to another."""
    start = Pose(*centre, from_rad).moved(radius_m).turned(math.pi / 2.0)
    return Path((Piece(start, radius_m * (to_rad - from_rad), 1.0 / radius_m),))


def joining(start: Pose, end: Pose) -> Path:
    """The path from one pose to another: a line, an S of two arcs, or one arc with a line before or after it.

    Raises ValueError where none of these fits (the tangents don't cross ahead of the start and behind the end).
    """
    turn = wrapped(end.heading_rad - start.heading_rad)
    if abs(turn) < 1e-6:
        return _sideways(start, end)
    ahead, behind = _to_crossing(start, end)
    if ahead <= 0.0 or behind <= 0.0:
        raise ValueError(f"no simple curve leads from {start} to {end}")
    tangent = min(ahead, behind)
    pieces = _line_then_arc(start, ahead - tangent, turn, tangent / math.tan(abs(turn) / 2.0))
    if behind - tangent > 1e-6:
        pieces.append(Piece(end.moved(tangent - behind), behind - tangent))
    return Path(tuple(pieces))


def _line_then_arc(start: Pose, straight_m: float, turn_rad: float, radius_m: float) -> list[Piece]:
    if straight_m < -1e-6:
        raise ValueError(f"a curve of radius {radius_m} m does not fit after {start}")
    arc = Piece(start.moved(straight_m), radius_m * abs(turn_rad), math.copysign(1.0 / radius_m, turn_rad))
    return [Piece(start, straight_m), arc] if straight_m > 1e-6 else [arc]


def _sideways(start: Pose, end: Pose) -> Path:
    cos, sin = math.cos(start.heading_rad), math.sin(start.heading_rad)
    dx, dy = end.x_m - start.x_m, end.y_m - start.y_m
    ahead, left = dx * cos + dy * sin, dy * cos - dx * sin
    if abs(left) < 1e-6:
        return Path((Piece(start, ahead),))
    turn = 2.0 * math.atan2(left, ahead)
    radius = math.hypot(ahead, left) / (4.0 * math.sin(abs(turn) / 2.0))
    first = Piece(start, radius * abs(turn), math.copysign(1.0 / radius, turn))
    return Path((first, Piece(first.pose_at(first.length_m), first.length_m, -first.curvature_1pm)))


def _to_crossing(start: Pose, end: Pose) -> tuple[float, float]:
    """How far ahead of the start, and behind the end, their two lines cross."""
    cos, sin = math.cos(start.heading_rad), math.sin(start.heading_rad)
    cos_end, sin_end = math.cos(end.heading_rad), math.sin(end.heading_rad)
    cross = cos * sin_end - sin * cos_end
    dx, dy = end.x_m - start.x_m, end.y_m - start.y_m
    return (dx * sin_end - dy * cos_end) / cross, -(dx * sin - dy * cos) / cross
