"""Whether a key may do what it asks for, here and now (specification, sections 6 and 7). Pure; every no has its words."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

from homeward_key_auth.token import Area, Claims, Hours, Verb

ENTRY_M, PRESS_M = 2.0, 10.0
EARTH_M = 6_371_000.0
BOUND_TO_THE_PLACE = (Verb.START, Verb.DRIVE)


@dataclass(frozen=True)
class Circumstances:
    """What is known at the moment of asking.

    `now_s`: the wall clock, never below its high-water mark. `weekday` 0 is Monday, `minute` of the car's local day.
    `has_ranging`: the car can measure distances; `distance_m` and `inside` are None where no fresh measure is bound to this
    session.
    """

    now_s: float
    weekday: int
    minute: int
    pressed: bool
    has_ranging: bool
    distance_m: float | None = None
    inside: bool | None = None
    place_e7: tuple[int, int] | None = None  # latitude, longitude


def refusal(claims: Claims, verb: Verb, here: Circumstances) -> str:
    """Why not; empty when the key may."""
    if not claims.not_before_s <= here.now_s < claims.expires_s:
        return "the key's time is over"
    if verb not in claims.verbs:
        return f"this key doesn't include {verb.name.lower()}"
    return _out_of_hours(claims, verb, here) or _out_of_area(claims, verb, here) or _too_far(verb, here)


def _out_of_hours(claims: Claims, verb: Verb, here: Circumstances) -> str:
    """Locking is always in time."""
    hours = claims.limits.hours
    if verb == Verb.LOCK or not hours or any(_covers(one, here) for one in hours):
        return ""
    return "the key isn't valid at this hour"


def _covers(hours: Hours, here: Circumstances) -> bool:
    return bool(hours.days >> here.weekday & 1) and hours.from_min <= here.minute < hours.to_min


def _out_of_area(claims: Claims, verb: Verb, here: Circumstances) -> str:
    area = claims.limits.area
    if area is None or verb not in BOUND_TO_THE_PLACE:
        return ""
    if here.place_e7 is None:
        return "the car doesn't know where it is, and the key is bound to an area"
    return "" if metres_from(area, *here.place_e7) <= area.radius_m else "the car is outside the key's area"


def metres_from(area: Area, latitude_e7: int, longitude_e7: int) -> float:
    """Along the great circle (haversine)."""
    north, east = (radians((there - here) * 1e-7) for there, here in
                   ((latitude_e7, area.latitude_e7), (longitude_e7, area.longitude_e7)))  # fmt: skip
    cosines = cos(radians(latitude_e7 * 1e-7)) * cos(radians(area.latitude_e7 * 1e-7))
    return 2.0 * EARTH_M * asin(sqrt(min(sin(north / 2) ** 2 + cosines * sin(east / 2) ** 2, 1.0)))


def _too_far(verb: Verb, here: Circumstances) -> str:
    """Where the key must be. A measured distance, or a press; for starting a car that measures, inside."""
    if verb in BOUND_TO_THE_PLACE and here.has_ranging:
        return "" if here.inside else "the key isn't in the car"
    if here.pressed:
        return "the key is too far away" if here.distance_m is not None and not here.distance_m <= PRESS_M else ""
    if verb != Verb.UNLOCK:
        return "it needs a press on the key"
    if here.distance_m is None:
        return "the key's distance isn't known: press the key"
    return "" if here.distance_m <= ENTRY_M else "the key is too far away"
