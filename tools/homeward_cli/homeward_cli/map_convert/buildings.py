"""The houses that a map names, as outlines on the ground: what stands between a car and what it would see."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin

import numpy as np

from .geometry import Points


@dataclass(frozen=True)
class Building:
    """Corners in order around the foot (4 × 3), and the height over it."""

    outline: Points
    height_m: float


def buildings(name: str, xodr_text: str) -> list[Building]:
    """The very boxes that the world raises from the same file; none where it can't read the file."""
    from homeward_sim.buildings import named_buildings  # only the child process has the world on its path
    from homeward_sim.opendrive import MapError
    from homeward_sim.roads import RoadNetwork

    try:
        return [_building(*row) for row in named_buildings(RoadNetwork(name, xodr_text))]
    except MapError:
        return []


def _building(x: float, y: float, z: float, yaw: float, half_length: float, half_width: float, height: float) -> Building:
    """CARLA's y points to the right: what is written has it to the left."""
    corners = [(half_length, half_width), (-half_length, half_width), (-half_length, -half_width), (half_length, -half_width)]
    outline = [(x + cos(yaw) * u - sin(yaw) * v, -(y + sin(yaw) * u + cos(yaw) * v), z) for u, v in corners]
    return Building(np.array(outline), height)
