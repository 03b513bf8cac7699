"""The simulated ECUs: they follow a whole, fresh, counted frame, and brake by themselves when frames cease."""

from __future__ import annotations

from pathlib import Path

import cantools
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from homeward_carla_bridge.ecus import CHARGE, DRIVE, LOCK, EcuParams, Ecus, Motion, Pedals, _crc8
from homeward_runtime.can_bus import Frame
from homeward_runtime.params import build

ROOT = Path(__file__).resolve().parents[3]
DBC = (ROOT / "vehicles/homeward/homeward.dbc").read_text()
PARAMS = build(EcuParams, yaml.safe_load((ROOT / "params/car.yaml").read_text())["/**/ecus"]["ros__parameters"], "ecus")
DATABASE = cantools.database.load_string(DBC, "dbc")
CHARGER = (10.0, 0.0)


def ecus() -> Ecus:
    return Ecus(PARAMS, DBC, [CHARGER])


def command(counter: int, acceleration: float = 1.0, steering_deg: float = 0.0, enabled: int = 1) -> Frame:
    signals = {"Acceleration": acceleration, "SteeringAngle": steering_deg, "Gear": DRIVE, "Indicators": 1,
               "Enabled": enabled, "Counter": counter, "Checksum": 0}  # fmt: skip
    data = DATABASE.encode_message("ActuatorCommand", signals)[:6]
    return Frame(0x200, data + bytes([_crc8(data), 0]))


def body(verb: int, value: float = 0.0) -> Frame:
    return Frame(0x210, DATABASE.encode_message("BodyRequest", {"Verb": verb, "Value": value, "Counter": 1}))


def decoded(frames: list[Frame]) -> dict[str, dict[str, float]]:
    messages = {frame.can_id: frame.data for frame in frames}
    return {m.name: m.decode(messages[m.frame_id], decode_choices=False) for m in DATABASE.messages if m.frame_id in messages}


def test_a_whole_frame_is_followed() -> None:
    pedals, _, faults = ecus().step(Motion(0.0, speed_mps=5.0), [command(1, 1.0, 10.0)])
    assert pedals.throttle > 0.1 and pedals.brake == 0.0 and pedals.steer > 0.1 and pedals.indicators == 1
    assert not faults


@pytest.mark.parametrize("frame", [
    Frame(0x200, command(1).data[:6] + b"\x00\x00"), Frame(0x200, b"\x01"), Frame(0x200, b""), Frame(0x7FF, b"12345678"),
], ids=["wrong checksum", "short", "empty", "unknown id"])  # fmt: skip
def test_a_damaged_frame_is_not_followed(frame: Frame) -> None:
    assert ecus().step(Motion(0.0, speed_mps=5.0), [frame])[0].throttle == 0.0


def test_a_repeated_frame_is_not_fresh_and_when_frames_cease_the_ecus_brake() -> None:
    car = ecus()
    pedals: Pedals
    for tick in range(12):
        pedals, _, faults = car.step(Motion(tick * 0.02, speed_mps=5.0), [command(1)])
    assert pedals.throttle == 0.0 and pedals.brake > 0.2 and pedals.indicators == 3
    assert [fault.code for fault in faults] == ["ecu.command_timeout"]


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
