"""Which signal of the bus is which fact of the vehicle, as data: field, message, signal, factor and offset to SI."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from homeward_can_bridge.codec import Codec, Signals
from homeward_can_bridge.vehicle import Vehicle
from homeward_runtime.can_protection import Protection

KMH, DEG, ZERO_CELSIUS_K = 1 / 3.6, math.pi / 180, 273.15


@dataclass(frozen=True)
class Row:
    """value in SI = signal * factor + offset, as the field's type."""

    field: str
    message: str
    signal: str
    factor: float = 1.0
    offset: float = 0.0
    kind: type = float


HOMEWARD = (
    Row("acceleration_mps2", "Motion", "Acceleration"),
    Row("yaw_rate_radps", "Motion", "YawRate", DEG),
    Row("steering_rad", "Motion", "SteeringAngle", DEG),
    Row("driver_steers", "Motion", "DriverSteers", kind=bool),
    Row("driver_brakes", "Motion", "DriverBrakes", kind=bool),
    Row("driver_accelerates", "Motion", "DriverAccelerates", kind=bool),
    Row("actuators_ready", "Motion", "ActuatorsReady", kind=bool),
    Row("command_refused", "Motion", "CommandRefused", kind=bool),
    Row("odometer_m", "Drivetrain", "Odometer"),
    Row("gear", "Drivetrain", "Gear", kind=int),
    Row("power", "Drivetrain", "Power", kind=int),
    Row("doors_open", "BodyStatus", "DoorsOpen", kind=int),
    Row("locked", "BodyStatus", "Locked", kind=bool),
    Row("indicators", "BodyStatus", "Indicators", kind=int),
    Row("lights", "BodyStatus", "Lights", kind=int),
    Row("brake_lights", "BodyStatus", "BrakeLights", kind=bool),
    Row("horn", "BodyStatus", "Horn", kind=bool),
    Row("climate_on", "BodyStatus", "ClimateOn", kind=bool),
    Row("cabin_temperature_k", "BodyStatus", "CabinTemperature", offset=ZERO_CELSIUS_K),
    Row("climate_target_k", "BodyStatus", "ClimateTarget", offset=ZERO_CELSIUS_K),
    Row("windows_open_ratio", "BodyStatus", "WindowsOpen", 0.01),
    Row("charge_limit_ratio", "BatteryStatus", "ChargeLimit", 0.01),
    Row("battery_ratio", "BatteryStatus", "StateOfCharge", 0.01),
    Row("range_m", "BatteryStatus", "Range", 1000.0),
    Row("battery_power_w", "BatteryStatus", "Power", 1000.0),
    Row("charger_plugged", "BatteryStatus", "Plugged", kind=bool),
    Row("charging", "BatteryStatus", "Charging", kind=bool),
)
WHEELS = ("FrontLeft", "FrontRight", "RearLeft", "RearRight")
NEEDED = ("WheelSpeeds", "Motion", "Drivetrain", "BodyStatus", "BatteryStatus")  # all of them before a first state
PROTECTION = {
    "WheelSpeeds": 0x100, "Motion": 0x101, "Drivetrain": 0x102, "BodyStatus": 0x110, "BatteryStatus": 0x111,
    "ActuatorCommand": 0x200, "BodyRequest": 0x210,
}  # fmt: skip
"""AUTOSAR E2E profile 1: the data id of each message."""
FAST = ("WheelSpeeds", "Motion", "Drivetrain")  # what driving rests on


class Mapping:
    """The rows, by message. Raises CodecError's complaint early: a DBC that lacks a message is refused."""

    def __init__(self, codec: Codec) -> None:
        missing = sorted({*NEEDED, "ActuatorCommand", "BodyRequest"} - set(codec.names))
        if missing:
            raise ValueError(f"the DBC lacks {', '.join(missing)}")
        self.protection = {name: Protection(data_id) for name, data_id in PROTECTION.items()}
        self._rows: dict[str, list[Row]] = {name: [row for row in HOMEWARD if row.message == name] for name in NEEDED}

    def applied(self, vehicle: Vehicle, message: str, signals: Signals) -> Vehicle:
        """The vehicle with what this message says; unchanged for messages of no interest."""
        if message == "WheelSpeeds":
            front_left, front_right, rear_left, rear_right = (signals[name] * KMH for name in WHEELS)
            wheels = (front_left, front_right, rear_left, rear_right)
            return replace(vehicle, wheel_speed_mps=wheels, speed_mps=(wheels[2] + wheels[3]) / 2)
        rows = self._rows.get(message)
        if not rows:
            return vehicle
        return replace(vehicle, **{row.field: _value(row, signals) for row in rows})


def _value(row: Row, signals: Signals) -> Any:
    return row.kind(signals[row.signal] * row.factor + row.offset)
