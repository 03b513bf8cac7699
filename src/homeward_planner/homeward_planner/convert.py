"""ROS messages <-> the planner's and the controller's values. Kilted's differing Nav2 definitions belong here too."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from homeward_planner.corridor import Corridor
from homeward_planner.lane_graph import LIGHT, Lane, LaneGraph
from homeward_planner.plane import Floats
from homeward_planner.planner_state import PlannerOutput, PlannerState
from homeward_planner.scene import Colour, Ego, Kind, Light, Pose, Thing
from homeward_planner.tracking import DriveDemand
from homeward_planner.tracks import BEHIND_M
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


def poses_from_goals(goals: Any) -> list[Pose]:
    """The goals of ComputePathThroughPoses, in order. Raises ValueError with a sentence that names the pose by its number."""
    stamped = list(getattr(goals, "goals", goals))  # Kilted's is a message with the list in it
    poses = []
    for number, one in enumerate(stamped, start=1):
        try:
            poses.append(pose_from_message(one))
        except ValueError as error:
            raise ValueError(f"Pose {number} of {len(stamped)}: {error}") from error
    return poses


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


def trajectory_message(
    output: PlannerOutput, now_ns: int, sensor_stamp: Any, receipt_ns: int, braking: Trajectory | None = None
) -> TrajectoryMessage:
    """An empty one means: come to a standstill. `braking`, beside a driver who has the car, goes before what was planned."""
    message = TrajectoryMessage(sensor_stamp=sensor_stamp, sensor_receipt_ns=receipt_ns, indicators=int(output.indicators))
    message.brake_only = braking is not None
    message.header.stamp, message.header.frame_id = time_message(now_ns), MAP
    one = output.trajectory if braking is None else braking
    if one is not None:
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
    demand: DriveDemand, sequence: int, stamp: Any, seen: LocalizationState | None, plan: Any
) -> DriveCommand:
    """`plan` is the Trajectory message that the demand follows, or None."""
    indicators = plan.indicators if plan is not None else 0
    brake_only = plan is not None and plan.brake_only and demand.error is not None  # not while it only brakes by itself
    message = DriveCommand(
        sequence=sequence, acceleration_mps2=demand.acceleration_mps2, steering_rad=demand.steering_rad,
        gear=demand.gear, indicators=indicators, brake_only=brake_only, stop_distance_m=demand.stop_plan.distance_m,
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


def path_message(corridor: Any, stamp: Any, from_m: float = 0.0) -> Path:
    """The way to the goal from a place along it, a pose each two metres; empty without one."""
    path = Path()
    path.header.stamp, path.header.frame_id = stamp, MAP
    if corridor is not None:
        line = corridor.line
        every = np.arange(from_m, corridor.goal_m, ROUTE_STEP_M)
        columns = (line.points_m[:, 0], line.points_m[:, 1], line.heading_rad)
        rows = [np.interp([*every, corridor.goal_m], line.s_m, column) for column in columns]
        path.poses = [pose_message(float(x), float(y), float(yaw), stamp) for x, y, yaw in zip(*rows, strict=True)]
    return path


def joined_path_message(corridors: Sequence[Corridor], stamp: Any) -> Path:
    """The ways from each pose to the next as one: each begins where the one before ended, not the little behind it that a
    corridor has.
    """
    path = path_message(None, stamp)
    for corridor in corridors:
        begin_m = 0.0
        if path.poses:
            last, line = path.poses[-1].pose.position, corridor.line
            near = line.window(0.0, 2.0 * BEHIND_M)  # the way may pass the same place again
            begin_m = float(line.project(np.array([[last.x, last.y]]), near)[0][0])
        path.poses = [*path.poses, *path_message(corridor, stamp, begin_m).poses]
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
        lines = marker("map", kind, Marker.LINE_LIST, (red, green, blue), Time())
        lines.scale.x = 0.12
        for line in (line for line_kind, line in map_lines(graph) if line_kind == kind):
            pairs = np.repeat(line, 2, axis=0)[1:-1]
            lines.points += [Point(x=float(x), y=float(y)) for x, y in pairs]
        markers.append(lines)
    return MarkerArray(markers=markers)


def marker(namespace: str, number: int, kind: int, colour: tuple[float, float, float], stamp: Any) -> Marker:
    """An empty marker in map."""
    one = Marker(ns=namespace, id=number, type=kind, action=Marker.ADD)
    one.header.stamp, one.header.frame_id = stamp, MAP
    one.pose.orientation.w = 1.0
    one.color = ColorRGBA(r=colour[0], g=colour[1], b=colour[2], a=0.9)
    return one
