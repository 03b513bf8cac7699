"""Cars move as the published single-track model says, and as a car must where the model says nothing."""

from math import atan, cos, pi, sin, tan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vehiclemodels.parameters_vehicle2 import parameters_vehicle2
from vehiclemodels.vehicle_dynamics_st import vehicle_dynamics_st

from homeward_sim.actors import Actor
from homeward_sim.catalogue import CARS
from homeward_sim.dynamics import CAR, KINEMATIC_MPS, single_track, step_cars
from homeward_sim.ground import Ground
from homeward_sim.spawning import fill_row, make_actor

STEP_S = 0.02
REFERENCE = parameters_vehicle2()


def flat(slope: float = 0.0) -> Ground:
    """A plane of 4 x 4 km that rises by `slope` along +x."""
    shape = (401, 401)
    height = np.tile((np.arange(401) * 10.0 - 2000.0) * slope, (401, 1)).astype(np.float32)
    labels = np.ones(shape, np.uint8)
    return Ground(-2000.0, -2000.0, 10.0, height, height, labels, labels, labels, slope == 0.0)


LEVEL, HILL = flat(), flat(0.08)


def car(blueprint: str = "vehicle.tesla.model3", **values: float) -> Any:
    cars = np.zeros(1, CAR)
    fill_row(make_actor(1, [0, blueprint, []], 0), cars[0])
    for name, value in values.items():
        cars[name] = value
    return cars


def drive(cars: Any, seconds: float, ground: Ground = LEVEL, dt: float = STEP_S) -> Any:
    for _ in range(round(seconds / dt)):
        step_cars(cars, ground, dt)
    return cars[0]


# ---- against the published model -------------------------------------------------------------------------------

tyre_slips = st.floats(-0.04, 0.04)


@given(st.floats(2.0, 45.0), tyre_slips, tyre_slips, st.floats(-0.02, 0.02), st.floats(-6.0, 2.0))
def test_derivatives_are_the_published_ones_while_tyres_grip(
    speed: float, front: float, rear: float, slip: float, acceleration: float
) -> None:
    """Slip angles below the friction limit (1 / cornering stiffness): equal to rounding."""
    a, b = REFERENCE.a, REFERENCE.b
    yaw_rate = (rear + slip) * speed / b
    steer = front + slip + a * yaw_rate / speed
    state = [0.0, 0.0, steer, speed, 0.3, yaw_rate, slip]
    published = vehicle_dynamics_st(state, [0.0, acceleration], REFERENCE)
    ours = single_track(speed, yaw_rate, slip, steer, acceleration, a, b, REFERENCE.h_s, REFERENCE.m, REFERENCE.I_z)
    assert ours == pytest.approx((published[5], published[6]), rel=1e-9, abs=1e-9)


def test_a_lane_change_is_the_published_models() -> None:
    """Two seconds of sine steering at 20 m/s: within a millimetre of the published model."""
    cars = car(vx=20.0)
    row = cars[0]
    for name, value in (
        ("to_front_axle", REFERENCE.a),
        ("to_rear_axle", REFERENCE.b),
        ("centre_height", REFERENCE.h_s),
        ("mass", REFERENCE.m),
        ("inertia", REFERENCE.I_z),
        ("centre_of_gravity", 0.0),
        ("steer_limit", 1.0),
    ):
        row[name] = value
    state = np.array((0.0, 0.0, 0.0, 20.0, 0.0, 0.0, 0.0))
    for step in range(100):
        wanted = 0.02 * sin(2 * pi * step / 100)
        row["steering"], row["throttle"] = wanted, 0.0
        state = published_step(state, wanted, float(row["vx"]), row)
        step_cars(cars, LEVEL, STEP_S)
    assert (row["x"], row["y"], row["yaw"]) == pytest.approx((state[0], state[1], state[4]), abs=1e-3)


def published_step(state: Any, wanted: float, vx: float, row: Any) -> Any:
    """One step of the published model with the accelerations of our powertrain (rolling and air) and our steering
    rack.
    """
    for _ in range(2):
        h = STEP_S / 2
        acceleration = -float(row["drag"]) * vx * abs(vx) - 0.147
        rate = float(np.clip((wanted - state[2]) / h, -float(row["steer_rate"]), float(row["steer_rate"])))

        def slope(x: Any, a: float = acceleration, r: float = rate) -> Any:
            return np.array(vehicle_dynamics_st(list(x), [r, a], REFERENCE))

        k1 = slope(state)
        k2 = slope(state + h / 2 * k1)
        k3 = slope(state + h / 2 * k2)
        k4 = slope(state + h * k3)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        vx = state[3] * cos(state[6])
    return state


def test_slow_cars_turn_about_the_point_that_their_wheels_point_at() -> None:
    """Kinematic single-track at walking pace: the rear axle runs on a circle of radius wheelbase / tan(steer)."""
    cars = car(vx=1.5, throttle=0.05, steering=1.0)
    row = cars[0]
    row["steer"] = row["steer_limit"]
    wheelbase = float(row["to_front_axle"] + row["to_rear_axle"])
    row["vy"] = 1.5 * tan(row["steer_limit"]) * row["to_rear_axle"] / wheelbase
    points = []
    for _ in range(1000):
        row["vx"] = 1.5
        step_cars(cars, LEVEL, STEP_S)
        points.append((row["x"] - wheelbase / 2 * cos(row["yaw"]), row["y"] - wheelbase / 2 * sin(row["yaw"])))
    track = np.array(points)
    middle = (track.max(axis=0) + track.min(axis=0)) / 2
    radius = np.hypot(*(track - middle).T)
    assert radius == pytest.approx(wheelbase / tan(float(row["steer_limit"])), rel=0.02)


def test_the_two_models_meet_where_they_change() -> None:
    """Accelerating through the change of model in a bend leaves no step in the path's curvature."""
    cars = car(vx=1.0, throttle=0.3, steering=0.2)
    rates = []
    for _ in range(200):
        before = float(cars["yaw"][0])
        step_cars(cars, LEVEL, STEP_S)
        rates.append((float(cars["yaw"][0]) - before) / max(float(cars["vx"][0]), 0.1) / STEP_S)
    assert float(cars["vx"][0]) > KINEMATIC_MPS + 1.0
    assert np.abs(np.diff(rates[20:])).max() < 0.01


# ---- what a car must do ----------------------------------------------------------------------------------------


def test_brakes_bring_a_car_to_rest_and_keep_it_there() -> None:
    row = drive(car(vx=20.0, brake=1.0), 4.0)
    assert row["vx"] == 0.0
    assert 15.0 < row["x"] < 30.0  # 20 m/s at 9 m/s² and some


def test_a_parked_car_stands_on_a_hill_and_an_unbraked_one_rolls_down() -> None:
    assert abs(drive(car(brake=1.0), 5.0, HILL)["x"]) < 0.1
    assert abs(drive(car(hand_brake=1), 5.0, HILL)["x"]) < 0.1
    rolling = drive(car(), 5.0, HILL)
    assert rolling["x"] < -3.0
    assert rolling["vx"] < -1.0


def test_a_car_lies_as_the_road_does() -> None:
    row = drive(car(brake=1.0), 0.1, HILL)
    assert row["pitch"] == pytest.approx(atan(0.08), abs=1e-3)  # nose up when it looks uphill
    across = drive(car(brake=1.0, yaw=pi / 2), 0.1, HILL)
    assert across["roll"] == pytest.approx(-atan(0.08) * -1, abs=1e-3)  # looking along +y, uphill is on its left
    assert across["pitch"] == pytest.approx(0.0, abs=1e-3)


def test_uphill_takes_more_time_than_the_flat() -> None:
    assert drive(car(throttle=0.5), 5.0, HILL)["x"] < 0.93 * drive(car(throttle=0.5), 5.0)["x"]


def test_reverse_goes_backwards_and_not_faster_than_reverse_gear() -> None:
    row = drive(car(throttle=1.0, reverse=1), 20.0)
    assert -8.5 < row["vx"] < -5.0


def test_a_dropped_car_falls_and_lands() -> None:
    assert drive(car(z=2.0), 0.2)["z"] == pytest.approx(2.0 - 9.81 * 0.2**2 / 2, abs=0.05)
    assert drive(car(z=2.0), 2.0)["z"] == 0.0


@pytest.mark.parametrize("model", CARS, ids=lambda model: model.blueprint)
def test_every_vehicle_drives_turns_and_stops(model: Any) -> None:
    cars = car(model.blueprint, throttle=0.8, steering=0.1)
    row = drive(cars, 8.0)
    assert 3.0 < np.hypot(row["vx"], row["vy"]) < 60.0
    cars["throttle"], cars["brake"] = 0.0, 1.0
    row = drive(cars, 12.0)
    assert row["vx"] == 0.0
    assert np.isfinite([row[name] for name in ("x", "y", "z", "yaw", "ax", "ay")]).all()


pedals = st.floats(0.0, 1.0)


@given(
    st.floats(-8.0, 60.0), st.floats(-15.0, 15.0), st.floats(-6.0, 6.0), st.floats(-1.0, 1.0), pedals, pedals,
    st.booleans(), st.sampled_from([0.005, 0.02, 0.05, 0.1]),
)  # fmt: skip
def test_whatever_happens_to_a_car_it_comes_to_rest(
    vx: float, vy: float, yaw_rate: float, steering: float, throttle: float, brake: float, reverse: bool, dt: float
) -> None:
    """From any speed, sliding or spinning: finite all the time, never faster than it can be, still after full
    braking.
    """
    cars = car(vx=vx, vy=vy, yaw_rate=yaw_rate, steering=steering, throttle=throttle, brake=brake, reverse=int(reverse))
    for _ in range(40):
        step_cars(cars, LEVEL, dt)
        row = cars[0]
        assert np.isfinite([row[name] for name in ("x", "y", "z", "yaw", "vx", "vy", "yaw_rate", "ax", "ay")]).all()
        assert np.hypot(row["vx"], row["vy"]) < np.hypot(vx, vy) + 8.0 * 40 * dt + 1.0
    cars["throttle"], cars["brake"], cars["steering"] = 0.0, 1.0, 0.0
    row = drive(cars, 20.0, dt=dt)
    assert abs(row["vx"]) < 0.05
    assert abs(row["yaw_rate"]) < 0.05


def test_side_force_is_limited_by_friction() -> None:
    """Full lock at 30 m/s: the path bends no more than friction allows, where the linear model would ask for several
    g.
    """
    cars = car(vx=30.0, world_vx=30.0, steering=1.0)
    worst = 0.0
    for _ in range(150):
        step_cars(cars, LEVEL, STEP_S)
        worst = max(worst, float(np.hypot(cars["ax"][0], cars["ay"][0])))
    assert worst < 1.35 * 1.0489 * 9.81


def test_actor_dimensions_are_the_published_ones() -> None:
    actor: Actor = make_actor(1, [0, "vehicle.tesla.model3", []], 0)
    assert [2 * half for half in actor.box.extent_m] == pytest.approx([4.694, 1.849, 1.443])
    assert len([model for model in CARS if model.wheels == 4]) >= 12
    assert len([model for model in CARS if model.wheels == 2]) >= 3
