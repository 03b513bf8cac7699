"""Marked places to park and paved ground beside the road, such as drives: where a car manoeuvres at walking pace."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin

import numpy as np

from .geometry import Points


@dataclass(frozen=True)
class ParkingPlace:
    """The line along the middle of a place (2 × 3), from end to end, and its width; Autoware's `parking_space`."""

    line: Points
    width_m: float


@dataclass(frozen=True)
class Parking:
    """What a map has of them: places, and outlines of paved ground (4 × 3 each; Autoware's `parking_lot`)."""

    places: tuple[ParkingPlace, ...] = ()
    grounds: tuple[Points, ...] = ()


def parking(name: str, xodr_text: str) -> Parking:
    """The objects of type parkingSpace and patch; none where the world can't read the file."""
    from homeward_sim.opendrive import MapError  # only the child process has the world on its path
    from homeward_sim.roads import RoadNetwork

    try:
        network = RoadNetwork(name, xodr_text)
    except MapError:
        return Parking()
    places, grounds = [], []
    for thing in network.site.objects:
        if thing.kind not in ("parkingSpace", "patch") or min(thing.length_m, thing.width_m) <= 0.0:
            continue
        at = network.beside(thing.road_id, thing.s_m, thing.t_m, thing.heading_rad)
        if at is not None:
            place = (at.x_m, at.y_m, at.z_m + thing.base_z_m, at.yaw_rad)
            if thing.kind == "patch":
                grounds.append(_outline(place, thing.length_m, thing.width_m))
            else:
                places.append(_place(place, thing.length_m, thing.width_m))
    return Parking(tuple(places), tuple(grounds))


def _place(place: tuple[float, float, float, float], length_m: float, width_m: float) -> ParkingPlace:
    """A car stands along the longer side."""
    half = max(length_m, width_m) / 2.0
    ends = [(half, 0.0), (-half, 0.0)] if length_m >= width_m else [(0.0, half), (0.0, -half)]
    return ParkingPlace(_moved(place, ends), min(length_m, width_m))


def _outline(place: tuple[float, float, float, float], length_m: float, width_m: float) -> Points:
    u, v = length_m / 2.0, width_m / 2.0
    return _moved(place, [(u, v), (-u, v), (-u, -v), (u, -v)])


def _moved(place: tuple[float, float, float, float], offsets: list[tuple[float, float]]) -> Points:
    """CARLA's y points to the right: what is written has it to the left."""
    x, y, z, yaw = place
    return np.array([(x + cos(yaw) * u - sin(yaw) * v, -(y + sin(yaw) * u + cos(yaw) * v), z) for u, v in offsets])
