"""What a mapping lacks: for reading a car, and for driving it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from homeward_can_bridge.mapping_text import Car

READING = {
    "speed_mps": "how fast the car goes", "gear": "which gear is in", "doors_open": "whether a door is open",
    "steering_rad": "how the front wheels stand", "power": "whether the car is started", "locked": "whether it is locked",
    "indicators": "whether an indicator blinks", "battery_ratio": "how full the battery is",
}  # fmt: skip
DRIVING = {
    "speed_mps": "how fast the car goes", "steering_rad": "how the front wheels stand", "gear": "which gear is in",
    "odometer_m": "how far it went, which the stop plan is followed by", "yaw_rate_radps": "how fast it turns",
    "power": "whether it is started", "doors_open": "whether a door is open", "driver_brakes": "whether the driver brakes",
    "driver_steers": "whether the driver steers", "driver_accelerates": "whether the driver accelerates",
    "actuators_ready": "whether the actuators take commands",
}  # fmt: skip
COMMANDED = ("enabled", "acceleration_mps2", "steering_rad", "gear")


@dataclass(frozen=True)
class Lacks:
    """Sentences. `reading`: facts that stay unknown; `driving`: why the car can't be driven. Empty: nothing is lacking."""

    reading: list[str]
    driving: list[str]


def check_mapping(car: Car) -> Lacks:
    """What is lacking in it."""
    known = {one.field for one in car.readings}
    reading = [f"Nothing says {what} ({field})." for field, what in READING.items() if field not in known]
    driving = [f"Nothing says {what} ({field})." for field, what in DRIVING.items() if field not in known]
    return Lacks(reading + _needed(car), driving + _rest(car, known) + _drive(car))


def _needed(car: Car) -> list[str]:
    read = {one.message for one in car.readings}
    return [f"{name} is waited for, and nothing is read from it." for name in car.needed if name not in read]


def _rest(car: Car, known: set[str]) -> list[str]:
    """What driving rests on is waited for, watched and protected."""
    if not car.driving:
        return ["It isn't said which messages driving rests on (driving)."]
    found = []
    for name in car.driving:
        if name not in car.needed:
            found.append(f"Driving rests on {name}, which isn't waited for (needed).")
        if name not in car.protection:
            found.append(f"Driving rests on {name}, which has no protection.")
    watched = {one.message for one in car.readings if one.field in DRIVING and one.field not in ("doors_open", "power")}
    found += [f"{name} says what driving needs, and driving doesn't rest on it." for name in sorted(watched - set(car.driving))]
    return found


def _drive(car: Car) -> list[str]:
    if car.drive is None:
        return ["There is no drive command."]
    sent = {one.field for one in car.drive.signals}
    found = [f"The drive command doesn't carry {field}." for field in COMMANDED if field not in sent]
    if car.drive.message not in car.protection:
        found.append(f"The drive command {car.drive.message} has no protection.")
    return found
