"""The CAN bridge: frames in, vehicle state out; commands in, frames out. Pure; times are arguments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from homeward_can_bridge.body_gate import RULES, BodyGate, Verb
from homeward_can_bridge.codec import Codec, CodecError
from homeward_can_bridge.command_gate import Actuation, Command, CommandGate, Limits, State
from homeward_can_bridge.mapping import Mapping
from homeward_can_bridge.vehicle import Power, Vehicle
from homeward_runtime.can_bus import Frame
from homeward_runtime.can_protection import Inspector, Protector, Verdict
from homeward_runtime.faults import Fault, fault
from homeward_runtime.outcome import DONE, Outcome, refused, unknown
from homeward_runtime.params import param


@dataclass(frozen=True)
class BridgeParams:
    """Section can_bridge of params/car.yaml."""

    bus_url: str = param("", "the vehicle's bus: socketcan:can0, udp: or mem:NAME")
    extra_bus_urls: str = param("", "further buses to listen to, spaces between them; commands go out on bus_url alone")
    vehicle: str = param("", "which folder of vehicles/ says what the car's frames mean: its DBC and mapping.yaml")
    period_s: float = param("s", "between two actuator frames and states", 0.005, 0.1)
    stepped: bool = param("", "true when the clock is stepped: freshness is then of simulated time")
    command_timeout_s: float = param("s", "a drive command older than this is stale", 0.02, 0.5)
    vehicle_timeout_s: float = param("s", "the car's own data older than this is missing", 0.02, 1.0)
    acceleration_max_mps2: float = param("m/s^2", "largest acceleration that passes", 0.5, 6.0)
    deceleration_max_mps2: float = param("m/s^2", "hardest braking that passes", 2.0, 10.0)
    jerk_max_mps3: float = param("m/s^3", "how fast the acceleration may rise", 1.0, 20.0)
    braking_jerk_max_mps3: float = param("m/s^3", "how fast it may fall", 5.0, 100.0)
    steering_max_rad: float = param("rad", "largest angle of the front wheels that passes", 0.1, 1.2)
    steering_rate_max_radps: float = param("rad/s", "fastest turn of the front wheels that passes", 0.1, 2.0)
    lateral_acceleration_max_mps2: float = param("m/s^2", "limits the steering angle by speed", 1.0, 8.0)
    lateral_jerk_max_mps3: float = param("m/s^3", "limits the steering rate by speed", 2.0, 30.0)
    stop_deceleration_mps2: float = param("m/s^2", "braking without a plan, and holding the standstill", 1.0, 6.0)
    wheelbase_m: float = param("m", "between the axles", 1.5, 6.0)
    reverse_speed_max_mps: float = param("m/s", "backwards faster than this is braked", 0.5, 5.0)
    key_file: str = param("", "secret shared with key authentication (32 bytes or more); empty: nothing opens the car")
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


PROTECTION_FAULTS = {
    Verdict.CORRUPTED: "can.frame_corrupted", Verdict.REPEATED: "can.frame_repeated",
    Verdict.LOST: "can.frame_lost", Verdict.OUT_OF_SEQUENCE: "can.frame_lost",
}  # fmt: skip
FAULT_HOLDS_S = 1.0
POWER_SHOWN = {Verb.POWER_OFF: Power.OFF, Verb.ACCESSORY: Power.ACCESSORY, Verb.START: Power.READY}
LIMIT_NAMES = [field.name for field in fields(Limits)]
TRUNK_BIT = 16


class CanBridge:
    """One vehicle's bus. step() at `period_s` with whatever frames came in since. `secret` and `start_ms` (wall clock) are
    for the codes of keys.
    """

    def __init__(
        self, params: BridgeParams, dbc_text: str, mapping_text: str | None = None, secret: bytes = b"", start_ms: int = 0
    ) -> None:
        self.params = params
        self.codec = Codec(dbc_text, f"{params.vehicle}.dbc")
        self.mapping = Mapping(self.codec, mapping_text, f"{params.vehicle}/mapping.yaml")
        self._why_not_drive = self.mapping.why_not_drive
        drive = self.mapping.car.drive
        assists = drive is not None and any(one.field == "brake_only" for one in drive.signals) and not self._why_not_drive
        self.gate = CommandGate(Limits(**{name: getattr(params, name) for name in LIMIT_NAMES}), assists)
        self.body_gate = BodyGate(secret, start_ms)
        self._vehicle = Vehicle()
        self._heard_s: dict[str, float] = {}
        self._noted: dict[str, tuple[float, str]] = {}
        self.inspectors = {name: Inspector(one) for name, one in self.mapping.protection.items()}
        self._protectors = {name: Protector(one) for name, one in self.mapping.protection.items()}
        self._body: list[BodyRequest] = []
        self._outbox: list[Frame] = []

    @property
    def vehicle(self) -> Vehicle | None:
        """None until every needed message was heard."""
        return self._vehicle if self._heard_s.keys() >= set(self.mapping.needed) else None

    def offer(self, command: Command, now_s: float) -> None:
        """A drive command from outside."""
        complaint = self.gate.offer(command, now_s)
        if complaint:
            self._note("can.command_invalid", complaint, now_s)

    def set_engaged(self, engaged: bool, now_s: float) -> Outcome:
        """The person's wish. Done, or why not."""
        if not engaged:
            self.gate.disengage()
            return DONE
        if self._why_not_drive:
            return refused("read_only", f"This car can only be read: {self._why_not_drive[0]}")
        complaint = self.gate.engage(self.vehicle, self._age_s(now_s), now_s)
        return refused("not_ready", f"Not engaged: {complaint}.") if complaint else DONE

    def request_body(self, verb: int, value: float, now_s: float, code: bytes = b"", now_ms: int = 0) -> BodyRequest:
        """Begin a body command; its outcome is filled in by a later step(), after the read-back. `now_ms` is of the wall
        clock, for the key's `code`.
        """
        settles_s = RULES[verb].settles_s if verb in RULES else 0.0
        request = BodyRequest(verb, value, now_s + self.params.body_timeout_s + settles_s)
        if self.mapping.car.body is None:
            request.outcome = refused("read_only", "This car takes no commands: its mapping has none.")
        else:
            request.outcome = self.body_gate.refusal(verb, value, code, self.vehicle, now_ms)
        if request.outcome is None:
            self._outbox += self._protected(*self.mapping.body(verb, value), now_s)
            self._body.append(request)
        return request

    def step(self, now_s: float, frames: Iterable[Frame]) -> BridgeResult:
        """One period: take in, decide, give out."""
        for frame in frames:
            self._take(frame, now_s)
        age_s = self._age_s(now_s)
        actuation = self.gate.step(now_s, self.vehicle, age_s)
        self._settle_body(now_s)
        drive = [] if self._why_not_drive else self._protected(*self.mapping.drive(actuation), now_s)
        sent, self._outbox = [*self._outbox, *drive], []
        carried = self.gate.last_command if self.gate.state is State.ENGAGED else None
        return BridgeResult(sent, self.vehicle, age_s, actuation, carried, self._faults(now_s))

    def _take(self, frame: Frame, now_s: float) -> None:
        try:
            decoded = self.codec.decode(frame.can_id, frame.data, frame.extended)
        except CodecError as error:
            self._note("can.frame_malformed", str(error), now_s)
            return
        if decoded is not None and self.mapping.reads(decoded[0]) and self._is_whole(decoded[0], frame.data, now_s):
            self._vehicle = self.mapping.applied(self._vehicle, *decoded)
            self._heard_s[decoded[0]] = now_s

    def _is_whole(self, name: str, data: bytes, now_s: float) -> bool:
        """What the frame's protection says; anything but good is a fault, and only what may be used is."""
        inspector = self.inspectors.get(name)
        if inspector is None:
            return True
        verdict = inspector.inspect(data)
        if verdict in PROTECTION_FAULTS:
            self._note(PROTECTION_FAULTS[verdict], f"{name}: {verdict}, {inspector.counts[verdict]} so far", now_s)
        return verdict.usable

    def _note(self, code: str, detail: str, now_s: float) -> None:
        """A fault of the moment: it is reported for FAULT_HOLDS_S."""
        self._noted[code] = (now_s + FAULT_HOLDS_S, detail)

    def _age_s(self, now_s: float) -> float:
        """Of the oldest message that driving rests on. A clock that jumped back makes all of them old."""
        ages_s = [now_s - self._heard_s.get(name, -math.inf) for name in self.mapping.driving or self.mapping.needed]
        return max(ages_s) if min(ages_s) >= 0.0 else math.inf

    def _protected(self, name: str, signals: dict[str, float], now_s: float) -> list[Frame]:
        """The frame to send; none where a value doesn't fit it: the ECUs then brake by themselves."""
        try:
            can_id, data = self.codec.encode(name, signals)
        except CodecError as error:
            self._note("can.command_invalid", str(error), now_s)
            return []
        protector = self._protectors.get(name)
        whole = data if protector is None else protector.protect(data)
        return [Frame(can_id, whole, self.codec.message(name).extended)]

    def _settle_body(self, now_s: float) -> None:
        for request in self._body:
            if _is_shown(request, self._vehicle):
                request.outcome = DONE
            elif now_s > request.deadline_s:
                request.outcome = unknown("no_read_back", "The car did not confirm it. Look before trying again.")
        self._body = [request for request in self._body if request.outcome is None]

    def _faults(self, now_s: float) -> list[Fault]:
        found = []
        needed = self.mapping.needed
        late = [name for name in needed if now_s - self._heard_s.get(name, -math.inf) > 5 * self.params.vehicle_timeout_s]
        if len(late) == len(needed):
            found.append(fault("can.bus_silent"))
        elif late:
            found.append(fault("can.frame_missing", ", ".join(late)))
        if self._vehicle.command_refused and self.gate.state is not State.MANUAL:
            found.append(fault("can.command_refused"))
        if self.gate.state is State.STOPPING:
            found.append(fault(f"can.{self.gate.reason}"))
        return found + [fault(code, detail) for code, (until_s, detail) in self._noted.items() if now_s < until_s]


def _is_shown(request: BodyRequest, vehicle: Vehicle) -> bool:
    """Whether the read-back shows what was asked for."""
    verb, value = request.verb, request.value
    if verb in POWER_SHOWN:
        return vehicle.power == POWER_SHOWN[Verb(verb)]
    return {
        Verb.LOCK: vehicle.locked, Verb.UNLOCK: not vehicle.locked, Verb.LIGHTS: vehicle.lights == int(value),
        Verb.HORN: vehicle.horn == (value > 0), Verb.CHARGE: vehicle.charging == (value > 0),
        Verb.CLIMATE: vehicle.climate_on == (value > 0) and (not value or abs(vehicle.climate_target_k - value) < 0.11),
        Verb.TRUNK_OPEN: bool(vehicle.doors_open & TRUNK_BIT), Verb.TRUNK_CLOSE: not vehicle.doors_open & TRUNK_BIT,
        Verb.WINDOWS: abs(vehicle.windows_open_ratio - value) < 0.011,
        Verb.CHARGE_LIMIT: abs(vehicle.charge_limit_ratio - value) < 0.011,
    }[Verb(verb)]  # fmt: skip
