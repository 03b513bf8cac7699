"""A million random frames and command sequences through the whole bridge: no exception, no frame outside the limits."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from homeward_cli.environment import ROOT

DESCRIPTION = "A million random frames and commands through the CAN bridge: exceptions, frames outside the limits."
FRAMES, PER_STEP, SEED = 1_000_000, 8, 1
EDGES = (0.0, -0.0, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 0.6, -8.0, 3.0)


def run(say: Callable[[str], None]) -> dict[str, object]:
    """The figures. What broke the rules first is shown; the seed makes it come again."""
    fuzz, began = Fuzz(SEED), time.monotonic()
    while fuzz.frames < FRAMES and not fuzz.broken:
        fuzz.step()
        if fuzz.frames % 100_000 < PER_STEP:
            say(f"{fuzz.frames:,} frames")
    return {
        "frames": fuzz.frames, "commands": fuzz.commands, "steps": fuzz.steps, "body_requests": fuzz.bodies,
        "exceptions": fuzz.exceptions, "frames_outside_limits": len(fuzz.broken) - fuzz.exceptions, "first": fuzz.broken[:1],
        "actuator_frames": fuzz.sent, "time_in_state": dict(fuzz.states), "seed": SEED,
        "duration_s": round(time.monotonic() - began, 1),
    }  # fmt: skip


class Fuzz:
    """One bridge, and a world around it that makes little sense: most of the time just enough to be engaged."""

    def __init__(self, seed: int) -> None:
        from homeward_can_bridge.core import BridgeParams, CanBridge
        from homeward_cli.bench.vehicle_frames import VehicleFrames
        from homeward_runtime.params import build, read_file

        values = dict(read_file(ROOT / "params/car.yaml"))["/**/can_bridge"]
        self.params = build(BridgeParams, values, "can_bridge")
        text = (ROOT / "vehicles/homeward/homeward.dbc").read_text()
        self.bridge, self.car = CanBridge(self.params, text, secret=bytes(32)), VehicleFrames(text)
        self.random = random.Random(seed)
        self.frames = self.commands = self.steps = self.bodies = self.exceptions = self.sent = self.sequence = 0
        self.gear = 3
        self.now_s, self.broken, self.states = 1000.0, list[str](), Counter[str]()
        self.last: dict[str, float] | None = None

    def step(self) -> None:
        """Frames in, a command, a wish, a step; what comes out is held against the limits."""
        chance, pause_s = self.random.random(), 0.02
        if chance < 0.01:
            pause_s = self.random.choice((0.0, -5.0, 0.3, 100.0))
        self.now_s += pause_s
        try:
            frames = list(self._frames())
            self.frames += len(frames)
            if self.random.random() < 0.97:
                self.commands += 1
                self.bridge.offer(self._command(), self.now_s)
            if self.random.random() < 0.05:
                self.bridge.set_engaged(self.random.random() < 0.9, self.now_s)
            if self.random.random() < 0.05:
                self.bodies += 1
                self.bridge.request_body(self.random.randint(-2, 20), self._number(1.0), self.now_s, self._noise(48), 0)
            result = self.bridge.step(self.now_s, frames)
        except Exception as error:  # the figure that this run is for
            self.exceptions += 1
            self.broken.append(f"step {self.steps}: {type(error).__name__}: {error}")
            return
        self.steps += 1
        self.states[self.bridge.gate.state.name] += 1
        for frame in result.frames:
            self._judge(frame, min(max(pause_s, 0.0), 0.1))

    def _frames(self) -> Iterator[Any]:
        """A round of the car's own, most of the time whole; and noise."""
        from homeward_runtime.can_bus import Frame

        for frame in self.car.round(self.random):
            chance = self.random.random()
            if chance < 0.985:
                yield frame
            elif chance < 0.99:
                yield Frame(frame.can_id, self._noise(len(frame.data)))
            elif chance < 0.995:
                yield from (frame, frame)
        for _ in range(PER_STEP - 5):
            yield Frame(self.random.choice((self.random.getrandbits(11), 0x100, 0x101, 0x102, 0x110, 0x111, 0x200)),
                        self._noise(self.random.randint(0, 64)), self.random.random() < 0.1)  # fmt: skip

    def _command(self) -> Any:
        from homeward_can_bridge.command_gate import Command
        from homeward_can_bridge.stop_plan import StopPlan

        wild = self.random.random() < 0.02
        self.sequence = self.random.getrandbits(32) if self.random.random() < 0.001 else self.sequence + 1
        number = self._number if wild else lambda span: self.random.uniform(-span, span)
        points = self.random.randint(0, 16)
        plan = StopPlan(
            tuple(index * 2.0 for index in range(points)), tuple(number(0.2) for _ in range(points)),
            tuple(float(points - 1 - index) for index in range(points)),
        )  # fmt: skip
        gear, indicators = (self.random.randint(-1, 5), self.random.randint(-1, 5)) if wild else (self.gear, 0)
        if self.random.random() < 0.002:
            self.gear = 4 - self.gear  # reverse is 1, drive 3
        beside = self.random.random() < 0.3
        return Command(self.sequence, number(3.0), number(0.6), gear, indicators, plan, brake_only=beside)

    def _number(self, span: float) -> float:
        return self.random.choice(EDGES) if self.random.random() < 0.3 else self.random.uniform(-2 * span, 2 * span)

    def _noise(self, length: int) -> bytes:
        return self.random.randbytes(length)

    def _judge(self, frame: Any, period_s: float) -> None:
        """Every frame that goes out: only the two that may, whole, in range, and no faster than the rates."""
        name, signals = self.car.read(frame)
        if name == "BodyRequest":
            if signals["Verb"] in (1, 3, 7, 9):
                self.broken.append(f"step {self.steps}: verb {signals['Verb']} passed without a key")
            return
        if name != "ActuatorCommand":
            self.broken.append(f"step {self.steps}: {frame} was sent")
            return
        self.sent += 1
        if not signals["Enabled"]:
            self.last = None
            lowest_mps2 = -self.params.deceleration_max_mps2 if signals["BrakeOnly"] else 0.0
            if signals["SteeringAngle"] or not lowest_mps2 <= signals["Acceleration"] <= 0.0:
                self.broken.append(f"step {self.steps}: {signals} beside a driver")
            return
        limits, steering_rad = self.params, math.radians(signals["SteeringAngle"])
        wrong = [
            not -limits.deceleration_max_mps2 <= signals["Acceleration"] <= limits.acceleration_max_mps2,
            abs(steering_rad) > limits.steering_max_rad + 1e-4,
        ]
        if self.last is not None:
            rise = signals["Acceleration"] - self.last["acceleration_mps2"]
            turn_rad = abs(steering_rad - self.last["steering_rad"])
            wrong += [rise > limits.jerk_max_mps3 * period_s + 0.002, -rise > limits.braking_jerk_max_mps3 * period_s + 0.002,
                      turn_rad > limits.steering_rate_max_radps * period_s + 4e-4]  # fmt: skip
        if any(wrong):
            self.broken.append(f"step {self.steps}: {signals} after {self.last}: {wrong}")
        self.last = {"acceleration_mps2": signals["Acceleration"], "steering_rad": steering_rad}
