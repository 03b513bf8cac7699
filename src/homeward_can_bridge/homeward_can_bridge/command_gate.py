"""The one door between any software and the actuators. Pure: commands, the vehicle and a monotonic time in, actuation out.

MANUAL: nothing passes. ENGAGED: a command passes while it is fresh, finite, in range and in sequence. STOPPING: the
last valid stop plan is followed to standstill, with hazard lights, and nothing new is taken in. On doubt: STOPPING.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from homeward_can_bridge.stop_plan import STANDSTILL_MPS, StopPlan
from homeward_can_bridge.vehicle import Gear, Indicators, Power, Vehicle

SEQUENCE_RANGE = 1 << 32


class State(IntEnum):
    """Who drives; the numbers of homeward_interfaces/msg/Engagement."""

    MANUAL = 0
    ENGAGED = 1
    STOPPING = 2


@dataclass(frozen=True)
class Limits:
    """What the gate holds every actuation to."""

    command_timeout_s: float
    vehicle_timeout_s: float
    acceleration_max_mps2: float
    deceleration_max_mps2: float
    steering_max_rad: float
    steering_rate_max_radps: float
    lateral_acceleration_max_mps2: float
    stop_deceleration_mps2: float
    wheelbase_m: float


@dataclass(frozen=True)
class Command:
    """A DriveCommand as the gate sees it."""

    sequence: int
    acceleration_mps2: float
    steering_rad: float
    gear: int = Gear.DRIVE
    indicators: int = Indicators.NONE
    stop_plan: StopPlan = StopPlan()
    sensor_receipt_ns: int = 0


@dataclass(frozen=True)
class Actuation:
    """What goes to the actuators this time. Not enabled: the driver has the car."""

    enabled: bool
    acceleration_mps2: float = 0.0
    steering_rad: float = 0.0
    gear: int = Gear.PARK
    indicators: int = Indicators.NONE


MANUAL_ACTUATION = Actuation(enabled=False)


class CommandGate:
    """offer() commands as they come, step() at the actuators' rate. Times are seconds of one monotonic clock."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.state = State.MANUAL
        self.reason, self.text = "started", "The driver has the car."
        self._command: Command | None = None
        self._received_s = -math.inf
        self._sequence: int | None = None
        self._steering_rad = 0.0
        self._last_step_s: float | None = None
        self._plan, self._plan_gear, self._plan_start_m = StopPlan(), int(Gear.DRIVE), 0.0

    def offer(self, command: Command, now_s: float) -> str:
        """Take in a command. What is wrong with it, or an empty text when it was accepted."""
        complaint = self._complaint(command)
        if not complaint:
            self._command, self._received_s, self._sequence = command, now_s, command.sequence
        return complaint

    def _complaint(self, command: Command) -> str:
        limits = self.limits
        if not (math.isfinite(command.acceleration_mps2) and math.isfinite(command.steering_rad)):
            return "a value is not finite"
        if not -limits.deceleration_max_mps2 <= command.acceleration_mps2 <= limits.acceleration_max_mps2:
            return f"acceleration {command.acceleration_mps2:.3g} m/s^2 is out of range"
        if abs(command.steering_rad) > limits.steering_max_rad:
            return f"steering {command.steering_rad:.3g} rad is out of range"
        if command.gear not in (Gear.DRIVE, Gear.REVERSE) or command.indicators not in tuple(Indicators):
            return "gear or indicators are out of range"
        if self._sequence is not None and not self._advances(command.sequence):
            return f"sequence {command.sequence} does not advance on {self._sequence}"
        return command.stop_plan.complaint()

    def _advances(self, sequence: int) -> bool:
        """Ahead by less than half of the 32-bit range, so that it may wrap. A restarted controller starts lower: it
        is taken again once the old one has been silent for the time-out."""
        assert self._sequence is not None
        return 0 < (sequence - self._sequence) % SEQUENCE_RANGE < SEQUENCE_RANGE // 2

    @property
    def last_command(self) -> Command | None:
        """The newest valid one."""
        return self._command

    def forget_sequence_if_silent(self, now_s: float) -> None:
        if now_s - self._received_s > self.limits.command_timeout_s and self.state is not State.ENGAGED:
            self._sequence = None

    def engage(self, vehicle: Vehicle | None, vehicle_age_s: float, now_s: float) -> str:
        """MANUAL or STOPPING at standstill -> ENGAGED. Why not, or an empty text."""
        if self.state is State.ENGAGED:
            return ""
        if vehicle is None or vehicle_age_s > self.limits.vehicle_timeout_s:
            return "the car's own data is missing"
        if vehicle.power != Power.READY:
            return "the car is not started"
        if vehicle.doors_open:
            return "a door is open"
        if vehicle.driver_brakes or vehicle.driver_steers:
            return "the driver holds the pedal or the wheel"
        if not self._fresh(now_s):
            return "no driving commands are coming: is there a goal, and do planner and controller run?"
        if self.state is State.STOPPING and abs(vehicle.speed_mps) > STANDSTILL_MPS:
            return "the car is still stopping"
        self._steering_rad = vehicle.steering_rad
        self._enter(State.ENGAGED, "driver_request", "Homeward drives.")
        return ""

    def disengage(self, reason: str = "driver_request", text: str = "The driver has the car.") -> None:
        """The driver takes over, whatever was."""
        self._enter(State.MANUAL, reason, text)

    def _enter(self, state: State, reason: str, text: str) -> None:
        self.state, self.reason, self.text = state, reason, text

    def _fresh(self, now_s: float) -> bool:
        return self._command is not None and now_s - self._received_s <= self.limits.command_timeout_s

    def step(self, now_s: float, vehicle: Vehicle | None, vehicle_age_s: float) -> Actuation:
        """The actuation of this moment."""
        period_s = 0.0 if self._last_step_s is None else max(now_s - self._last_step_s, 0.0)
        self._last_step_s = now_s
        self.forget_sequence_if_silent(now_s)
        self._watch(now_s, vehicle, vehicle_age_s)
        if self.state is State.MANUAL:
            return MANUAL_ACTUATION
        speed_mps = vehicle.speed_mps if vehicle is not None else 0.0
        if self.state is State.ENGAGED:
            assert self._command is not None and vehicle is not None
            return self._follow(self._command, vehicle, period_s)
        return self._stop(vehicle, speed_mps, period_s)

    def _watch(self, now_s: float, vehicle: Vehicle | None, vehicle_age_s: float) -> None:
        """The transitions that nobody asks for."""
        if self.state is State.MANUAL:
            return None
        if vehicle is not None and vehicle_age_s <= self.limits.vehicle_timeout_s:
            if vehicle.driver_brakes:
                return self.disengage("driver_brake", "The driver braked and has the car.")
            if vehicle.driver_steers:
                return self.disengage("driver_steering", "The driver took the wheel and has the car.")
        if self.state is State.ENGAGED:
            if vehicle is None or vehicle_age_s > self.limits.vehicle_timeout_s:
                self._begin_stop(vehicle, "vehicle_silent", "The car's own data stopped coming; it is stopping.")
            elif not self._fresh(now_s):
                self._begin_stop(vehicle, "command_stale", "Driving commands stopped coming; the car is stopping.")
        return None

    def _begin_stop(self, vehicle: Vehicle | None, reason: str, text: str) -> None:
        """Freeze the plan of the last valid command: what comes later changes nothing until the driver acts."""
        self._plan_start_m = vehicle.odometer_m if vehicle is not None else 0.0
        if self._command is not None:
            self._plan, self._plan_gear = self._command.stop_plan, self._command.gear
        self._enter(State.STOPPING, reason, text)

    def _follow(self, command: Command, vehicle: Vehicle, period_s: float) -> Actuation:
        steering_rad = self._limited_steering(command.steering_rad, vehicle.speed_mps, period_s)
        acceleration_mps2 = command.acceleration_mps2
        if vehicle.driver_accelerates:  # the driver's foot overrides lengthwise only: never brake against it
            acceleration_mps2 = max(acceleration_mps2, 0.0)
        return Actuation(True, acceleration_mps2, steering_rad, command.gear, command.indicators)

    def _stop(self, vehicle: Vehicle | None, speed_mps: float, period_s: float) -> Actuation:
        """Along the last valid plan on wheel odometry; without one, straighten gently and brake."""
        plan, limits, wanted_rad = self._plan, self.limits, 0.0
        deceleration_mps2 = limits.stop_deceleration_mps2
        if vehicle is not None and not plan.empty:
            gone_m = vehicle.odometer_m - self._plan_start_m
            wanted_rad = math.atan(plan.curvature_at(gone_m) * limits.wheelbase_m)
            if 0.0 <= gone_m <= plan.distance_m[-1]:
                deceleration_mps2 = plan.deceleration_at(gone_m, abs(speed_mps), limits.deceleration_max_mps2)
        if abs(speed_mps) <= STANDSTILL_MPS:
            deceleration_mps2 = limits.stop_deceleration_mps2  # hold
        steering_rad = self._limited_steering(wanted_rad, speed_mps, period_s)
        return Actuation(True, -deceleration_mps2, steering_rad, self._plan_gear, Indicators.HAZARD)

    def _limited_steering(self, wanted_rad: float, speed_mps: float, period_s: float) -> float:
        """Within the angle that the speed allows, and no faster than the rate limit."""
        limits = self.limits
        largest_rad = limits.steering_max_rad
        if abs(speed_mps) > 1.0:
            tightest = limits.lateral_acceleration_max_mps2 / speed_mps**2
            largest_rad = min(largest_rad, math.atan(limits.wheelbase_m * tightest))
        target_rad = max(-largest_rad, min(largest_rad, wanted_rad))
        step_rad = limits.steering_rate_max_radps * period_s
        self._steering_rad += max(-step_rad, min(step_rad, target_rad - self._steering_rad))
        return self._steering_rad
