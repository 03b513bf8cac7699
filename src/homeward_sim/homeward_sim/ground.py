"""The ground as a grid: how high it is, what it is made of, and what the speed limit is.

Each cell has a lower and an upper surface, which differ where one road passes over another; whoever asks says
about how high it is and gets the nearer one. Between roads the terrain runs smoothly from one to the next.
"""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from homeward_sim.jit import compiled
from homeward_sim.roads import LaneStrip

FINE_CELL_M = 0.5
MOST_FINE_CELLS, MOST_CELLS = 3_000_000, 4_000_000
MARGIN_M = 60.0
BRIDGE_M = 2.5
"""Two surfaces this far apart are two levels; closer ones are the same road drawn twice."""
TERRAIN_BLEND_M = 15.0
FLAT_M = 1e-3

ROAD, SIDEWALK, TERRAIN, OTHER_GROUND = 1, 2, 10, 25
"""CARLA's semantic labels (`carla.CityObjectLabel`)."""
LABEL_OF_KIND = {
    "driving": ROAD,
    "parking": ROAD,
    "shoulder": ROAD,
    "stop": ROAD,
    "bidirectional": ROAD,
    "biking": ROAD,
    "restricted": ROAD,
    "entry": ROAD,
    "exit": ROAD,
    "offRamp": ROAD,
    "onRamp": ROAD,
    "sidewalk": SIDEWALK,
}
UNPAINTED = np.float32(np.inf)


class Ground(NamedTuple):
    """Cell [row, column] is centred at (`x0_m` + column * `cell_m`, `y0_m` + row * `cell_m`)."""

    x0_m: float
    y0_m: float
    cell_m: float
    low_m: NDArray[np.float32]
    high_m: NDArray[np.float32]
    label: NDArray[np.uint8]
    limit_kmh: NDArray[np.uint8]
    advised_kmh: NDArray[np.uint8]
    is_flat: bool


def survey(strips: tuple[LaneStrip, ...], advised_mps: Sequence[NDArray[np.float64]]) -> Ground:
    """Paint the lane strips on a grid and fill in the terrain around them.

    `advised_mps` has, for each strip, the speed that each of its points allows; where strips overlap, the lowest
    counts.
    """
    ground = _blank(strips)
    for number in sorted(range(len(strips)), key=lambda number: _paint_order(strips[number])):
        strip = strips[number]
        is_lane = strip.kind == "driving"
        posted = strip.limit_mps if is_lane and not strip.in_junction else np.zeros(len(strip.left))
        advised = advised_mps[number] if is_lane else np.full(len(strip.left), 255.0)
        label = LABEL_OF_KIND.get(strip.kind, OTHER_GROUND)
        _paint(ground, strip.left, strip.right, label, _kmh(posted), _kmh(advised))
    return _with_terrain(ground)


def _kmh(speeds_mps: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum(np.round(speeds_mps * 3.6), 255).astype(np.int64)


def _paint_order(strip: LaneStrip) -> tuple[bool, bool]:
    """Later strips paint over labels of earlier ones: driving lanes win, and lanes outside junctions keep their
    limit.
    """
    return strip.kind == "driving", not strip.in_junction


def _blank(strips: tuple[LaneStrip, ...]) -> Ground:
    points = np.concatenate([edge for strip in strips for edge in (strip.left, strip.right)])
    low, high = points.min(axis=0) - MARGIN_M, points.max(axis=0) + MARGIN_M
    cell_m = _cell_m(float(high[0] - low[0]), float(high[1] - low[1]))
    shape = (int((high[1] - low[1]) / cell_m) + 2, int((high[0] - low[0]) / cell_m) + 2)
    return Ground(
        float(low[0]),
        float(low[1]),
        cell_m,
        np.full(shape, UNPAINTED, np.float32),
        np.full(shape, -UNPAINTED, np.float32),
        np.full(shape, TERRAIN, np.uint8),
        np.zeros(shape, np.uint8),
        np.full(shape, 255, np.uint8),
        bool(np.ptp(points[:, 2]) < FLAT_M),
    )


def _cell_m(width_m: float, height_m: float) -> float:
    area_m2 = width_m * height_m
    if area_m2 / FINE_CELL_M**2 <= MOST_FINE_CELLS:
        return FINE_CELL_M
    return max(2 * FINE_CELL_M, sqrt(area_m2 / MOST_CELLS))


@compiled
def _paint(
    ground: Ground,
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    label: int,
    posted_kmh: NDArray[np.int64],
    advised_kmh: NDArray[np.int64],
) -> None:
    """Mark the cells whose centre lies on the strip, two triangles a step."""
    for i in range(len(left) - 1):
        _paint_triangle(ground, left[i], right[i], left[i + 1], label, posted_kmh[i], advised_kmh[i])
        _paint_triangle(ground, right[i], right[i + 1], left[i + 1], label, posted_kmh[i], advised_kmh[i])


@compiled
def _paint_triangle(
    ground: Ground,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    c: NDArray[np.float64],
    label: int,
    posted_kmh: int,
    advised_kmh: int,
) -> None:
    rows, columns = ground.low_m.shape
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    if abs(area) < 1e-9:
        return
    first_row = max(0, int(np.floor((min(a[1], b[1], c[1]) - ground.y0_m) / ground.cell_m)))
    last_row = min(rows - 1, int(np.ceil((max(a[1], b[1], c[1]) - ground.y0_m) / ground.cell_m)))
    first_column = max(0, int(np.floor((min(a[0], b[0], c[0]) - ground.x0_m) / ground.cell_m)))
    last_column = min(columns - 1, int(np.ceil((max(a[0], b[0], c[0]) - ground.x0_m) / ground.cell_m)))
    slack = -1e-3
    for row in range(first_row, last_row + 1):
        y = ground.y0_m + row * ground.cell_m
        for column in range(first_column, last_column + 1):
            x = ground.x0_m + column * ground.cell_m
            of_b = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
            of_c = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
            if of_b < slack or of_c < slack or of_b + of_c > 1.0 - slack:
                continue
            z = np.float32(a[2] + of_b * (b[2] - a[2]) + of_c * (c[2] - a[2]))
            ground.low_m[row, column] = min(ground.low_m[row, column], z)
            ground.high_m[row, column] = max(ground.high_m[row, column], z)
            ground.label[row, column] = label
            ground.advised_kmh[row, column] = min(ground.advised_kmh[row, column], advised_kmh)
            if posted_kmh > 0:
                ground.limit_kmh[row, column] = posted_kmh


def _with_terrain(ground: Ground) -> Ground:
    """Give every cell a height: from the nearest road close to it, smoothed further away."""
    painted = np.isfinite(ground.low_m)
    if ground.is_flat:
        level = np.full(ground.low_m.shape, ground.low_m[painted].mean(), np.float32)
        return ground._replace(low_m=level, high_m=level)
    distance, nearest = ndimage.distance_transform_edt(~painted, return_indices=True)
    rows, columns = nearest
    low, high = ground.low_m[rows, columns], ground.high_m[rows, columns]
    one_level = high - low <= BRIDGE_M
    low = np.where(one_level & painted, high, low)
    smooth = ndimage.gaussian_filter(low, sigma=TERRAIN_BLEND_M / 2 / ground.cell_m)
    share = np.clip(distance * ground.cell_m / TERRAIN_BLEND_M, 0.0, 1.0)
    low = (low * (1 - share) + smooth * share).astype(np.float32)
    high = np.where(painted & ~one_level, high, low).astype(np.float32)
    return ground._replace(low_m=low, high_m=high)


@compiled
def height_at(ground: Ground, x_m: float, y_m: float, about_z_m: float) -> float:
    """The height of the surface nearest to `about_z_m`, bilinear between cells; the edge's height beyond the edge."""
    if ground.is_flat:
        return float(ground.low_m[0, 0])
    rows, columns = ground.low_m.shape
    column_f = min(max((x_m - ground.x0_m) / ground.cell_m, 0.0), columns - 1.001)
    row_f = min(max((y_m - ground.y0_m) / ground.cell_m, 0.0), rows - 1.001)
    column, row = int(column_f), int(row_f)
    u, v = column_f - column, row_f - row
    total = 0.0
    for d_row in range(2):
        for d_column in range(2):
            low = ground.low_m[row + d_row, column + d_column]
            high = ground.high_m[row + d_row, column + d_column]
            z = high if abs(high - about_z_m) < abs(low - about_z_m) else low
            weight = (v if d_row else 1.0 - v) * (u if d_column else 1.0 - u)
            total += weight * z
    return total


@compiled
def cell_at(ground: Ground, x_m: float, y_m: float) -> tuple[int, int]:
    """Row and column of the cell that holds a point, clamped to the grid."""
    rows, columns = ground.low_m.shape
    row = int(min(max((y_m - ground.y0_m) / ground.cell_m + 0.5, 0.0), rows - 1.0))
    column = int(min(max((x_m - ground.x0_m) / ground.cell_m + 0.5, 0.0), columns - 1.0))
    return row, column
