"""The ends of bench/can_node.py: `... send BUS SECONDS KIND` puts 4000 frames/s on a bus, `... watch SECONDS` hears the states.

Both print one JSON object. Wheel speeds count upwards in steps of the DBC's resolution, so that a state tells which frame
it shows.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import cycle, islice

from homeward_runtime.can_bus import Frame, open_bus
from homeward_runtime.files import read_text

RATE_HZ, BURST_S = 4000, 0.001
BURST = round(RATE_HZ * BURST_S)
STEP_KMH, STEPS = 0.05, 4000
KMH_PER_MPS = 3.6
CAR = ("WheelSpeeds", "Motion", "Drivetrain", "BodyStatus", "BatteryStatus")
OTHER_IDS = 60  # of ECUs that the bridge has no business with


def step_of(speed_mps: float) -> int:
    """Which WheelSpeeds frame a state's wheel speed comes from, modulo STEPS."""
    return round(speed_mps * KMH_PER_MPS / STEP_KMH)


class CarFrames:
    """What the demo car's ECUs send: protected, decodable, wheel speeds counting up."""

    def __init__(self) -> None:
        from homeward_can_bridge.codec import Codec
        from homeward_can_bridge.mapping_text import parse
        from homeward_runtime.can_protection import Protector

        self._codec = Codec(read_text("homeward/homeward.dbc", "vehicles"))
        protection = parse(read_text("homeward/mapping.yaml", "vehicles"), "mapping.yaml").protection
        self._protectors = {name: Protector(protection[name]) for name in CAR}
        self._plain = {name: self._codec.encode(name, self._signals(name)) for name in CAR}
        self._wheels = [self._codec.encode("WheelSpeeds", self._wheel_signals(step)) for step in range(STEPS)]
        self.sent_ns: list[int] = []  # when each WheelSpeeds frame went out

    def _signals(self, name: str) -> dict[str, float]:
        from homeward_can_bridge.dbc import load

        message = next(one for one in load(read_text("homeward/homeward.dbc", "vehicles")).messages if one.name == name)
        return {one.name: float(one.name in ("ActuatorsReady",)) for one in message.signals}

    def _wheel_signals(self, step: int) -> dict[str, float]:
        names = ("FrontLeft", "FrontRight", "RearLeft", "RearRight")
        return {"CRC": 0, "Counter": 0} | dict.fromkeys(names, round(step * STEP_KMH, 2))

    def next(self, name: str) -> Frame:
        can_id, data = self._plain[name]
        if name == "WheelSpeeds":
            can_id, data = self._wheels[len(self.sent_ns) % STEPS]
            self.sent_ns.append(time.monotonic_ns())
        return Frame(can_id, self._protectors[name].protect(data))


def send(url: str, seconds: float, kind: str) -> None:
    """4000 frames/s. `car`: every one is of the car's own messages, each 800 times a second, protected, to be checked and
    decoded; `others`: none is, as on a second bus."""
    bus, car = open_bus(url), CarFrames()
    others = cycle([Frame(0x400 + number, bytes(range(8))) for number in range(OTHER_IDS)])
    plan = cycle(CAR if kind == "car" else [""])
    sent, late_s = 0, 0.0
    next_s = time.monotonic()
    end_s = next_s + seconds
    while next_s < end_s:
        time.sleep(max(next_s - time.monotonic(), 0.0))
        late_s = max(late_s, time.monotonic() - next_s)
        for name in islice(plan, BURST):
            bus.send(car.next(name) if name else next(others))
        sent += BURST
        next_s += BURST_S
    print(json.dumps({"sent": sent, "late_ms": late_s * 1e3, "wheels_ns": car.sent_ns}))


def watch(seconds: float) -> None:
    """(step shown, when) of each state; codes of the faults of frames (lost, repeated, damaged) that the node told."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray

    from homeward_interfaces.msg import VehicleState
    from homeward_runtime import ledger
    from homeward_runtime.rclpy_host import qos_profile

    rclpy.init()
    node = rclpy.create_node("watcher")
    shown: list[tuple[int, int]] = []
    told: set[str] = set()

    def on_state(message: VehicleState) -> None:
        shown.append((step_of(message.wheel_speed_mps[0]), time.monotonic_ns()))

    def on_diagnostics(message: DiagnosticArray) -> None:
        for status in message.status:
            told.update(value.value for value in status.values if value.key == "code" and value.value.startswith("can.frame"))

    node.create_subscription(VehicleState, ledger.VEHICLE_STATE.name, on_state, qos_profile(ledger.VEHICLE_STATE.profile))
    node.create_subscription(DiagnosticArray, ledger.DIAGNOSTICS.name, on_diagnostics, qos_profile(ledger.DIAGNOSTICS.profile))
    print("watching", flush=True)
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        rclpy.spin_once(node, timeout_sec=0.1)
    print(json.dumps({"shown": shown, "told": sorted(told)}))
    rclpy.try_shutdown()


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], float(sys.argv[3]), sys.argv[4])
    else:
        watch(float(sys.argv[2]))
