"""The demo car's frames for benchmarks, made and read with cantools: nothing of the bridge's own code."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import cantools

from homeward_runtime.can_bus import Frame
from homeward_runtime.can_protection import Protection, Protector

STATUS = ("WheelSpeeds", "Motion", "Drivetrain", "BodyStatus", "BatteryStatus")
RARELY = 0.002


class VehicleFrames:
    """Makes a round of a ready, closed, moving car's status; now and then a driver acts, a door opens, the car goes off."""

    def __init__(self, dbc_text: str) -> None:
        self.database: Any = cantools.database.load_string(dbc_text, "dbc")
        self._messages = {name: self.database.get_message_by_name(name) for name in STATUS}
        self._protectors = {name: Protector(Protection(one.frame_id)) for name, one in self._messages.items()}
        self.speed_kmh, self.odometer_m = 0.0, 100.0

    def round(self, source: random.Random) -> Iterator[Frame]:
        """One frame of each status message."""
        self.speed_kmh = min(max(self.speed_kmh + source.uniform(-3.0, 3.0), -10.0), 120.0)
        self.odometer_m += abs(self.speed_kmh) / 3.6 * 0.02
        seldom = {name: int(source.random() < RARELY) for name in ("DriverSteers", "DriverBrakes", "DriverAccelerates")}
        shown = {
            "WheelSpeeds": dict.fromkeys(("FrontLeft", "FrontRight", "RearLeft", "RearRight"), self.speed_kmh),
            "Motion": {"SteeringAngle": source.uniform(-30.0, 30.0), "ActuatorsReady": int(source.random() > RARELY), **seldom},
            "Drivetrain": {"Odometer": self.odometer_m, "Gear": 3, "Power": 2 if source.random() > RARELY else 0},
            "BodyStatus": {"DoorsOpen": int(source.random() < RARELY), "Locked": 1},
            "BatteryStatus": {"StateOfCharge": 80.0},
        }
        for name, signals in shown.items():
            yield self.frame(name, signals)

    def frame(self, name: str, signals: dict[str, float]) -> Frame:
        """A protected frame with the next counter; signals that are not named are 0."""
        message = self._messages[name]
        data = message.encode({**dict.fromkeys((one.name for one in message.signals), 0), **signals}, strict=False)
        return Frame(message.frame_id, self._protectors[name].protect(data))

    def read(self, frame: Frame) -> tuple[str, dict[str, float]]:
        """Name and signals of a frame, or an empty name."""
        try:
            message = self.database.get_message_by_frame_id(frame.can_id)
        except KeyError:
            return "", {}
        if not Protection(frame.can_id).fits(frame.data):
            return "", {}
        return message.name, message.decode(frame.data, decode_choices=False)
