"""What can be seen from here: range, and lines of sight past other boxes and walls in the plane. Pure, vectorised."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CORNERS = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]]) / 2


def corners_of(boxes: Array) -> Array:
    """(n, 5) boxes of x, y, yaw, length, width -> (n, 4, 2) corners, in order around the box."""
    local = CORNERS[None] * boxes[:, None, 3:5]
    cosine, sine = np.cos(boxes[:, 2])[:, None], np.sin(boxes[:, 2])[:, None]
    x = boxes[:, 0:1] + cosine * local[..., 0] - sine * local[..., 1]
    y = boxes[:, 1:2] + sine * local[..., 0] + cosine * local[..., 1]
    return np.stack([x, y], axis=-1)


def edges_of(corners: Array) -> Array:
    """(n, 4, 2) corners -> (n, 4, 2, 2) edges as pairs of points."""
    return np.stack([corners, np.roll(corners, -1, axis=1)], axis=2)


def crosses(eye: Array, targets: Array, edges: Array) -> NDArray[np.bool_]:
    """Whether the line of sight to target i is cut by edge j: (t, 2) and (e, 2, 2) -> (t, e).

    A cut counts only strictly between the two ends, so that a box's own corner doesn't hide it.
    """
    sight = targets - eye
    start = edges[:, 0] - eye
    along = edges[:, 1] - edges[:, 0]
    denominator = sight[:, None, 0] * along[None, :, 1] - sight[:, None, 1] * along[None, :, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (start[None, :, 0] * along[None, :, 1] - start[None, :, 1] * along[None, :, 0]) / denominator
        u = (start[None, :, 0] * sight[:, None, 1] - start[None, :, 1] * sight[:, None, 0]) / denominator
    return (t > 1e-6) & (t < 1.0 - 1e-6) & (u >= 0.0) & (u <= 1.0)


def visible(eye: Array, boxes: Array, walls: Array, range_m: float) -> NDArray[np.bool_]:
    """(n,) whether box i is in range with its middle or a corner in sight. `walls` are (w, 2, 2) edges."""
    near = np.hypot(boxes[:, 0] - eye[0], boxes[:, 1] - eye[1]) <= range_m if len(boxes) else np.zeros(0, bool)
    seen = np.zeros(len(boxes), dtype=bool)
    corners = corners_of(boxes)
    edges = edges_of(corners)
    walls = walls_near(walls, eye, range_m)
    for index in np.flatnonzero(near):
        others = near.copy()
        others[index] = False
        blockers = np.concatenate([edges[others].reshape(-1, 2, 2), walls])
        targets = np.vstack([corners[index] * 0.95 + boxes[index, :2] * 0.05, boxes[index, :2]])
        seen[index] = not crosses(eye, targets, blockers).any(axis=1).all()
    return seen


def point_visible(eye: Array, point: Array, walls: Array) -> bool:
    """Whether a point (a traffic light, above the cars) is in sight past the walls."""
    return not crosses(eye, point[None], walls).any()


def walls_near(walls: Array, eye: Array, range_m: float) -> Array:
    """Those edges with an end in range."""
    if not len(walls):
        return walls
    kept: Array = walls[np.hypot(walls[..., 0] - eye[0], walls[..., 1] - eye[1]).min(axis=1) <= range_m]
    return kept
