"""The simulated ECUs: they follow a whole, fresh, counted frame, and brake by themselves when frames cease."""

from __future__ import annotations

from pathlib import Path

import cantools
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from homeward_carla_bridge.ecus import (
    ACCESSORY,
    CHARGE,
    CHARGE_LIMIT,
    DRIVE,
    LOCK,
    TRUNK_OPEN,
    WINDOWS,
    EcuParams,
    Ecus,
    Motion,
    Pedals,
)
from homeward_runtime.can_bus import Frame
from homeward_runtime.params import build

ROOT = Path(__file__).resolve().parents[3]
DBC = (ROOT / "vehicles/homeward/homeward.dbc").read_text()
PARAMS = build(EcuParams, yaml.safe_load((ROOT / "params/car.yaml").read_text())["/**/ecus"]["ros__parameters"], "ecus")
DATABASE = cantools.database.load_string(DBC, "dbc")
CHARGER = (10.0, 0.0)


def ecus() -> Ecus:
    return Ecus(PARAMS, DBC, [CHARGER])


def command(counter: int, acceleration: float = 1.0, steering_deg: float = 0.0, enabled: int = 1, brake_only: int = 0) -> Frame:
    signals = {"Acceleration": acceleration, "SteeringAngle": steering_deg, "Gear": DRIVE, "Indicators": 1,
               "Enabled": enabled, "BrakeOnly": brake_only}  # fmt: skip
    return protected("ActuatorCommand", signals, counter)


def protected(name: str, signals: dict[str, float], counter: int = 1) -> Frame:
    """A frame with AUTOSAR E2E profile 1, computed here bit by bit: CRC-8 with polynomial 0x1D from 0 over the data id,
    low byte first, and then all of the frame behind the checksum.
    """
    message = DATABASE.get_message_by_name(name)
    data = message.encode({**signals, "CRC": 0, "Counter": counter})
    crc = 0
    for byte in [message.frame_id & 0xFF, message.frame_id >> 8, *data[1:]]:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x1D) & 0xFF if crc & 0x80 else crc << 1
    return Frame(message.frame_id, bytes([crc]) + data[1:])


def body(verb: int, value: float = 0.0) -> Frame:
    return protected("BodyRequest", {"Verb": verb, "Value": value})


def decoded(frames: list[Frame]) -> dict[str, dict[str, float]]:
    messages = {frame.can_id: frame.data for frame in frames}
    return {m.name: m.decode(messages[m.frame_id], decode_choices=False) for m in DATABASE.messages if m.frame_id in messages}


def test_a_whole_frame_is_followed() -> None:
    pedals, _, faults = ecus().step(Motion(0.0, speed_mps=5.0), [command(1, 1.0, 10.0)])
    assert pedals.throttle > 0.1 and pedals.brake == 0.0 and pedals.steer > 0.1 and pedals.indicators == 1
    assert not faults


@pytest.mark.parametrize("frame", [
    Frame(0x200, command(1).data[:7] + bytes([command(1).data[7] ^ 0x10])), Frame(0x200, command(1).data, True), Frame(0x200, b"\x01"), Frame(0x200, b""), Frame(0x7FF, b"12345678"),
], ids=["damaged", "extended id", "short", "empty", "unknown id"])  # fmt: skip
def test_a_damaged_frame_is_not_followed(frame: Frame) -> None:
    assert ecus().step(Motion(0.0, speed_mps=5.0), [frame])[0].throttle == 0.0


def test_a_repeated_frame_is_not_fresh_and_when_frames_cease_the_ecus_brake() -> None:
    car = ecus()
    pedals: Pedals
    for tick in range(12):
        pedals, _, faults = car.step(Motion(tick * 0.02, speed_mps=5.0), [command(1)])
    assert pedals.throttle == 0.0 and pedals.brake > 0.2 and pedals.indicators == 3
    assert [fault.code for fault in faults] == ["ecu.command_timeout", "ecu.command_refused"]


def test_disabled_means_the_driver_and_a_held_standstill() -> None:
    assert ecus().step(Motion(0.0), [command(1, 2.0, enabled=0)])[0] == Pedals(0.0, 1.0, 0.0, False, 0, 0)


def test_the_status_frames_say_what_is() -> None:
    car = ecus()
    said = decoded(car.step(Motion(0.0, speed_mps=10.0, yaw_rate_radps=0.1), [body(LOCK)])[1])
    assert said["WheelSpeeds"]["RearLeft"] < 36.0 < said["WheelSpeeds"]["RearRight"]
    assert said["BodyStatus"]["Locked"] == 1 and said["BatteryStatus"]["StateOfCharge"] == pytest.approx(80.0)


def test_the_battery_drains_while_driving_and_charges_at_a_charger() -> None:
    car = ecus()
    for tick in range(3000):
        car.step(Motion(tick * 0.02, speed_mps=20.0), [])
    drained = car.battery_ratio
    assert drained < PARAMS.battery_start_ratio
    for tick in range(3000, 9000):
        car.step(Motion(tick * 0.02, x_m=CHARGER[0]), [body(CHARGE, 1.0)] if tick == 3000 else [])
    assert car.battery_ratio > drained and car.charging


def test_charging_away_from_a_charger_does_nothing() -> None:
    car = ecus()
    car.step(Motion(0.0, x_m=500.0), [body(CHARGE, 1.0)])
    assert not car.charging


@given(st.lists(st.builds(Frame, st.sampled_from([0x200, 0x210, 0x100]), st.binary(max_size=64)), max_size=20))
def test_whatever_is_on_the_bus_the_ecus_go_on(frames: list[Frame]) -> None:
    pedals, out, _ = ecus().step(Motion(0.0, speed_mps=3.0), frames)
    assert 0.0 <= pedals.throttle <= 1.0 and 0.0 <= pedals.brake <= 1.0 and -1.0 <= pedals.steer <= 1.0
    assert len(out) >= 3


def test_a_refused_command_shows_on_the_bus() -> None:
    car = ecus()
    frames = car.step(Motion(0.0), [command(1)])[1]
    assert decoded(frames)["Motion"]["CommandRefused"] == 0
    frames = car.step(Motion(0.02), [Frame(0x200, bytes(8))])[1]
    assert decoded(frames)["Motion"]["CommandRefused"] == 1
    assert decoded(car.step(Motion(0.5), [command(2)])[1])["Motion"]["CommandRefused"] == 0


def test_lost_frames_are_borne_and_a_jump_is_followed_one_frame_later() -> None:
    car = ecus()
    for counter, followed in ((1, 1), (3, 3), (7, 7), (13, 7), (14, 14), (0, 0)):
        car.step(Motion(0.0, speed_mps=5.0), [command(counter, acceleration=counter * 0.1)])
        assert car._command["Acceleration"] == pytest.approx(followed * 0.1), (counter, followed)


def test_a_simulated_driver_is_seen_for_half_a_second() -> None:
    car = ecus()
    foot = protected("SimulatedDriver", {"Steers": 0, "Brakes": 1, "Accelerates": 0})
    assert decoded(car.step(Motion(1.0), [foot])[1])["Motion"]["DriverBrakes"] == 1
    assert decoded(car.step(Motion(1.4), [])[1])["Motion"]["DriverBrakes"] == 1
    assert decoded(car.step(Motion(1.6), [])[1])["Motion"]["DriverBrakes"] == 0


def driver(counter: int = 1, **does: int) -> Frame:
    return protected("SimulatedDriver", {"Steers": 0, "Brakes": 0, "Accelerates": 0, **does}, counter)


def test_a_simulated_driver_drives_while_nobody_else_does() -> None:
    car, rolls = ecus(), Motion(1.0, speed_mps=10.0, steering_rad=0.07)
    straight = car._steer(0.07)
    assert car.step(rolls, [driver(Accelerates=1)])[0] == Pedals(0.45, 0.0, straight, False, 0, 0)
    assert car.step(rolls, [driver(2)])[0] == Pedals(0.0, 0.0, straight, False, 0, 0), "he lets it roll"
    assert car.step(rolls, [driver(3, Accelerates=1, Brakes=1)])[0] == Pedals(0.0, pytest.approx(0.48), straight, False, 0, 0)
    assert car.step(rolls, [driver(4, Accelerates=1), command(1, 1.0)])[0].throttle != 0.45, "Homeward drives"
    left = car.step(Motion(2.0, speed_mps=10.0), [])[0]
    assert left.throttle == 0.0 and left.brake > 0.3, "nobody sits there any more"


def test_a_frame_that_may_only_brake_adds_braking_to_what_the_driver_does() -> None:
    car, rolls = ecus(), Motion(1.0, speed_mps=10.0, steering_rad=0.07)
    helped = car.step(rolls, [driver(Accelerates=1), command(1, -7.0, 30.0, enabled=0, brake_only=1)])[0]
    assert helped == Pedals(0.0, pytest.approx(0.84), car._steer(0.07), False, 1, 0), "the wheels are the driver's"
    assert car.step(rolls, [driver(2, Brakes=1), command(2, -2.0, enabled=0, brake_only=1)])[0].brake == pytest.approx(0.48)
    assert car.step(rolls, [driver(3), command(3, 2.0, enabled=0, brake_only=1)])[0].throttle == 0.0, "it never drives"
    assert car.step(rolls, [driver(4), command(4, -7.0, enabled=0)])[0].brake == 0.0
    late = Motion(1.3, speed_mps=10.0)
    car.step(rolls, [driver(5), command(5, -7.0, enabled=0, brake_only=1)])
    assert car.step(late, [driver(6)])[0].brake == 0.0, "frames have ceased"


def test_windows_and_trunk_move_and_power_follows() -> None:
    car = ecus()
    car.step(Motion(0.0), [body(WINDOWS, 50.0)])
    for tick in range(1, 106):
        frames = car.step(Motion(tick * 0.02), [])[1]
    assert decoded(frames)["BodyStatus"]["WindowsOpen"] == 50
    car.step(Motion(3.0), [protected("BodyRequest", {"Verb": TRUNK_OPEN, "Value": 0.0}, counter=2)])
    assert car.doors_open == 16
    car.step(Motion(3.2), [protected("BodyRequest", {"Verb": ACCESSORY, "Value": 0.0}, counter=3)])
    assert decoded(car.step(Motion(3.3), [])[1])["Motion"]["ActuatorsReady"] == 0


def test_charging_ends_at_its_limit() -> None:
    car = ecus()
    car.battery_ratio = 0.798
    car.step(Motion(0.0, x_m=10.0), [body(CHARGE, 1.0)])
    car.step(Motion(0.02, x_m=10.0), [protected("BodyRequest", {"Verb": CHARGE_LIMIT, "Value": 80.0}, counter=2)])
    for tick in range(2, 200):
        car.step(Motion(float(tick), x_m=10.0), [])
    assert car.battery_ratio == pytest.approx(0.8, abs=0.005) and not car.charging
