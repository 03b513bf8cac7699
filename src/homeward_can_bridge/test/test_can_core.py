"""The bridge's core on frames: decoding, faults, actuator frames, body commands with read-back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_can_bridge.codec import Codec, CodecError
from homeward_can_bridge.command_gate import Command, State
from homeward_can_bridge.core import CLIMATE, HORN, LIGHTS, LOCK, POWER_OFF, START, UNLOCK, BridgeParams, CanBridge
from homeward_can_bridge.protection import crc8
from homeward_runtime.can_bus import Frame, MemoryBus
from homeward_runtime.outcome import Ending

DBC = (Path(__file__).parents[3] / "vehicles/homeward/homeward.dbc").read_text()
PARAMS = BridgeParams("mem:test", "", 0.02, False, 0.1, 0.1, 3.0, 8.0, 0.6, 0.6, 4.0, 3.0, 2.9, 0.5)
CODEC = Codec(DBC)
WHEELS = dict.fromkeys(("FrontLeft", "FrontRight", "RearLeft", "RearRight"), 36.0)
MOTION = {
    "Acceleration": 1.5, "YawRate": 9.0, "SteeringAngle": -4.5, "DriverSteers": 0, "DriverBrakes": 0,
    "DriverAccelerates": 0, "ActuatorsReady": 1, "CommandTimeout": 0, "Counter": 3,
}  # fmt: skip
BODY = {
    "DoorsOpen": 0, "Locked": 0, "Indicators": 1, "Lights": 2, "BrakeLights": 1, "Horn": 0, "ClimateOn": 1,
    "CabinTemperature": 19.5, "ClimateTarget": 21.0,
}  # fmt: skip


def car(**body: float) -> list[Frame]:
    """One round of every message that the car sends."""
    rows = {
        "WheelSpeeds": WHEELS, "Motion": MOTION, "Drivetrain": {"Odometer": 1234.567, "Gear": 3, "Power": 2},
        "BodyStatus": BODY | body,
        "BatteryStatus": {"StateOfCharge": 80.0, "Range": 312.5, "Power": -7.4, "Plugged": 1, "Charging": 1},
    }  # fmt: skip
    return [Frame(*CODEC.encode(name, signals)) for name, signals in rows.items()]


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
        frame = bridge.step(1.0 + 0.02 * tick, car()).frames[-1]
        decoded = CODEC.decode(*frame)
        assert decoded is not None and decoded[0] == "ActuatorCommand" and decoded[1]["Enabled"] == 1
        assert decoded[1]["Acceleration"] == pytest.approx(-1.25) and decoded[1]["Checksum"] == crc8(frame.data[:6])
        counters.append(decoded[1]["Counter"])
    assert all((b - a) % 15 == 1 for a, b in zip(counters, counters[1:], strict=False))


def test_checksum_is_the_published_one() -> None:
    assert crc8(b"123456789") == 0x4B  # CRC-8/SAE-J1850's check value


@pytest.mark.parametrize(
    "verb, value, shows",
    [
        (LOCK, 0.0, {"Locked": 1}), (LIGHTS, 3.0, {"Lights": 3}), (HORN, 1.0, {"Horn": 1}),
        (CLIMATE, 295.15, {"ClimateOn": 1, "ClimateTarget": 22.0}), (CLIMATE, 0.0, {"ClimateOn": 0}),
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


def test_a_body_command_without_read_back_is_unknown() -> None:
    bridge = CanBridge(PARAMS, DBC)
    bridge.step(1.0, car())
    request = bridge.request_body(LOCK, 0.0, 1.0)
    bridge.step(1.6, car())
    assert request.outcome is not None and request.outcome.ending is Ending.UNKNOWN


@pytest.mark.parametrize(
    "verb, value, reason",
    [(UNLOCK, 0.0, "key_required"), (START, 0.0, "key_required"), (99, 0.0, "unknown_verb"), (LIGHTS, 9.0, "out_of_range"),
     (CLIMATE, 21.0, "out_of_range"), (HORN, float("nan"), "out_of_range"), (POWER_OFF, 0.0, "moving")],
)  # fmt: skip
def test_a_body_command_that_must_not_be_is_refused_and_sends_nothing(verb: int, value: float, reason: str) -> None:
    bridge = CanBridge(PARAMS, DBC)
    bridge.step(1.0, car())
    outcome = bridge.request_body(verb, value, 1.0).outcome
    assert outcome is not None and outcome.ending is Ending.REFUSED and outcome.reason == reason
    assert len(bridge.step(1.02, car()).frames) == 1


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
