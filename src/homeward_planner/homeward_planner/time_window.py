"""When a goal wants to be reached: no earlier than one time, no later than another.

What a way takes at least is known: its limits and bends, with no light, no traffic and nothing to speed up from. So a car
that sets off that long before the earliest time is never early; and one that couldn't be in time even so is late for sure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from homeward_planner.route import Refusal

EARLY = ("too_early", "Setting off later, so as not to be there too early.")


@dataclass(frozen=True)
class TimeWindow:
    """Seconds of the planner's clock; infinite where there is no such limit."""

    not_before_s: float = -math.inf
    not_after_s: float = math.inf

    @property
    def limited(self) -> bool:
        """Whether there is anything to keep."""
        return self.not_before_s > -math.inf or self.not_after_s < math.inf

    def refusal(self, now_s: float, least_s: float, stands: bool) -> Refusal | None:
        """Why a goal that is at least `least_s` away can't be reached within it; None where it can."""
        if self.not_after_s < self.not_before_s:
            return Refusal("no_time", "The latest time of arrival is before the earliest.")
        late_s = now_s + least_s - self.not_after_s
        if late_s > 0.0:
            late = f"the car would be there {spoken(late_s)} too late"
            return Refusal("too_late", f"The way takes at least {spoken(least_s)}: {late}.")
        early_s = self.departs_s(least_s) - now_s
        if early_s > 0.0 and not stands:
            return Refusal("too_early", f"The car is under way and would be there up to {spoken(early_s)} too early; stop first.")
        return None

    def departs_s(self, least_s: float) -> float:
        """When to set off at the earliest."""
        return self.not_before_s - least_s

    def timetable(self, now_s: float, least_s: float, stands: bool) -> Timetable | Refusal:
        """When to set off for a goal that is at least `least_s` away, or why it can't be reached in time."""
        refusal = self.refusal(now_s, least_s, stands)
        return refusal if refusal is not None else Timetable(self.departs_s(least_s), self.not_after_s)


@dataclass(frozen=True)
class Timetable:
    """Of one goal under way: whether the car waits to set off, whether it can still be in time."""

    departs_s: float = -math.inf
    not_after_s: float = math.inf

    def waits_s(self, now_s: float) -> float:
        """How long it is too early to set off; 0 once it isn't."""
        return max(self.departs_s - now_s, 0.0)

    def late_s(self, now_s: float, remaining_s: float) -> float:
        """How much later than the latest time the car will be there at least; 0 while it can be in time."""
        return max(now_s + remaining_s - self.not_after_s, 0.0)


ANY_TIME, NO_HURRY = TimeWindow(), Timetable()


def spoken(seconds: float) -> str:
    """A time as people say it: 40 s, 3 min, 1 h 5 min."""
    minutes = math.floor(seconds / 60.0 + 0.5)
    if seconds < 59.5:
        return f"{max(seconds, 1.0):.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
