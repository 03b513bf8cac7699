"""What is known of the vehicle, as values: the core's own form of VehicleState, SI throughout."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Gear(IntEnum):
    PARK, REVERSE, NEUTRAL, DRIVE = range(4)


class Power(IntEnum):
    OFF, ACCESSORY, READY = range(3)


class Indicators(IntEnum):
    NONE, LEFT, RIGHT, HAZARD = range(4)


@dataclass(frozen=True)
class Vehicle:
    """Field by field what homeward_interfaces/msg/VehicleState says, with its units."""

    speed_mps: float = 0.0
    acceleration_mps2: float = 0.0
    steering_rad: float = 0.0
    yaw_rate_radps: float = 0.0
    wheel_speed_mps: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    odometer_m: float = 0.0
    gear: int = Gear.PARK
    power: int = Power.OFF
    driver_brakes: bool = False
    driver_accelerates: bool = False
    driver_steers: bool = False
    actuators_ready: bool = False
    command_refused: bool = False
    locked: bool = False
    doors_open: int = 0
    indicators: int = Indicators.NONE
    lights: int = 0
    brake_lights: bool = False
    horn: bool = False
    cabin_temperature_k: float = 0.0
    climate_target_k: float = 0.0
    climate_on: bool = False
    windows_open_ratio: float = 0.0
    battery_ratio: float = 0.0
    range_m: float = 0.0
    battery_power_w: float = 0.0
    charger_plugged: bool = False
    charging: bool = False
    charge_limit_ratio: float = 1.0
