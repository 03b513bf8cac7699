"""Casting the rays of a LiDAR sector against boxes and ground, compiled.

A ray is a direction on the plane and a slope. Boxes stand upright, so on the plane a direction meets each in one
stretch, and only the height at its ends is left to look at; as long as the sensor stands upright, a whole column
shares those stretches.
"""

from math import atan2, cos, pi, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from homeward_sim.ground import Ground, cell_at, height_at
from homeward_sim.jit import Row, compiled

HIT = np.dtype(
    [
        ("x", "f4"),
        ("y", "f4"),
        ("z", "f4"),
        ("distance", "f4"),
        ("cosine", "f4"),
        ("id", "u4"),
        ("label", "u4"),
    ],
    align=True,
)
"""A point in the sensor's frame; `distance` 0 where the ray met nothing."""

TARGET = np.dtype(
    [
        *((name, "f8") for name in ("x", "y", "z", "yaw", "half_length", "half_width", "height")),
        ("id", "u4"),
        ("label", "u4"),
    ],
    align=True,
)
"""A box that rays can meet: the middle of its foot, its half sizes, whose it is and what it is."""

BINS = 720
BIN_RAD = 2 * pi / BINS
MOST_STRETCHES = 64
PROFILE_POINTS = 48
NEAREST_GROUND_M = 0.5
SAME_DIRECTION, SAME_PROFILE = 1e-9, 5e-3


STRETCH = np.dtype(
    [("enter", "f8"), ("leave", "f8"), ("low", "f8"), ("high", "f8"), ("facing", "f8"), ("box", "i8")], align=True
)
"""Where a direction on the plane runs through a box, in metres from the sensor, and between which heights above it."""


@compiled
def _span(box: Row, origin: NDArray[np.float64]) -> tuple[int, int]:
    """(first bin, number of bins) in which a box is seen; all of them from within."""
    dx, dy = box.x - origin[0], box.y - origin[1]
    c, s = cos(box.yaw), sin(box.yaw)
    along, across = c * dx + s * dy, c * dy - s * dx
    if abs(along) <= box.half_length and abs(across) <= box.half_width:
        return 0, BINS
    middle = atan2(dy, dx)
    least, most = 0.0, 0.0
    for corner in range(4):
        u = box.half_length * (1.0 if corner < 2 else -1.0)
        v = box.half_width * (1.0 if corner % 2 == 0 else -1.0)
        angle = atan2(dy + s * u + c * v, dx + c * u - s * v) - middle
        angle -= 2 * pi * np.round(angle / (2 * pi))
        least, most = min(least, angle), max(most, angle)
    first = int(np.floor((middle + least) / BIN_RAD)) - 1
    last = int(np.floor((middle + most) / BIN_RAD)) + 1
    return first % BINS, min(last - first + 1, BINS)


def sort_boxes(boxes: NDArray[np.void], origin: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Boxes by bin of azimuth, the nearest first: (starts (BINS + 1,), members)."""
    reach = np.hypot(boxes["half_length"], boxes["half_width"])
    away = np.hypot(boxes["x"] - origin[0], boxes["y"] - origin[1]) - reach
    return _sort_into_bins(boxes, np.argsort(away, kind="stable"), origin)


@compiled
def _sort_into_bins(
    boxes: NDArray[np.void], order: NDArray[np.int64], origin: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    spans = np.empty((len(boxes), 2), np.int64)
    starts = np.zeros(BINS + 1, np.int64)
    for i in range(len(boxes)):
        spans[i, 0], spans[i, 1] = _span(boxes[i], origin)
        for k in range(spans[i, 1]):
            starts[(spans[i, 0] + k) % BINS + 1] += 1
    for cell in range(BINS):
        starts[cell + 1] += starts[cell]
    members = np.empty(starts[BINS], np.int32)
    filled = starts[:BINS].copy()
    for i in order:
        for k in range(spans[i, 1]):
            cell = (spans[i, 0] + k) % BINS
            members[filled[cell]] = i
            filled[cell] += 1
    return starts, members


@compiled
def _stretch(box: Row, origin: NDArray[np.float64], ux: float, uy: float, out: Row) -> bool:
    """Fill `out` with where the direction (ux, uy) runs through a box; False where it doesn't. The slab method."""
    c, s = cos(box.yaw), sin(box.yaw)
    ox, oy = origin[0] - box.x, origin[1] - box.y
    px, py = c * ox + s * oy, c * oy - s * ox
    rx, ry = c * ux + s * uy, c * uy - s * ux
    rx = rx if abs(rx) > 1e-12 else 1e-12
    ry = ry if abs(ry) > 1e-12 else 1e-12
    x_first, x_last = (-np.sign(rx) * box.half_length - px) / rx, (np.sign(rx) * box.half_length - px) / rx
    y_first, y_last = (-np.sign(ry) * box.half_width - py) / ry, (np.sign(ry) * box.half_width - py) / ry
    out.enter, out.leave = max(x_first, y_first), min(x_last, y_last)
    out.facing = abs(rx) if x_first > y_first else abs(ry)
    out.low, out.high = box.z - origin[2], box.z + box.height - origin[2]
    return bool(out.enter < out.leave and out.leave > 0.0)


@compiled
def _stretches(
    boxes: NDArray[np.void], members: NDArray[np.int32], origin: NDArray[np.float64], ux: float, uy: float,
    range_m: float, out: NDArray[np.void],
) -> int:  # fmt: skip
    """All stretches of a direction, the nearest boxes first; returns how many."""
    count = 0
    for k in range(len(members)):
        if count == len(out):
            break
        if _stretch(boxes[members[k]], origin, ux, uy, out[count]) and out[count].enter < range_m:
            out[count].box = members[k]
            count += 1
    return count


@compiled
def _meets(stretch: Row, slope: float) -> tuple[float, float]:
    """(distance on the plane, cosine of the incidence on an upright wall or 2 for a top) at which a ray meets a box;
    inf: never.
    """
    if stretch.enter <= 0.0:
        return np.inf, 0.0
    height = slope * stretch.enter
    if stretch.low <= height <= stretch.high:
        return stretch.enter, stretch.facing
    if height > stretch.high and slope * stretch.leave <= stretch.high:
        return stretch.high / slope, 2.0
    if height < stretch.low and slope * stretch.leave >= stretch.low:
        return stretch.low / slope, 2.0
    return np.inf, 0.0


@compiled
def _profile(
    ground: Ground, origin: NDArray[np.float64], ux: float, uy: float, range_m: float, reach: NDArray[np.float64],
    slopes: NDArray[np.float64],
) -> None:  # fmt: skip
    """Walk outwards; `slopes[k]` is the steepest slope from the sensor to ground within `reach[k]`."""
    level = height_at(ground, origin[0], origin[1], origin[2] - 2.0)
    steepest = -1e9
    grow = (range_m / NEAREST_GROUND_M) ** (1.0 / (PROFILE_POINTS - 1))
    distance = NEAREST_GROUND_M
    for k in range(PROFILE_POINTS):
        level = height_at(ground, origin[0] + ux * distance, origin[1] + uy * distance, level)
        steepest = max(steepest, (level - origin[2]) / distance)
        reach[k], slopes[k] = distance, steepest
        distance *= grow


@compiled
def _ground_on_profile(slope: float, reach: NDArray[np.float64], slopes: NDArray[np.float64]) -> float:
    """The distance on the plane at which a ray of this slope meets the ground; inf where it doesn't."""
    if slope > slopes[PROFILE_POINTS - 1]:
        return np.inf
    low, high = 0, PROFILE_POINTS - 1
    while low < high:
        middle = (low + high) // 2
        if slopes[middle] >= slope:
            high = middle
        else:
            low = middle + 1
    if low == 0:
        return float(reach[0] * slopes[0] / slope) if slope < 0.0 else float(reach[0])
    # between the two samples ground and ray are taken for straight: where do they cross?
    near, far = reach[low - 1], reach[low]
    above, below = max((slope - slopes[low - 1]) * near, 0.0), (slopes[low] - slope) * far
    return float(near + (far - near) * above / max(above + below, 1e-12))


@compiled
def cast(
    hits: NDArray[np.void],
    columns: tuple[int, int],
    azimuths: NDArray[np.float64],
    fan: NDArray[np.float64],
    origin: NDArray[np.float64],
    rotation: NDArray[np.float64],
    range_m: float,
    boxes: NDArray[np.void],
    starts: NDArray[np.int64],
    members: NDArray[np.int32],
    ground: Ground,
) -> None:
    """Fill columns, from one to before another, of `hits` (channels, columns) with what each ray meets in range.

    Rays start at `origin`, turned by `rotation`. `fan` (channels, 2) has the cosine and sine of each channel's
    elevation, `starts` and `members` the boxes as `sort_boxes` has sorted them.
    """
    reach, slopes = np.empty(PROFILE_POINTS), np.empty(PROFILE_POINTS)
    stretches = np.empty(MOST_STRETCHES, STRETCH)
    floor = height_at(ground, origin[0], origin[1], origin[2] - 2.0)
    for column in range(columns[0], columns[1]):
        ca, sa = cos(azimuths[column]), sin(azimuths[column])
        last_ux, last_uy, count = 2.0, 2.0, 0
        profile_ux, profile_uy = 2.0, 2.0
        for channel in range(len(fan)):
            x, y, z = fan[channel, 0] * ca, fan[channel, 0] * sa, fan[channel, 1]
            dx = rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z
            dy = rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z
            dz = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z
            flat = max(sqrt(dx * dx + dy * dy), 1e-9)
            ux, uy, slope = dx / flat, dy / flat, dz / flat
            if abs(ux - last_ux) + abs(uy - last_uy) > SAME_DIRECTION:
                last_ux, last_uy = ux, uy
                cell = int(np.floor(atan2(uy, ux) / BIN_RAD)) % BINS
                count = _stretches(boxes, members[starts[cell] : starts[cell + 1]], origin, ux, uy, range_m, stretches)
            if not ground.is_flat and abs(ux - profile_ux) + abs(uy - profile_uy) > SAME_PROFILE:
                profile_ux, profile_uy = ux, uy
                _profile(ground, origin, ux, uy, range_m, reach, slopes)
            if ground.is_flat:
                best = (floor - origin[2]) / slope if slope < -1e-9 else np.inf
            else:
                best = _ground_on_profile(slope, reach, slopes)
            facing, chosen = 2.0, -1
            for k in range(count):
                if stretches[k].enter > best:
                    continue
                distance, wall = _meets(stretches[k], slope)
                if distance < best:
                    best, facing, chosen = distance, wall, stretches[k].box
            distance = best / flat
            if distance > range_m:
                continue
            hit = hits[channel, column]
            hit.x, hit.y, hit.z, hit.distance = x * distance, y * distance, z * distance, distance
            hit.cosine = abs(dz) if facing > 1.0 else facing * flat
            if chosen >= 0:
                hit.id, hit.label = boxes[chosen].id, boxes[chosen].label
            else:
                row, place = cell_at(ground, origin[0] + ux * best, origin[1] + uy * best)
                hit.id, hit.label = 0, ground.label[row, place]
