"""Who touches whom, and what that does: oriented boxes on the plane, with impulse, restitution and friction.

Boxes overlap where no edge direction separates them (the separating axis theorem). Two boxes that also overlap in
height exchange an impulse at the contact, as two rigid bodies do, and are pushed apart.
"""

from math import cos, hypot, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeward_sim.jit import Row, compiled

RESTITUTION = 0.1
BODY_FRICTION = 0.4
SLOP_M = 0.01
"""Overlap that is left alone, so that resting contact doesn't jitter."""
GRID_CELL_M = 16.0

BODY = np.dtype(
    [
        ("id", "u4"),
        ("x", "f8"),
        ("y", "f8"),
        ("z", "f8"),
        ("height", "f8"),
        ("yaw", "f8"),
        ("half_length", "f8"),
        ("half_width", "f8"),
        ("vx", "f8"),
        ("vy", "f8"),
        ("yaw_rate", "f8"),
        ("lightness", "f8"),
        ("spinning", "f8"),
    ],
    align=True,
)
"""A box that takes part: velocity in the map's frame, `lightness` 1/mass and `spinning` 1/inertia (0: immovable)."""

CONTACT = np.dtype([("first", "u4"), ("second", "u4"), ("x", "f8"), ("y", "f8")], align=True)
"""The impulse in N·s on the first of two bodies, by their ids; id 0 is a building."""


class Obstacles(NamedTuple):
    """Boxes that never move, and which of them touch which cell of a square grid (`starts`, `members`: CSR)."""

    boxes: NDArray[np.void]
    x0_m: float
    y0_m: float
    columns: int
    starts: NDArray[np.int64]
    members: NDArray[np.int64]


def index_obstacles(boxes: NDArray[np.void]) -> Obstacles:
    """Put boxes (an array of BODY) on the grid, each into every cell that its surrounding circle reaches."""
    if len(boxes) == 0:
        return Obstacles(boxes, 0.0, 0.0, 1, np.zeros(2, np.int64), np.zeros(0, np.int64))
    radius = np.hypot(boxes["half_length"], boxes["half_width"])
    low = np.stack((boxes["x"] - radius, boxes["y"] - radius), axis=1)
    high = np.stack((boxes["x"] + radius, boxes["y"] + radius), axis=1)
    origin = low.min(axis=0)
    first = ((low - origin) // GRID_CELL_M).astype(int)
    last = ((high - origin) // GRID_CELL_M).astype(int)
    columns, rows = (last.max(axis=0) + 1).tolist()
    cells: list[list[int]] = [[] for _ in range(columns * rows)]
    for number in range(len(boxes)):
        for row in range(first[number, 1], last[number, 1] + 1):
            for column in range(first[number, 0], last[number, 0] + 1):
                cells[row * columns + column].append(number)
    starts = np.concatenate(([0], np.cumsum([len(cell) for cell in cells]))).astype(np.int64)
    members = np.array([number for cell in cells for number in cell], np.int64)
    return Obstacles(boxes, float(origin[0]), float(origin[1]), columns, starts, members)


@compiled
def _reach(a: Row, axis_x: float, axis_y: float) -> float:
    """Half the length of a box's shadow on an axis."""
    c, s = cos(a.yaw), sin(a.yaw)
    return float(a.half_length * abs(c * axis_x + s * axis_y) + a.half_width * abs(c * axis_y - s * axis_x))


@compiled
def overlap(a: Row, b: Row) -> tuple[float, float, float]:
    """(depth in m, axis x, axis y): the least push along the axis from a to b that parts them; depth <= 0: they don't
    touch.
    """
    dx, dy = b.x - a.x, b.y - a.y
    depth, axis_x, axis_y = 1e18, 1.0, 0.0
    for edge in range(4):
        yaw = a.yaw if edge < 2 else b.yaw
        nx, ny = (cos(yaw), sin(yaw)) if edge % 2 == 0 else (-sin(yaw), cos(yaw))
        distance = dx * nx + dy * ny
        gap = _reach(a, nx, ny) + _reach(b, nx, ny) - abs(distance)
        if gap < depth:
            sign = 1.0 if distance >= 0.0 else -1.0
            depth, axis_x, axis_y = gap, nx * sign, ny * sign
        if gap <= 0.0:
            break
    return depth, axis_x, axis_y


@compiled
def touching(a: Row, b: Row) -> bool:
    """Whether two boxes overlap, on the plane and in height."""
    if a.z > b.z + b.height or b.z > a.z + a.height:
        return False
    reach = hypot(a.half_length, a.half_width) + hypot(b.half_length, b.half_width)
    if (a.x - b.x) ** 2 + (a.y - b.y) ** 2 > reach * reach:
        return False
    depth, _, _ = overlap(a, b)
    return depth > 0.0


@compiled
def _corners_inside(a: Row, b: Row) -> tuple[float, float, int]:
    """Sum of b's corners that lie within a, and how many they are."""
    sum_x, sum_y, count = 0.0, 0.0, 0
    ca, sa, cb, sb = cos(a.yaw), sin(a.yaw), cos(b.yaw), sin(b.yaw)
    for corner in range(4):
        u = b.half_length * (1.0 if corner < 2 else -1.0)
        v = b.half_width * (1.0 if corner % 2 == 0 else -1.0)
        x, y = b.x + cb * u - sb * v, b.y + sb * u + cb * v
        along, across = ca * (x - a.x) + sa * (y - a.y), ca * (y - a.y) - sa * (x - a.x)
        if abs(along) <= a.half_length and abs(across) <= a.half_width:
            sum_x, sum_y, count = sum_x + x, sum_y + y, count + 1
    return sum_x, sum_y, count


@compiled
def _contact_point(a: Row, b: Row) -> tuple[float, float]:
    x1, y1, n1 = _corners_inside(a, b)
    x2, y2, n2 = _corners_inside(b, a)
    if n1 + n2 == 0:
        return 0.5 * (a.x + b.x), 0.5 * (a.y + b.y)
    return (x1 + x2) / (n1 + n2), (y1 + y2) / (n1 + n2)


@compiled
def _softness(body: Row, rx: float, ry: float, nx: float, ny: float) -> float:
    lever = rx * ny - ry * nx
    return float(body.lightness + lever * lever * body.spinning)


@compiled
def _push(body: Row, rx: float, ry: float, jx: float, jy: float) -> None:
    body.vx += jx * body.lightness
    body.vy += jy * body.lightness
    body.yaw_rate += (rx * jy - ry * jx) * body.spinning


@compiled
def _closing(a: Row, b: Row, ra: tuple[float, float], rb: tuple[float, float]) -> tuple[float, float]:
    """Velocity of b's point of contact against a's."""
    vx = b.vx - b.yaw_rate * rb[1] - a.vx + a.yaw_rate * ra[1]
    vy = b.vy + b.yaw_rate * rb[0] - a.vy - a.yaw_rate * ra[0]
    return vx, vy


@compiled
def collide(a: Row, b: Row) -> tuple[bool, float, float]:
    """Part two overlapping bodies and exchange their impulse. (Whether they hit, impulse on a in N·s, x and y.)"""
    depth, nx, ny = overlap(a, b)
    softest = a.lightness + b.lightness
    if depth <= 0.0 or softest <= 0.0:
        return False, 0.0, 0.0
    px, py = _contact_point(a, b)
    ra, rb = (px - a.x, py - a.y), (px - b.x, py - b.y)
    apart = max(depth - SLOP_M, 0.0) / softest
    a.x, a.y = a.x - nx * apart * a.lightness, a.y - ny * apart * a.lightness
    b.x, b.y = b.x + nx * apart * b.lightness, b.y + ny * apart * b.lightness
    vx, vy = _closing(a, b, ra, rb)
    normal = vx * nx + vy * ny
    if normal >= 0.0:
        return False, 0.0, 0.0
    size = -(1.0 + RESTITUTION) * normal / (_softness(a, ra[0], ra[1], nx, ny) + _softness(b, rb[0], rb[1], nx, ny))
    tx, ty = -ny, nx
    along = vx * tx + vy * ty
    grip = -along / (_softness(a, ra[0], ra[1], tx, ty) + _softness(b, rb[0], rb[1], tx, ty))
    grip = min(BODY_FRICTION * size, max(-BODY_FRICTION * size, grip))
    jx, jy = nx * size + tx * grip, ny * size + ty * grip
    _push(a, ra[0], ra[1], -jx, -jy)
    _push(b, rb[0], rb[1], jx, jy)
    return True, -jx, -jy


@compiled
def _record(contacts: NDArray[np.void], count: int, first: int, second: int, jx: float, jy: float) -> int:
    if count < len(contacts):
        contact = contacts[count]
        contact.first, contact.second, contact.x, contact.y = first, second, jx, jy
        return count + 1
    return count


@compiled
def resolve(bodies: NDArray[np.void], obstacles: Obstacles, contacts: NDArray[np.void]) -> int:
    """Let every pair of bodies, and every body and obstacle, collide; returns how many `contacts` were written."""
    count = 0
    for i in range(len(bodies)):
        a = bodies[i]
        for j in range(i + 1, len(bodies)):
            b = bodies[j]
            if touching(a, b):
                hit, jx, jy = collide(a, b)
                if hit:
                    count = _record(contacts, count, a.id, b.id, jx, jy)
        if a.lightness > 0.0:
            count = _resolve_obstacles(a, obstacles, contacts, count)
    return count


@compiled
def _cells(obstacles: Obstacles, body: Row) -> tuple[int, int, int, int]:
    """First and last row, first and last column of the cells that a body's surrounding circle reaches."""
    reach = hypot(body.half_length, body.half_width)
    rows = (len(obstacles.starts) - 1) // obstacles.columns
    first_row = max(0, int((body.y - reach - obstacles.y0_m) // GRID_CELL_M))
    last_row = min(rows - 1, int((body.y + reach - obstacles.y0_m) // GRID_CELL_M))
    first_column = max(0, int((body.x - reach - obstacles.x0_m) // GRID_CELL_M))
    last_column = min(obstacles.columns - 1, int((body.x + reach - obstacles.x0_m) // GRID_CELL_M))
    return first_row, last_row, first_column, last_column


@compiled
def _resolve_obstacles(a: Row, obstacles: Obstacles, contacts: NDArray[np.void], count: int) -> int:
    first_row, last_row, first_column, last_column = _cells(obstacles, a)
    for row in range(first_row, last_row + 1):
        for column in range(first_column, last_column + 1):
            cell = row * obstacles.columns + column
            for k in range(obstacles.starts[cell], obstacles.starts[cell + 1]):
                b = obstacles.boxes[obstacles.members[k]]
                if touching(a, b):
                    hit, jx, jy = collide(a, b)
                    if hit:
                        count = _record(contacts, count, a.id, 0, jx, jy)
    return count


@compiled
def is_free(candidate: Row, bodies: NDArray[np.void], obstacles: Obstacles) -> bool:
    """Whether a body would touch nothing where it is."""
    for i in range(len(bodies)):
        if touching(candidate, bodies[i]):
            return False
    first_row, last_row, first_column, last_column = _cells(obstacles, candidate)
    for row in range(first_row, last_row + 1):
        for column in range(first_column, last_column + 1):
            cell = row * obstacles.columns + column
            for k in range(obstacles.starts[cell], obstacles.starts[cell + 1]):
                if touching(candidate, obstacles.boxes[obstacles.members[k]]):
                    return False
    return True
