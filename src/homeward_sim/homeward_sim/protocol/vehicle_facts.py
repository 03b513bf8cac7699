"""What the client is told of a vehicle's build and of its inner workings."""

from math import cos, pi, sin
from typing import Any

from homeward_sim.catalogue import DRAG_COEFFICIENT, CarModel
from homeward_sim.geometry import Pose

CM = 100.0
IDLE_RPM, TOP_RPM = 800.0, 6000.0
FULL_BRAKE_NM, HAND_BRAKE_NM = 1500.0, 3000.0


def physics_control(model: CarModel, pose: Pose) -> list[Any]:
    """VehiclePhysicsControl. Wheels: positions in the map's frame in centimetres, as CARLA gives them."""
    torque_nm = model.power_kw * 1000 / (TOP_RPM * 2 * pi / 60)
    return [
        [[0.0, torque_nm], [TOP_RPM, torque_nm]],
        TOP_RPM,
        1.0,
        0.15,
        2.0,
        0.35,
        True,
        0.5,
        10.0,
        4.0,
        [[1.0, 0.5, 0.65]],
        float(model.mass_kg),
        DRAG_COEFFICIENT,
        [model.centre_of_gravity_m, 0.0, model.centre_height_m - model.height_m / 2],
        [[0.0, 1.0], [200.0, 1.0]],
        [_wheel(model, pose, along, across) for along, across in _wheel_places(model)],
        True,
    ]


def _wheel_places(model: CarModel) -> list[tuple[float, float]]:
    """Front left, front right, rear left, rear right, from the middle of the car."""
    half_base, half_track = model.wheelbase_m / 2, model.width_m / 2 * 0.85
    if model.wheels == 2:
        half_track = 0.01
    return [(half_base, -half_track), (half_base, half_track), (-half_base, -half_track), (-half_base, half_track)]


def _wheel(model: CarModel, pose: Pose, along_m: float, across_m: float) -> list[Any]:
    c, s = cos(pose.yaw_rad), sin(pose.yaw_rad)
    x, y = pose.x_m + c * along_m - s * across_m, pose.y_m + s * along_m + c * across_m
    steered = model.steer_limit_deg if along_m > 0 else 0.0
    hand_brake = HAND_BRAKE_NM if along_m < 0 else 0.0
    return [
        3.5,
        0.25,
        float(steered),
        model.wheel_radius_m * CM,
        FULL_BRAKE_NM,
        hand_brake,
        3.0,
        20.0,
        3000.0,
        [x * CM, y * CM, (pose.z_m + model.wheel_radius_m) * CM],
    ]


def telemetry(car: Any, model: CarModel) -> list[Any]:
    """VehicleTelemetryData: speed (m/s), pedals, engine, gear, and each wheel's turn (rad/s); tyre forces are not
    told.
    """
    speed = float(car["vx"])
    turn = speed / model.wheel_radius_m
    rpm = min(TOP_RPM, IDLE_RPM + abs(speed) % 12.0 * 250.0) if not model.electric else abs(turn) * 9.0 * 60 / (2 * pi)
    wheel = [3.5, 0.0, 0.0, turn, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    return [
        speed,
        float(car["steering"]),
        float(car["throttle"]),
        float(car["brake"]),
        rpm,
        int(car["gear"]),
        float(car["drag"]),
        [list(wheel) for _ in range(4)],
    ]
