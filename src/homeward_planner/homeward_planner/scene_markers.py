"""What the planner sees, expects, tries and does, as markers for RViz."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from geometry_msgs.msg import Point
from visualization_msgs.msg import Marker, MarkerArray

from homeward_planner.convert import marker
from homeward_planner.corridor import Corridor
from homeward_planner.evasion import Foreseen
from homeward_planner.plane import Floats
from homeward_planner.planner_state import Mode, PlannerOutput
from homeward_planner.scene import Pose
from homeward_runtime.frames import MAP, quaternion_from_yaw

GREEN, BLUE, GREY, ORANGE, FAINT, WHITE = (
    (0.3, 0.76, 0.63), (0.29, 0.64, 1.0), (0.67, 0.71, 0.78), (0.95, 0.6, 0.25), (0.55, 0.55, 0.75), (1.0, 1.0, 1.0)
)  # fmt: skip
CANDIDATES = 60
ROUTE_STEP_M = 2.0
TEXT_HEIGHT_M, ABOVE_M = 1.0, 3.5
WORDS = {
    Mode.IDLE: "No goal.", Mode.DRIVING: "Driving.", Mode.WAITING: "Waiting.", Mode.ARRIVED: "Arrived.", Mode.BLOCKED: "Blocked."
}  # fmt: skip


def scene_markers(
    output: PlannerOutput, objects: Any, ego: Pose | None, corridor: Corridor | None, at: Any
) -> MarkerArray:
    """The route, the trajectory taken, the things around, what is expected of them, the candidates tried to avoid a
    collision, and the reason in words above the car; `at` is the stamp. What was there before is taken away.
    """
    clear = Marker(action=Marker.DELETEALL)
    clear.header.frame_id = MAP
    found = [clear]
    if corridor is not None:
        found.append(_route(corridor, at))
    if output.foreseen is not None:
        found += [*_candidates(output.foreseen, at), *_expected(output.foreseen, at)]
    if output.trajectory is not None:
        found.append(_line("trajectory", 0, (output.trajectory.x_m, output.trajectory.y_m), GREEN, 0.5, 0.1, at))
    found += [_box(one, at) for one in (objects.objects if objects is not None else [])]
    if ego is not None:
        found.append(_words(output, ego, at))
    return MarkerArray(markers=found)


def _route(corridor: Corridor, at: Any) -> Marker:
    s = np.append(np.arange(0.0, corridor.goal_m, ROUTE_STEP_M), corridor.goal_m)
    columns = [np.interp(s, corridor.line.s_m, corridor.line.points_m[:, axis]) for axis in (0, 1)]
    return _line("route", 0, columns, BLUE, 0.25, 0.02, at)


def _expected(foreseen: Foreseen, at: Any) -> Iterator[Marker]:
    """A line for each hypothesis, as far as it is believed, the likelier the more opaque; it ends where the thing would be."""
    number = 0
    for one in foreseen.expected:
        last = min(max(round(one.until_s / 0.1), 1), one.boxes.shape[1] - 1)
        for boxes, share in zip(one.boxes, one.share, strict=True):
            line = _line("expected", number, boxes[: last + 1, :2].T, ORANGE, 0.3, 0.15, at)
            line.color.a = float(np.clip(0.2 + 0.7 * share, 0.2, 0.9))
            number += 1
            yield line


def _candidates(foreseen: Foreseen, at: Any) -> Iterator[Marker]:
    """Some of the motions tried, where the plan would have hit something."""
    if foreseen.search is not None:
        for number, points in enumerate(foreseen.search.fan(CANDIDATES)):
            line = _line("candidates", number, points, FAINT, 0.06, 0.05, at)
            line.color.a = 0.5
            yield line


def _words(output: PlannerOutput, ego: Pose, at: Any) -> Marker:
    text = marker("reason", 0, Marker.TEXT_VIEW_FACING, WHITE, at)
    text.text = output.state.text or WORDS[output.state.mode]
    text.scale.z = TEXT_HEIGHT_M
    text.pose.position.x, text.pose.position.y, text.pose.position.z = ego.x_m, ego.y_m, ABOVE_M
    return text


def _box(one: Any, at: Any) -> Marker:
    box = marker("objects", one.id % 2**31, Marker.CUBE, GREY, at)
    box.pose.position.x, box.pose.position.y, box.pose.position.z = one.x_m, one.y_m, one.z_m
    turn = box.pose.orientation
    turn.x, turn.y, turn.z, turn.w = quaternion_from_yaw(one.yaw_rad)
    box.scale.x, box.scale.y, box.scale.z = one.length_m, one.width_m, one.height_m
    return box


def _line(
    namespace: str, number: int, columns: Iterable[Floats], colour: tuple[float, float, float],
    width_m: float, z_m: float, at: Any,
) -> Marker:  # fmt: skip
    line = marker(namespace, number, Marker.LINE_STRIP, colour, at)
    line.scale.x = width_m
    line.points = [Point(x=float(x), y=float(y), z=z_m) for x, y in zip(*columns, strict=True)]
    return line
