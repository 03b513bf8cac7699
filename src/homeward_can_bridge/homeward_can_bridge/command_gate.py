"""The one door between any software and the actuators. Pure: commands, the vehicle and a monotonic time in, actuation out.

MANUAL: nothing passes. BRAKING: the driver has the car, and a command that asks to brake only passes as that: no steering, no
drive, no longer than LONGEST_BRAKING_S. ENGAGED: a command passes while it is fresh, finite, in range and in sequence, held to
the limits of the speed. STOPPING: the last valid stop plan is followed to standstill, with hazard lights, and nothing new is
taken in. On doubt: STOPPING. What opens or starts the car passes body_gate.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from homeward_can_bridge.stop_plan import LARGEST, STANDSTILL_MPS, StopPlan
from homeward_can_bridge.vehicle import Gear, Indicators, Power, Vehicle

SEQUENCE_RANGE, SEQUENCE_HALF = 1 << 32, 1 << 31
LONGEST_PERIOD_S = 0.1  # a step after a longer pause gains no more than this from the rate limits
SLOW_MPS, QUICK_MPS = 5.0, 20.0  # ISO 15622: between them what passes lengthwise falls
QUICK_SHARE = 0.5
LONGEST_BRAKING_S = 10.0  # beside a driver


class State(IntEnum):
    """Who drives; the numbers of homeward_interfaces/msg/Engagement."""

    MANUAL = 0
    ENGAGED = 1
    STOPPING = 2
    BRAKING = 3


TEXTS = {
    "started": "The driver has the car.",
    "driver_request": "The driver has the car.",
    "engaged": "Homeward drives.",
    "driver_brake": "The driver braked and has the car.",
    "driver_steering": "The driver took the wheel and has the car.",
    "emergency": "Homeward brakes in an emergency; the driver has the wheel.",
    "braked": "The driver has the car again.",
    "braked_long": "The driver has the car again; it was braked for too long.",
    "vehicle_silent": "The car's own data stopped coming; it is stopping.",
    "command_stale": "Driving commands stopped coming; the car is stopping.",
    "actuators_unready": "The car's actuators report that they can't follow; the car is stopping.",
    "power_lost": "The car is no longer ready to drive; it is stopping.",
    "door_open": "A door is open; the car is stopping.",
}
NOT_NOW = {
    "vehicle_silent": "the car's own data is missing",
    "power_lost": "the car is not started",
    "door_open": "a door is open",
    "actuators_unready": "the car's actuators are not ready",
    "driver_holds": "the driver holds the pedal or the wheel",
    "command_stale": "no driving commands are coming: is there a goal, and do planner and controller run?",
    "still_stopping": "the car is still stopping",
    "braking": "the car is braking in an emergency",
}
WRONG = {
    "not_finite": "a value is not finite",
    "acceleration": "the acceleration is out of range",
    "steering": "the steering angle is out of range",
    "gear": "gear or indicators are out of range",
    "sequence": "the sequence number does not advance",
}


@dataclass(frozen=True)
class Limits:
    """What the gate holds every actuation to."""

    command_timeout_s: float
    vehicle_timeout_s: float
    acceleration_max_mps2: float
    deceleration_max_mps2: float
    jerk_max_mps3: float
    braking_jerk_max_mps3: float
    steering_max_rad: float
    steering_rate_max_radps: float
    lateral_acceleration_max_mps2: float
    lateral_jerk_max_mps3: float
    stop_deceleration_mps2: float
    wheelbase_m: float
    reverse_speed_max_mps: float

    def acceleration_mps2(self, speed_mps: float) -> float:
        """The largest acceleration that passes at this speed."""
        return self.acceleration_max_mps2 * share_at(speed_mps)

    def jerk_mps3(self, speed_mps: float) -> float:
        """How fast the acceleration may rise at this speed."""
        return self.jerk_max_mps3 * share_at(speed_mps)

    def angle_rad(self, speed_mps: float) -> float:
        """The largest steering angle that passes at this speed: single-track model, lateral acceleration."""
        return min(self.steering_max_rad, math.atan(self.wheelbase_m * self.lateral_acceleration_max_mps2 / _square(speed_mps)))

    def angle_rate_radps(self, speed_mps: float) -> float:
        """How fast the steering angle may change at this speed: lateral jerk, for small angles."""
        return min(self.steering_rate_max_radps, self.wheelbase_m * self.lateral_jerk_max_mps3 / _square(speed_mps))


def share_at(speed_mps: float) -> float:
    """1 up to SLOW_MPS, falling to QUICK_SHARE at QUICK_MPS."""
    quickness = (abs(speed_mps) - SLOW_MPS) / (QUICK_MPS - SLOW_MPS)
    return 1.0 - (1.0 - QUICK_SHARE) * clamp(quickness, 0.0, 1.0)


def _square(speed_mps: float) -> float:
    """Of the speed, and at walking pace of one metre a second: there nothing is limited by it."""
    return max(abs(speed_mps), 1.0) ** 2


def clamp(value: float, low: float, high: float) -> float:
    """For finite values only: a clamp lets NaN through."""
    return max(low, min(high, value))


def approached(now: float, wanted: float, most_down: float, most_up: float) -> float:
    """`wanted`, or as near to it as these steps from `now` lead."""
    return now + clamp(wanted - now, -most_down, most_up)


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
    brake_only: bool = False  # beside a driver who has the car


@dataclass(frozen=True)
class Actuation:
    """What goes to the actuators this time. Not enabled: the driver has the car; braking is added to what he does where it is
    `brake_only`.
    """

    enabled: bool
    acceleration_mps2: float = 0.0
    steering_rad: float = 0.0
    gear: int = Gear.PARK
    indicators: int = Indicators.NONE
    brake_only: bool = False


MANUAL_ACTUATION = Actuation(enabled=False)


class CommandGate:
    """offer() commands as they come, step() at the actuators' rate. Times are seconds of one monotonic clock; one that jumps
    back makes commands stale.
    """

    _received_s: float  # of the last command
    # from here on: known once engaged
    _stepped_s: float
    _acceleration_mps2: float
    _steering_rad: float
    _gear: int
    _gone_m: float
    _speed_mps: float
    _braking_s: float  # since when; known once braking
    # from here on: known once stopping
    _plan: StopPlan
    _plan_begin_m: float

    def __init__(self, limits: Limits, assists: bool = False) -> None:
        """`assists`: the car's actuators can brake while the driver has the car."""
        self.limits, self.assists = limits, assists
        self.spent = False  # what was asked for was ended: it counts again only once nobody asks for it
        self.state = State.MANUAL
        self.reason = "started"
        self.last_command: Command | None = None  # the newest valid one

    @property
    def text(self) -> str:
        """The reason, for people."""
        return TEXTS[self.reason]

    # commands

    def offer(self, command: Command, now_s: float) -> str:
        """Take in a command. What is wrong with it, or an empty text when it was accepted."""
        complaint = self._complaint(command, now_s)
        if not complaint:
            self.last_command, self._received_s = command, now_s
        return complaint

    def _complaint(self, command: Command, now_s: float) -> str:
        limits = self.limits
        if not (math.isfinite(command.acceleration_mps2) and math.isfinite(command.steering_rad)):
            return WRONG["not_finite"]
        if not -limits.deceleration_max_mps2 <= command.acceleration_mps2 <= limits.acceleration_max_mps2:
            return WRONG["acceleration"]
        if abs(command.steering_rad) > limits.steering_max_rad:
            return WRONG["steering"]
        if command.gear not in (Gear.DRIVE, Gear.REVERSE) or command.indicators not in tuple(Indicators):
            return WRONG["gear"]
        if not self._advances(command.sequence, now_s):
            return WRONG["sequence"]
        return command.stop_plan.complaint()

    def _advances(self, sequence: int, now_s: float) -> bool:
        """Ahead by less than half of the 32-bit range, so that it may wrap. A restarted controller starts lower: it is
        taken again once the old one is stale and doesn't drive.
        """
        if self.last_command is None or (self.state is not State.ENGAGED and not self._is_fresh(now_s)):
            return True
        return 0 < (sequence - self.last_command.sequence) % SEQUENCE_RANGE < SEQUENCE_HALF

    def _is_fresh(self, now_s: float) -> bool:
        return self.last_command is not None and 0.0 <= now_s - self._received_s <= self.limits.command_timeout_s

    # who drives

    def engage(self, vehicle: Vehicle | None, vehicle_age_s: float, now_s: float) -> str:
        """MANUAL, or STOPPING at standstill, to ENGAGED. Why not, or an empty text."""
        if self.state is State.ENGAGED:
            return ""
        if self.state is State.BRAKING:
            return NOT_NOW["braking"]
        hindrance = self._hindrance(vehicle, vehicle_age_s, now_s)
        if hindrance:
            return NOT_NOW[hindrance]
        assert vehicle is not None
        if vehicle.driver_brakes or vehicle.driver_steers:
            return NOT_NOW["driver_holds"]
        if self.state is State.STOPPING and abs(vehicle.speed_mps) > STANDSTILL_MPS:
            return NOT_NOW["still_stopping"]
        if self.state is State.MANUAL:
            self._take_over(vehicle, now_s)
        self._enter(State.ENGAGED, "engaged")
        return ""

    def _take_over(self, vehicle: Vehicle, now_s: float) -> None:
        """Begin where the driver left the car."""
        largest_rad = self.limits.steering_max_rad
        self._steering_rad = clamp(vehicle.steering_rad, -largest_rad, largest_rad)
        self._acceleration_mps2, self._gear, self._stepped_s = 0.0, vehicle.gear, now_s
        self._gone_m, self._speed_mps = vehicle.odometer_m, vehicle.speed_mps

    def _hindrance(self, vehicle: Vehicle | None, vehicle_age_s: float, now_s: float) -> str:
        """What forbids to drive now, as a key of TEXTS; empty when nothing does."""
        if vehicle is None or not self._is_heard(vehicle, vehicle_age_s):
            return "vehicle_silent"
        if vehicle.power != Power.READY:
            return "power_lost"
        if vehicle.doors_open:
            return "door_open"
        if not vehicle.actuators_ready:
            return "actuators_unready"
        return "" if self._is_fresh(now_s) else "command_stale"

    def _is_heard(self, vehicle: Vehicle, vehicle_age_s: float) -> bool:
        """Whether the vehicle's data is of now, and numbers that can be reckoned with."""
        numbers = (vehicle.speed_mps, vehicle.steering_rad, vehicle.odometer_m)
        return vehicle_age_s <= self.limits.vehicle_timeout_s and all(abs(number) <= LARGEST for number in numbers)

    def disengage(self, reason: str = "driver_request") -> None:
        """The driver takes over, whatever was."""
        self.spent = self.spent or self.state is State.BRAKING
        self._enter(State.MANUAL, reason)

    def _enter(self, state: State, reason: str) -> None:
        self.state, self.reason = state, reason

    # each period

    def step(self, now_s: float, vehicle: Vehicle | None, vehicle_age_s: float) -> Actuation:
        """The actuation of this moment. `vehicle_age_s` is of the oldest data that driving rests on."""
        if self.state in (State.MANUAL, State.BRAKING):
            return self._beside_driver(now_s, vehicle, vehicle_age_s)
        period_s = clamp(now_s - self._stepped_s, 0.0, LONGEST_PERIOD_S)
        self._stepped_s = now_s
        heard = vehicle if vehicle is not None and self._is_heard(vehicle, vehicle_age_s) else None
        self._reckon(heard, period_s)
        if heard is not None and (heard.driver_brakes or heard.driver_steers):
            self.disengage("driver_brake" if heard.driver_brakes else "driver_steering")
            return MANUAL_ACTUATION
        hindrance = self._hindrance(heard, vehicle_age_s, now_s)
        if self.state is State.ENGAGED and hindrance:
            self._begin_stop(hindrance)
        return self._follow(heard, period_s) if self.state is State.ENGAGED else self._stop(period_s)

    def _beside_driver(self, now_s: float, vehicle: Vehicle | None, vehicle_age_s: float) -> Actuation:
        """Nothing; or braking, and only that, while it is asked for."""
        command = self.last_command
        if not self.assists or command is None:
            return MANUAL_ACTUATION
        self.spent = self.spent and command.brake_only
        if not command.brake_only or self.spent or self._hindrance(vehicle, vehicle_age_s, now_s):
            return self._give_back("braked")
        assert vehicle is not None
        if self.state is State.MANUAL:
            if abs(vehicle.speed_mps) <= STANDSTILL_MPS:
                return MANUAL_ACTUATION
            self._acceleration_mps2, self._stepped_s, self._braking_s = 0.0, now_s, now_s
            self._enter(State.BRAKING, "emergency")
        if not 0.0 <= now_s - self._braking_s <= LONGEST_BRAKING_S:
            self.spent = True
            return self._give_back("braked_long")
        return self._brake_beside(command, vehicle, now_s)

    def _give_back(self, reason: str) -> Actuation:
        if self.state is State.BRAKING:
            self._enter(State.MANUAL, reason)
        return MANUAL_ACTUATION

    def _brake_beside(self, command: Command, vehicle: Vehicle, now_s: float) -> Actuation:
        """Braking towards what is asked for, as fast as it may come and go; never driving."""
        limits, period_s = self.limits, clamp(now_s - self._stepped_s, 0.0, LONGEST_PERIOD_S)
        self._stepped_s = now_s
        wanted_mps2 = min(command.acceleration_mps2, 0.0)
        rise_mps2, fall_mps2 = limits.jerk_mps3(vehicle.speed_mps) * period_s, limits.braking_jerk_max_mps3 * period_s
        self._acceleration_mps2 = approached(self._acceleration_mps2, wanted_mps2, fall_mps2, rise_mps2)
        return Actuation(False, self._acceleration_mps2, indicators=Indicators.HAZARD, brake_only=True)

    def _begin_stop(self, reason: str) -> None:
        """Freeze the plan of the last valid command: what comes later changes nothing until the driver acts."""
        assert self.last_command is not None
        self._plan, self._plan_begin_m = self.last_command.stop_plan, self._gone_m
        self._enter(State.STOPPING, reason)

    def _reckon(self, heard: Vehicle | None, period_s: float) -> None:
        """Speed and way by the wheels; while they are silent, as the brakes should have made them."""
        if heard is not None:
            self._gone_m, self._speed_mps = heard.odometer_m, heard.speed_mps
            return
        slowed_mps = max(abs(self._speed_mps) + self._acceleration_mps2 * period_s, 0.0)
        self._speed_mps = math.copysign(slowed_mps, self._speed_mps)
        self._gone_m += slowed_mps * period_s

    def _follow(self, vehicle: Vehicle | None, period_s: float) -> Actuation:
        command = self.last_command
        assert vehicle is not None
        assert command is not None
        wanted_mps2 = command.acceleration_mps2
        if vehicle.driver_accelerates:  # the driver's foot overrides lengthwise only: never brake against it
            wanted_mps2 = max(wanted_mps2, 0.0)
        if abs(vehicle.speed_mps) <= STANDSTILL_MPS:
            self._gear = command.gear
        elif self._gear != command.gear or self._is_too_fast_back(vehicle):  # to standstill before the other way
            wanted_mps2 = -self.limits.stop_deceleration_mps2
        return self._actuation(wanted_mps2, command.steering_rad, command.indicators, period_s)

    def _is_too_fast_back(self, vehicle: Vehicle) -> bool:
        return self._gear == Gear.REVERSE and abs(vehicle.speed_mps) > self.limits.reverse_speed_max_mps

    def _stop(self, period_s: float) -> Actuation:
        """Along the last valid plan on wheel odometry; without one, straighten gently and brake."""
        plan, limits, wanted_rad = self._plan, self.limits, 0.0
        wanted_mps2 = -limits.stop_deceleration_mps2
        gone_m = self._gone_m - self._plan_begin_m
        if not plan.empty:
            wanted_rad = math.atan(plan.curvature_at(gone_m) * limits.wheelbase_m)
            if 0.0 <= gone_m <= plan.distance_m[-1] and abs(self._speed_mps) > STANDSTILL_MPS:
                wanted_mps2 = -plan.deceleration_at(gone_m, abs(self._speed_mps), limits.deceleration_max_mps2)
        return self._actuation(wanted_mps2, wanted_rad, Indicators.HAZARD, period_s)

    def _actuation(self, wanted_mps2: float, wanted_rad: float, indicators: int, period_s: float) -> Actuation:
        """Towards what the speed allows of it, no faster than the limits of rate and jerk: those hold even when the speed that
        the wheels tell jumps.
        """
        limits, speed_mps = self.limits, self._speed_mps
        largest_rad, turn_rad = limits.angle_rad(speed_mps), limits.angle_rate_radps(speed_mps) * period_s
        allowed_rad = clamp(wanted_rad, -largest_rad, largest_rad)
        self._steering_rad = approached(self._steering_rad, allowed_rad, turn_rad, turn_rad)
        allowed_mps2 = clamp(wanted_mps2, -limits.deceleration_max_mps2, limits.acceleration_mps2(speed_mps))
        rise_mps2, fall_mps2 = limits.jerk_mps3(speed_mps) * period_s, limits.braking_jerk_max_mps3 * period_s
        self._acceleration_mps2 = approached(self._acceleration_mps2, allowed_mps2, fall_mps2, rise_mps2)
        return Actuation(True, self._acceleration_mps2, self._steering_rad, self._gear, indicators)
