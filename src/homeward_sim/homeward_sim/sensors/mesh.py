"""Triangles for the camera: an array type, and the shapes that everything is made of."""

from collections.abc import Iterable, Sequence
from math import cos, sin

import numpy as np
from numpy.typing import NDArray

VERTEX = np.dtype([("position", "f4", 3), ("normal", "f4", 3), ("colour", "u1", 3), ("label", "u1"), ("role", "f4")])
"""A corner of a triangle. `role`: what decides its colour, one of those below."""
FIXED, PAINT, BRAKE_LAMP, GLOWING = 0.0, 1.0, 2.0, 3.0
"""Its own colour in the light; the actor's paint; its own, bright while braking; its own, whatever the light."""

Colour = tuple[int, int, int]
Points = NDArray[np.float64]


def triangles(corners: Points, colour: Colour, label: int, role: float = FIXED) -> NDArray[np.void]:
    """Vertices of (n, 3, 3) triangles with their face's normal, which is (second - first) x (third - first)."""
    faces = np.asarray(corners, np.float64).reshape(-1, 3, 3)
    normal = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    vertices = np.zeros(3 * len(faces), VERTEX)
    vertices["position"] = faces.reshape(-1, 3)
    vertices["normal"] = np.repeat(normal, 3, axis=0)
    vertices["colour"], vertices["label"], vertices["role"] = colour, label, role
    return vertices


def ribbon(left: Points, right: Points, colour: Colour, label: int) -> NDArray[np.void]:
    """A band that lies on its back between two edges of (n, 3) points, both in travel direction."""
    a, b, c, d = left[:-1], left[1:], right[:-1], right[1:]
    corners = np.stack((a, b, c, b, d, c), axis=1)
    return triangles(corners.reshape(-1, 3, 3), colour, label)


def hull(bottom: Points, top: Points, colour: Colour, label: int, role: float = FIXED) -> NDArray[np.void]:
    """A convex body between two (4, 3) rings (front left, front right, rear right, rear left), closed at the top."""
    sides = []
    for i in range(4):
        j = (i + 1) % 4
        sides += [(bottom[i], bottom[j], top[i]), (bottom[j], top[j], top[i])]
    sides += [(top[0], top[1], top[2]), (top[0], top[2], top[3])]
    return triangles(_facing_out(np.array(sides)), colour, label, role)


def _facing_out(faces: Points) -> Points:
    """Turn each face of a convex body so that its normal points away from the middle."""
    middle = faces.reshape(-1, 3).mean(axis=0)
    normal = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
    inward = np.einsum("ij,ij->i", normal, faces.mean(axis=1) - middle) < 0.0
    faces[inward] = faces[inward][:, ::-1]
    return faces


def block(
    low: Sequence[float], high: Sequence[float], colour: Colour, label: int, role: float = FIXED, taper: float = 0.0
) -> NDArray[np.void]:
    """An upright box from one corner to the opposite one; `taper` draws the top in by metres at front and rear."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    bottom = np.array([(x1, y0, z0), (x1, y1, z0), (x0, y1, z0), (x0, y0, z0)], np.float64)
    top = np.array([(x1 - taper, y0, z1), (x1 - taper, y1, z1), (x0 + taper, y1, z1), (x0 + taper, y0, z1)], np.float64)
    return hull(bottom, top, colour, label, role)


def placed(vertices: NDArray[np.void], x_m: float, y_m: float, z_m: float, yaw_rad: float) -> NDArray[np.void]:
    """A copy turned about the vertical and moved."""
    moved = vertices.copy()
    turn = np.array(((cos(yaw_rad), -sin(yaw_rad), 0.0), (sin(yaw_rad), cos(yaw_rad), 0.0), (0.0, 0.0, 1.0)))
    moved["position"] = vertices["position"] @ turn.T + (x_m, y_m, z_m)
    moved["normal"] = vertices["normal"] @ turn.T
    return moved


def joined(parts: Iterable[NDArray[np.void]]) -> NDArray[np.void]:
    """All vertices in one array."""
    present = [part for part in parts if len(part)]
    return np.concatenate(present) if present else np.zeros(0, VERTEX)
