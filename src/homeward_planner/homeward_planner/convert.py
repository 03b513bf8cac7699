"""ROS messages <-> the planner's and the controller's values. Kilted's differing Nav2 definitions belong here too."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, PoseStamped
from nav_msgs.msg import Path
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from homeward_interfaces.msg import DriveCommand, LaneMap, LocalizationState
from homeward_interfaces.msg import PlannerState as PlannerStateMessage
from homeward_interfaces.msg import Trajectory as TrajectoryMessage
from homeward_planner.core import PlannerOutput, PlannerState
from homeward_planner.lane_graph import LIGHT, Lane, LaneGraph
from homeward_planner.plane import Floats
from homeward_planner.scene import Colour, Ego, Kind, Light, Pose, Thing
from homeward_planner.tracking import DriveDemand
from homeward_planner.trajectory import Trajectory
from homeward_runtime.car_node import seconds_of, time_message
from homeward_runtime.frames import BASE_LINK, MAP, quaternion_from_yaw, yaw_of

ROUTE_STEP_M = 2.0
LINE_STEP = 3  # points of the lanes' lines that are left out between two that are drawn


def pose_from_message(stamped: Any) -> Pose:
    """A goal in map. Raises ValueError with a sentence: another frame, no rotation, not finite."""
    if stamped.header.frame_id not in ("", MAP):
        raise ValueError(f"The goal is in the frame '{stamped.header.frame_id}', wanted '{MAP}'.")
    turn = stamped.pose.orientation
    try:
        yaw = yaw_of((turn.x, turn.y, turn.z, turn.w))
    except ValueError as error:
        raise ValueError("The goal's orientation is no rotation.") from error
    pose = Pose(stamped.pose.position.x, stamped.pose.position.y, yaw)
    if not pose.finite:
        raise ValueError("The goal is not a place.")
    return pose


def ego_from_message(message: LocalizationState) -> Ego | None:
    """None while the position is unknown."""
    if message.status == LocalizationState.UNKNOWN:
        return None
    pose = Pose(message.x_m, message.y_m, message.yaw_rad)
    return Ego(pose, message.speed_mps, position_std_m=message.position_std_m)


def things_from_message(message: Any) -> list[Thing]:
    return [
        Thing(
            one.id, Kind(one.kind) if one.kind <= Kind.PEDESTRIAN else Kind.UNKNOWN, Pose(one.x_m, one.y_m, one.yaw_rad),
            one.length_m, one.width_m, one.speed_mps, one.yaw_rate_radps,
        )
        for one in message.objects
    ]  # fmt: skip


def lights_from_message(message: Any) -> list[Light]:
    known = {int(colour) for colour in Colour}
    return [Light(one.signal_id, Colour(one.state if one.state in known else 0)) for one in message.lights]


def trajectory_message(output: PlannerOutput, now_ns: int, sensor_stamp: Any, receipt_ns: int) -> TrajectoryMessage:
    """An empty one means: come to a standstill."""
    message = TrajectoryMessage(sensor_stamp=sensor_stamp, sensor_receipt_ns=receipt_ns, indicators=int(output.indicators))
    message.header.stamp, message.header.frame_id = time_message(now_ns), MAP
    if output.trajectory is not None:
        one = output.trajectory
        message.time_s, message.x_m, message.y_m = one.time_s, one.x_m, one.y_m
        message.yaw_rad, message.speed_mps = one.yaw_rad, one.speed_mps
        message.acceleration_mps2, message.curvature_per_m = one.acceleration_mps2, one.curvature_1pm
        message.gear = one.gear
    return message


def trajectory_from_message(message: TrajectoryMessage) -> Trajectory:
    columns = (message.time_s, message.x_m, message.y_m, message.yaw_rad, message.speed_mps, message.acceleration_mps2,
               message.curvature_per_m)  # fmt: skip
    arrays = (np.asarray(column, dtype=np.float64) for column in columns)
    return Trajectory(seconds_of(message.header.stamp), *arrays, gear=int(message.gear))


def state_message(state: PlannerState, goal_name: str, stamp: Any) -> PlannerStateMessage:
    message = PlannerStateMessage(
        mode=int(state.mode), reason=state.reason, text=state.text, goal_name=goal_name,
        distance_remaining_m=state.distance_remaining_m, time_remaining_s=state.time_remaining_s,
        progress=state.progress, speed_limit_mps=state.speed_limit_mps,
    )  # fmt: skip
    message.header.stamp, message.header.frame_id = stamp, MAP
    return message


def command_message(
    demand: DriveDemand, sequence: int, stamp: Any, seen: LocalizationState | None, indicators: int
) -> DriveCommand:
    message = DriveCommand(
        sequence=sequence, acceleration_mps2=demand.acceleration_mps2, steering_rad=demand.steering_rad,
        gear=demand.gear, indicators=indicators, stop_distance_m=demand.stop_plan.distance_m,
        stop_curvature_per_m=demand.stop_plan.curvature_1pm, stop_speed_mps=demand.stop_plan.speed_mps,
    )  # fmt: skip
    message.header.stamp, message.header.frame_id = stamp, BASE_LINK
    if seen is not None:
        message.sensor_stamp, message.sensor_receipt_ns = seen.header.stamp, seen.sensor_receipt_ns
    return message


def pose_message(x_m: float, y_m: float, yaw_rad: float, stamp: Any) -> PoseStamped:
    message = PoseStamped()
    message.header.stamp, message.header.frame_id = stamp, MAP
    message.pose.position.x, message.pose.position.y = x_m, y_m
    turn = message.pose.orientation
    turn.x, turn.y, turn.z, turn.w = quaternion_from_yaw(yaw_rad)
    return message


def path_message(corridor: Any, stamp: Any) -> Path:
    """The way to the goal, a pose each two metres; empty without one."""
    path = Path()
    path.header.stamp, path.header.frame_id = stamp, MAP
    if corridor is not None:
        line = corridor.line
        every = np.arange(0.0, corridor.goal_m, ROUTE_STEP_M)
        columns = (line.points_m[:, 0], line.points_m[:, 1], line.heading_rad)
        rows = [np.interp([*every, corridor.goal_m], line.s_m, column) for column in columns]
        path.poses = [pose_message(float(x), float(y), float(yaw), stamp) for x, y, yaw in zip(*rows, strict=True)]
    return path


def duration_message(seconds: float) -> Duration:
    whole = math.floor(max(seconds, 0.0))
    return Duration(sec=whole, nanosec=int((max(seconds, 0.0) - whole) * 1e9))


# the map


def side_of(lane: Lane, side: float) -> Floats:
    """(n, 2) a lane's edge: `side` 1 left, -1 right."""
    normal = np.stack([-np.sin(lane.line.heading_rad), np.cos(lane.line.heading_rad)], axis=1)
    return np.asarray(lane.line.points_m[:, :2] + side * lane.width_m[:, None] / 2 * normal)


def map_lines(graph: LaneGraph) -> list[tuple[int, Floats]]:
    """What to draw: kinds of LaneMap with points (n, 2)."""
    lines: list[tuple[int, Floats]] = [(LaneMap.SURFACE, surface_of(lane)) for lane in graph.lanes]
    for lane in graph.lanes:
        if not lane.in_junction:
            lines.append((LaneMap.LEFT_BOUND, _thinned(side_of(lane, 1.0))))
            lines.append((LaneMap.RIGHT_BOUND, _thinned(side_of(lane, -1.0))))
        lines += [(LaneMap.STOP_LINE, rule.line_m) for rule in lane.rules if rule.line_m is not None]
    lines += [(LaneMap.CROSSWALK, walk.outline_m[:, :2]) for walk in graph.crosswalks]
    return lines + [(LaneMap.BUILDING, outline) for outline in graph.buildings_m]


def surface_of(lane: Lane) -> Floats:
    """(n, 2) a lane's outline: along its left edge and back along its right one."""
    return np.vstack([_thinned(side_of(lane, 1.0)), _thinned(side_of(lane, -1.0))[::-1]])


def _thinned(points: Floats) -> Floats:
    return np.vstack([points[:-1:LINE_STEP], points[-1:]])


def lane_map_message(graph: LaneGraph) -> LaneMap:
    lines = map_lines(graph)
    points = np.vstack([line for _, line in lines]).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum([len(line) for _, line in lines])])
    lights = {
        signal: rule.line_m.mean(axis=0)
        for lane in graph.lanes for rule in lane.rules if rule.kind == LIGHT and rule.line_m is not None
        for signal in rule.signals
    }  # fmt: skip
    places = np.array(list(lights.values()), dtype=np.float32).reshape(-1, 2)
    return LaneMap(
        map_name=graph.name, origin_latitude_deg=graph.latitude_deg, origin_longitude_deg=graph.longitude_deg,
        kind=bytes(kind for kind, _ in lines), point_offset=offsets.astype(np.uint32), x_m=points[:, 0], y_m=points[:, 1],
        signal_id=list(lights), signal_x_m=places[:, 0], signal_y_m=places[:, 1],
    )  # fmt: skip


def marker_array(graph: LaneGraph) -> MarkerArray:
    """The map for RViz: one marker a kind of line."""
    colours = {
        LaneMap.LEFT_BOUND: (0.6, 0.65, 0.7), LaneMap.RIGHT_BOUND: (0.6, 0.65, 0.7),
        LaneMap.STOP_LINE: (1.0, 1.0, 1.0), LaneMap.CROSSWALK: (0.7, 0.7, 0.4),
        LaneMap.BUILDING: (0.45, 0.45, 0.5),
    }  # fmt: skip
    markers = []
    for kind, (red, green, blue) in colours.items():
        marker = _marker("map", kind, Marker.LINE_LIST, (red, green, blue), Time())
        marker.scale.x = 0.12
        for line in (line for line_kind, line in map_lines(graph) if line_kind == kind):
            pairs = np.repeat(line, 2, axis=0)[1:-1]
            marker.points += [Point(x=float(x), y=float(y)) for x, y in pairs]
        markers.append(marker)
    return MarkerArray(markers=markers)


def scene_markers(trajectory: Trajectory | None, objects: Any, stamp: Any) -> MarkerArray:
    """The trajectory as a line and each object as a box, for RViz; what was there before is taken away."""
    clear = Marker(action=Marker.DELETEALL)
    clear.header.frame_id = MAP
    markers = [clear]
    if trajectory is not None:
        line = _marker("trajectory", 0, Marker.LINE_STRIP, (0.3, 0.76, 0.63), stamp)
        line.scale.x = 0.5
        line.points = [Point(x=float(x), y=float(y), z=0.1) for x, y in zip(trajectory.x_m, trajectory.y_m, strict=True)]
        markers.append(line)
    for one in objects.objects if objects is not None else []:
        box = _marker("objects", one.id % 2**31, Marker.CUBE, (0.67, 0.71, 0.78), stamp)
        box.pose.position.x, box.pose.position.y, box.pose.position.z = one.x_m, one.y_m, one.z_m
        turn = box.pose.orientation
        turn.x, turn.y, turn.z, turn.w = quaternion_from_yaw(one.yaw_rad)
        box.scale.x, box.scale.y, box.scale.z = one.length_m, one.width_m, one.height_m
        markers.append(box)
    return MarkerArray(markers=markers)


def _marker(namespace: str, number: int, kind: int, colour: tuple[float, float, float], stamp: Any) -> Marker:
    marker = Marker(ns=namespace, id=number, type=kind, action=Marker.ADD)
    marker.header.stamp, marker.header.frame_id = stamp, MAP
    marker.pose.orientation.w = 1.0
    marker.color = ColorRGBA(r=colour[0], g=colour[1], b=colour[2], a=0.9)
    return marker
