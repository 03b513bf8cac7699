"""Where the keys are, and what follows from it: walking away locks, a key left behind is told of. Pure.

A fix comes from hardware that measures the time of flight and binds it to the session; how strong a signal is says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import isfinite

FRESH_S, LOST_S, WARN_AFTER_S = 1.0, 10.0, 3.0
AWAY_M = 6.0


@dataclass(frozen=True)
class Fix:
    """One measurement; `at_s` of the monotonic clock."""

    distance_m: float
    inside: bool
    at_s: float

    @property
    def is_sound(self) -> bool:
        return isfinite(self.distance_m) and self.distance_m >= 0.0


@dataclass(frozen=True)
class CarState:
    """What matters of the car."""

    locked: bool
    doors_closed: bool
    power_on: bool


class Happening(Enum):
    """What follows."""

    WALKED_AWAY = "walked_away"  # lock
    FORGOTTEN = "key_forgotten"  # power on, no key inside
    LEFT_INSIDE = "key_left_inside"  # locked, and a key in it sleeps now


class Nearness:
    """The newest fix of each key, and what was told already."""

    def __init__(self) -> None:
        self._fixes: dict[bytes, Fix] = {}
        self._asleep: set[bytes] = set()
        self._opened_by: bytes | None = None
        self._powered_without_s: float | None = None
        self._was_locked = True
        self._warned = False

    def saw(self, kid: bytes, fix: Fix) -> None:
        """A fix that is no number, or older than the last, is dropped."""
        before = self._fixes.get(kid)
        if fix.is_sound and (before is None or fix.at_s >= before.at_s):
            self._fixes[kid] = fix

    def forget(self, kid: bytes) -> None:
        """A revoked key."""
        self._fixes.pop(kid, None)
        self._asleep.discard(kid)

    def touched(self, kid: bytes) -> None:
        """A press wakes a key that sleeps in a locked car."""
        self._asleep.discard(kid)

    def opened(self, kid: bytes) -> None:
        self._opened_by = kid

    def fresh(self, kid: bytes, now_s: float) -> Fix | None:
        """The fix of a key, not older than FRESH_S; None for one that sleeps."""
        fix = self._fixes.get(kid)
        return fix if fix is not None and kid not in self._asleep and 0.0 <= now_s - fix.at_s <= FRESH_S else None

    def inside(self, now_s: float) -> list[bytes]:
        """The keys that are in the car, those that sleep too."""
        return [kid for kid, fix in self._fixes.items() if fix.inside and now_s - fix.at_s <= FRESH_S]

    def step(self, now_s: float, car: CarState) -> list[tuple[Happening, bytes]]:
        """What follows now; each once."""
        found = self._walked_away(now_s, car) + self._left_inside(now_s, car) + self._forgotten(now_s, car)
        self._was_locked = car.locked
        return found

    def _walked_away(self, now_s: float, car: CarState) -> list[tuple[Happening, bytes]]:
        kid = self._opened_by
        if kid is None or car.locked or car.power_on or not car.doors_closed or self.inside(now_s):
            return []
        if not self._is_away(kid, now_s):
            return []
        self._opened_by = None
        return [(Happening.WALKED_AWAY, kid)]

    def _is_away(self, kid: bytes, now_s: float) -> bool:
        """Beyond AWAY_M, or heard of no more, and last outside."""
        fix = self._fixes.get(kid)
        return fix is not None and not fix.inside and (fix.distance_m > AWAY_M or now_s - fix.at_s > LOST_S)

    def _left_inside(self, now_s: float, car: CarState) -> list[tuple[Happening, bytes]]:
        if not car.locked:
            self._asleep.clear()
            return []
        left = self.inside(now_s) if not self._was_locked else []
        self._asleep.update(left)
        return [(Happening.LEFT_INSIDE, kid) for kid in left]

    def _forgotten(self, now_s: float, car: CarState) -> list[tuple[Happening, bytes]]:
        """Only where keys are ranged at all."""
        if not self._fixes or not car.power_on or self.inside(now_s):
            self._powered_without_s, self._warned = None, False
            return []
        if self._powered_without_s is None:
            self._powered_without_s = now_s
        if self._warned or now_s - self._powered_without_s < WARN_AFTER_S:
            return []
        self._warned = True
        return [(Happening.FORGOTTEN, b"")]
