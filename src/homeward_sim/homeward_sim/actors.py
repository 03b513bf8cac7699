"""The actors of a world: who they are, and tables of where they are.

Everything that moves lives in dense structured arrays, one row an actor in the order of their ids, so that a step
is a few compiled loops. `RowTable` finds an actor's row by its id.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeward_sim.catalogue import CarModel
from homeward_sim.geometry import Box, Pose
from homeward_sim.jit import Row, compiled

OTHER = np.dtype(
    [
        *((name, "f8") for name in ("x", "y", "z", "pitch", "yaw", "roll")),
        *((name, "f8") for name in ("rel_x", "rel_y", "rel_z", "rel_pitch", "rel_yaw", "rel_roll")),
        ("parent_table", "i4"),
        ("parent_row", "i4"),
        ("half_length", "f8"),
        ("half_width", "f8"),
        ("height", "f8"),
        ("label", "u1"),
        ("id", "u4"),
    ],
    align=True,
)
"""Sensors, props and the spectator: a pose, and what it is relative to (`parent_table` 0: nothing, 1: a car, 2: a
walker, 3: one of these).
"""
NO_PARENT, ON_CAR, ON_WALKER, ON_OTHER = 0, 1, 2, 3
CAR_KIND, WALKER_KIND, LIGHT_KIND, OTHER_KIND = "vehicle", "walker", "light", "other"


@dataclass
class Actor:
    """Who an actor is; where it is, its kind's table knows.

    `description` is what the spawning client sent, and every client is told. `box` is in the actor's own frame.
    """

    actor_id: int
    blueprint: str
    kind: str
    description: list[Any]
    box: Box
    labels: bytes = b""
    parent: int = 0
    attributes: dict[str, str] = field(default_factory=dict)
    model: CarModel | None = None
    light_flags: int = 0
    is_sensor: bool = False
    last_pose: Pose = Pose()


class RowTable:
    """Rows of a structured array by actor id. `rows` stays dense and in the order of arrival."""

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self._store = np.zeros(16, dtype)
        self._count = 0
        self._places: dict[int, int] = {}

    @property
    def rows(self) -> NDArray[np.void]:
        """A view of the rows in use; stale after the next `add` or `remove`."""
        return self._store[: self._count]

    def __contains__(self, actor_id: int) -> bool:
        return actor_id in self._places

    def place(self, actor_id: int) -> int:
        """The index of an actor's row."""
        return self._places[actor_id]

    def row(self, actor_id: int) -> Any:
        """An actor's row, to read and to write."""
        return self._store[self._places[actor_id]]

    def add(self, actor_id: int) -> Any:
        """A new row of zeros but for its id."""
        if self._count == len(self._store):
            self._store = np.concatenate((self._store, np.zeros_like(self._store)))
        self._store[self._count] = np.zeros((), self._store.dtype)
        row = self._store[self._count]
        row["id"] = actor_id
        self._places[actor_id] = self._count
        self._count += 1
        return row

    def remove(self, actor_id: int) -> None:
        place = self._places.pop(actor_id)
        self._store[place : self._count - 1] = self._store[place + 1 : self._count]
        self._count -= 1
        self._places = {other: (at if at < place else at - 1) for other, at in self._places.items()}


def pose_of(row: Any) -> Pose:
    """The pose in a row of any table."""
    return Pose(*(float(row[name]) for name in ("x", "y", "z", "pitch", "yaw", "roll")))


def put(row: Any, pose: Pose) -> None:
    """Set the pose in a row of any table."""
    row["x"], row["y"], row["z"] = pose.x_m, pose.y_m, pose.z_m
    row["pitch"], row["yaw"], row["roll"] = pose.pitch_rad, pose.yaw_rad, pose.roll_rad


@compiled
def _carry(row: Row, parent: Row) -> None:
    """`geometry.attached`, for rows."""
    cp, sp, cy, sy = np.cos(parent.pitch), np.sin(parent.pitch), np.cos(parent.yaw), np.sin(parent.yaw)
    cr, sr = np.cos(parent.roll), np.sin(parent.roll)
    fx, fy, fz = cp * cy, cp * sy, sp
    rx, ry, rz = cy * sp * sr - sy * cr, sy * sp * sr + cy * cr, -cp * sr
    ux, uy, uz = -cy * sp * cr - sy * sr, -sy * sp * cr + cy * sr, cp * cr
    x, y, z = row.rel_x, row.rel_y, row.rel_z
    row.x = parent.x + fx * x + rx * y + ux * z
    row.y = parent.y + fy * x + ry * y + uy * z
    row.z = parent.z + fz * x + rz * y + uz * z
    cp, sp, cy, sy = np.cos(row.rel_pitch), np.sin(row.rel_pitch), np.cos(row.rel_yaw), np.sin(row.rel_yaw)
    cr, sr = np.cos(row.rel_roll), np.sin(row.rel_roll)
    ax, ay, az = cp * cy, cp * sy, sp
    forward_x = fx * ax + rx * ay + ux * az
    forward_y = fy * ax + ry * ay + uy * az
    forward_z = fz * ax + rz * ay + uz * az
    bx, by, bz = cy * sp * sr - sy * cr, sy * sp * sr + cy * cr, -cp * sr
    right_z = fz * bx + rz * by + uz * bz
    cx, cy_, cz = -cy * sp * cr - sy * sr, -sy * sp * cr + cy * sr, cp * cr
    up_z = fz * cx + rz * cy_ + uz * cz
    row.pitch = np.arcsin(min(1.0, max(-1.0, forward_z)))
    row.yaw = np.arctan2(forward_y, forward_x)
    row.roll = np.arctan2(-right_z, up_z)


@compiled
def follow(others: NDArray[np.void], cars: NDArray[np.void], walkers: NDArray[np.void]) -> None:
    """Move what is attached along with its parent. Parents come before their children, since ids only grow."""
    for i in range(len(others)):
        row = others[i]
        if row.parent_table == 1:
            _carry(row, cars[row.parent_row])
        elif row.parent_table == 2:
            _carry(row, walkers[row.parent_row])
        elif row.parent_table == 3:
            _carry(row, others[row.parent_row])


@compiled
def write_plain(rows: NDArray[np.void], wire: NDArray[np.void]) -> None:
    """Fill the poses of a state frame's rows from OTHERs or WALKERs."""
    to_degrees = 180.0 / np.pi
    for i in range(len(rows)):
        row, out = rows[i], wire[i]
        out.id, out.state = row.id, 1
        out.x, out.y, out.z = row.x, row.y, row.z
        out.pitch, out.yaw, out.roll = row.pitch * to_degrees, row.yaw * to_degrees, row.roll * to_degrees
