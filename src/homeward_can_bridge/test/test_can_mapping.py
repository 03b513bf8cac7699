"""mapping.yaml: what the shipped cars' files mean, what is refused and where, what a mapping lacks."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_can_bridge.codec import Codec
from homeward_can_bridge.mapping import Mapping, MappingError
from homeward_can_bridge.mapping_check import check_mapping
from homeward_can_bridge.mapping_files import vehicle_texts
from homeward_can_bridge.mapping_text import UNITS, parse
from homeward_can_bridge.vehicle import Gear, Indicators, Vehicle
from homeward_runtime.can_protection import Protection

VEHICLES = Path(__file__).resolve().parents[3] / "vehicles"
CARS = sorted(path.parent.name for path in VEHICLES.glob("*/mapping.yaml"))
DBC = """
BO_ 1 Car: 8 X
 SG_ Speed : 0|16@1+ (0.01,0) [0|0] "mph" X
 SG_ Gear : 16|4@1+ (1,0) [0|0] "" X
 SG_ Off : 20|1@1+ (1,0) [0|0] "" X
 SG_ Which M : 24|2@1+ (1,0) [0|0] "" X
 SG_ Heat m1 : 32|8@1+ (1,-40) [0|0] "degF" X
VAL_ 1 Gear 1 "P" 5 "D" ;
"""
SMALL = """car: small
state:
  Car:
    speed_mps: {signal: Speed, unit: mph}
    gear: {signal: Gear, values: {P: park, D: drive, 9: reverse}}
    locked: {signal: Off, values: {0: true, 1: false}}
    cabin_temperature_k: {signal: Heat, unit: degF}
needed: [Car]
"""


def car_of(name: str) -> tuple[Codec, Mapping]:
    dbc, mapping = vehicle_texts(name)
    codec = Codec(dbc, name)
    return codec, Mapping(codec, mapping)


def read(name: str, message: str, before: Vehicle = Vehicle(), **signals: Any) -> Vehicle:
    """The vehicle after one frame, the other signals at their raw 0."""
    codec, mapping = car_of(name)
    known = codec.decoder(message)(bytes(codec.message(message).length))
    return mapping.applied(before, message, codec.decoder(message)(codec.encode(message, known | signals)[1]))


def test_three_cars_ship_and_one_can_be_driven() -> None:
    assert CARS == ["homeward", "tesla_model3", "toyota"]
    assert [name for name in CARS if car_of(name)[1].can_drive] == ["homeward"]
    assert check_mapping(car_of("homeward")[1].car).reading == []


def test_the_demo_car_reads_in_si() -> None:
    vehicle = read("homeward", "WheelSpeeds", FrontLeft=36.0, FrontRight=36.0, RearLeft=36.0, RearRight=18.0)
    assert vehicle.wheel_speed_mps == pytest.approx((10.0, 10.0, 10.0, 5.0)) and vehicle.speed_mps == pytest.approx(7.5)
    vehicle = read("homeward", "Motion", vehicle, SteeringAngle=-18.0, YawRate=9.0, DriverBrakes=1)
    assert (vehicle.steering_rad, vehicle.yaw_rate_radps) == pytest.approx((-math.pi / 10, math.pi / 20))
    assert vehicle.driver_brakes is True and vehicle.driver_steers is False and vehicle.speed_mps == pytest.approx(7.5)
    vehicle = read("homeward", "BodyStatus", CabinTemperature=21.5, Indicators=3, DoorsOpen=17, WindowsOpen=25)
    assert vehicle.cabin_temperature_k == pytest.approx(294.65) and vehicle.indicators == Indicators.HAZARD
    assert (vehicle.doors_open, vehicle.windows_open_ratio) == (17, 0.25)


def test_the_demo_cars_commands_go_out_in_the_frames_units() -> None:
    codec, mapping = car_of("homeward")
    wish = SimpleNamespace(enabled=True, acceleration_mps2=-1.5, steering_rad=math.pi / 18, gear=Gear.DRIVE, indicators=Indicators.LEFT,
                           brake_only=False)  # fmt: skip
    message, signals = mapping.drive(wish)
    decoded = codec.decode(*codec.encode(message, signals))
    assert decoded == ("ActuatorCommand", {
        "CRC": 0, "Counter": 0, "Acceleration": -1.5, "SteeringAngle": 10.0, "Gear": 3, "Indicators": 1, "Enabled": 1, "BrakeOnly": 0,
    })  # fmt: skip
    for verb, value, sent in ((6, 295.15, 22.0), (6, 0.0, 0.0), (10, 0.25, 25.0), (12, 0.8, 80.0), (5, 1.5, 1.5)):
        message, signals = mapping.body(verb, value)
        assert message == "BodyRequest" and signals["Verb"] == verb and signals["Value"] == pytest.approx(sent)


def test_the_demo_cars_frames_are_protected() -> None:
    _, mapping = car_of("homeward")
    assert {*mapping.needed, "ActuatorCommand", "BodyRequest"} == mapping.protection.keys()
    assert mapping.protection["Motion"] == Protection(0x101, 1)


def test_a_toyota_is_read() -> None:
    wheels = {f"WHEEL_SPEED_{place}": 72.0 + 0.33 for place in ("FL", "FR", "RL", "RR")}
    assert read("toyota", "WHEEL_SPEEDS", **wheels).speed_mps == pytest.approx(20.0, abs=0.1)
    assert read("toyota", "STEER_ANGLE_SENSOR", STEER_ANGLE=90.0, STEER_FRACTION=0.5).steering_rad == pytest.approx(
        math.radians(90.5) * 0.073
    )
    assert [read("toyota", "GEAR_PACKET", GEAR=raw).gear for raw in (32, 16, 8, 0, 1)] == [0, 1, 2, 3, 3]
    assert read("toyota", "BODY_CONTROL_STATE", DOOR_OPEN_FR=1, DOOR_OPEN_RR=1).doors_open == 0b1010
    assert [read("toyota", "PCM_CRUISE", GAS_RELEASED=raw).driver_accelerates for raw in (0, 1)] == [True, False]


def test_a_tesla_is_read() -> None:
    assert read("tesla_model3", "DI_speed", DI_vehicleSpeed=72.0).speed_mps == pytest.approx(20.0)
    assert read("tesla_model3", "EPAS3S_sysStatus", EPAS3S_internalSAS=-120.0).steering_rad == pytest.approx(math.radians(9.996))
    assert read("tesla_model3", "UI_warning", leftBlinkerOn=1, rightBlinkerOn=1).indicators == Indicators.HAZARD
    driving = read("tesla_model3", "DI_systemStatus", DI_gear=4)
    assert driving.gear == Gear.DRIVE and read("tesla_model3", "DI_systemStatus", driving, DI_gear=7).gear == Gear.DRIVE


def test_a_car_without_a_drive_command_refuses_to_be_driven_and_says_why() -> None:
    _, mapping = car_of("toyota")
    assert "There is no drive command." in mapping.why_not_drive
    assert any("driver steers" in sentence for sentence in mapping.why_not_drive)
    with pytest.raises(MappingError, match="can't be driven"):
        mapping.drive(SimpleNamespace())
    with pytest.raises(MappingError, match="no body commands"):
        mapping.body(0, 0.0)


@pytest.mark.parametrize("gone", ["odometer_m", "driver_brakes", "steering_rad", "power"])
def test_a_demo_car_without_a_fact_that_driving_needs_cant_be_driven(gone: str) -> None:
    dbc, text = vehicle_texts("homeward")
    without = "\n".join(line for line in text.splitlines() if not line.strip().startswith(f"{gone}:"))
    mapping = Mapping(Codec(dbc), without)
    assert not mapping.can_drive and any(f"({gone})" in sentence for sentence in mapping.why_not_drive)


def test_a_demo_car_without_protection_cant_be_driven() -> None:
    dbc, text = vehicle_texts("homeward")
    lines = [line for line in text.splitlines() if "data_id: 0x200" not in line and "data_id: 0x101" not in line]
    assert Mapping(Codec(dbc), "\n".join(lines)).why_not_drive == [
        "Driving rests on Motion, which has no protection.", "The drive command ActuatorCommand has no protection.",
    ]  # fmt: skip


def test_units_values_and_multiplexed_signals() -> None:
    codec = Codec(DBC)
    mapping = Mapping(codec, SMALL)
    vehicle = mapping.applied(Vehicle(), "Car", {"Speed": 100.0, "Gear": 5, "Off": 0, "Which": 1, "Heat": 68})
    assert vehicle.speed_mps == pytest.approx(44.704) and vehicle.gear == Gear.DRIVE and vehicle.locked is True
    assert vehicle.cabin_temperature_k == pytest.approx(293.15)
    later = mapping.applied(vehicle, "Car", {"Speed": 0.0, "Gear": 7, "Off": 1, "Which": 0})
    assert later.cabin_temperature_k == vehicle.cabin_temperature_k and later.gear == Gear.DRIVE and later.locked is False
    assert mapping.applied(later, "Other", {}) is later


def test_every_unit_is_of_some_field() -> None:
    for unit, (ending, factor, _) in UNITS.items():
        assert ending.startswith("_") and factor > 0, unit


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("car: small\n", "", "line 1: lacks car"),
        ("car: small", "car: small\ncolour: red", "line 2: 'colour' is not known here"),
        ("needed: [Car]", "needed: []", "line 8: needed: takes a list of names"),
        ("needed: [Car]", "needed: [Cat]", "the DBC has no message 'Cat'"),
        ("signal: Speed", "signal: Sped", "Car has no signal 'Sped'"),
        ("  Car:\n", "  Cat:\n", "the DBC has no message 'Cat'"),
        ("speed_mps:", "speed:", "line 4: state.Car.speed: a vehicle has no field 'speed'"),
        ("unit: mph", "unit: knots", "line 4: state.Car.speed_mps.unit: the unit 'knots' is not known"),
        ("unit: mph", "unit: degC", "line 4: state.Car.speed_mps.unit: speed_mps can't be in degC"),
        ("unit: mph", "factor: 0", "line 4: state.Car.speed_mps.factor: takes a number other than 0"),
        ("unit: mph", "factor: .nan", "takes a number other than 0"),
        ("unit: mph", "sum: [Speed]", "line 4: state.Car.speed_mps: needs one of signal, sum"),
        ("unit: mph", "typo: 1", "line 4: state.Car.speed_mps: 'typo' is not known here"),
        ("signal: Speed", "each: [Speed]", "wheel_speed_mps takes 'each'"),
        ("D: drive", "D: fly", "line 5: state.Car.gear.values.D: takes park, reverse, neutral, drive, not 'fly'"),
        ("D: drive", "X: drive", "mine.yaml, line 5: Car.Gear has no value called 'X'"),
        ("D: drive", "P: drive", "line 5: state.Car.gear.values: has 'P' twice"),
        ("0: true", "0: 1", "line 6: state.Car.locked.values.0: takes true, false, not 1"),
        ("    speed_mps:", "    gear: {signal: Gear}\n    speed_mps:", "line 6: state.Car: has 'gear' twice"),
        ("needed: [Car]", "needed: [Car]\nprotection: {Car: {profile: 3, data_id: 1}}", "line 9: protection.Car: there is no"),
        ("needed: [Car]", "needed: [Car]\nprotection: {Car: {profile: 1, data_id: 70000}}", "does not fit 16 bits"),
        ("needed: [Car]", "needed: [Car]\nprotection: {Car: {profile: 1}}", "line 9: protection.Car: lacks data_id"),
        ("needed: [Car]", "needed: [Car]\nprotection: {Car: {profile: 1, data_id: x}}", "takes a whole number, not 'x'"),
        (
            "needed: [Car]",
            "needed: [Car]\ncommands: {drive: {message: Car, signals: {Speed: {from: velocity}}}}",
            "commands.drive.signals.Speed: a command has no 'velocity'",
        ),
        ("{signal: Speed, unit: mph}", "{signal: Speed", "line 5: no YAML"),
        ("car: small", "- car", "no YAML"),
    ],
)
def test_what_is_wrong_in_a_mapping_is_said_with_its_line(old: str, new: str, complaint: str) -> None:
    assert old in SMALL
    with pytest.raises(MappingError) as error:
        Mapping(Codec(DBC), SMALL.replace(old, new, 1), "mine.yaml")
    assert complaint in str(error.value)


@pytest.mark.parametrize("text", ["", "~", "3", "[1, 2]", "a: b: c", "\t", "? [1]", "&a [*a]"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(MappingError):
        parse(text)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_mapping_is_read_or_refused_never_worse(data: st.DataObject) -> None:
    dbc, text = vehicle_texts("homeward")
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        text = text[:place] + data.draw(st.text(max_size=6)) + text[place + data.draw(st.integers(0, 12)) :]
    try:
        Mapping(Codec(dbc), text)
    except MappingError:
        pass


def test_a_name_that_leaves_the_folder_is_no_vehicle() -> None:
    for name in ("", "../homeward", "homeward/../toyota", "no_such_car"):
        with pytest.raises(FileNotFoundError):
            vehicle_texts(name)
