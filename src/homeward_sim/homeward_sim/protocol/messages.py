"""The bytes of state frames and sensor messages, as the client lays them out in memory (little endian, packed)."""

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeward_sim.jit import compiled

WORLD_STREAM = 1
"""The stream that carries the state of the episode; sensors' streams have the sensor's actor id."""

SENSOR_TYPE = {
    "sensor.other.collision": 0,
    "sensor.camera.depth": 1,
    "sensor.other.gnss": 4,
    "sensor.other.imu": 5,
    "sensor.lidar.ray_cast_semantic": 10,
    "sensor.lidar.ray_cast": 11,
    "sensor.camera.rgb": 13,
    "sensor.camera.semantic_segmentation": 14,
}
"""Places in the client's sensor registry (0.9.16). A wrong one takes the client down."""
WORLD_TYPE = 17

SENSOR_HEADER = struct.Struct("<QQd6f")
EPISODE_HEADER = struct.Struct("<Qdf3iI")
LENGTH = struct.Struct("<I")
MAP_CHANGED, LIGHTS_CHANGED = 1, 2

_MOTION = [
    ("id", "<u4"),
    ("state", "u1"),
    *((name, "<f4") for name in ("x", "y", "z", "pitch", "yaw", "roll")),
    *((name, "<f4") for name in ("vx", "vy", "vz", "wx", "wy", "wz", "ax", "ay", "az")),
]
UNION_BYTES = 54


def _row(fields: list[tuple[str, str]]) -> np.dtype[np.void]:
    """A row of the state frame: the motion, then this kind's part of a union of UNION_BYTES."""
    used = np.dtype(fields).itemsize
    return np.dtype([*_MOTION, *fields, ("unused", f"S{UNION_BYTES - used}")])


VEHICLE_ROW = _row(
    [
        ("throttle", "<f4"),
        ("steer", "<f4"),
        ("brake", "<f4"),
        ("hand_brake", "u1"),
        ("reverse", "u1"),
        ("manual", "u1"),
        ("gear", "<i4"),
        ("limit", "<f4"),
        ("light_state", "u1"),
        ("at_light", "u1"),
        ("light_id", "<u4"),
        ("failure", "u1"),
    ]
)
LIGHT_ROW = _row(
    [
        ("sign", "S32"),
        ("green", "<f4"),
        ("yellow", "<f4"),
        ("red", "<f4"),
        ("elapsed", "<f4"),
        ("pole", "<u4"),
        ("frozen", "u1"),
        ("shows", "u1"),
    ]
)
WALKER_ROW = _row([("dir_x", "<f4"), ("dir_y", "<f4"), ("dir_z", "<f4"), ("speed", "<f4"), ("jump", "u1")])
OTHER_ROW = _row([])
ROW_BYTES = 119


class FrameHead(NamedTuple):
    """What a state frame says of the whole world."""

    episode: int
    frame: int
    elapsed_s: float
    platform_s: float
    dt_s: float
    flags: int


def state_frame(head: FrameHead, *tables: NDArray[np.void]) -> bytes:
    """One message of the world's stream, its length in front."""
    rows = [table.tobytes() for table in tables]
    size = SENSOR_HEADER.size + EPISODE_HEADER.size + sum(map(len, rows))
    return b"".join(
        (
            LENGTH.pack(size),
            SENSOR_HEADER.pack(WORLD_TYPE, head.frame, head.elapsed_s, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
            EPISODE_HEADER.pack(head.episode, head.platform_s, head.dt_s, 0, 0, 0, head.flags),
            *rows,
        )
    )


def sensor_message(
    blueprint: str, frame: int, elapsed_s: float, pose: tuple[float, float, float, float, float, float], data: bytes
) -> bytes:
    """One message of a sensor's stream, its length in front; `pose` in metres and degrees."""
    header = SENSOR_HEADER.pack(SENSOR_TYPE[blueprint], frame, elapsed_s, *pose)
    return LENGTH.pack(len(header) + len(data)) + header + data


def stream_token(stream: int, port: int, address: bytes) -> bytes:
    """The 24 bytes that tell a client where a stream is: id, port, TCP, IPv4, address (4 bytes)."""
    return struct.pack("<IHBB4s12x", stream, port, 1, 1, address)


@compiled
def write_cars(cars: NDArray[np.void], rows: NDArray[np.void]) -> None:
    """Fill VEHICLE_ROWs from CARs: metres, degrees, left-handed."""
    to_degrees = 180.0 / np.pi
    for i in range(len(cars)):
        car, row = cars[i], rows[i]
        row.id, row.state = car.id, 1
        row.x, row.y, row.z = car.x, car.y, car.z
        row.pitch, row.yaw, row.roll = car.pitch * to_degrees, car.yaw * to_degrees, car.roll * to_degrees
        row.vx, row.vy, row.vz = car.world_vx, car.world_vy, car.world_vz
        # as a vector in the map's frame: nose up and right side down turn about left and rear in a left-handed frame
        c, s = np.cos(car.yaw) * to_degrees, np.sin(car.yaw) * to_degrees
        row.wx, row.wy = s * car.pitch_rate - c * car.roll_rate, -c * car.pitch_rate - s * car.roll_rate
        row.wz = car.yaw_rate * to_degrees
        row.ax, row.ay, row.az = car.ax, car.ay, car.az
        row.throttle, row.steer, row.brake = car.throttle, car.steering, car.brake
        row.hand_brake, row.reverse, row.manual, row.gear = car.hand_brake, car.reverse, car.manual_shift, car.gear
        row.limit, row.light_state = car.limit_kmh, car.light_state
        row.at_light, row.light_id = car.at_light, car.light_id
