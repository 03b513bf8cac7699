"""What the referee asks the map: where the stop lines are, and where in its lane a car is. From the client's API
alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, radians, sin
from typing import Any

import carla
import numpy as np

from homeward_cli.bench.judging import LaneFix, StopLines

STEP_BACK_M, LONGEST_WALK = 0.25, 400


def stop_lines(road_map: Any, lights: list[Any]) -> StopLines:
    """A line for every lane that enters a junction under one of these lights."""
    found: dict[tuple[int, int], tuple[Any, int]] = {}
    for number, light in enumerate(lights):
        for landmark in road_map.get_all_landmarks_from_id(light.get_opendrive_id()):
            for waypoint in _lanes_before(road_map, landmark):
                found.setdefault((waypoint.road_id, waypoint.lane_id), (waypoint, number))
    rows = [_row(waypoint) for waypoint, _ in found.values()]
    table = np.array(rows, np.float64).reshape(-1, 5)
    light_of = np.array([number for _, number in found.values()], np.int64)
    return StopLines(table[:, 0:2], table[:, 2:4], table[:, 4], light_of)


def _row(waypoint: Any) -> tuple[float, ...]:
    place, yaw = waypoint.transform.location, radians(waypoint.transform.rotation.yaw)
    return place.x, place.y, cos(yaw), sin(yaw), waypoint.lane_width / 2


def _lanes_before(road_map: Any, landmark: Any) -> Iterator[Any]:
    """The lanes that a light's landmark holds for, where they end before the junction."""
    ranges = [(min(pair), max(pair)) for pair in landmark.get_lane_validities()]
    for lane_id in sorted({lane for first, last in ranges for lane in range(first, last + 1)} - {0}):
        waypoint = road_map.get_waypoint_xodr(landmark.road_id, lane_id, landmark.s)
        if waypoint is None or waypoint.lane_type != carla.LaneType.Driving:
            continue
        for _ in range(LONGEST_WALK):
            if not waypoint.is_junction:
                yield waypoint
                break
            earlier = waypoint.previous(STEP_BACK_M)
            if not earlier:
                break
            waypoint = earlier[0]


def lane_fix(road_map: Any, transform: Any, half_length_m: float, half_width_m: float, corners: np.ndarray) -> LaneFix:
    """Where a car is in the lane that its middle is on or nearest to; `corners` (n, 2) must be on driving lanes."""
    place = transform.location
    waypoint = road_map.get_waypoint(place)
    lane = waypoint.transform
    yaw, lane_yaw = radians(transform.rotation.yaw), radians(lane.rotation.yaw)
    dx, dy = place.x - lane.location.x, place.y - lane.location.y
    turned = abs(sin(yaw - lane_yaw))
    change = waypoint.lane_change
    return LaneFix(
        offset_m=dy * cos(lane_yaw) - dx * sin(lane_yaw),
        half_width_m=half_width_m * abs(cos(yaw - lane_yaw)) + half_length_m * turned,
        half_lane_m=waypoint.lane_width / 2,
        facing=cos(yaw - lane_yaw),
        in_junction=waypoint.is_junction,
        may_go_left=change in (carla.LaneChange.Left, carla.LaneChange.Both),
        may_go_right=change in (carla.LaneChange.Right, carla.LaneChange.Both),
        all_on_road=all(_on_road(road_map, x, y, place.z) for x, y in corners.tolist()),
    )


def _on_road(road_map: Any, x_m: float, y_m: float, z_m: float) -> bool:
    here = carla.Location(x_m, y_m, z_m)
    return road_map.get_waypoint(here, project_to_road=False, lane_type=carla.LaneType.Driving) is not None


def sign_lines(road_map: Any, kind: str) -> StopLines:
    """A line for every lane that comes to a sign of this OpenDRIVE type (206: stop); `light` is the line's own number."""
    found: dict[tuple[int, int], Any] = {}
    for landmark in road_map.get_all_landmarks_of_type(kind):
        for waypoint in _lanes_before(road_map, landmark):
            found.setdefault((waypoint.road_id, waypoint.lane_id), waypoint)
    table = np.array([_row(waypoint) for waypoint in found.values()], np.float64).reshape(-1, 5)
    return StopLines(table[:, 0:2], table[:, 2:4], table[:, 4], np.arange(len(table), dtype=np.int64))
