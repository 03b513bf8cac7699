"""LiDAR by ray casting: a sector of the turn each measurement, as CARLA does it.

Rays are cast against boxes (cars, walkers, props, buildings) and the ground. Boxes are sorted into bins of azimuth
first, so a ray meets only those that lie in its direction. The ground is followed outwards once a bin: the
steepest slope at which a ray still touches ground within each distance grows with distance, so a ray's hit is
found by bisection.
"""

import struct
from math import radians

import numpy as np
from numpy.typing import NDArray

from homeward_sim.collision import BODY
from homeward_sim.geometry import Pose, rotation_matrix
from homeward_sim.sensors import View, number
from homeward_sim.sensors.events import BUILDING_LABEL
from homeward_sim.sensors.rays import HIT, TARGET, cast
from homeward_sim.walkers import WALKER

MOST_CHANNELS, MOST_POINTS_PER_SECOND, MOST_RANGE_M = 256, 10_000_000, 500.0
MOST_RAYS = 2_000_000


class _Scanner:
    """Where the rays of a measurement go; shared by both LiDARs."""

    def __init__(self, attributes: dict[str, str], seed: int) -> None:
        self.period_s = number(attributes, "sensor_tick", 0.0, 3600.0)
        self.channels = int(number(attributes, "channels", 1, MOST_CHANNELS))
        self.points_per_second = number(attributes, "points_per_second", 1, MOST_POINTS_PER_SECOND)
        self.range_m = number(attributes, "range", 0.1, MOST_RANGE_M)
        self.turns_per_s = number(attributes, "rotation_frequency", 0.0, 1000.0)
        self.field_rad = radians(number(attributes, "horizontal_fov", 0.0, 360.0))
        upper, lower = number(attributes, "upper_fov", -90, 90), number(attributes, "lower_fov", -90, 90)
        self.elevations = np.radians(np.linspace(upper, lower, self.channels))
        self.seed = seed
        self.azimuth_rad = 0.0

    def scan(self, view: View, actor_id: int, parent_id: int, dt_s: float) -> tuple[float, NDArray[np.void]]:
        """(azimuth in rad at which this sector ends, hits (channels, columns) of HIT)."""
        columns = max(1, round(self.points_per_second * dt_s / self.channels))
        columns = min(columns, max(1, MOST_RAYS // self.channels))
        sweep_rad = min(self.turns_per_s * self.field_rad * dt_s, self.field_rad)
        azimuths = self.azimuth_rad + sweep_rad / columns * np.arange(columns, dtype=np.float64) - self.field_rad / 2
        self.azimuth_rad = (self.azimuth_rad + sweep_rad) % max(self.field_rad, 1e-6)
        pose = view.pose(actor_id)
        hits = np.zeros((self.channels, columns), HIT)
        rotation = rotation_matrix(pose.pitch_rad, pose.yaw_rad, pose.roll_rad)
        origin = np.array((pose.x_m, pose.y_m, pose.z_m))
        boxes = boxes_in_range(view, pose, self.range_m, parent_id)
        cast(hits, azimuths, self.elevations, origin, rotation, self.range_m, boxes, view.ground)
        return self.azimuth_rad, hits


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


class Lidar:
    """x, y, z in the sensor's frame (metres) and intensity, channel after channel, with fading, dropped points and
    noise.
    """

    def __init__(self, attributes: dict[str, str], seed: int) -> None:
        self.scanner = _Scanner(attributes, seed)
        self.period_s = self.scanner.period_s
        self.fading = number(attributes, "atmosphere_attenuation_rate", 0.0, 100.0)
        self.drop_rate = number(attributes, "dropoff_general_rate", 0.0, 1.0)
        self.safe_intensity = number(attributes, "dropoff_intensity_limit", 0.0, 1e6)
        self.drop_dark = number(attributes, "dropoff_zero_intensity", 0.0, 1.0)
        self.spread_m = number(attributes, "noise_stddev", 0.0, 1000.0)

    def measure(self, view: View, actor_id: int, parent_id: int, dt_s: float) -> bytes:
        azimuth, hits = self.scanner.scan(view, actor_id, parent_id, dt_s)
        kept = hits["distance"] > 0.0
        intensity = np.exp(-self.fading * hits["distance"])
        if self.drop_rate > 0.0 or self.drop_dark > 0.0 or self.spread_m > 0.0:
            kept = self._disturb(view.frame, hits, intensity, kept)
        points = np.empty((int(kept.sum()), 4), "<f4")
        for column, name in enumerate(("x", "y", "z")):
            points[:, column] = hits[name][kept]
        points[:, 3] = intensity[kept]
        return lidar_header(azimuth, kept) + points.tobytes()

    def _disturb(
        self, frame: int, hits: NDArray[np.void], intensity: NDArray[np.float32], kept: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Drop points as CARLA's blueprint says (some of all, and more of the dark ones) and move them along their
        rays.
        """
        generator = np.random.Generator(np.random.Philox(key=self.scanner.seed, counter=[0, 0, 0, frame]))
        chance = generator.random(hits.shape, np.float32)
        dark = np.clip(1.0 - intensity / max(self.safe_intensity, 1e-9), 0.0, 1.0) * self.drop_dark
        kept = kept & (chance >= self.drop_rate) & (generator.random(hits.shape, np.float32) >= dark)
        if self.spread_m > 0.0:
            moved = generator.standard_normal(hits.shape, np.float32) * np.float32(self.spread_m)
            scale = 1.0 + moved / np.maximum(hits["distance"], 1e-6)
            for name in ("x", "y", "z"):
                hits[name] *= scale
        return kept


class SemanticLidar:
    """x, y, z, cosine of the incidence, actor id and semantic label of every hit; nothing dropped."""

    def __init__(self, attributes: dict[str, str], seed: int) -> None:
        self.scanner = _Scanner(attributes, seed)
        self.period_s = self.scanner.period_s

    def measure(self, view: View, actor_id: int, parent_id: int, dt_s: float) -> bytes:
        azimuth, hits = self.scanner.scan(view, actor_id, parent_id, dt_s)
        kept = hits["distance"] > 0.0
        points = np.empty(
            int(kept.sum()), [*((n, "<f4") for n in ("x", "y", "z", "cosine")), ("id", "<u4"), ("label", "<u4")]
        )
        for name in ("x", "y", "z", "cosine", "id", "label"):
            points[name] = hits[name][kept]
        return lidar_header(azimuth, kept) + points.tobytes()


def lidar_header(azimuth_rad: float, kept: NDArray[np.bool_]) -> bytes:
    """Angle, number of channels, and how many points each channel has."""
    counts: bytes = kept.sum(axis=1).astype("<u4").tobytes()
    return struct.pack("<fI", azimuth_rad, len(kept)) + counts
