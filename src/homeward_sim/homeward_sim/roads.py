"""The roads of one map: surfaces, speed limits, stop lines and spawn points, from OpenDRIVE through `carla.Map`.

What a client computes from its own `carla.Map` and what the world computes from this one agree, since it is the
same library.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, hypot, pi, radians, sin
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from homeward_sim.geometry import Pose
from homeward_sim.opendrive import MPS_PER_UNIT, LaneSection, MapError, Road, Site, read_site

SAMPLE_M = 1.0
DEFAULT_LIMIT_MPS = 50.0 / 3.6
TRAFFIC_LIGHT, SPEED_SIGN = "1000001", "274"
STEP_BACK_M = 0.25
"""How finely a stop line is looked for, walking back out of the junction."""
LONGEST_WALK = 400
SPAWN_SPACING_M, SPAWN_CLEAR_M, SPAWN_HEIGHT_M = 15.0, 8.0, 0.3
NARROWEST_SPAWN_LANE_M = 2.5
GOLDEN_RATIO = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class LaneStrip:
    """The surface of one lane through one lane section.

    `left` and `right` are (n, 3) points of its edges in travel direction, `limit_mps` (n,) its speed limit at each.
    """

    road_id: int
    lane_id: int
    kind: str
    in_junction: bool
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    limit_mps: NDArray[np.float64]


@dataclass(frozen=True)
class StopLine:
    """Where a lane ends before its light: the middle of the line, the direction of travel, half the lane's width."""

    signal_id: str
    road_id: int
    lane_id: int
    s_m: float
    junction_id: int
    middle: Pose
    half_width_m: float


@dataclass(frozen=True)
class Signal:
    """A traffic light of the map: where its post stands, and the lines before it."""

    signal_id: str
    post: Pose
    lines: tuple[StopLine, ...]


class RoadNetwork:
    """One OpenDRIVE map, ready for the world. Raises MapError for text that is no map."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.site: Site = read_site(text)
        try:
            self.map = carla.Map(name, text)
        except RuntimeError as error:
            raise MapError(f"The map {name} can't be read: {error}. Check that it is OpenDRIVE 1.4 to 1.6.") from None
        self.roads = {road.road_id: road for road in self.site.roads}
        self._signs = _speed_signs(self.map)
        self.strips: tuple[LaneStrip, ...] = tuple(self._read_strips())
        if not any(strip.kind == "driving" for strip in self.strips):
            raise MapError(f"The map {name} has no lane of type driving. Give a map that cars can drive on.")
        self.signals: tuple[Signal, ...] = tuple(_read_signals(self.map))

    # ---- surfaces -----------------------------------------------------------------------------------------------

    def _read_strips(self) -> Iterator[LaneStrip]:
        for road in self.site.roads:
            for section in road.sections:
                for lane_id, kind in section.lane_types.items():
                    strip = self._read_strip(road, section, lane_id, kind)
                    if kind != "none" and strip is not None:
                        yield strip

    def _read_strip(self, road: Road, section: LaneSection, lane_id: int, kind: str) -> LaneStrip | None:
        stations_m = _stations(section, lane_id)
        waypoints = [(s_m, self.map.get_waypoint_xodr(road.road_id, lane_id, s_m)) for s_m in stations_m]
        found = [(s_m, waypoint) for s_m, waypoint in waypoints if waypoint is not None]
        if len(found) < 2:
            return None
        edges = np.array([_edges(waypoint) for _, waypoint in found])
        limits = [self.limit_mps(road, lane_id, s_m) for s_m, _ in found]
        return LaneStrip(road.road_id, lane_id, kind, road.junction_id >= 0, edges[:, 0], edges[:, 1], np.array(limits))

    def limit_mps(self, road: Road, lane_id: int, s_m: float) -> float:
        """The last speed sign passed on this road in the lane's direction; without one, what the road's type says."""
        forward = lane_id < 0
        passed = [
            (sign_s_m, limit)
            for sign_s_m, lanes, limit in self._signs.get(road.road_id, ())
            if lane_id in lanes and (sign_s_m <= s_m if forward else sign_s_m >= s_m)
        ]
        if passed:
            return (max if forward else min)(passed)[1]
        return road.speed_mps(s_m, DEFAULT_LIMIT_MPS)

    # ---- places -------------------------------------------------------------------------------------------------

    def spawn_points(self) -> list[Pose]:
        """Poses on driving lanes outside junctions, spread so that the first few lie far from one another."""
        points = [pose for strip in self.strips for pose in _spawn_points(strip)]
        return sorted(points, key=_spread(points))

    def beside(self, road_id: int, s_m: float, t_m: float, heading_rad: float) -> Pose | None:
        """The pose `t_m` to the left of a road's reference line at `s_m`; None where no lane is known there."""
        road = self.roads[road_id]
        for lane_id in (-1, 1):
            waypoint = self.map.get_waypoint_xodr(road_id, lane_id, min(max(s_m, 0.001), road.length_m - 0.001))
            if waypoint is None:
                continue
            place = waypoint.transform.location
            yaw_rad = radians(waypoint.transform.rotation.yaw) + (pi if lane_id > 0 else 0.0)
            lane_t_m = road.lane_offset_m(s_m) + (waypoint.lane_width / 2) * (1 if lane_id > 0 else -1)
            left_m = t_m - lane_t_m
            return Pose(
                place.x + left_m * sin(yaw_rad),
                place.y - left_m * cos(yaw_rad),
                place.z,
                0.0,
                yaw_rad - heading_rad,
                0.0,
            )
        return None


def _stations(section: LaneSection, lane_id: int) -> list[float]:
    """Sample positions in travel direction. The ends lie a hair inside, where `carla.Map` still finds this section."""
    inside_m = 1e-3
    start_m, end_m = section.start_m + inside_m, section.end_m - inside_m
    if end_m <= start_m:
        return []
    count = max(2, round((end_m - start_m) / SAMPLE_M) + 1)
    stations: list[float] = np.linspace(start_m, end_m, count).tolist()
    return stations if lane_id < 0 else stations[::-1]


def _edges(waypoint: Any) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    place = waypoint.transform.location
    yaw_rad = radians(waypoint.transform.rotation.yaw)
    right_x, right_y = -sin(yaw_rad) * waypoint.lane_width / 2, cos(yaw_rad) * waypoint.lane_width / 2
    return (place.x - right_x, place.y - right_y, place.z), (place.x + right_x, place.y + right_y, place.z)


def _speed_signs(road_map: Any) -> dict[int, list[tuple[float, frozenset[int], float]]]:
    """(s, lanes, limit in m/s) by road. Signs named `Speed_NN` are in km/h, as CARLA's towns mean them."""
    signs: dict[int, list[tuple[float, frozenset[int], float]]] = {}
    for landmark in road_map.get_all_landmarks_of_type(SPEED_SIGN):
        unit = "km/h" if landmark.name.startswith("Speed_") else landmark.unit
        limit_mps = float(landmark.value) * MPS_PER_UNIT.get(unit, 1.0 / 3.6)
        if limit_mps > 0.0:
            signs.setdefault(landmark.road_id, []).append((landmark.s, _valid_lanes(landmark), limit_mps))
    return signs


def _valid_lanes(landmark: Any) -> frozenset[int]:
    """The lanes a landmark holds for. A validity in the map may be written from either end."""
    ranges = [(min(pair), max(pair)) for pair in landmark.get_lane_validities()]
    return frozenset(lane for first, last in ranges for lane in range(first, last + 1) if lane != 0)


# ---- traffic lights --------------------------------------------------------------------------------------------


def _read_signals(road_map: Any) -> Iterator[Signal]:
    by_id: dict[str, list[Any]] = {}
    for landmark in road_map.get_all_landmarks_of_type(TRAFFIC_LIGHT):
        by_id.setdefault(landmark.id, []).append(landmark)
    taken: set[tuple[int, int]] = set()
    for signal_id in sorted(by_id, key=lambda text: (len(text), text)):
        landmarks = sorted(by_id[signal_id], key=lambda landmark: (landmark.road_id, landmark.s))
        lines = tuple(_stop_lines(road_map, landmarks, taken))
        yield Signal(signal_id, _post(landmarks[0]), lines)


def _post(landmark: Any) -> Pose:
    place = landmark.transform.location
    return Pose(place.x, place.y, place.z, 0.0, radians(landmark.transform.rotation.yaw), 0.0)


def _stop_lines(road_map: Any, landmarks: list[Any], taken: set[tuple[int, int]]) -> Iterator[StopLine]:
    """One line for each lane that enters the junction under this light. A light repeats on every connecting road."""
    for landmark in landmarks:
        for lane_id in sorted(_valid_lanes(landmark)):
            waypoint = road_map.get_waypoint_xodr(landmark.road_id, lane_id, landmark.s)
            if waypoint is None or waypoint.lane_type != carla.LaneType.Driving:
                continue
            waypoint = _before_junction(waypoint)
            if waypoint is None or (waypoint.road_id, waypoint.lane_id) in taken:
                continue
            taken.add((waypoint.road_id, waypoint.lane_id))
            yield _stop_line(landmark.id, waypoint)


def _before_junction(waypoint: Any) -> Any:
    """Walk back along the lane until it is outside the junction; None where the lane begins inside."""
    for _ in range(LONGEST_WALK):
        if not waypoint.is_junction:
            return waypoint
        earlier = waypoint.previous(STEP_BACK_M)
        if not earlier:
            return None
        waypoint = earlier[0]
    return None


def _stop_line(signal_id: str, waypoint: Any) -> StopLine:
    place, rotation = waypoint.transform.location, waypoint.transform.rotation
    pose = Pose(place.x, place.y, place.z, 0.0, radians(rotation.yaw), 0.0)
    junction_id = _junction_ahead(waypoint)
    return StopLine(
        signal_id, waypoint.road_id, waypoint.lane_id, waypoint.s, junction_id, pose, waypoint.lane_width / 2
    )


def _junction_ahead(waypoint: Any) -> int:
    """The id of the next junction on this lane, -1 where there is none within some metres."""
    for distance_m in np.arange(0.5, 30.0, 0.5):
        ahead = waypoint.next(float(distance_m))
        if ahead and ahead[0].is_junction:
            return int(ahead[0].junction_id)
    return -1


# ---- spawn points ----------------------------------------------------------------------------------------------


def _spawn_points(strip: LaneStrip) -> Iterator[Pose]:
    if strip.kind != "driving" or strip.in_junction:
        return
    middle = (strip.left + strip.right) / 2
    step_m = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    along_m = np.concatenate(([0.0], np.cumsum(step_m)))
    for s_m in np.arange(SPAWN_CLEAR_M, along_m[-1] - SPAWN_CLEAR_M, SPAWN_SPACING_M):
        index = min(int(np.searchsorted(along_m, s_m)), len(middle) - 2)
        if hypot(*(strip.right[index] - strip.left[index])[:2]) >= NARROWEST_SPAWN_LANE_M:
            yield _pose_between(middle[index], middle[index + 1])


def _pose_between(here: NDArray[np.float64], ahead: NDArray[np.float64]) -> Pose:
    dx, dy, dz = (ahead - here).tolist()
    x_m, y_m, z_m = here.tolist()
    return Pose(x_m, y_m, z_m + SPAWN_HEIGHT_M, float(np.arctan2(dz, hypot(dx, dy))), float(np.arctan2(dy, dx)), 0.0)


def _spread(points: list[Pose]) -> Any:
    """A sort key that jumps about the map instead of walking along each lane, the same every time."""
    order = {id(pose): (number * GOLDEN_RATIO) % 1.0 for number, pose in enumerate(points)}
    return lambda pose: order[id(pose)]
