"""A trajectory as a way to be tracked: the line, how far along it each time is, and where a car is beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from homeward_planner.plane import Floats, Line, wrapped
from homeward_planner.scene import Ego
from homeward_planner.trajectory import Trajectory

PATH_STEP_M = 0.25


@dataclass(frozen=True, eq=False)
class TrackedPath:
    """A trajectory's way: a line with points PATH_STEP_M apart and more, and how far along it each time is."""

    line: Line
    along_m: Floats
    curvature_1pm: Floats
    time_along_m: Floats

    @staticmethod
    def of(trajectory: Trajectory) -> TrackedPath:
        points = np.stack([trajectory.x_m, trajectory.y_m], axis=1)
        time_along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        kept = np.concatenate([[True], np.diff(np.floor(time_along / PATH_STEP_M)) > 0.0])
        yaw = np.unwrap(trajectory.yaw_rad)
        if kept.sum() < 2:  # it stands: a short way straight ahead
            ahead = points[0] + np.array([math.cos(yaw[0]), math.sin(yaw[0])])
            line = Line(
                np.stack([points[0], ahead]), np.array([0.0, 1.0]), np.full(2, yaw[0]), np.full(2, trajectory.curvature_1pm[0])
            )
            return TrackedPath(line, line.s_m, line.curvature_1pm, time_along)
        line = Line(points[kept], time_along[kept], yaw[kept], trajectory.curvature_1pm[kept])
        return TrackedPath(line, line.s_m, line.curvature_1pm, time_along)

    def place(self, ego: Ego) -> tuple[float, float, float]:
        """Distance along, offset to the left, turn from the way."""
        along, left = self.line.project(np.array([[ego.pose.x_m, ego.pose.y_m]]))
        heading = float(np.interp(along[0], self.line.s_m, self.line.heading_rad))
        return float(along[0]), float(left[0]), wrapped(ego.pose.yaw_rad - heading)

    def curvature_at(self, along_m: float) -> float:
        return float(np.interp(along_m, self.along_m, self.curvature_1pm))

    def turned(self, from_m: Floats, to_m: Floats) -> Floats:
        """The change of heading between places along it, straight on beyond its end."""
        headings = np.interp(np.concatenate([from_m, to_m]), self.along_m, self.line.heading_rad)
        return np.asarray(headings[len(from_m) :] - headings[: len(from_m)])
