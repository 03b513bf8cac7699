"""The key service's parameters."""

from __future__ import annotations

from dataclasses import dataclass

from homeward_runtime.params import param


@dataclass(frozen=True)
class KeyParams:
    """Values are in params/car.yaml."""

    name: str = param("", "what the car is called on its keys, 1 to 32 bytes")
    store_folder: str = param("", "where keys, log and the car's identity are kept; ~ is the home folder; empty: in memory")
    key_file: str = param("", "secret shared with the CAN bridge; made where it is missing; empty: nothing opens the car")
    radio_url: str = param("", "usb:0, hci-socket:0, serial:..., virtual:127.0.0.1:PORT; empty: no radio")
    ranging: str = param("", "what measures how far a key is: none, or simulated (in the simulator)")
    body_timeout_s: float = param("s", "how long to wait for the car's answer to a body command", 1.0, 20.0)
