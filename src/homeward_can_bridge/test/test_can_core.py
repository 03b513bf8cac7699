"""The bridge's core on frames: decoding, faults, actuator frames, body commands with read-back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_can_bridge.body_gate import Verb
from homeward_can_bridge.codec import Codec, CodecError
from homeward_can_bridge.command_gate import Command, State
from homeward_can_bridge.core import BridgeParams, CanBridge
from homeward_can_bridge.mapping import Mapping
from homeward_can_bridge.mapping_files import vehicle_texts
from homeward_runtime.can_bus import Frame, MemoryBus
from homeward_runtime.can_protection import Inspector, Protection, Protector, Verdict
from homeward_runtime.key_code import make_code
from homeward_runtime.outcome import Ending

DBC = (Path(__file__).parents[3] / "vehicles/homeward/homeward.dbc").read_text()
PARAMS = BridgeParams(
    "mem:test", "", "homeward", 0.02, False, command_timeout_s=0.1, vehicle_timeout_s=0.1, acceleration_max_mps2=3.0,
    deceleration_max_mps2=8.0, jerk_max_mps3=8.0, braking_jerk_max_mps3=40.0, steering_max_rad=0.6,
    steering_rate_max_radps=0.6, lateral_acceleration_max_mps2=4.0, lateral_jerk_max_mps3=10.0,
    stop_deceleration_mps2=3.0, wheelbase_m=2.9, reverse_speed_max_mps=2.0, key_file="", body_timeout_s=0.5,
)  # fmt: skip
CODEC = Codec(DBC)
SECRET = bytes(range(32))
WHEELS = dict.fromkeys(("FrontLeft", "FrontRight", "RearLeft", "RearRight"), 36.0)
MOTION = {
    "Acceleration": 1.5, "YawRate": 9.0, "SteeringAngle": -4.5, "DriverSteers": 0, "DriverBrakes": 0,
    "DriverAccelerates": 0, "ActuatorsReady": 1, "CommandTimeout": 0, "CommandRefused": 0,
}  # fmt: skip
BODY = {
    "DoorsOpen": 0, "Locked": 0, "Indicators": 1, "Lights": 2, "BrakeLights": 1, "Horn": 0, "ClimateOn": 1,
    "CabinTemperature": 19.5, "ClimateTarget": 21.0, "WindowsOpen": 0,
}  # fmt: skip


ROWS = {
    "WheelSpeeds": WHEELS, "Motion": MOTION, "Drivetrain": {"Odometer": 1234.567, "Gear": 3, "Power": 2}, "BodyStatus": BODY,
    "BatteryStatus": {"StateOfCharge": 80.0, "Range": 312.5, "Power": -7.4, "Plugged": 1, "Charging": 1, "ChargeLimit": 80},
}  # fmt: skip
PROTECTION = Mapping(CODEC).protection
PROTECTORS = {name: Protector(one) for name, one in PROTECTION.items()}


def car(**changes: float) -> list[Frame]:
    """One round of every message that the car sends, with some signals changed."""
    return [frame(name, **{key: value for key, value in changes.items() if key in signals}) for name, signals in ROWS.items()]


def frame(name: str, **changes: float) -> Frame:
    """A protected frame of the car with the next counter."""
    can_id, data = CODEC.encode(name, {**ROWS[name], **changes, "CRC": 0, "Counter": 0})
    return Frame(can_id, PROTECTORS[name].protect(data))


def standing() -> list[Frame]:
    return car(**dict.fromkeys(WHEELS, 0.0))


def test_frames_become_the_vehicle_in_si() -> None:
    vehicle = CanBridge(PARAMS, DBC).step(1.0, car()).vehicle
    assert vehicle is not None
    assert vehicle.speed_mps == pytest.approx(10.0) and vehicle.acceleration_mps2 == pytest.approx(1.5)
    assert vehicle.yaw_rate_radps == pytest.approx(0.157, abs=1e-3)
    assert vehicle.steering_rad == pytest.approx(-0.0785, abs=1e-3)
    assert vehicle.odometer_m == pytest.approx(1234.567) and (vehicle.gear, vehicle.power) == (3, 2)
    assert vehicle.cabin_temperature_k == pytest.approx(292.65) and vehicle.battery_ratio == pytest.approx(0.8)
    assert vehicle.range_m == pytest.approx(312_500) and vehicle.battery_power_w == pytest.approx(-7400)
    assert vehicle.charging is True and vehicle.locked is False


def test_no_vehicle_before_every_message_was_heard() -> None:
    bridge = CanBridge(PARAMS, DBC)
    assert bridge.step(1.0, car()[:4]).vehicle is None
    assert bridge.step(1.02, car()[4:]).vehicle is not None


def codes(bridge: CanBridge, now_s: float, frames: list[Frame]) -> set[str]:
    return {fault.code for fault in bridge.step(now_s, frames).faults}


def test_silence_and_missing_frames_are_faults() -> None:
    bridge = CanBridge(PARAMS, DBC)
    assert codes(bridge, 1.0, car()) == set()
    assert codes(bridge, 1.6, []) == {"can.bus_silent"}
    assert codes(bridge, 1.7, car()[1:]) == {"can.frame_missing"}


def test_a_frame_of_a_wrong_length_is_a_fault_and_changes_nothing() -> None:
    bridge = CanBridge(PARAMS, DBC)
    before = bridge.step(1.0, car()).vehicle
    result = bridge.step(1.02, [Frame(0x100, b"\x01\x02\x03")])
    assert {fault.code for fault in result.faults} == {"can.frame_malformed"} and result.vehicle == before
    assert "WheelSpeeds has 3 bytes, wants 8" in result.faults[0].detail
    assert codes(bridge, 2.1, car()) == set()


@given(
    st.lists(
        st.builds(Frame, st.integers(0, 0x7FF) | st.sampled_from([0x100, 0x101, 0x102, 0x110, 0x111]), st.binary(max_size=64))
    )
)
def test_whatever_is_on_the_bus_the_bridge_goes_on(frames: list[Frame]) -> None:
    bridge = CanBridge(PARAMS, DBC)
    bridge.step(1.0, car())
    assert bridge.step(1.02, frames).frames


def test_the_actuator_frame_carries_the_command_with_counter_and_checksum() -> None:
    bridge = CanBridge(PARAMS, DBC)
    bridge.step(1.0, car())
    bridge.offer(Command(1, -1.25, 0.0), 1.0)
    assert bridge.set_engaged(True, 1.0).done and bridge.gate.state is State.ENGAGED
    counters = []
    for tick in range(1, 20):
        bridge.offer(Command(tick + 1, -1.25, 0.0), 1.0 + 0.02 * tick)
        sent = bridge.step(1.0 + 0.02 * tick, car()).frames[-1]
        decoded = CODEC.decode(*sent)
        assert decoded is not None and decoded[0] == "ActuatorCommand" and decoded[1]["Enabled"] == 1
        assert decoded[1]["Acceleration"] < 0.0 and PROTECTION["ActuatorCommand"].fits(sent.data)
        counters.append(decoded[1]["Counter"])
    assert all((b - a) % 15 == 1 for a, b in zip(counters, counters[1:], strict=False))


def test_damaged_repeated_and_lost_frames_are_counted_and_become_faults() -> None:
    bridge = CanBridge(PARAMS, DBC)
    bridge.step(1.0, car())
    good = frame("WheelSpeeds", RearLeft=72.0, RearRight=72.0)
    damaged = Frame(good.can_id, good.data[:7] + bytes([good.data[7] ^ 1]))
    assert codes(bridge, 1.02, [damaged]) == {"can.frame_corrupted"}
    assert bridge.vehicle is not None and bridge.vehicle.speed_mps == pytest.approx(10.0)
    assert codes(bridge, 2.1, car()) == {"can.frame_lost"}, "the damaged one's counter is missing"
    again = car()
    assert codes(bridge, 3.2, again) == set()
    assert codes(bridge, 3.22, again[:1]) == {"can.frame_repeated"}
    counts = bridge.inspectors["WheelSpeeds"].counts
    assert (counts[Verdict.CORRUPTED], counts[Verdict.REPEATED], counts["frames lost"]) == (1, 1, 1)


def test_repeated_frames_alone_do_not_keep_the_car_driving() -> None:
    """An ECU that hangs and repeats its last frame is as silent as one that sends nothing."""
    bridge = CanBridge(PARAMS, DBC)
    frozen = car()
    bridge.step(1.0, frozen)
    bridge.offer(Command(1, 0.0, 0.0), 1.0)
    assert bridge.set_engaged(True, 1.0).done
    for tick in range(1, 8):
        bridge.offer(Command(tick + 1, 0.0, 0.0), 1.0 + 0.02 * tick)
        bridge.step(1.0 + 0.02 * tick, frozen)
    assert bridge.gate.state is State.STOPPING and bridge.gate.reason == "vehicle_silent"


@pytest.mark.parametrize(
    "verb, value, shows",
    [
        (Verb.LOCK, 0.0, {"Locked": 1}), (Verb.LIGHTS, 3.0, {"Lights": 3}), (Verb.HORN, 1.0, {"Horn": 1}),
        (Verb.CLIMATE, 295.15, {"ClimateOn": 1, "ClimateTarget": 22.0}), (Verb.CLIMATE, 0.0, {"ClimateOn": 0}),
        (Verb.WINDOWS, 0.3, {"WindowsOpen": 30}), (Verb.CHARGE, 0.0, {"Charging": 0}), (Verb.CHARGE_LIMIT, 0.9, {"ChargeLimit": 90}),
    ],
)  # fmt: skip
def test_a_body_command_is_done_when_it_is_read_back(verb: int, value: float, shows: dict[str, float]) -> None:
    bridge = CanBridge(PARAMS, DBC)
    bridge.step(1.0, car())
    request = bridge.request_body(verb, value, 1.0)
    sent = bridge.step(1.02, car()).frames
    assert CODEC.decode(*sent[0])[0] == "BodyRequest"  # type: ignore[index]
    assert request.outcome is None, "the wish is not the fact"
    bridge.step(1.04, car(**shows))
    assert request.outcome is not None and request.outcome.done


@pytest.mark.parametrize(
    "verb, shows",
    [
        (Verb.UNLOCK, {"Locked": 0}), (Verb.START, {"Power": 2}), (Verb.ACCESSORY, {"Power": 1}),
        (Verb.TRUNK_OPEN, {"DoorsOpen": 16}),
    ],
)  # fmt: skip
def test_what_opens_or_starts_the_car_passes_with_a_keys_code_and_only_once(verb: int, shows: dict[str, float]) -> None:
    bridge = CanBridge(PARAMS, DBC, secret=SECRET, start_ms=1_000_000)
    shut = {"Locked": 1, "Power": 0, **dict.fromkeys(WHEELS, 0.0)}
    bridge.step(1.0, car(**shut))
    code = make_code(SECRET, verb, 1, 1_006_000)
    request = bridge.request_body(verb, 0.0, 1.0, code, 1_002_000)
    assert request.outcome is None
    bridge.step(1.02, car(**{**shut, **shows}))
    assert request.outcome is not None and request.outcome.done
    again = bridge.request_body(verb, 0.0, 1.0, code, 1_002_000)
    assert again.outcome is not None and again.outcome.reason == "key_required" and "used before" in again.outcome.text


def test_a_window_that_moves_is_waited_for() -> None:
    bridge = CanBridge(PARAMS, DBC)
    bridge.step(1.0, car())
    request = bridge.request_body(Verb.WINDOWS, 1.0, 1.0)
    bridge.step(4.0, car(WindowsOpen=60))
    assert request.outcome is None
    bridge.step(5.0, car(WindowsOpen=100))
    assert request.outcome is not None and request.outcome.done


def test_a_body_command_without_read_back_is_unknown() -> None:
    bridge = CanBridge(PARAMS, DBC)
    bridge.step(1.0, car())
    request = bridge.request_body(Verb.LOCK, 0.0, 1.0)
    bridge.step(1.6, car())
    assert request.outcome is not None and request.outcome.ending is Ending.UNKNOWN


@pytest.mark.parametrize(
    "verb, value, reason",
    [
        (Verb.UNLOCK, 0.0, "moving"), (99, 0.0, "unknown_verb"), (Verb.LIGHTS, 9.0, "out_of_range"),
        (Verb.CLIMATE, 21.0, "out_of_range"), (Verb.HORN, float("nan"), "out_of_range"), (Verb.POWER_OFF, 0.0, "moving"),
        (Verb.CHARGE_LIMIT, 0.0, "out_of_range"), (-1, 0.0, "unknown_verb"),
    ],
)  # fmt: skip
def test_a_body_command_that_must_not_be_is_refused_and_sends_nothing(verb: int, value: float, reason: str) -> None:
    bridge = CanBridge(PARAMS, DBC)
    bridge.step(1.0, car())
    outcome = bridge.request_body(verb, value, 1.0).outcome
    assert outcome is not None and outcome.ending is Ending.REFUSED and outcome.reason == reason
    assert len(bridge.step(1.02, car()).frames) == 1


CODES = {
    # complaint: the gate's secret, how the code is made for a verb, and the time
    "no key is set up": (b"", lambda verb: make_code(SECRET, verb, 1, 6000), 2000),
    "needs a key": (SECRET, lambda verb: b"", 2000),
    "not genuine, another verb's": (SECRET, lambda verb: make_code(SECRET, verb + 1, 1, 6000), 2000),
    "not genuine, another secret's": (SECRET, lambda verb: make_code(bytes(32), verb, 1, 6000), 2000),
    "out of its time": (SECRET, lambda verb: make_code(SECRET, verb, 1, 6000), 6001),
    "out of its time, too early": (SECRET, lambda verb: make_code(SECRET, verb, 1, 6000), 999),
    "older than the gate": (SECRET, lambda verb: make_code(SECRET, verb, 1, 5999), 2000),
}


@pytest.mark.parametrize("verb", [Verb.UNLOCK, Verb.START, Verb.ACCESSORY, Verb.TRUNK_OPEN], ids=lambda verb: verb.name)
@pytest.mark.parametrize("complaint", CODES)
def test_without_a_good_code_nothing_opens(verb: int, complaint: str) -> None:
    secret, made, now_ms = CODES[complaint]
    bridge = CanBridge(PARAMS, DBC, secret=secret, start_ms=1000)
    bridge.step(1.0, standing())
    outcome = bridge.request_body(verb, 0.0, 1.0, made(verb), now_ms).outcome
    assert outcome is not None and outcome.reason == "key_required" and complaint.split(",")[0] in outcome.text
    assert len(bridge.step(1.02, standing()).frames) == 1


def test_an_open_window_of_a_locked_car_wants_a_key_and_closing_it_does_not() -> None:
    bridge = CanBridge(PARAMS, DBC, secret=SECRET)
    bridge.step(1.0, car(Locked=1, WindowsOpen=50))
    assert bridge.request_body(Verb.WINDOWS, 0.0, 1.0).outcome is None
    opened = bridge.request_body(Verb.WINDOWS, 0.8, 1.0).outcome
    assert opened is not None and opened.reason == "key_required"


@given(st.integers(-5, 300), st.floats(), st.binary(max_size=80), st.integers(0, 2**63))
def test_no_forged_code_ever_opens(verb: int, value: float, code: bytes, now_ms: int) -> None:
    bridge = CanBridge(PARAMS, DBC, secret=SECRET)
    bridge.step(1.0, standing())
    request = bridge.request_body(verb, value, 1.0, code, now_ms)
    sent = [CODEC.decode(*one) for one in bridge.step(1.02, standing()).frames]
    opening = {Verb.UNLOCK, Verb.START, Verb.ACCESSORY, Verb.TRUNK_OPEN}
    assert not any(one and one[0] == "BodyRequest" and one[1]["Verb"] in opening for one in sent)
    assert verb not in opening or request.outcome is not None


def test_protection_by_profile_five_serves_long_frames() -> None:
    protection = Protection(0x1234, profile=5)
    sender, receiver = Protector(protection), Inspector(protection)
    frames = [sender.protect(bytes(range(64))) for _ in range(300)]
    assert [receiver.inspect(one) for one in frames] == [Verdict.GOOD] * 300
    assert frames[0][3:] == bytes(range(3, 64)) and Inspector(Protection(0x1235, 5)).inspect(frames[0]) is Verdict.CORRUPTED
    assert receiver.inspect(frames[299]) is Verdict.REPEATED
    for _ in range(5):
        sender.protect(bytes(64))
    assert receiver.inspect(sender.protect(bytes(64))) is Verdict.OUT_OF_SEQUENCE


@given(st.binary(max_size=64), st.sampled_from([1, 5]))
def test_noise_is_no_protected_frame(data: bytes, profile: int) -> None:
    protection = Protection(0x4801, profile)
    if Inspector(protection).inspect(data) is Verdict.GOOD:  # one in 256 or in 65,536 by chance
        assert protection.fits(data) and len(data) > 2


@pytest.mark.parametrize("text", ["", "BO_ nonsense", "\x00", "VERSION"])
def test_a_dbc_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # CodecError, or what the mapping misses
        CanBridge(PARAMS, text)


def test_encoding_refuses_what_does_not_fit() -> None:
    with pytest.raises(CodecError):
        CODEC.encode("ActuatorCommand", {"Acceleration": 99.0})
    with pytest.raises(CodecError):
        CODEC.encode("Nothing", {})


def test_buses_in_one_process_hear_each_other_and_not_themselves() -> None:
    one, two = MemoryBus("a"), MemoryBus("a")
    other = MemoryBus("b")
    one.send(Frame(1, b"x"))
    assert two.receive() == [Frame(1, b"x")] and one.receive() == [] and other.receive() == []
    for bus in (one, two, other):
        bus.close()


@pytest.mark.parametrize("vehicle", ["toyota", "tesla_model3"])
def test_a_car_that_is_only_read_is_never_commanded(vehicle: str) -> None:
    dbc_text, mapping_text = vehicle_texts(vehicle)
    bridge = CanBridge(dataclasses.replace(PARAMS, vehicle=vehicle), dbc_text, mapping_text)
    frames = [Frame(one.can_id, bytes(one.length), one.extended) for one in bridge.codec.messages]
    result = bridge.step(1.0, frames)
    assert result.vehicle is not None and result.frames == []
    bridge.offer(Command(1, 0.0, 0.0), 1.0)
    outcome = bridge.set_engaged(True, 1.0)
    assert outcome.reason == "read_only" and "can only be read" in outcome.text
    honked = bridge.request_body(Verb.HORN, 1.0, 1.0).outcome
    assert honked is not None and honked.reason == "read_only" and bridge.step(1.02, frames).frames == []


def test_a_value_that_does_not_fit_the_cars_frame_is_not_sent_and_is_told() -> None:
    """A car whose frame holds less than the limits let through: silence, and the ECUs brake."""
    narrow = DBC.replace("(0.001,0) [-32.768|32.767]", "(0.001,0) [-1|1]")
    bridge = CanBridge(PARAMS, narrow)
    bridge.step(1.0, car())
    bridge.offer(Command(1, -8.0, 0.0), 1.0)
    assert bridge.set_engaged(True, 1.0).done
    sent = []
    for tick in range(1, 6):
        bridge.offer(Command(tick + 1, -8.0, 0.0), 1.0 + 0.02 * tick)
        result = bridge.step(1.0 + 0.02 * tick, car())
        sent.append(len(result.frames))
    assert sent[-1] == 0 and "can.command_invalid" in {one.code for one in result.faults}
