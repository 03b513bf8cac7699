"""Slower past what may hide somebody: cars parked close beside the way, as seen from the driver's seat.

Somebody who steps out from behind a parked car has so far to go to the side of ours; the speed is one from which it
still stops, after its reaction, within the way that is left when they come into sight.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from homeward_planner.corridor import Corridor
from homeward_planner.occupancy import Placed
from homeward_planner.parameters import PlannerParams
from homeward_planner.scene import Kind

STOOD_S = 2.0
CLOSE_M = 1.6  # further beside than this, who steps out is seen in time
LEAST_MPS, A_METRE_MPS = 6.0, 4.0
ALONG_RAD = math.radians(30.0)
NEAR_M = 60.0

Cap = tuple[float, float, float]


def caps(
    now_s: float, corridor: Corridor, ego_m: float, placed: Sequence[Placed], since: Mapping[int, float], params: PlannerParams
) -> Iterator[Cap]:
    """From where to where along the way (of the rear axle) to go no faster than what, in m and m/s."""
    limit = float(corridor.limit_mps[corridor.at(ego_m)])
    for one in placed:
        stood = now_s - since.get(one.thing.id, now_s) > STOOD_S
        if not stood or one.thing.kind not in (Kind.CAR, Kind.TRUCK) or not 0.0 < one.s_m - ego_m < NEAR_M:
            continue
        if abs(math.sin(one.turn_rad)) > math.sin(ALONG_RAD):
            continue
        room_m = abs(one.left_m) - one.thing.width_m / 2.0 - params.width_m / 2.0
        top_mps = LEAST_MPS + A_METRE_MPS * max(room_m, 0.0)
        if 0.0 < room_m < CLOSE_M and top_mps < limit:
            end_m = one.s_m + one.thing.length_m / 2.0
            yield one.s_m - one.thing.length_m / 2.0 - params.front_m, end_m - params.front_m + 1.0, top_mps
