"""CAN bridge shell: moves data between ROS, the bus and the core. It decides nothing."""

from __future__ import annotations

import sys
import time
from typing import Any

from homeward_can_bridge import convert
from homeward_can_bridge.core import BodyRequest, BridgeParams, CanBridge
from homeward_can_bridge.mapping_files import vehicle_texts
from homeward_interfaces.srv import BodyCommand, SetEngaged
from homeward_runtime import key_secret, ledger, rclpy_host
from homeward_runtime.can_bus import BusError, open_buses
from homeward_runtime.car_node import CarNode, Later
from homeward_runtime.faults import Fault, fault

FAULT_HOLDS_NS = 1_000_000_000
BUS_FAULTS = {"dropped": "can.frames_dropped", "error_frames": "can.error_frames", "bus_off": "can.bus_off"}
TICK_SILENCE_NS = 1_000_000_000  # a stepped clock that stands still this long counts as silence


class CanBridgeNode(CarNode):
    """Frames <-> vehicle/state and vehicle/drive_command."""

    name = "can_bridge"
    priority = 20

    def configure(self) -> None:
        self.params = self.load_params(BridgeParams)
        texts = vehicle_texts(self.params.vehicle)
        self.core = CanBridge(self.params, *texts, secret=key_secret.read_or_make(self.params.key_file), start_ms=wall_ms())
        known = [(one.can_id, one.extended) for one in self.core.codec.messages]
        self.bus = open_buses([self.params.bus_url, *self.params.extra_bus_urls.split()], known)
        self.counted, self.counted_ns = self.bus.counters, 0
        self.told: tuple[int, str] | None = None
        self.waiting: list[tuple[BodyRequest, Later]] = []
        self.stepped_ns = self.monotonic_ns()
        self.state = self.publish_to(ledger.VEHICLE_STATE)
        self.engagement = self.publish_to(ledger.ENGAGEMENT)
        self.timing = self.publish_to(ledger.COMMAND_TIMING)
        self.subscribe_to(ledger.DRIVE_COMMAND, self.on_command)
        self.serve(ledger.SET_ENGAGED, self.on_set_engaged)
        self.serve(ledger.BODY, self.on_body)
        self.tell_engagement()
        self.run_every(self.params.period_s, self.on_tick, steady=not self.params.stepped)
        if self.params.stepped:
            self.run_every(0.1, self.on_watchdog, steady=True)

    def cleanup(self) -> None:
        self.bus.close()

    def gate_time_s(self) -> float:
        return self.now_s() if self.params.stepped else self.monotonic_ns() * 1e-9

    def on_command(self, message: Any) -> None:
        self.core.offer(convert.command_from_message(message), self.gate_time_s())

    def on_tick(self) -> None:
        self.stepped_ns = self.monotonic_ns()
        self.exchange(self.gate_time_s())

    def on_watchdog(self) -> None:
        """No tick for a second of wall time: the commands are stale whatever the stopped clock says."""
        silence_ns = self.monotonic_ns() - self.stepped_ns
        if silence_ns > TICK_SILENCE_NS:
            self.exchange(self.gate_time_s() + silence_ns * 1e-9)

    def exchange(self, now_s: float) -> None:
        result = self.core.step(now_s, self.bus.receive())
        faults = [*result.faults, *self.bus_faults()]
        try:
            for frame in result.frames:
                self.bus.send(frame)
        except BusError as error:
            faults.append(fault("can.send_failed", str(error)))
        if result.command is not None and self.timing.wanted():
            self.timing.publish(convert.timing_message(result.command, self.stamp(), time.monotonic_ns()))
        if result.vehicle is not None and result.vehicle_age_s <= self.params.vehicle_timeout_s:
            self.state.publish(convert.vehicle_message(result.vehicle, self.stamp()))
        self.answer_body()
        self.tell_engagement()
        self.report(faults)

    def bus_faults(self) -> list[Fault]:
        """What the buses' counters say has gone wrong; a fault holds for a second."""
        now, before = self.bus.counters, self.counted
        if self.monotonic_ns() - self.counted_ns > FAULT_HOLDS_NS:
            self.counted, self.counted_ns = now, self.monotonic_ns()
        found = []
        for name, code in BUS_FAULTS.items():
            count = getattr(now, name)
            if count > getattr(before, name):
                found.append(fault(code, f"{count} so far"))
        return found

    def tell_engagement(self) -> None:
        now = (int(self.core.gate.state), self.core.gate.reason)
        if now != self.told:
            self.told = now
            self.engagement.publish(convert.engagement_message(self.core.gate, self.stamp()))

    def on_set_engaged(self, request: Any) -> Any:
        outcome = self.core.set_engaged(request.engaged, self.gate_time_s())
        self.tell_engagement()
        return SetEngaged.Response(outcome=convert.outcome_message(outcome))

    def on_body(self, request: Any) -> Later:
        answer = Later()
        code = bytes(request.authorisation)
        begun = self.core.request_body(request.verb, request.value, self.gate_time_s(), code, wall_ms())
        self.waiting.append((begun, answer))
        self.answer_body()
        return answer

    def answer_body(self) -> None:
        for request, answer in self.waiting:
            if request.outcome is not None:
                answer.give(BodyCommand.Response(outcome=convert.outcome_message(request.outcome)))
        self.waiting = [entry for entry in self.waiting if entry[0].outcome is None]


def wall_ms() -> int:
    """Milliseconds since 1970: keys follow the wall clock."""
    return time.time_ns() // 1_000_000


def main() -> None:
    sys.exit(rclpy_host.main(CanBridgeNode))
