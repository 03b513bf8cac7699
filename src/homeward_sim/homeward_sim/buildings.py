"""Houses along the road: those that the map names, or, where it names none, a row of our own.

An OpenDRIVE `<object type="building">` with length, width and height is taken as it is: position by s and t, `hdg`
from the road's direction, `zOffset` for its foot. A map without any gets plain blocks behind its kerbs, always the
same for the same map, so that sensors have something to see; they keep clear of every lane and sidewalk.
"""

from collections.abc import Iterator
from math import cos, hypot, pi, sin

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from homeward_sim.collision import BODY
from homeward_sim.ground import TERRAIN, Ground, height_at
from homeward_sim.roads import LaneStrip, RoadNetwork

STEP_M = 20.0
SETBACK_M = 3.0
CLEAR_M = 1.5
LENGTHS_M, WIDTHS_M, HEIGHTS_M = (11.0, 17.0), (9.0, 14.0), (5.0, 16.0)
MOST_BUILDINGS = 5000


def raise_buildings(network: RoadNetwork, ground: Ground) -> NDArray[np.void]:
    """The map's buildings as boxes (an array of BODY) that never move."""
    named = list(named_buildings(network))
    rows = named if named else list(_invented(network.strips, ground))
    boxes = np.zeros(len(rows), BODY)
    for box, (x, y, z, yaw, half_length, half_width, height) in zip(boxes, rows, strict=True):
        box["x"], box["y"], box["z"], box["yaw"] = x, y, z, yaw
        box["half_length"], box["half_width"], box["height"] = half_length, half_width, height
    return boxes


Row = tuple[float, float, float, float, float, float, float]
"""x, y, z of the foot, yaw, half length, half width, height."""


def named_buildings(network: RoadNetwork) -> Iterator[Row]:
    """The buildings that the map's file names."""
    for thing in network.site.objects:
        if thing.kind != "building" or min(thing.length_m, thing.width_m, thing.height_m) <= 0.0:
            continue
        place = network.beside(thing.road_id, thing.s_m, thing.t_m, thing.heading_rad)
        if place is not None:
            foot_m = place.z_m + thing.base_z_m
            yield place.x_m, place.y_m, foot_m, place.yaw_rad, thing.length_m / 2, thing.width_m / 2, thing.height_m


def _invented(strips: tuple[LaneStrip, ...], ground: Ground) -> Iterator[Row]:
    """Blocks beside the outermost lanes, wherever there is room."""
    free_m = ndimage.distance_transform_edt(ground.label == TERRAIN) * ground.cell_m
    random = np.random.default_rng(2026)
    built: list[Row] = []
    for place in (place for strip in strips if not strip.in_junction for place in _kerb_places(strip)):
        x, y, yaw = place
        sizes = (random.uniform(*LENGTHS_M) / 2, random.uniform(*WIDTHS_M) / 2, random.uniform(*HEIGHTS_M))
        row = _set_back(x, y, yaw, sizes, ground)
        if len(built) < MOST_BUILDINGS and _has_room(row, free_m, ground) and not _crowds(row, built):
            built.append(row)
            yield row


def _kerb_places(strip: LaneStrip) -> Iterator[tuple[float, float, float]]:
    """Points on the strip's right edge, with the direction away from the lane, every STEP_M."""
    step_m = np.linalg.norm(np.diff(strip.right[:, :2], axis=0), axis=1)
    along_m = np.concatenate(([0.0], np.cumsum(step_m)))
    for s_m in np.arange(STEP_M / 2, along_m[-1], STEP_M):
        index = int(np.searchsorted(along_m, s_m))
        outwards = strip.right[index] - strip.left[index]
        yield float(strip.right[index, 0]), float(strip.right[index, 1]), float(np.arctan2(outwards[1], outwards[0]))


def _set_back(x: float, y: float, outwards: float, sizes: tuple[float, float, float], ground: Ground) -> Row:
    half_length, half_width, height = sizes
    away_m = SETBACK_M + half_width
    x, y = x + cos(outwards) * away_m, y + sin(outwards) * away_m
    foot_m = float(height_at(ground, x, y, 0.0)) - 1.0
    return x, y, foot_m, outwards - pi / 2, half_length, half_width, height + 1.0


def _has_room(row: Row, free_m: NDArray[np.float64], ground: Ground) -> bool:
    """Whether the footprint keeps CLEAR_M from everything that is painted on the ground."""
    x, y, _, yaw, half_length, half_width, _ = row
    for u in np.linspace(-half_length, half_length, 5):
        for v in np.linspace(-half_width, half_width, 5):
            column = round((x + cos(yaw) * u - sin(yaw) * v - ground.x0_m) / ground.cell_m)
            line = round((y + sin(yaw) * u + cos(yaw) * v - ground.y0_m) / ground.cell_m)
            if not (0 <= line < free_m.shape[0] and 0 <= column < free_m.shape[1]):
                return False
            if free_m[line, column] < CLEAR_M:
                return False
    return True


def _crowds(row: Row, built: list[Row]) -> bool:
    reach = hypot(row[4], row[5])
    return any(hypot(row[0] - other[0], row[1] - other[1]) < reach + hypot(other[4], other[5]) for other in built)
