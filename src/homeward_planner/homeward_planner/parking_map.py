"""Marked places to park, read from a Lanelet2 map as Autoware writes them: the line along the middle, and a width."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from homeward_planner.lane_graph import ParkingPlace
from homeward_planner.plane import Floats
from homeward_planner.scene import Pose

SHORTEST_M, LONGEST_M = 1.0, 30.0


def parking_places(osm: Any) -> Iterator[ParkingPlace]:
    """Those whose numbers make sense; the rest are no places."""
    for line in sorted(osm.lineStringLayer, key=lambda one: int(one.id)):
        if "type" in line.attributes and line.attributes["type"] == "parking_space" and len(line) >= 2:
            ends = np.array([(line[place].x, line[place].y) for place in (0, len(line) - 1)])
            found = parking_place(int(line.id), ends, _number(line.attributes))
            if found is not None:
                yield found


def parking_place(number: int, ends_m: Floats, width_m: float) -> ParkingPlace | None:
    """The place along a line (2 × 2); None where it is no place for anything."""
    ahead = ends_m[1] - ends_m[0]
    length = float(np.hypot(*ahead))
    if not (SHORTEST_M <= length <= LONGEST_M and SHORTEST_M <= width_m <= LONGEST_M):  # what is no number fails too
        return None
    middle = ends_m.mean(axis=0)
    aside = np.array([-ahead[1], ahead[0]]) / length * width_m / 2.0
    outline = np.array([ends_m[0] + aside, ends_m[1] + aside, ends_m[1] - aside, ends_m[0] - aside])
    heading = math.atan2(float(ahead[1]), float(ahead[0]))
    return ParkingPlace(number, outline, Pose(float(middle[0]), float(middle[1]), heading), length, width_m)


def _number(attributes: Any) -> float:
    try:
        return float(attributes["width"]) if "width" in attributes else math.nan
    except ValueError:
        return math.nan
