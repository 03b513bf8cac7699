"""LiDAR by ray casting: a sector of the turn each measurement, as CARLA does it.

Rays are cast against boxes (cars, walkers, props, buildings) and the ground. Boxes are sorted into bins of azimuth
first, so a ray meets only those that lie in its direction. The ground is followed outwards once a bin: the
steepest slope at which a ray still touches ground within each distance grows with distance, so a ray's hit is
found by bisection.
"""

import struct
from collections.abc import Iterator
from math import radians
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeward_sim.collision import BODY
from homeward_sim.geometry import Pose, rotation_matrix
from homeward_sim.sensors import View, number
from homeward_sim.sensors.events import BUILDING_LABEL
from homeward_sim.sensors.rays import HIT, TARGET, cast, sort_boxes
from homeward_sim.sensors.returns import collect
from homeward_sim.walkers import WALKER

MOST_CHANNELS, MOST_POINTS_PER_SECOND, MOST_RANGE_M = 256, 10_000_000, 500.0
MOST_RAYS = 2_000_000
SLICE_RAYS = 1600
"""Rays cast at a stretch: a client that calls meanwhile waits for no more than these, some tens of microseconds."""
FRAME_STEP = 0xD1342543DE82EF95
SEMANTIC_POINT = np.dtype([*((n, "<f4") for n in ("x", "y", "z", "cosine")), ("id", "<u4"), ("label", "<u4")])


class Scan:
    """One measurement while it is being made: where its rays go, what they may meet, and what they have met so far.

    Everything is taken from the world when it begins; the world may go on while rays are cast, slice by slice.
    """

    def __init__(self, scanner: "Scanner", view: View, actor_id: int, parent_id: int, dt_s: float) -> None:
        columns = max(1, round(scanner.points_per_second * dt_s / scanner.channels))
        columns = min(columns, max(1, MOST_RAYS // scanner.channels))
        sweep_rad = min(scanner.turns_per_s * scanner.field_rad * dt_s, scanner.field_rad)
        self.end_rad = (scanner.turns_per_s * view.elapsed_s % 1.0) * scanner.field_rad
        first_rad = self.end_rad - sweep_rad - scanner.field_rad / 2
        pose = view.pose(actor_id)
        self.hits = np.zeros((scanner.channels, columns), HIT)
        self.frame = view.frame
        self._scanner, self._ground = scanner, view.ground
        self._azimuths = first_rad + sweep_rad / columns * np.arange(columns, dtype=np.float64)
        self._rotation = rotation_matrix(pose.pitch_rad, pose.yaw_rad, pose.roll_rad)
        self._origin = np.array((pose.x_m, pose.y_m, pose.z_m))
        self._boxes = boxes_in_range(view, pose, scanner.range_m, parent_id)
        self._sorted = sort_boxes(self._boxes, self._origin)
        self._next = 0

    def advance(self) -> bool:
        """Cast one slice of rays; False when all are done."""
        scanner, columns = self._scanner, self.hits.shape[1]
        last = min(columns, self._next + max(1, SLICE_RAYS // scanner.channels))
        span = (self._next, last)
        place = (self._azimuths, scanner.fan, self._origin, self._rotation, scanner.range_m)
        cast(self.hits, span, *place, self._boxes, *self._sorted, self._ground)
        self._next = last
        return last < columns


class Scanner:
    """Where the rays of a LiDAR go, from its blueprint's attributes. Raises ValueError with a sentence."""

    def __init__(self, attributes: dict[str, str]) -> None:
        self.period_s = number(attributes, "sensor_tick", 0.0, 3600.0)
        self.channels = int(number(attributes, "channels", 1, MOST_CHANNELS))
        self.points_per_second = number(attributes, "points_per_second", 1, MOST_POINTS_PER_SECOND)
        self.range_m = number(attributes, "range", 0.1, MOST_RANGE_M)
        self.turns_per_s = number(attributes, "rotation_frequency", 0.0, 1000.0)
        self.field_rad = radians(number(attributes, "horizontal_fov", 0.0, 360.0))
        upper, lower = number(attributes, "upper_fov", -90, 90), number(attributes, "lower_fov", -90, 90)
        elevations = np.radians(np.linspace(upper, lower, self.channels))
        self.fan = np.stack((np.cos(elevations), np.sin(elevations)), axis=1)


def boxes_in_range(view: View, pose: Pose, range_m: float, without_id: int) -> NDArray[np.void]:
    """Everything with a body within range, as TARGETs: cars, walkers, props, and buildings."""
    tables = (view.car_rows, view.walker_rows, view.other_rows, view.obstacles.boxes)
    parts = [_near(rows, pose, range_m) for rows in tables]
    targets = np.zeros(sum(map(len, parts)), TARGET)
    start = 0
    for rows in parts:
        part = targets[start : start + len(rows)]
        for name in ("id", "x", "y", "z", "yaw", "half_length", "half_width", "height"):
            part[name] = rows[name]
        part["label"] = BUILDING_LABEL if rows.dtype == BODY else rows["label"]
        if rows.dtype == WALKER:
            part["z"] -= rows["height"] / 2
        start += len(rows)
    is_seen = (targets["height"] > 0.0) & ((targets["id"] != without_id) | (targets["id"] == 0))
    seen: NDArray[np.void] = targets[is_seen]
    return seen


def _near(rows: NDArray[np.void], pose: Pose, range_m: float) -> NDArray[np.void]:
    reach = np.hypot(rows["half_length"], rows["half_width"]) + range_m
    near: NDArray[np.void] = rows[(rows["x"] - pose.x_m) ** 2 + (rows["y"] - pose.y_m) ** 2 < reach * reach]
    return near


class _Lidar:
    """What both LiDARs share: a measurement is made in slices, or at one go."""

    def __init__(self, attributes: dict[str, str], seed: int) -> None:
        self.scanner = Scanner(attributes)
        self.period_s = self.scanner.period_s
        self.seed = seed

    def begin(self, view: View, actor_id: int, parent_id: int, dt_s: float) -> Iterator[bytes | None]:
        """Begin a measurement now; every `next` casts some more rays, and the last one gives the data."""
        scan = Scan(self.scanner, view, actor_id, parent_id, dt_s)
        return self._slices(scan)

    def _slices(self, scan: Scan) -> Iterator[bytes | None]:
        while scan.advance():
            yield None
        yield self.data(scan)

    def measure(self, view: View, actor_id: int, parent_id: int, dt_s: float) -> bytes | None:
        return list(self.begin(view, actor_id, parent_id, dt_s))[-1]

    def data(self, scan: Scan) -> bytes:
        raise NotImplementedError


class Lidar(_Lidar):
    """x, y, z in the sensor's frame (m) and intensity, channel after channel, with fading, lost points and noise."""

    def __init__(self, attributes: dict[str, str], seed: int) -> None:
        super().__init__(attributes, seed)
        self.fading = number(attributes, "atmosphere_attenuation_rate", 0.0, 100.0)
        self.drop_rate = number(attributes, "dropoff_general_rate", 0.0, 1.0)
        self.safe_intensity = number(attributes, "dropoff_intensity_limit", 0.0, 1e6)
        self.drop_dark = number(attributes, "dropoff_zero_intensity", 0.0, 1.0)
        self.spread_m = number(attributes, "noise_stddev", 0.0, 1000.0)

    def data(self, scan: Scan) -> bytes:
        """Lost points, fading and noise follow from the sensor's seed and the frame alone."""
        counts, points = np.zeros(len(scan.hits), np.uint32), np.empty((scan.hits.size, 4), np.float32)
        seed = np.uint64((self.seed + scan.frame * FRAME_STEP) & 0xFFFFFFFFFFFFFFFF)
        loss = (self.fading, self.drop_rate, self.safe_intensity, self.drop_dark, self.spread_m)
        total = collect(scan.hits, seed, *loss, counts, points)
        return lidar_header(scan.end_rad, counts) + points[:total].tobytes()


class SemanticLidar(_Lidar):
    """x, y, z, cosine of the incidence, actor id and semantic label of every hit; nothing dropped."""

    def data(self, scan: Scan) -> bytes:
        kept = scan.hits["distance"] > 0.0
        points = np.empty(int(kept.sum()), SEMANTIC_POINT)
        for name in SEMANTIC_POINT.names or ():
            points[name] = scan.hits[name][kept]
        return lidar_header(scan.end_rad, kept.sum(axis=1)) + points.tobytes()


def lidar_header(end_rad: float, counts: NDArray[np.integer[Any]]) -> bytes:
    """Angle, number of channels, and how many points each channel has."""
    per_channel: bytes = counts.astype("<u4").tobytes()
    return struct.pack("<fI", end_rad, len(counts)) + per_channel
