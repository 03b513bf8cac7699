"""The room a car has to manoeuvre in: a fine grid around a parking place that tells how far the nearest hindrance is.

Room is the lanes' surface with the marked places and drives; walls and standing things take it away, with a margin, for
they are harder than a painted line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from homeward_planner.drivable import fill, outlines
from homeward_planner.jit import compiled
from homeward_planner.lane_graph import LaneGraph
from homeward_planner.parameters import PlannerParams
from homeward_planner.plane import Floats
from homeward_planner.scene import Pose, Thing

CELL_M = 0.1
AROUND_M = 12.0
WIDEST_M = 120.0
HARD_MARGIN_M = 0.2
LINE_MARGIN_M = 0.03
STANDS_MPS = 0.3
FURTHEST_M = 3.0
OUTLINE_STEP_M = 0.25
CORE_SHARE = 0.8  # of half the width: the discs along the middle


class NoRoom(ValueError):
    """Start and goal are too far apart for one grid."""


@dataclass(frozen=True, eq=False)
class Body:
    """The car's outline as points from the rear axle (N × 2), and discs along its middle (M × 3: ahead, left, radius)."""

    outline_m: Floats
    discs_m: Floats
    reach_m: float
    centre_m: float

    @staticmethod
    def of(params: PlannerParams) -> Body:
        """The body of the car that the parameters tell."""
        half, length = params.width_m / 2.0, params.front_m + params.rear_m
        along = np.linspace(-params.rear_m, params.front_m, math.ceil(length / OUTLINE_STEP_M) + 1)
        across = np.linspace(-half, half, math.ceil(2.0 * half / OUTLINE_STEP_M) + 1)
        sides = [np.stack([along, np.full_like(along, side)], axis=1) for side in (-half, half)]
        ends = [np.stack([np.full_like(across, end), across], axis=1) for end in (-params.rear_m, params.front_m)]
        radius = CORE_SHARE * half
        middles = np.linspace(-params.rear_m + radius, params.front_m - radius, math.ceil((length - 2.0 * radius) / radius) + 1)
        discs = np.stack([middles, np.zeros_like(middles), np.full_like(middles, radius)], axis=1)
        centre = (params.front_m - params.rear_m) / 2.0
        return Body(np.concatenate([*ends, *sides]), discs, math.hypot(length / 2.0, half), centre)


@dataclass(frozen=True, eq=False)
class FreeSpace:
    """`room_m[row, column]`: how far the nearest hindrance is (0: in one), known up to FURTHEST_M; row 0, column 0 at
    `corner_m`.
    """

    corner_m: tuple[float, float]
    cell_m: float
    room_m: Floats

    def is_free(self, body: Body, poses: Floats) -> npt.NDArray[np.bool_]:
        """For poses (N × 3: x, y, yaw): whether the car touches nothing there."""
        return _are_free(self.room_m, self.corner_m, self.cell_m, body.outline_m, body.discs_m, poses)


def free_space(
    graph: LaneGraph, places: Sequence[Pose], things: Sequence[Thing], extra_m: Sequence[Floats] = ()
) -> FreeSpace:
    """The room around some poses. `extra_m` are outlines that belong to it, such as the place where the car stands now.

    Raises NoRoom when the poses lie too far apart.
    """
    points = np.array([(place.x_m, place.y_m) for place in places])
    lowest, highest = points.min(axis=0) - AROUND_M, points.max(axis=0) + AROUND_M
    if (highest - lowest).max() > WIDEST_M:
        raise NoRoom(f"{(highest - lowest).max():.0f} m are too far for one manoeuvre")
    columns, rows = np.ceil((highest - lowest) / CELL_M).astype(int) + 1
    room = np.zeros((int(rows), int(columns)), dtype=np.bool_)
    surface = [*outlines(graph.lanes), *graph.parking_surfaces_m, *(one.outline_m for one in graph.parking_places), *extra_m]
    for outline in _within(surface, lowest, highest):
        fill(room, (outline - lowest) / CELL_M)
    hard = np.zeros_like(room)
    boxes = [_box(thing) for thing in things if abs(thing.speed_mps) < STANDS_MPS]
    for outline in _within([*graph.buildings_m, *boxes], lowest, highest):
        fill(hard, (outline - lowest) / CELL_M)
    if hard.any():
        room &= ndimage.distance_transform_edt(~hard) * CELL_M > HARD_MARGIN_M
    room[[0, -1], :] = room[:, [0, -1]] = False
    known = np.minimum((ndimage.distance_transform_edt(room) - 0.5) * CELL_M, FURTHEST_M)
    return FreeSpace((float(lowest[0]), float(lowest[1])), CELL_M, np.where(room, known, 0.0))


def _box(thing: Thing) -> Floats:
    """The outline of a standing thing; never thinner than two cells, so that a pole is there at all."""
    return Thing(
        thing.id, thing.kind, thing.pose, max(thing.length_m, 2.0 * CELL_M), max(thing.width_m, 2.0 * CELL_M), 0.0
    ).outline()


def _within(found: Sequence[Floats], lowest: Floats, highest: Floats) -> list[Floats]:
    return [one for one in found if (one.max(axis=0) > lowest).all() and (one.min(axis=0) < highest).all()]


@compiled
def room_at(room_m: Floats, corner_m: tuple[float, float], cell_m: float, x_m: float, y_m: float) -> float:
    """The room at a point; none outside the grid."""
    column, row = round((x_m - corner_m[0]) / cell_m), round((y_m - corner_m[1]) / cell_m)
    if row < 0 or column < 0 or row >= room_m.shape[0] or column >= room_m.shape[1]:
        return 0.0
    return float(room_m[row, column])


@compiled
def stands_free(
    room_m: Floats, corner_m: tuple[float, float], cell_m: float, outline_m: Floats, discs_m: Floats,
    x: float, y: float, yaw: float,
) -> bool:  # fmt: skip
    """Whether the car at a pose touches nothing: its outline keeps off the edge, the discs within it are free."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    for place in range(len(discs_m)):
        ahead, left = discs_m[place, 0], discs_m[place, 1]
        if room_at(room_m, corner_m, cell_m, x + ahead * cos - left * sin, y + ahead * sin + left * cos) < discs_m[place, 2]:
            return False
    for place in range(len(outline_m)):
        ahead, left = outline_m[place, 0], outline_m[place, 1]
        if room_at(room_m, corner_m, cell_m, x + ahead * cos - left * sin, y + ahead * sin + left * cos) < LINE_MARGIN_M:
            return False
    return True


@compiled
def _are_free(
    room_m: Floats, corner_m: tuple[float, float], cell_m: float, outline_m: Floats, discs_m: Floats, poses: Floats
) -> npt.NDArray[np.bool_]:
    found = np.empty(len(poses), dtype=np.bool_)
    for place in range(len(poses)):
        x, y, yaw = poses[place, 0], poses[place, 1], poses[place, 2]
        found[place] = stands_free(room_m, corner_m, cell_m, outline_m, discs_m, x, y, yaw)
    return found
