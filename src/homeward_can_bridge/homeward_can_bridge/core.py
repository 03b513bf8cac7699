"""The CAN bridge: frames in, vehicle state out; commands in, frames out. Pure; times are arguments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from homeward_can_bridge.codec import Codec, CodecError
from homeward_can_bridge.command_gate import Actuation, Command, CommandGate, Limits, State
from homeward_can_bridge.mapping import DEG, FAST, NEEDED, ZERO_CELSIUS_K, Mapping
from homeward_can_bridge.protection import crc8, next_counter
from homeward_can_bridge.vehicle import Vehicle
from homeward_runtime.can_bus import Frame
from homeward_runtime.faults import Fault, fault
from homeward_runtime.outcome import DONE, Outcome, refused, unknown
from homeward_runtime.params import param


@dataclass(frozen=True)
class BridgeParams:
    """Section can_bridge of params/car.yaml."""

    bus_url: str = param("", "the vehicle's bus: socketcan:can0, udp: or mem:NAME")
    dbc_file: str = param("", "the vehicle's DBC file; relative to the repository's or the installed vehicles/")
    period_s: float = param("s", "between two actuator frames and states", 0.005, 0.1)
    stepped: bool = param("", "true when the clock is stepped: freshness is then of simulated time")
    command_timeout_s: float = param("s", "a drive command older than this is stale", 0.02, 0.5)
    vehicle_timeout_s: float = param("s", "the car's own data older than this is missing", 0.02, 1.0)
    acceleration_max_mps2: float = param("m/s^2", "largest acceleration that passes", 0.5, 6.0)
    deceleration_max_mps2: float = param("m/s^2", "hardest braking that passes", 2.0, 10.0)
    steering_max_rad: float = param("rad", "largest angle of the front wheels that passes", 0.1, 1.2)
    steering_rate_max_radps: float = param("rad/s", "fastest turn of the front wheels that passes", 0.1, 2.0)
    lateral_acceleration_max_mps2: float = param("m/s^2", "limits the steering angle by speed", 1.0, 8.0)
    stop_deceleration_mps2: float = param("m/s^2", "braking without a plan, and holding the standstill", 1.0, 6.0)
    wheelbase_m: float = param("m", "between the axles", 1.5, 6.0)
    body_timeout_s: float = param("s", "how long to wait for a body command's read-back", 0.1, 5.0)


@dataclass
class BodyRequest:
    """A body command under way: `shown` tells from the read-back whether it happened."""

    verb: int
    value: float
    deadline_s: float
    outcome: Outcome | None = None


@dataclass(frozen=True)
class BridgeResult:
    """What one step gives. `vehicle` is None until every needed message was heard once."""

    frames: list[Frame]
    vehicle: Vehicle | None
    vehicle_age_s: float
    actuation: Actuation
    command: Command | None  # the command that the actuator frame carries, while one does
    faults: list[Fault] = field(default_factory=list)


LOCK, UNLOCK, POWER_OFF, START, LIGHTS, HORN, CLIMATE, TRUNK_OPEN, CHARGE = range(9)
NEEDS_KEY = {UNLOCK, START, TRUNK_OPEN}
VALUE_RANGE = {LIGHTS: (0.0, 3.0), HORN: (0.0, 2.0), CLIMATE: (0.0, 308.15), CHARGE: (0.0, 1.0)}


class CanBridge:
    """One vehicle's bus. step() at `period_s` with whatever frames came in since."""

    def __init__(self, params: BridgeParams, dbc_text: str) -> None:
        self.params = params
        self.codec = Codec(dbc_text)
        self.mapping = Mapping(self.codec)
        self.gate = CommandGate(
            Limits(
                params.command_timeout_s, params.vehicle_timeout_s, params.acceleration_max_mps2,
                params.deceleration_max_mps2, params.steering_max_rad, params.steering_rate_max_radps,
                params.lateral_acceleration_max_mps2, params.stop_deceleration_mps2, params.wheelbase_m,
            )
        )  # fmt: skip
        self._vehicle = Vehicle()
        self._heard_s: dict[str, float] = {}
        self._malformed_until_s = self._invalid_until_s = -math.inf
        self._complaint = self._malformed = ""
        self._counter = self._body_counter = 0
        self._body: list[BodyRequest] = []
        self._outbox: list[Frame] = []

    @property
    def vehicle(self) -> Vehicle | None:
        """None until every needed message was heard."""
        return self._vehicle if len(self._heard_s) == len(NEEDED) else None

    def offer(self, command: Command, now_s: float) -> None:
        """A drive command from outside."""
        complaint = self.gate.offer(command, now_s)
        if complaint:
            self._complaint, self._invalid_until_s = complaint, now_s + 1.0

    def set_engaged(self, engaged: bool, now_s: float) -> Outcome:
        """The person's wish. Done, or why not."""
        if not engaged:
            self.gate.disengage()
            return DONE
        complaint = self.gate.engage(self.vehicle, self._age_s(now_s), now_s)
        return refused("not_ready", f"Not engaged: {complaint}.") if complaint else DONE

    def request_body(self, verb: int, value: float, now_s: float) -> BodyRequest:
        """Begin a body command; its outcome is filled in by a later step(), after the read-back."""
        request = BodyRequest(verb, value, now_s + self.params.body_timeout_s)
        request.outcome = self._body_refusal(verb, value)
        if request.outcome is None:
            self._body_counter = (self._body_counter + 1) % 256
            sent = value - ZERO_CELSIUS_K if verb == CLIMATE and value else value
            signals = {"Verb": verb, "Value": round(sent, 1), "Counter": self._body_counter}
            self._outbox.append(Frame(*self.codec.encode("BodyRequest", signals)))
            self._body.append(request)
        return request

    def _body_refusal(self, verb: int, value: float) -> Outcome | None:
        if not LOCK <= verb <= CHARGE:
            return refused("unknown_verb", f"There is no body command {verb}.")
        if verb in NEEDS_KEY:
            return refused("key_required", "This needs a key: pair a phone first.")
        low, high = VALUE_RANGE.get(verb, (-math.inf, math.inf))
        if not (math.isfinite(value) and low <= value <= high) or (verb == CLIMATE and 0 < value < 283.15):
            return refused("out_of_range", f"{value:g} is out of range for this command.")
        if self.vehicle is None:
            return refused("vehicle_silent", "The car doesn't answer.")
        if verb == POWER_OFF and abs(self._vehicle.speed_mps) > 0.1:
            return refused("moving", "The car is moving.")
        return None

    def step(self, now_s: float, frames: Iterable[Frame]) -> BridgeResult:
        """One period: take in, decide, give out."""
        for frame in frames:
            self._take(frame, now_s)
        age_s = self._age_s(now_s)
        actuation = self.gate.step(now_s, self.vehicle, age_s)
        self._settle_body(now_s)
        sent, self._outbox = [*self._outbox, self._actuator_frame(actuation)], []
        carried = self.gate.last_command if self.gate.state is State.ENGAGED else None
        return BridgeResult(sent, self.vehicle, age_s, actuation, carried, self._faults(now_s))

    def _take(self, frame: Frame, now_s: float) -> None:
        try:
            decoded = self.codec.decode(*frame)
        except CodecError as error:
            self._malformed, self._malformed_until_s = str(error), now_s + 1.0
            return
        if decoded is not None and decoded[0] in NEEDED:
            self._vehicle = self.mapping.applied(self._vehicle, *decoded)
            self._heard_s[decoded[0]] = now_s

    def _age_s(self, now_s: float) -> float:
        """Of the oldest message that driving rests on."""
        return max(now_s - self._heard_s.get(name, -math.inf) for name in FAST)

    def _actuator_frame(self, actuation: Actuation) -> Frame:
        self._counter = next_counter(self._counter)
        signals = {
            "Acceleration": round(actuation.acceleration_mps2, 3), "SteeringAngle": round(actuation.steering_rad / DEG, 2),
            "Gear": actuation.gear, "Indicators": actuation.indicators, "Enabled": int(actuation.enabled),
            "Counter": self._counter, "Checksum": 0,
        }  # fmt: skip
        can_id, data = self.codec.encode("ActuatorCommand", signals)
        return Frame(can_id, data[:6] + bytes([crc8(data[:6]), 0]))

    def _settle_body(self, now_s: float) -> None:
        for request in self._body:
            if self._shown(request):
                request.outcome = DONE
            elif now_s > request.deadline_s:
                request.outcome = unknown("no_read_back", "The car did not confirm it. Look before trying again.")
        self._body = [request for request in self._body if request.outcome is None]

    def _shown(self, request: BodyRequest) -> bool:
        vehicle, value = self._vehicle, request.value
        return bool({
            LOCK: vehicle.locked, POWER_OFF: vehicle.power == 0, LIGHTS: vehicle.lights == int(value),
            HORN: vehicle.horn == (value > 0), CHARGE: vehicle.charging == (value > 0),
            CLIMATE: vehicle.climate_on == (value > 0) and (not value or abs(vehicle.climate_target_k - value) < 0.11),
        }[request.verb])  # fmt: skip

    def _faults(self, now_s: float) -> list[Fault]:
        found = []
        late = [name for name in NEEDED if now_s - self._heard_s.get(name, -math.inf) > 5 * self.params.vehicle_timeout_s]
        if len(late) == len(NEEDED):
            found.append(fault("can.bus_silent"))
        elif late:
            found.append(fault("can.frame_missing", ", ".join(late)))
        if now_s < self._malformed_until_s:
            found.append(fault("can.frame_malformed", self._malformed))
        if now_s < self._invalid_until_s:
            found.append(fault("can.command_invalid", self._complaint))
        if self.gate.state is State.STOPPING:
            found.append(fault(f"can.{self.gate.reason}"))
        return found
