"""Cars, walkers and props as bodies that can collide, and back."""

from math import cos, sin

import numpy as np
from numpy.typing import NDArray

from homeward_sim.collision import BODY
from homeward_sim.jit import compiled


@compiled
def gather_bodies(
    bodies: NDArray[np.void], cars: NDArray[np.void], walkers: NDArray[np.void], others: NDArray[np.void]
) -> int:
    """Fill BODYs from everything solid; returns how many. Cars first, then walkers, then props."""
    count = 0
    for i in range(len(cars)):
        car, body = cars[i], bodies[count]
        body.id, body.x, body.y, body.z, body.yaw = car.id, car.x, car.y, car.z, car.yaw
        body.height, body.half_length, body.half_width = car.height, car.half_length, car.half_width
        c, s = cos(car.yaw), sin(car.yaw)
        side = car.vy - car.yaw_rate * car.centre_of_gravity
        body.vx, body.vy, body.yaw_rate = c * car.vx - s * side, s * car.vx + c * side, car.yaw_rate
        body.lightness = 1.0 / car.mass if car.physics else 0.0
        body.spinning = 1.0 / car.inertia if car.physics else 0.0
        count += 1
    for i in range(len(walkers)):
        walker, body = walkers[i], bodies[count]
        body.id, body.x, body.y, body.yaw = walker.id, walker.x, walker.y, walker.yaw
        body.z, body.height = walker.z - 0.5 * walker.height, walker.height
        body.half_length, body.half_width = walker.half_length, walker.half_width
        body.vx, body.vy, body.yaw_rate = walker.world_vx, walker.world_vy, 0.0
        body.lightness, body.spinning = (1.0 / walker.mass if walker.physics else 0.0), 0.0
        count += 1
    for i in range(len(others)):
        other, body = others[i], bodies[count]
        if other.height <= 0.0:
            continue
        body.id, body.x, body.y, body.z, body.yaw = other.id, other.x, other.y, other.z, other.yaw
        body.height, body.half_length, body.half_width = other.height, other.half_length, other.half_width
        body.vx, body.vy, body.yaw_rate, body.lightness, body.spinning = 0.0, 0.0, 0.0, 0.0, 0.0
        count += 1
    return count


def all_bodies(cars: NDArray[np.void], walkers: NDArray[np.void], others: NDArray[np.void]) -> NDArray[np.void]:
    """Everything solid as an array of BODY."""
    bodies = np.zeros(len(cars) + len(walkers) + len(others), BODY)
    return bodies[: gather_bodies(bodies, cars, walkers, others)]


@compiled
def scatter_bodies(
    bodies: NDArray[np.void], cars: NDArray[np.void], walkers: NDArray[np.void], others: NDArray[np.void]
) -> None:
    """Take places and velocities back from the bodies after they have collided."""
    for i in range(len(cars)):
        car, body = cars[i], bodies[i]
        car.x, car.y, car.yaw_rate = body.x, body.y, body.yaw_rate
        c, s = cos(car.yaw), sin(car.yaw)
        car.world_vx, car.world_vy = body.vx, body.vy
        car.vx = c * body.vx + s * body.vy
        car.vy = c * body.vy - s * body.vx + body.yaw_rate * car.centre_of_gravity
    for i in range(len(walkers)):
        walker, body = walkers[i], bodies[len(cars) + i]
        walker.x, walker.y = body.x, body.y
        walker.knock_x += body.vx - walker.world_vx
        walker.knock_y += body.vy - walker.world_vy
        walker.world_vx, walker.world_vy = body.vx, body.vy
