"""How cars move: the single-track model with lateral slip, with grade, friction limits and a simple powertrain.

The model is "single-track" of M. Althoff, M. Koschi, S. Manzinger, *CommonRoad: composable benchmarks for motion
planning on roads* (vehicle models document, 2020a), equations of section "Single-Track Model (ST)", written in the
slip angles of the two axles. Its tyre is BMW 320i's (vehicle 2 there). Beyond the published model, a tyre's side
force saturates at the friction limit, where the linear model would grow without bound. Below `KINEMATIC_MPS`,
where the model is stiff, the kinematic single-track model takes over; a car that slides sideways (after a
collision) is a rigid body slowed by friction.
"""

from math import atan, atan2, cos, hypot, sin, sqrt, tan

import numpy as np
from numpy.typing import NDArray

from homeward_sim.ground import Ground, height_at
from homeward_sim.jit import Row, compiled

GRAVITY_MPS2 = 9.81
FRICTION = 1.0489
"""p_dy1 of vehicle 2: the tyre's friction coefficient."""
CORNERING = 21.92 / FRICTION
"""-p_ky1 / p_dy1 of vehicle 2: side force by slip angle, as a share of friction times load, 1/rad."""
KINEMATIC_MPS = 2.0
SLIDE_SLIP_RAD, SLIDE_SIDE_MPS = 0.35, 0.5
LONGEST_SUBSTEP_S = 0.01
ROLLING_MPS2 = 0.147
HAND_BRAKE_MPS2 = 5.0
REVERSE_TOP_MPS = 8.0
STICK_M = 0.05
"""A wheel this close above the ground is on it."""
STANDSTILL_MPS = 1e-3

CAR = np.dtype(
    [
        # pose of the actor: the middle of its footprint
        ("x", "f8"),
        ("y", "f8"),
        ("z", "f8"),
        ("pitch", "f8"),
        ("yaw", "f8"),
        ("roll", "f8"),
        # motion of the centre of gravity in the car's frame, forward and right, and of the whole
        ("vx", "f8"),
        ("vy", "f8"),
        ("vz", "f8"),
        ("yaw_rate", "f8"),
        ("steer", "f8"),
        # what the last step made of it, in the map's frame
        ("world_vx", "f8"),
        ("world_vy", "f8"),
        ("world_vz", "f8"),
        ("ax", "f8"),
        ("ay", "f8"),
        ("az", "f8"),
        ("pitch_rate", "f8"),
        ("roll_rate", "f8"),
        # demands
        ("throttle", "f8"),
        ("brake", "f8"),
        ("steering", "f8"),
        ("hand_brake", "u1"),
        ("reverse", "u1"),
        ("manual_shift", "u1"),
        ("gear", "i4"),
        # the car itself
        ("to_front_axle", "f8"),
        ("to_rear_axle", "f8"),
        ("centre_of_gravity", "f8"),
        ("centre_height", "f8"),
        ("mass", "f8"),
        ("inertia", "f8"),
        ("power", "f8"),
        ("pull", "f8"),
        ("brake_limit", "f8"),
        ("drag", "f8"),
        ("steer_limit", "f8"),
        ("steer_rate", "f8"),
        ("half_length", "f8"),
        ("half_width", "f8"),
        ("height", "f8"),
        # how it takes part
        ("physics", "u1"),
        ("gravity", "u1"),
        ("cruise", "u1"),
        ("cruise_x", "f8"),
        ("cruise_y", "f8"),
        ("cruise_z", "f8"),
        ("limit_kmh", "f4"),
        ("posted_kmh", "f4"),
        ("light_state", "u1"),
        ("at_light", "u1"),
        ("light_id", "u4"),
        ("label", "u1"),
        ("id", "u4"),
    ],
    align=True,
)
"""One car. SI units; `to_*_axle`, `centre_of_gravity` and `centre_height` as lengths from the centre of gravity, from
the middle and from the ground; `drag` is 0.5 rho c A / m in 1/m; `steering` is the demand -1..1 and `steer` the
road wheel angle in rad.
"""


@compiled
def single_track(
    speed: float,
    yaw_rate: float,
    slip: float,
    steer: float,
    acceleration: float,
    to_front: float,
    to_rear: float,
    height: float,
    mass: float,
    inertia: float,
) -> tuple[float, float]:
    """(yaw acceleration, slip angle rate) of the published model; side forces are cut off at the friction limit."""
    wheelbase = to_front + to_rear
    front_slip = CORNERING * (steer - slip - to_front * yaw_rate / speed)
    rear_slip = CORNERING * (-slip + to_rear * yaw_rate / speed)
    front_load = (GRAVITY_MPS2 * to_rear - acceleration * height) / wheelbase
    rear_load = (GRAVITY_MPS2 * to_front + acceleration * height) / wheelbase
    front_force = FRICTION * front_load * min(1.0, max(-1.0, front_slip))
    rear_force = FRICTION * rear_load * min(1.0, max(-1.0, rear_slip))
    yaw_acceleration = mass / inertia * (to_front * front_force - to_rear * rear_force)
    slip_rate = (front_force + rear_force) / speed - yaw_rate
    return yaw_acceleration, slip_rate


@compiled
def _drive_mps2(car: Row, slope_mps2: float, speed: float) -> float:
    """Acceleration along the car from engine, brakes, air, rolling and grade. At standstill brakes hold against the
    rest.
    """
    direction = -1.0 if car.reverse else 1.0
    pull = min(car.pull, car.power / car.mass / max(abs(speed), 1.0))
    if car.reverse:
        pull *= max(0.0, 1.0 - max(-speed, 0.0) / REVERSE_TOP_MPS)
    push = direction * car.throttle * pull + slope_mps2 - car.drag * speed * abs(speed)
    hold = car.brake * car.brake_limit + (HAND_BRAKE_MPS2 if car.hand_brake else 0.0) + ROLLING_MPS2
    grip = FRICTION * GRAVITY_MPS2
    if abs(speed) < STANDSTILL_MPS:
        free = 0.0 if abs(push) <= hold else push - np.sign(push) * hold
    else:
        free = push - np.sign(speed) * hold
    return min(grip, max(-grip, free))


@compiled
def _turn_wheel(car: Row, dt: float) -> float:
    """The steering rate that takes the road wheels towards the demand within this substep, as fast as the rack
    allows.
    """
    wanted = (car.steering * car.steer_limit - car.steer) / dt
    return float(min(car.steer_rate, max(-car.steer_rate, wanted)))


@compiled
def _roll_kinematically(car: Row, acceleration: float, steer_rate: float, dt: float) -> None:
    """Advance by the kinematic single-track model, at the centre of gravity."""
    wheelbase = car.to_front_axle + car.to_rear_axle
    before = car.vx
    speed = before + acceleration * dt
    if before * speed < 0.0:
        speed = 0.0
    steer = car.steer + steer_rate * dt
    slip = atan(tan(steer) * car.to_rear_axle / wheelbase)
    yaw_rate = speed / wheelbase * tan(steer)
    mean = 0.5 * (before + speed)
    heading = car.yaw + 0.5 * mean / wheelbase * tan(steer) * dt
    vy = mean * tan(slip)
    car.x += (mean * cos(heading) - vy * sin(heading)) * dt
    car.y += (mean * sin(heading) + vy * cos(heading)) * dt
    car.yaw += mean / wheelbase * tan(steer) * dt
    car.vx, car.vy, car.yaw_rate, car.steer = speed, speed * tan(slip), yaw_rate, steer


@compiled
def _derivative(
    car: Row, state: tuple[float, float, float, float, float, float], steer: float, acceleration: float
) -> tuple[float, float, float, float, float, float]:
    _, _, yaw, speed, yaw_rate, slip = state
    speed = max(speed, 0.5 * KINEMATIC_MPS)
    yaw_acceleration, slip_rate = single_track(
        speed,
        yaw_rate,
        slip,
        steer,
        acceleration,
        car.to_front_axle,
        car.to_rear_axle,
        car.centre_height,
        car.mass,
        car.inertia,
    )
    return speed * cos(yaw + slip), speed * sin(yaw + slip), yaw_rate, acceleration, yaw_acceleration, slip_rate


@compiled
def _added(
    state: tuple[float, float, float, float, float, float],
    rate: tuple[float, float, float, float, float, float],
    dt: float,
) -> tuple[float, float, float, float, float, float]:
    return (
        state[0] + rate[0] * dt,
        state[1] + rate[1] * dt,
        state[2] + rate[2] * dt,
        state[3] + rate[3] * dt,
        state[4] + rate[4] * dt,
        state[5] + rate[5] * dt,
    )


@compiled
def _roll_with_slip(car: Row, acceleration: float, steer_rate: float, dt: float) -> None:
    """Advance by the single-track model with the classical Runge-Kutta method."""
    state = (car.x, car.y, car.yaw, hypot(car.vx, car.vy), car.yaw_rate, atan2(car.vy, car.vx))
    half_steer, whole_steer = car.steer + steer_rate * dt / 2, car.steer + steer_rate * dt
    k1 = _derivative(car, state, car.steer, acceleration)
    k2 = _derivative(car, _added(state, k1, dt / 2), half_steer, acceleration)
    k3 = _derivative(car, _added(state, k2, dt / 2), half_steer, acceleration)
    k4 = _derivative(car, _added(state, k3, dt), whole_steer, acceleration)
    state = _added(_added(_added(_added(state, k1, dt / 6), k2, dt / 3), k3, dt / 3), k4, dt / 6)
    x, y, yaw, speed, yaw_rate, slip = state
    car.x, car.y, car.yaw, car.yaw_rate, car.steer = x, y, yaw, yaw_rate, whole_steer
    car.vx, car.vy = speed * cos(slip), speed * sin(slip)


@compiled
def _slide(car: Row, steer_rate: float, dt: float) -> None:
    """Advance as a rigid body that friction brings to rest."""
    c, s = cos(car.yaw), sin(car.yaw)
    world_vx, world_vy = c * car.vx - s * car.vy, s * car.vx + c * car.vy
    speed = hypot(world_vx, world_vy)
    kept = max(0.0, speed - FRICTION * GRAVITY_MPS2 * dt) / max(speed, 1e-9)
    lever = 0.5 * (car.to_front_axle + car.to_rear_axle)
    spin_loss = FRICTION * GRAVITY_MPS2 * car.mass * lever / car.inertia * dt * 0.5
    car.yaw_rate -= np.sign(car.yaw_rate) * min(abs(car.yaw_rate), spin_loss)
    car.x += world_vx * dt
    car.y += world_vy * dt
    car.yaw += car.yaw_rate * dt
    c, s = cos(car.yaw), sin(car.yaw)
    car.vx, car.vy = (c * world_vx + s * world_vy) * kept, (c * world_vy - s * world_vx) * kept
    car.steer += steer_rate * dt


@compiled
def _is_sliding(car: Row) -> bool:
    wheelbase = car.to_front_axle + car.to_rear_axle
    expected = car.vx * tan(car.steer) * car.to_rear_axle / wheelbase
    excess = abs(car.vy - expected)
    return bool(excess > SLIDE_SIDE_MPS and excess > abs(car.vx) * SLIDE_SLIP_RAD)


@compiled
def _advance(car: Row, dt: float) -> None:
    """One car on the plane, in substeps. The pose is moved to the centre of gravity and back."""
    car.x += car.centre_of_gravity * cos(car.yaw)
    car.y += car.centre_of_gravity * sin(car.yaw)
    slope_mps2 = -GRAVITY_MPS2 * sin(car.pitch)
    count = max(1, int(np.ceil(dt / LONGEST_SUBSTEP_S - 1e-9)))
    for _ in range(count):
        h = dt / count
        steer_rate = _turn_wheel(car, h)
        acceleration = _drive_mps2(car, slope_mps2, car.vx)
        if _is_sliding(car):
            _slide(car, steer_rate, h)
        elif car.vx < KINEMATIC_MPS:
            _roll_kinematically(car, acceleration, steer_rate, h)
        else:
            _roll_with_slip(car, acceleration, steer_rate, h)
    car.x -= car.centre_of_gravity * cos(car.yaw)
    car.y -= car.centre_of_gravity * sin(car.yaw)
    car.yaw -= 2 * np.pi * np.round(car.yaw / (2 * np.pi))


@compiled
def _cruise(car: Row, dt: float) -> None:
    """Constant velocity in the car's frame, whatever the pedals say."""
    c, s = cos(car.yaw), sin(car.yaw)
    car.vx, car.vy, car.yaw_rate = car.cruise_x, car.cruise_y, 0.0
    car.x += (c * car.vx - s * car.vy) * dt
    car.y += (s * car.vx + c * car.vy) * dt


@compiled
def _stand_on_ground(car: Row, ground: Ground, dt: float) -> None:
    """Height, pitch and roll from the ground under the axles and sides; free fall where it drops away."""
    c, s = cos(car.yaw), sin(car.yaw)
    reach, side = 0.5 * (car.to_front_axle + car.to_rear_axle), 0.8 * car.half_width
    front = height_at(ground, car.x + c * reach, car.y + s * reach, car.z)
    rear = height_at(ground, car.x - c * reach, car.y - s * reach, car.z)
    left = height_at(ground, car.x + s * side, car.y - c * side, car.z)
    right = height_at(ground, car.x - s * side, car.y + c * side, car.z)
    floor = 0.25 * (front + rear + left + right)
    falling = car.z + car.vz * dt - 0.5 * GRAVITY_MPS2 * dt * dt
    pitch, roll = car.pitch, car.roll
    if falling <= floor + STICK_M or not car.gravity:
        z = floor if car.gravity else car.z
        car.vz = (z - car.z) / dt if abs(z - car.z) < 1.0 else 0.0
        car.z = z
        car.pitch, car.roll = atan2(front - rear, 2 * reach), atan2(left - right, 2 * side)
    else:
        car.vz -= GRAVITY_MPS2 * dt
        car.z = falling
    car.pitch_rate, car.roll_rate = (car.pitch - pitch) / dt, (car.roll - roll) / dt


@compiled
def _report_motion(car: Row, dt: float) -> None:
    """Velocity of the actor's origin in the map's frame, and its change over the step."""
    c, s = cos(car.yaw), sin(car.yaw)
    side = car.vy - car.yaw_rate * car.centre_of_gravity
    vx, vy = c * car.vx - s * side, s * car.vx + c * side
    car.ax, car.ay, car.az = (vx - car.world_vx) / dt, (vy - car.world_vy) / dt, (car.vz - car.world_vz) / dt
    car.world_vx, car.world_vy, car.world_vz = vx, vy, car.vz


@compiled
def step_cars(cars: NDArray[np.void], ground: Ground, dt: float) -> None:
    """Move every car by `dt` seconds (> 0). `cars` is an array of CAR and is changed in place."""
    for i in range(len(cars)):
        car = cars[i]
        if not car.physics:
            continue
        if car.cruise:
            _cruise(car, dt)
        else:
            _advance(car, dt)
        _stand_on_ground(car, ground, dt)
        _report_motion(car, dt)


@compiled
def set_velocity(car: Row, world_vx: float, world_vy: float) -> None:
    """Give a car's centre of gravity this velocity in the map's frame, m/s."""
    c, s = cos(car.yaw), sin(car.yaw)
    car.vx, car.vy = c * world_vx + s * world_vy, c * world_vy - s * world_vx


@compiled
def take_controls(cars: NDArray[np.void], places: NDArray[np.int64], controls: NDArray[np.float64]) -> None:
    """Give the cars in these rows new pedals and wheels: (n, 7) finite numbers, in the order of the protocol's
    control.
    """
    for i in range(len(places)):
        car = cars[places[i]]
        car.throttle = min(max(controls[i, 0], 0.0), 1.0)
        car.steering = min(max(controls[i, 1], -1.0), 1.0)
        car.brake = min(max(controls[i, 2], 0.0), 1.0)
        car.hand_brake, car.manual_shift = controls[i, 3] != 0.0, controls[i, 5] != 0.0
        car.reverse = controls[i, 4] != 0.0 or (controls[i, 5] != 0.0 and controls[i, 6] < 0.0)
        car.gear = int(min(max(controls[i, 6], -100.0), 100.0))


def stopping_distance_m(speed_mps: float, deceleration_mps2: float) -> float:
    """How far a car goes until it stands."""
    return speed_mps * speed_mps / (2 * deceleration_mps2)


def speed_of(car: Row) -> float:
    """Speed over the ground in m/s."""
    return sqrt(float(car["vx"]) ** 2 + float(car["vy"]) ** 2)
