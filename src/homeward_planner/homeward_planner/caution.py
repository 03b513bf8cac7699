"""No faster than the driver wishes, and than the car knows where it is: a ceiling for the speed, and why it is there.

While twice the position's standard deviation is at most 0.5 m the road decides. From there to 1.5 m the ceiling falls in a
straight line from the limit of the road to walking pace, and stays there until localization gives up: then the car stops.
"""

from __future__ import annotations

import math

SURE_M, UNSURE_M = 0.5, 1.5  # twice the standard deviation
WALKING_MPS = 1.5
UNSURE = ("unsure_position", "Driving slower: the car is not sure where it is.")
LONGEST_PAUSE_S = 1.0


def unsureness(position_std_m: float) -> float:
    """0 while the position is good enough for the limit of the road, 1 where walking pace is all that is left."""
    return min(max((2.0 * abs(position_std_m) - SURE_M) / (UNSURE_M - SURE_M), 0.0), 1.0)


def cautious_mps(limit_mps: float, position_std_m: float) -> float:
    """The fastest that the position is good enough for, where the road allows `limit_mps`."""
    share = unsureness(position_std_m)
    return limit_mps if limit_mps <= WALKING_MPS else (1.0 - share) * limit_mps + share * WALKING_MPS


class Ceiling:
    """A top speed that comes down no faster than comfortable braking follows, and goes up at once."""

    def __init__(self) -> None:
        self.top_mps = math.inf
        self._then_s = -math.inf

    def forget(self) -> None:
        """As if there had never been one."""
        self.top_mps, self._then_s = math.inf, -math.inf

    def lower(self, now_s: float, speed_mps: float, wanted_mps: float, deceleration_mps2: float) -> float:
        """The ceiling now, on its way to a wanted one."""
        pause_s = min(max(now_s - self._then_s, 0.0), LONGEST_PAUSE_S)
        self._then_s = now_s
        from_mps = min(self.top_mps, max(speed_mps, wanted_mps))
        self.top_mps = wanted_mps if wanted_mps >= from_mps else max(wanted_mps, from_mps - deceleration_mps2 * pause_s)
        return self.top_mps
