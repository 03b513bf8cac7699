"""What the car will be doing when a command acts: the newest state, moved on by the commands that are under way."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from homeward_planner.scene import Ego, Pose

REMEMBERED = 48
LONGEST_S = 0.6
STEP_S = 0.02
ESTIMATED_FROM_MPS = 2.0
DRIFT_TIME_S, DRIFT_MOST_1PM = 2.5, 0.03  # slow: learnt fast, it would answer to a delay that is not quite known
ELSEWHERE_RAD, ELSEWHERE_FOR_S = 0.06, 0.2


@dataclass(frozen=True)
class Measured:
    """When the ego's state was measured, how fast it turned, and where its wheels stood (None: not known)."""

    time_s: float
    yaw_rate_radps: float
    steering_rad: float | None = None


@dataclass(frozen=True)
class _Command:
    time_s: float
    acceleration_mps2: float
    bend_1pm: float


class DelayModel:
    """Commands act after a delay; in between the car goes by those that came before.

    The car's bend differs from the one that is asked for (slip, wind, a wheel out of line): that drift is learnt from
    the yaw rate.
    """

    def __init__(self, steering_delay_s: float, acceleration_delay_s: float, wheelbase_m: float) -> None:
        self.steering_delay_s, self.acceleration_delay_s = steering_delay_s, acceleration_delay_s
        self.wheelbase_m = wheelbase_m
        self.drift_1pm = 0.0
        self._sent: deque[_Command] = deque(maxlen=REMEMBERED)
        self._learnt_s = self._agreed_s = -math.inf

    def sent(self, time_s: float, acceleration_mps2: float, bend_1pm: float) -> None:
        """Remember a command; time that ran back forgets all that is not older."""
        if self._sent and time_s < self._sent[-1].time_s:
            self._sent.clear()
            self._learnt_s = self._agreed_s = -math.inf
        self._sent.append(_Command(time_s, acceleration_mps2, bend_1pm))

    def learn(self, measured: Measured, speed_mps: float) -> None:
        """One measurement of how the car really turns; a stamp that was seen counts once."""
        since_s, self._learnt_s = measured.time_s - self._learnt_s, measured.time_s
        usable = math.isfinite(measured.yaw_rate_radps) and speed_mps > ESTIMATED_FROM_MPS
        if not (usable and 0.0 < since_s < LONGEST_S):
            return
        missing = measured.yaw_rate_radps / speed_mps - self._bend_at(measured.time_s)
        learnt = self.drift_1pm + (missing - self.drift_1pm) * min(since_s / DRIFT_TIME_S, 1.0)
        self.drift_1pm = min(max(learnt, -DRIFT_MOST_1PM), DRIFT_MOST_1PM)

    def elsewhere(self, measured: Measured) -> float | None:
        """The wheels' angle where for a while it has not been what was asked for: somebody else steers."""
        angle = measured.steering_rad
        if angle is None or not math.isfinite(angle) or not self._sent:
            return None
        asked = math.atan(self._bend_at(measured.time_s) * self.wheelbase_m)
        if abs(angle - asked) <= ELSEWHERE_RAD or measured.time_s < self._agreed_s or self._agreed_s == -math.inf:
            self._agreed_s = measured.time_s
        return angle if measured.time_s - self._agreed_s > ELSEWHERE_FOR_S else None

    def restart(self, time_s: float, bend_1pm: float) -> None:
        """From here on the wheels stand as they were found."""
        acceleration = self._sent[-1].acceleration_mps2 if self._sent else 0.0
        self._sent.clear()
        self._sent.append(_Command(time_s - LONGEST_S, acceleration, bend_1pm))
        self._agreed_s, self.drift_1pm = time_s, 0.0

    def ahead(self, ego: Ego, since_s: float, until_s: float, slope_mps2: float) -> Ego:
        """The car's state at `until_s`, from one of `since_s`; no more than LONGEST_S ahead."""
        time_s, end_s = since_s, min(until_s, since_s + LONGEST_S)
        x, y, yaw, speed = ego.pose.x_m, ego.pose.y_m, ego.pose.yaw_rad, ego.speed_mps
        acceleration = ego.acceleration_mps2
        while time_s < end_s - 1e-9:
            step_s = min(STEP_S, end_s - time_s)
            acceleration = self._acceleration_at(time_s + step_s / 2.0) - slope_mps2
            faster = max(speed + acceleration * step_s, min(speed, 0.0))
            way, speed = (speed + faster) * step_s / 2.0, faster
            turn = way * (self._bend_at(time_s + step_s / 2.0) + self.drift_1pm)
            x, y, yaw = x + way * math.cos(yaw + turn / 2.0), y + way * math.sin(yaw + turn / 2.0), yaw + turn
            time_s += step_s
        return Ego(Pose(x, y, yaw), speed, acceleration)

    def _bend_at(self, time_s: float) -> float:
        command = self._acting(time_s - self.steering_delay_s)
        return command.bend_1pm if command is not None else 0.0

    def _acceleration_at(self, time_s: float) -> float:
        command = self._acting(time_s - self.acceleration_delay_s)
        return command.acceleration_mps2 if command is not None else 0.0

    def _acting(self, time_s: float) -> _Command | None:
        """The newest command that is no newer than this; the oldest where all are."""
        for command in reversed(self._sent):
            if command.time_s <= time_s + 1e-9:
                return command
        return self._sent[0] if self._sent else None
