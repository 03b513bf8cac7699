"""The speed limit where a car is."""

import numpy as np
from numpy.typing import NDArray

from homeward_sim.ground import Ground, cell_at
from homeward_sim.jit import compiled

FIRST_LIMIT_KMH = 30.0
"""What a car goes by until it has been on a lane with a limit, as in CARLA."""


@compiled
def note_limits(cars: NDArray[np.void], ground: Ground) -> None:
    """Each car takes the limit of the lane it is on, and keeps the last one through junctions."""
    for i in range(len(cars)):
        row, column = cell_at(ground, cars[i].x, cars[i].y)
        limit_kmh = ground.limit_kmh[row, column]
        if limit_kmh > 0:
            cars[i].limit_kmh = limit_kmh
