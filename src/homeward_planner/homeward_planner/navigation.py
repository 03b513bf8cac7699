"""Nav2's navigate actions as a state machine over the planner, and its way through several poses.

Pure: it knows goals by their ticket, not by messages.

One goal at a time: a new one supersedes the old, which ends as aborted. A goal never engages the car.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from homeward_planner.corridor import Corridor
from homeward_planner.planner_state import Mode, PlannerState
from homeward_planner.route import GOAL_OUTSIDE_MAP, NO_WAY, START_OUTSIDE_MAP, Refusal
from homeward_planner.scene import Pose
from homeward_planner.time_window import NO_HURRY, Timetable

UNKNOWN, TF_ERROR = 9000, 9002  # nav2_msgs: navigation
PATH_CODES = {START_OUTSIDE_MAP: 203, GOAL_OUTSIDE_MAP: 204, NO_WAY: 208, "no_localization": 202}
PATH_UNKNOWN = 200
THROUGH_CODES = {name: code + 100 for name, code in PATH_CODES.items()} | {"no_goal": 309}
THROUGH_UNKNOWN = 300


def way_through(
    find_way: Callable[[Pose, Pose], Corridor | Refusal], start: Pose, poses: Sequence[Pose]
) -> list[Corridor] | Refusal:
    """The ways from a start to each pose in turn. A refusal names the one of several by its number, from 1."""
    if not poses:
        return Refusal("no_goal", "There is no pose in the request.")
    found: list[Corridor] = []
    for number, pose in enumerate(poses, start=1):
        way = find_way(start, pose)
        if isinstance(way, Refusal):
            its_own = len(poses) > 1 and (way.code != START_OUTSIDE_MAP or number > 1)
            return Refusal(way.code, f"Pose {number} of {len(poses)}: {way.text}") if its_own else way
        found.append(way)
        start = Pose(*way.line.pose_at(way.goal_m))  # on the lane, where the pose itself may lie beside it
    return found


class How(enum.Enum):
    """How a goal ends; the names are the runtime's."""

    SUCCEED = "succeed"
    ABORT = "abort"
    CANCELED = "canceled"


@dataclass(frozen=True)
class Ending:
    """The end of one goal: nav2's error code (0: none) and a sentence."""

    ticket: Any
    how: How
    code: int = 0
    text: str = ""


@dataclass
class Trip:
    """The goal under way: whose it is, what is still to be reached, since when."""

    ticket: Any  # None: nobody waits for the end (goal_pose, drive_to)
    poses: list[Pose]
    name: str
    began_s: float
    timetable: Timetable = NO_HURRY
    cancelling: bool = False
    under_way: bool = field(default=False)


class Navigation:
    """`set_goal` and `cancel` are the planner's."""

    def __init__(self, set_goal: Callable[[Pose], Refusal | None], cancel: Callable[[], None]) -> None:
        self._set_goal, self._cancel = set_goal, cancel
        self.trip: Trip | None = None
        self.name = ""

    def begin(
        self, ticket: Any, poses: list[Pose], name: str, now_s: float, timetable: Timetable = NO_HURRY
    ) -> tuple[Refusal | None, list[Ending]]:
        """Start a trip. A refusal changes nothing of what was under way."""
        if not poses:
            return Refusal("no_goal", "There is no goal in the request."), []
        refusal = self._set_goal(poses[0])
        if refusal is not None:
            return refusal, []
        endings = self._ended(How.ABORT, UNKNOWN, "Another goal took its place.")
        self.trip, self.name = Trip(ticket, list(poses), name, now_s, timetable), name
        return None, endings

    def cancel(self, ticket: Any = None) -> None:
        """Called off by whoever asked, or (without a ticket) by anybody: the car comes to a standstill first."""
        if self.trip is not None and (ticket is None or self.trip.ticket is ticket):
            self.trip.cancelling = True
        if ticket is None or (self.trip is not None and self.trip.ticket is ticket):
            self._cancel()

    def tick(self, state: PlannerState) -> list[Ending]:
        """What the planner's newest state means for the trip."""
        trip = self.trip
        if trip is None:
            return []
        if state.mode is Mode.ARRIVED:
            trip.poses.pop(0)
            if not trip.poses:
                return self._ended(How.SUCCEED)
            refusal = self._set_goal(trip.poses[0])
            return self._ended(How.ABORT, UNKNOWN, refusal.text) if refusal is not None else []
        if state.mode is Mode.IDLE and trip.under_way:
            how = How.CANCELED if trip.cancelling else How.ABORT
            return self._ended(how, 0 if trip.cancelling else UNKNOWN, "The goal was given up.")
        trip.under_way = trip.under_way or state.mode is not Mode.IDLE
        return []

    def waits_s(self, now_s: float) -> float:
        """How long it is too early to set off; 0 once it isn't."""
        if self.trip is None or self.trip.cancelling:
            return 0.0
        return self.trip.timetable.waits_s(now_s)

    def late_s(self, now_s: float, state: PlannerState) -> float:
        """How much too late the car will be at least; 0 while it can be in time."""
        return self.trip.timetable.late_s(now_s, state.time_remaining_s) if self.trip is not None else 0.0

    def _ended(self, how: How, code: int = 0, text: str = "") -> list[Ending]:
        trip, self.trip = self.trip, None
        return [Ending(trip.ticket, how, code, text)] if trip is not None and trip.ticket is not None else []
