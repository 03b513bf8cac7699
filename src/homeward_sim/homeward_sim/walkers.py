"""How pedestrians move: as their control says, on the ground, unless something knocks them."""

from math import atan2, hypot

import numpy as np
from numpy.typing import NDArray

from homeward_sim.dynamics import GRAVITY_MPS2
from homeward_sim.ground import Ground, height_at
from homeward_sim.jit import Row, compiled

FASTEST_MPS = 12.0
JUMP_MPS = 3.0
KNOCK_FADE_MPS2 = 6.0

WALKER = np.dtype(
    [
        ("x", "f8"),
        ("y", "f8"),
        ("z", "f8"),
        ("pitch", "f8"),
        ("yaw", "f8"),
        ("roll", "f8"),
        ("world_vx", "f8"),
        ("world_vy", "f8"),
        ("vz", "f8"),
        ("ax", "f8"),
        ("ay", "f8"),
        ("knock_x", "f8"),
        ("knock_y", "f8"),
        ("dir_x", "f8"),
        ("dir_y", "f8"),
        ("dir_z", "f8"),
        ("speed", "f8"),
        ("jump", "u1"),
        ("physics", "u1"),
        ("mass", "f8"),
        ("half_length", "f8"),
        ("half_width", "f8"),
        ("height", "f8"),
        ("label", "u1"),
        ("id", "u4"),
    ],
    align=True,
)
"""One pedestrian: x, y, z is the middle of the body, as in CARLA; `knock_*` is what collisions left, in m/s."""


@compiled
def step_walkers(walkers: NDArray[np.void], ground: Ground, dt: float) -> None:
    """Move every walker by `dt` seconds, in place."""
    for i in range(len(walkers)):
        walker = walkers[i]
        if not walker.physics:
            continue
        knock = hypot(walker.knock_x, walker.knock_y)
        kept = max(0.0, knock - KNOCK_FADE_MPS2 * dt) / max(knock, 1e-9)
        walker.knock_x, walker.knock_y = walker.knock_x * kept, walker.knock_y * kept
        length = max(hypot(walker.dir_x, walker.dir_y), 1e-9)
        speed = min(walker.speed, FASTEST_MPS) if length > 1e-6 else 0.0
        vx = walker.dir_x / length * speed + walker.knock_x
        vy = walker.dir_y / length * speed + walker.knock_y
        if speed > 0.0:
            walker.yaw = atan2(walker.dir_y, walker.dir_x)
        walker.ax, walker.ay = (vx - walker.world_vx) / dt, (vy - walker.world_vy) / dt
        walker.world_vx, walker.world_vy = vx, vy
        walker.x, walker.y = walker.x + vx * dt, walker.y + vy * dt
        _stand(walker, ground, dt)


@compiled
def _stand(walker: Row, ground: Ground, dt: float) -> None:
    """On the ground, in a jump, or falling."""
    feet = walker.z - 0.5 * walker.height
    floor = height_at(ground, walker.x, walker.y, feet)
    if feet <= floor + 0.05 and walker.vz <= 0.0:
        walker.vz = JUMP_MPS if walker.jump else 0.0
        feet = floor
    else:
        walker.vz -= GRAVITY_MPS2 * dt
    walker.jump = 0
    walker.z = max(feet + walker.vz * dt, floor) + 0.5 * walker.height
