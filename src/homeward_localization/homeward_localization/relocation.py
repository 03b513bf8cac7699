"""Whether fixes that were not believed tell of one car that drives somewhere else: then it is the filter that is wrong. Pure.

Fixes that jump about never do. Fixes that advance as far as the wheels say, one after the other, do after a while,
wherever they are and whichever way they lead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

BELIEVE_AFTER = 20  # consistent fixes in a row
DIRECTION_FROM_M = 5.0  # a way as long as this tells its direction
WAY_SHARE = 0.15  # of the way that wheels and fixes may differ between two fixes
SIGMAS = 4.0


@dataclass(frozen=True)
class Elsewhere:
    """Where the fixes say that the car is [m], and how far the filter's heading is turned from theirs (None: not known)."""

    x_m: float
    y_m: float
    turn_rad: float | None
    turn_std_rad: float


@dataclass(frozen=True)
class _Offer:
    x_m: float
    y_m: float
    own_x_m: float
    own_y_m: float


class Relocation:
    """Offer each rejected fix; forget when one was believed."""

    def __init__(self) -> None:
        self._first: _Offer | None = None
        self._last: _Offer | None = None
        self.count = 0

    def forget(self) -> None:
        self._first = self._last = None
        self.count = 0

    def offer(self, x_m: float, y_m: float, own_x_m: float, own_y_m: float, std_m: float) -> Elsewhere | None:
        """One rejected fix and the filter's own place at that time; an answer once enough have agreed."""
        now = _Offer(x_m, y_m, own_x_m, own_y_m)
        if self._last is None or not _advances(self._last, now, std_m):
            self._first, self.count = now, 0
        self._last = now
        self.count += 1
        if self.count <= BELIEVE_AFTER or self._first is None:
            return None
        found = _elsewhere(self._first, now, std_m)
        self.forget()
        return found


def _advances(before: _Offer, now: _Offer, std_m: float) -> bool:
    """Whether fix and wheels went equally far."""
    fixes_m = math.hypot(now.x_m - before.x_m, now.y_m - before.y_m)
    wheels_m = math.hypot(now.own_x_m - before.own_x_m, now.own_y_m - before.own_y_m)
    return abs(fixes_m - wheels_m) <= SIGMAS * math.sqrt(2.0) * std_m + WAY_SHARE * wheels_m


def _elsewhere(first: _Offer, last: _Offer, std_m: float) -> Elsewhere:
    """The newest place, and the turn between the two ways where they are long enough."""
    fix = (last.x_m - first.x_m, last.y_m - first.y_m)
    own = (last.own_x_m - first.own_x_m, last.own_y_m - first.own_y_m)
    way_m = min(math.hypot(*fix), math.hypot(*own))
    if way_m < max(DIRECTION_FROM_M, 10.0 * std_m):
        return Elsewhere(last.x_m, last.y_m, None, 0.0)
    turn = math.remainder(math.atan2(fix[1], fix[0]) - math.atan2(own[1], own[0]), math.tau)
    return Elsewhere(last.x_m, last.y_m, turn, 2.0 * std_m / way_m)
