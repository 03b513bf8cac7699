"""Lane changes on the way: begin when there is room beside, else later, and at the latest place wait for it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from homeward_planner.corridor import Corridor
from homeward_planner.occupancy import Placed
from homeward_planner.parameters import PlannerParams
from homeward_planner.speed_profile import Hold
from homeward_planner.tracks import LaneChange

WAIT = ("lane_change", "Waiting for room to change lanes.")
DECIDE_S, DECIDE_M = 1.0, 5.0
BESIDE_M = (1.6, 5.4)
SAME_WAY_RAD = math.radians(45.0)
REAR_S, FRONT_S, ROOM_M = 3.0, 2.0, 3.0
PUT_OFF_M = 12.0
BEFORE_LATEST_M = 2.0


def next_change(corridor: Corridor, ego_m: float) -> LaneChange | None:
    """The lane change that has not begun yet."""
    return next((change for change in corridor.changes if change.from_m > ego_m), None)


def must_decide(change: LaneChange, ego_m: float, speed_mps: float) -> bool:
    """Whether the change would begin so soon that it has to be decided now."""
    return change.from_m - ego_m < DECIDE_M + DECIDE_S * speed_mps


def is_free(
    change: LaneChange, corridor: Corridor, ego_m: float, speed_mps: float, placed: Sequence[Placed], params: PlannerParams
) -> bool:
    """Whether there is room on the lane beside: for the car, and for those who come from behind or drive ahead
    there.
    """
    sign = 1.0 if change.side == "left" else -1.0
    for one in placed:
        if not BESIDE_M[0] < one.left_m * sign < BESIDE_M[1] or abs(one.turn_rad) > SAME_WAY_RAD:
            continue
        half = one.thing.length_m / 2.0
        behind = ego_m - params.rear_m - (one.s_m + half)
        before = one.s_m - half - (ego_m + params.front_m)
        room_behind = ROOM_M + max(0.0, one.thing.speed_mps - speed_mps) * REAR_S
        room_before = ROOM_M + max(0.0, speed_mps - one.thing.speed_mps) * FRONT_S
        if behind < room_behind and before < room_before:
            return False
    return True


def put_off(corridor: Corridor, change: LaneChange, ego_m: float, speed_mps: float) -> dict[int, float] | None:
    """The delays with this change begun later; None where it can't be later."""
    wanted = ego_m + DECIDE_M + DECIDE_S * speed_mps + PUT_OFF_M
    if change.from_m >= change.latest_m - 0.5:
        return None
    delay = corridor.delays.get(change.number, 0.0) + max(min(wanted, change.latest_m) - change.from_m, 0.0)
    return {**corridor.delays, change.number: delay}


def hold(change: LaneChange) -> Hold:
    """Wait at the latest place."""
    return Hold(change.latest_m - BEFORE_LATEST_M, *WAIT)
