"""A car's ECUs, simulated: actuator frames in, vehicle control out; the body's state in, status frames out. Pure.

Chassis and drivetrain follow the actuator frame while it is whole, counted and fresh; when it ceases for 100 ms they
hold the brake by themselves, whatever any software wishes. Body, climate and battery are small models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cantools

from homeward_carla_bridge.ecu_diagnostics import Readings
from homeward_runtime.can_bus import Frame
from homeward_runtime.can_protection import Inspector, Protection, Protector
from homeward_runtime.faults import Fault, fault
from homeward_runtime.params import param

KMH, DEG, ZERO_CELSIUS_K = 3.6, 180 / math.pi, 273.15
GRAVITY_MPS2 = 9.81
PARK, REVERSE, NEUTRAL, DRIVE = range(4)
(LOCK, UNLOCK, POWER_OFF, START, LIGHTS, HORN, CLIMATE, TRUNK_OPEN, CHARGE, ACCESSORY, WINDOWS, TRUNK_CLOSE,
 CHARGE_LIMIT) = range(13)  # fmt: skip
POWERS = {POWER_OFF: 0, ACCESSORY: 1, START: 2}
TRUNK_BIT = 16
WINDOW_TRAVEL_S, TRUNK_TRAVEL_S = 3.0, 2.0
HOLD_BELOW_MPS = 0.05  # the brake that holds a standstill bites no earlier: at walking pace it would be felt as a jerk
DRIVER_HOLDS_S = 0.5  # a simulated driver's frame counts this long
DRIVER_BRAKES_MPS2, DRIVER_THROTTLE = 4.0, 0.45
REFUSAL_SHOWS_S = 0.2
SLOW_EVERY = 5  # body, climate and battery frames go out each fifth tick


@dataclass(frozen=True)
class EcuParams:
    """Section ecus of params/car.yaml."""

    carla_host: str = param("", "the CARLA server's address")
    carla_port: int = param("", "its RPC port", 1, 65535)
    role_name: str = param("", "role_name of the actor that is this car")
    bus_url: str = param("", "the vehicle's bus")
    dbc_file: str = param("", "the vehicle's DBC file")
    places_file: str = param("", "places.yaml of the map: where chargers are")
    command_timeout_s: float = param("s", "without a whole actuator frame for this long the ECUs brake", 0.02, 1.0)
    timeout_deceleration_mps2: float = param("m/s^2", "how hard they then brake", 1.0, 8.0)
    throttle_per_mps2: float = param("", "throttle pedal for one m/s^2", 0.01, 1.0)
    brake_per_mps2: float = param("", "brake pedal for one m/s^2", 0.01, 1.0)
    acceleration_gain_per_s: float = param("1/s", "integral gain on the acceleration's error", 0.0, 5.0)
    rolling_mps2: float = param("m/s^2", "deceleration of rolling and drag, held against", 0.0, 1.0)
    steering_max_rad: float = param("rad", "angle of the front wheels at full lock", 0.2, 1.3)
    wheelbase_m: float = param("m", "between the axles", 1.5, 6.0)
    battery_capacity_j: float = param("J", "usable energy", 1e6, 1e9)
    battery_start_ratio: float = param("", "state of charge at the start", 0.0, 1.0)
    mass_kg: float = param("kg", "for the battery's model", 300.0, 10000.0)
    drag_area_m2: float = param("m^2", "drag coefficient times frontal area", 0.1, 5.0)
    auxiliary_power_w: float = param("W", "computers and lights", 0.0, 5000.0)
    climate_power_w: float = param("W", "while heating or cooling", 0.0, 10000.0)
    charge_power_w: float = param("W", "at a charger", 1000.0, 350000.0)
    charger_reach_m: float = param("m", "how near a charger's place counts as plugged", 0.5, 20.0)
    outside_temperature_k: float = param("K", "around the car", 230.0, 330.0)


@dataclass(frozen=True)
class Motion:
    """What the world says of the car at one tick; right-handed, in the car's frame."""

    time_s: float
    x_m: float = 0.0
    y_m: float = 0.0
    speed_mps: float = 0.0
    acceleration_mps2: float = 0.0
    yaw_rate_radps: float = 0.0
    steering_rad: float = 0.0
    pitch_rad: float = 0.0  # nose up positive


@dataclass(frozen=True)
class Pedals:
    """What goes to the simulated vehicle. Ratios 0-1; steering -1 (right) to 1 (left)."""

    throttle: float
    brake: float
    steer: float
    reverse: bool
    indicators: int
    lights: int


class Ecus:
    """All ECUs of the demo car. step() once a tick of the world."""

    def __init__(self, params: EcuParams, dbc_text: str, chargers: list[tuple[float, float]]) -> None:
        self.params, self.chargers = params, chargers
        database: Any = cantools.database.load_string(dbc_text, database_format="dbc")
        self._messages: dict[str, Any] = {message.name: message for message in database.messages}
        self._names = {message.frame_id: message.name for message in database.messages}
        # the data id of a message's protection is its identifier on the bus
        self._inspectors = {name: Inspector(Protection(one.frame_id)) for name, one in self._messages.items()}
        self._protectors = {name: Protector(Protection(one.frame_id)) for name, one in self._messages.items()}
        self._refused_s = -math.inf
        self._driver: dict[str, float] = {}
        self._driver_s = -math.inf
        self._command: dict[str, float] = {}
        self._command_s = -math.inf
        self._integral = 0.0
        self._tick = 0
        self._last: Motion | None = None
        self.odometer_m = 0.0
        self.gear, self.power = PARK, 2
        self.locked, self.doors_open, self.lights, self.horn_until_s = False, 0, 0, -math.inf
        self.climate_on, self.climate_target_k, self.cabin_k = True, 294.15, params.outside_temperature_k + 8.0
        self.battery_ratio, self.battery_w, self.charging = params.battery_start_ratio, 0.0, False
        self.indicators = 0
        self.windows_ratio = self.windows_target = 0.0
        self.trunk_ratio = self.trunk_target = 0.0
        self.charge_limit_ratio = 1.0

    def step(self, motion: Motion, frames: list[Frame]) -> tuple[Pedals, list[Frame], list[Fault]]:
        """One tick: the frames that came in, then the models, then what goes out."""
        period_s = 0.0 if self._last is None else max(motion.time_s - self._last.time_s, 0.0)
        self._last = motion
        self._tick += 1
        for frame in frames:
            self._take(frame, motion)
        self.odometer_m += abs(motion.speed_mps) * period_s
        fresh = motion.time_s - self._command_s <= self.params.command_timeout_s
        pedals = self._drive(motion, period_s, fresh)
        self._live(motion, period_s)
        timed_out = bool(self._command) and not fresh
        faults = [fault("ecu.command_timeout")] if timed_out else []
        if self._has_refused(motion):
            faults.append(fault("ecu.command_refused"))
        return pedals, self._status(motion, pedals, timed_out), faults

    def _has_refused(self, motion: Motion) -> bool:
        return motion.time_s - self._refused_s <= REFUSAL_SHOWS_S

    def _take(self, frame: Frame, motion: Motion) -> None:
        name = self._names.get(frame.can_id, "")
        if name not in ("ActuatorCommand", "BodyRequest", "SimulatedDriver") or frame.extended:
            return
        if len(frame.data) != 8 or not self._inspectors[name].inspect(frame.data).usable:
            self._refused_s = motion.time_s if name == "ActuatorCommand" else self._refused_s
            return
        signals = self._messages[name].decode(frame.data, decode_choices=False)
        if name == "ActuatorCommand":
            self._command, self._command_s = signals, motion.time_s
        elif name == "BodyRequest":
            self._body(int(signals["Verb"]), float(signals["Value"]), motion)
        else:
            self._driver, self._driver_s = signals, motion.time_s

    def _body(self, verb: int, value: float, motion: Motion) -> None:
        if verb in (LOCK, UNLOCK):
            self.locked = verb == LOCK
        elif verb in POWERS:
            self.power = POWERS[verb]
        elif verb == LIGHTS:
            self.lights = int(value)
        elif verb == HORN:
            self.horn_until_s = motion.time_s + value
        elif verb == CLIMATE:
            self.climate_on = value > 0
            self.climate_target_k = value + ZERO_CELSIUS_K if value > 0 else self.climate_target_k
        elif verb in (TRUNK_OPEN, TRUNK_CLOSE):
            self.trunk_target = float(verb == TRUNK_OPEN)
        elif verb == WINDOWS:
            self.windows_target = max(0.0, min(1.0, value / 100))
        elif verb == CHARGE_LIMIT:
            self.charge_limit_ratio = max(0.5, min(1.0, value / 100))
        elif verb == CHARGE:
            self.charging = value > 0 and self._plugged(motion)

    def _drive(self, motion: Motion, period_s: float, fresh: bool) -> Pedals:
        """Drivetrain, brakes and steering."""
        command = self._command
        if not fresh or not command.get("Enabled") or self.power != 2:
            self._integral = 0.0
            if motion.time_s - self._driver_s <= DRIVER_HOLDS_S and self.power == 2:
                return self._driven_by_a_person(motion, fresh)
            self.indicators = 3 if command.get("Enabled") else 0
            standing = abs(motion.speed_mps) < 0.1
            brake = 1.0 if standing else self.params.timeout_deceleration_mps2 * self.params.brake_per_mps2
            self.gear = PARK if standing else self.gear
            return Pedals(0.0, min(brake, 1.0), self._steer(motion.steering_rad), False, self.indicators, self.lights)
        self.gear, self.indicators = int(command["Gear"]), int(command["Indicators"])
        throttle, brake = self._pedals(command["Acceleration"], motion, period_s)
        steer = self._steer(command["SteeringAngle"] / DEG)
        return Pedals(throttle, brake, steer, self.gear == REVERSE, self.indicators, self.lights)

    def _driven_by_a_person(self, motion: Motion, fresh: bool) -> Pedals:
        """Somebody sits there: his foot, the wheels as they are, and what a frame that may only brake adds to it."""
        helped = fresh and bool(self._command.get("BrakeOnly"))
        asked_mps2 = max(-self._command["Acceleration"], 0.0) if helped else 0.0
        foot_mps2 = DRIVER_BRAKES_MPS2 if self._driver_does("Brakes", motion) else 0.0
        brake = min(max(asked_mps2, foot_mps2) * self.params.brake_per_mps2, 1.0)
        throttle = DRIVER_THROTTLE if self._driver_does("Accelerates", motion) and not brake else 0.0
        self.gear, self.indicators = DRIVE, int(self._command["Indicators"]) if helped else 0
        return Pedals(throttle, brake, self._steer(motion.steering_rad), False, self.indicators, self.lights)

    def _pedals(self, wanted_mps2: float, motion: Motion, period_s: float) -> tuple[float, float]:
        """Acceleration to pedals: feed-forward with the grade, and an integral on what is still missing."""
        params, direction = self.params, -1.0 if self.gear == REVERSE else 1.0
        if abs(motion.speed_mps) < HOLD_BELOW_MPS and wanted_mps2 <= 0.0:
            self._integral = 0.0
            return 0.0, max(0.3, -wanted_mps2 * params.brake_per_mps2)  # hold the standstill
        error = wanted_mps2 - motion.acceleration_mps2 * direction
        self._integral = max(-1.5, min(1.5, self._integral + params.acceleration_gain_per_s * error * period_s))
        grade_mps2 = GRAVITY_MPS2 * math.sin(motion.pitch_rad) * direction
        effort_mps2 = wanted_mps2 + params.rolling_mps2 + grade_mps2 + self._integral
        if effort_mps2 >= 0.0:
            return min(effort_mps2 * params.throttle_per_mps2, 1.0), 0.0
        return 0.0, min(-effort_mps2 * params.brake_per_mps2, 1.0)

    def _steer(self, angle_rad: float) -> float:
        return max(-1.0, min(1.0, angle_rad / self.params.steering_max_rad))

    def _plugged(self, motion: Motion) -> bool:
        near = any(math.hypot(motion.x_m - x, motion.y_m - y) <= self.params.charger_reach_m for x, y in self.chargers)
        return near and abs(motion.speed_mps) < 0.05

    def _live(self, motion: Motion, period_s: float) -> None:
        """Battery and cabin."""
        params = self.params
        self.charging = self.charging and self._plugged(motion) and self.battery_ratio < self.charge_limit_ratio
        self.windows_ratio = _moved(self.windows_ratio, self.windows_target, period_s / WINDOW_TRAVEL_S)
        self.trunk_ratio = _moved(self.trunk_ratio, self.trunk_target, period_s / TRUNK_TRAVEL_S)
        self.doors_open = self.doors_open & ~TRUNK_BIT | (TRUNK_BIT if self.trunk_ratio > 0.0 else 0)
        force_n = params.mass_kg * (motion.acceleration_mps2 + 0.1 * (abs(motion.speed_mps) > 0.1))
        force_n += 0.6 * params.drag_area_m2 * motion.speed_mps**2
        wheel_w = force_n * abs(motion.speed_mps)
        drive_w = wheel_w / 0.9 if wheel_w > 0 else wheel_w * 0.6  # recuperation gives back a part
        self.battery_w = drive_w + params.auxiliary_power_w + (params.climate_power_w if self._conditioning() else 0.0)
        if self.charging:
            self.battery_w -= params.charge_power_w
        used = self.battery_w * period_s / params.battery_capacity_j
        self.battery_ratio = max(0.0, min(1.0, self.battery_ratio - used))
        target_k = self.climate_target_k if self.climate_on else params.outside_temperature_k
        self.cabin_k += (target_k - self.cabin_k) * min(period_s / (120.0 if self.climate_on else 900.0), 1.0)

    def _conditioning(self) -> bool:
        return self.climate_on and abs(self.cabin_k - self.climate_target_k) > 0.5

    def readings(self, motion: Motion, codes: frozenset[str]) -> Readings:
        """What a workshop's tester is told."""
        outside_k = self.params.outside_temperature_k
        return Readings(motion.speed_mps, self.odometer_m, self.battery_ratio, outside_k, active_codes=codes)

    def range_m(self) -> float:
        """At an average 600 J a metre (167 Wh/km)."""
        return self.battery_ratio * self.params.battery_capacity_j / 600.0

    def _driver_does(self, what: str, motion: Motion) -> int:
        """Whether a simulated person steers, brakes or accelerates now."""
        return int(motion.time_s - self._driver_s <= DRIVER_HOLDS_S and self._driver.get(what, 0) > 0)

    def _status(self, motion: Motion, pedals: Pedals, timed_out: bool) -> list[Frame]:
        frames = [self._frame("WheelSpeeds", self._wheels(motion)), self._frame("Motion", {
            "Acceleration": _clip(motion.acceleration_mps2, 40.0), "YawRate": _clip(motion.yaw_rate_radps * DEG, 163.0),
            "SteeringAngle": _clip(motion.steering_rad * DEG, 81.0), "ActuatorsReady": int(self.power == 2),
            "DriverSteers": self._driver_does("Steers", motion), "DriverBrakes": self._driver_does("Brakes", motion),
            "DriverAccelerates": self._driver_does("Accelerates", motion), "CommandTimeout": int(timed_out),
            "CommandRefused": int(self._has_refused(motion)),
        }), self._frame("Drivetrain", {"Odometer": self.odometer_m, "Gear": self.gear, "Power": self.power})]  # fmt: skip
        if self._tick % SLOW_EVERY == 1:
            frames += [self._frame("BodyStatus", self._body_signals(motion, pedals)), self._frame("BatteryStatus", {
                "StateOfCharge": self.battery_ratio * 100, "Range": min(self.range_m() / 1000, 655.0),
                "Power": _clip(self.battery_w / 1000, 327.0), "Plugged": int(self._plugged(motion)),
                "Charging": int(self.charging), "ChargeLimit": self.charge_limit_ratio * 100,
            })]  # fmt: skip
        return frames

    def _wheels(self, motion: Motion) -> dict[str, float]:
        """Rear wheels from speed and yaw rate; the front ones along their own steered way."""
        half_track_m = 0.8
        spread = motion.yaw_rate_radps * half_track_m
        front = math.hypot(motion.speed_mps, motion.yaw_rate_radps * self.params.wheelbase_m)
        front = math.copysign(front, motion.speed_mps)
        speeds = {
            "FrontLeft": front - spread, "FrontRight": front + spread,
            "RearLeft": motion.speed_mps - spread, "RearRight": motion.speed_mps + spread,
        }  # fmt: skip
        return {name: _clip(speed * KMH, 204.0) for name, speed in speeds.items()}

    def _body_signals(self, motion: Motion, pedals: Pedals) -> dict[str, float]:
        return {
            "DoorsOpen": self.doors_open, "Locked": int(self.locked), "Indicators": self.indicators,
            "Lights": self.lights, "BrakeLights": int(pedals.brake > 0.05), "Horn": int(motion.time_s < self.horn_until_s),
            "ClimateOn": int(self.climate_on), "CabinTemperature": _clip(self.cabin_k - ZERO_CELSIUS_K, 200.0),
            "WindowsOpen": math.ceil(self.windows_ratio * 100),
            "ClimateTarget": _clip(self.climate_target_k - ZERO_CELSIUS_K, 200.0),
        }  # fmt: skip

    def _frame(self, name: str, signals: dict[str, float]) -> Frame:
        message = self._messages[name]
        data = message.encode({**signals, "CRC": 0, "Counter": 0}, strict=False)
        return Frame(message.frame_id, self._protectors[name].protect(data))


def _clip(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))


def _moved(now: float, target: float, step: float) -> float:
    """Towards the target by no more than a step."""
    return now + _clip(target - now, step)
