"""Crosswalks as lanelets for walkers: the two long sides of each painted area."""

from __future__ import annotations

import math

import numpy as np

from .geometry import Geometry, Points


def crosswalks(geometry: Geometry) -> list[tuple[Points, Points]]:
    """(left, right) bound of each crosswalk, 2 × 3 each, walking across the road."""
    return [_long_sides(polygon) for polygon in _polygons(geometry)]


def _polygons(geometry: Geometry) -> list[Points]:
    """carla.Map's corners come in one list, each polygon closed by its first corner."""
    polygons, current = [], []
    for corner in geometry.map.get_crosswalks():
        point = (corner.x, -corner.y, corner.z)
        current.append(point)
        if len(current) > 3 and math.dist(current[0], point) < 1e-3:
            polygons.append(np.array(current[:-1]))
            current = []
    return [polygon for polygon in polygons if np.isfinite(polygon).all()]


def _long_sides(polygon: Points) -> tuple[Points, Points]:
    """The two long sides of a quadrangle, or of the rectangle around any other polygon, both running the same way."""
    corners = polygon if len(polygon) == 4 else _rectangle_around(polygon)
    lengths = [math.dist(corners[place], corners[(place + 1) % 4]) for place in range(4)]
    first = 0 if lengths[0] + lengths[2] >= lengths[1] + lengths[3] else 1
    one = corners[[first, first + 1]]
    other = corners[[(first + 3) % 4, (first + 2) % 4]]
    ahead, across = one[1] - one[0], other[0] - one[0]
    other_is_left = ahead[0] * across[1] - ahead[1] * across[0] > 0.0
    return (other, one) if other_is_left else (one, other)


def _rectangle_around(polygon: Points) -> Points:
    """Corners of the rectangle along the direction in which a polygon is longest."""
    middle = polygon.mean(axis=0)
    flat = polygon[:, :2] - middle[:2]
    ahead = np.linalg.svd(flat, full_matrices=False)[2][0]
    left = np.array([-ahead[1], ahead[0]])
    along, across = flat @ ahead, flat @ left
    reach = (
        (along.min(), across.max()),
        (along.max(), across.max()),
        (along.max(), across.min()),
        (along.min(), across.min()),
    )
    return np.array([[*(middle[:2] + u * ahead + v * left), middle[2]] for u, v in reach])
