"""The surface that may be driven on, as a grid that tells how far from its edge a place is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from homeward_planner.jit import compiled
from homeward_planner.lane_graph import Lane, LaneGraph
from homeward_planner.plane import Floats

CELL_M = 0.15
REACH_M = 2.0  # distances from the edge are told up to here
MOST_CELLS = 6_000_000
Grid = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Drivable:
    """`edge_m[row, column]`: the distance from the surface's edge, inside positive; row 0, column 0 at `corner_m`."""

    corner_m: tuple[float, float]
    cell_m: float
    edge_m: Grid

    def edge_at(self, points_m: Floats) -> Floats:
        """The distance from the edge at places (N × 2); outside the grid it is outside the surface."""
        cells = np.round((points_m - np.array(self.corner_m)) / self.cell_m).astype(int)
        inside = ((cells >= 0) & (cells < np.array(self.edge_m.shape[::-1]))).all(axis=1)
        kept = np.where(inside[:, None], cells, 0)
        return np.where(inside, self.edge_m[kept[:, 1], kept[:, 0]], -REACH_M).astype(np.float64)


def drivable(graph: LaneGraph, around_m: Floats, margin_m: float = 25.0) -> Drivable:
    """The union of the lanes' surfaces around some places (N × 2); coarser where the places are far apart."""
    lowest, highest = around_m.min(axis=0) - margin_m, around_m.max(axis=0) + margin_m
    extent = highest - lowest
    cell = max(CELL_M, float(np.sqrt(extent[0] * extent[1] / MOST_CELLS)))
    columns, rows = np.ceil(extent / cell).astype(int) + 1
    inside = np.zeros((int(rows), int(columns)), dtype=np.bool_)
    for outline in outlines(graph.lanes):
        if (outline.max(axis=0) > lowest).all() and (outline.min(axis=0) < highest).all():
            fill(inside, (outline - lowest) / cell)
    edge = (_distance(inside, cell) - _distance(~inside, cell)).astype(np.float32)
    return Drivable((float(lowest[0]), float(lowest[1])), cell, edge)


def _distance(inside: npt.NDArray[np.bool_], cell_m: float) -> Floats:
    """From each cell inside to the nearest one outside: 0 outside."""
    if inside.all():
        return np.full(inside.shape, REACH_M)
    known: Floats = np.minimum((ndimage.distance_transform_edt(inside) - 0.5) * cell_m, REACH_M) * inside
    return known


def outlines(lanes: Iterable[Lane]) -> Iterable[Floats]:
    """The lanes' surfaces (N × 2 each), in order around them."""
    for lane in lanes:
        yield lane.outline_m if lane.outline_m is not None else _from_width(lane)


def _from_width(lane: Lane) -> Floats:
    aside = np.stack([-np.sin(lane.line.heading_rad), np.cos(lane.line.heading_rad)], axis=1) * lane.width_m[:, None] / 2.0
    return np.concatenate([lane.line.points_m + aside, (lane.line.points_m - aside)[::-1]])


@compiled
def fill(inside: npt.NDArray[np.bool_], outline: Floats) -> None:
    """Mark the cells whose centre lies inside an outline, given in cells, row by row."""
    rows, columns = inside.shape
    crossings = np.empty(len(outline))
    for row in range(max(int(outline[:, 1].min()), 0), min(int(outline[:, 1].max()) + 2, rows)):
        count = 0
        for corner in range(len(outline)):
            ax, ay = outline[corner - 1, 0], outline[corner - 1, 1]
            bx, by = outline[corner, 0], outline[corner, 1]
            if (ay > row) != (by > row):
                crossings[count] = ax + (row - ay) / (by - ay) * (bx - ax)
                count += 1
        sides = np.sort(crossings[:count])
        for pair in range(count // 2):
            first, last = max(int(np.ceil(sides[2 * pair])), 0), min(int(np.floor(sides[2 * pair + 1])), columns - 1)
            for column in range(first, last + 1):
                inside[row, column] = True
