"""Where the lanes of a map lie: positions from carla.Map, in OpenDRIVE's coordinates (x east, y north, z up)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import carla
import numpy as np
import numpy.typing as npt

from .conversion_error import MapConversionError
from .opendrive import REMEDY, Road, Section

Points = npt.NDArray[np.float64]

INSIDE_M = 1e-3  # s is a float in places of carla.Map: at its very ends a section may belong to its neighbour
SAME_STATION_M = 1e-3
FURTHEST_M = 1e6
CARLA_ERRORS = (RuntimeError, IndexError, ValueError)
CHORD_ERROR_M = 0.01
SHORTEST_STEP_M, LONGEST_STEP_M = 0.3, 50.0
VARYING_STEP_M = 5.0


@dataclass(frozen=True)
class LanePoints:
    """A lane from one s to a later one: its edge towards the road's middle, its outer edge, its centre (each N × 3),
    and its heading in the direction of travel (N), in radians.
    """

    inner: Points
    outer: Points
    centre: Points
    heading: Points

    @property
    def width_m(self) -> float:
        """The mean width."""
        return float(np.linalg.norm(self.inner - self.outer, axis=1).mean())


class Geometry:
    """Asks carla.Map for positions along lanes."""

    def __init__(self, name: str, xodr_text: str) -> None:
        try:
            self.map = carla.Map(name, xodr_text)
        except CARLA_ERRORS as error:
            raise MapConversionError(f"CARLA's map library refuses the map ({error}).", REMEDY) from None

    def lane(self, road: str, lane: int, stations: list[float]) -> LanePoints:
        """A lane at the given distances along its road. Raises MapConversionError where the lane isn't there."""
        points = [self._point(road, lane, station) for station in stations]
        x, y, z, heading, width = np.array(points, dtype=np.float64).T
        centre = np.stack([x, y, z], axis=1)
        towards_middle = np.stack([-np.sin(heading), np.cos(heading), np.zeros_like(x)], axis=1) * (width / 2.0)[:, None]
        return LanePoints(centre + towards_middle, centre - towards_middle, centre, heading)

    def _point(self, road: str, lane: int, station: float) -> tuple[float, float, float, float, float]:
        try:
            waypoint = self.map.get_waypoint_xodr(int(road), lane, station)
        except CARLA_ERRORS:
            waypoint = None
        if waypoint is None:
            raise MapConversionError(f"Road {road} has no lane {lane} at {station:.3f} m, though its sections say so.", REMEDY)
        location, yaw_deg = waypoint.transform.location, waypoint.transform.rotation.yaw
        numbers = (location.x, -location.y, location.z, -math.radians(yaw_deg), waypoint.lane_width)
        if not all(math.isfinite(value) and abs(value) < FURTHEST_M for value in numbers):
            raise MapConversionError(f"Lane {lane} of road {road} lies nowhere at {station:.3f} m.", REMEDY)
        return numbers


def stations(road: Road, section: Section, start_m: float, end_m: float) -> list[float]:
    """Distances along a road between which straight lines differ from its lanes by no more than a centimetre."""
    first, last = start_m + INSIDE_M if start_m > 0.0 else 0.0, end_m - INSIDE_M
    longest = LONGEST_STEP_M if road.level and not any(lane.varies for lane in section.lanes.values()) else VARYING_STEP_M
    knots, steps = [first], []
    for begin, finish, curvature in road.bends:
        low, high = max(begin, first), min(finish, last)
        if high - low > SAME_STATION_M:
            knots.append(low)
            steps.append((low, high, min(longest, _step_m(curvature))))
    fine = [
        low + part * (high - low) / parts
        for low, high, step in steps
        for parts in [math.ceil((high - low) / step)]
        for part in range(parts)
    ]
    ordered = sorted({*knots, *fine, last})
    apart = [first] + [there for here, there in pairwise(ordered) if there - here > SAME_STATION_M]
    return [*apart[:-1], last] if len(apart) > 1 else [first, last]


def _step_m(curvature_1pm: float) -> float:
    """The chord of a circle that strays no further than CHORD_ERROR_M from the arc."""
    if curvature_1pm < 1e-6:
        return LONGEST_STEP_M
    return max(SHORTEST_STEP_M, math.sqrt(8.0 * CHORD_ERROR_M / curvature_1pm))
