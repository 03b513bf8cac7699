"""CARLA leaderboard 2.0's driving score, as pure functions over what the referee saw.

score = route completion × product of penalties, 0 to 100. Source: the leaderboard's published "evaluation and metrics": a
contact with a walker 0.50, a vehicle 0.60, anything else 0.65; a red light 0.70; a stop sign 0.80; driving slower than
the traffic 0.70 in proportion; way outside lanes counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

WALKER, VEHICLE, STATIC, RED_LIGHT, STOP_SIGN, MINIMUM_SPEED = 0.50, 0.60, 0.65, 0.70, 0.80, 0.70
STRUCK_BRAKING_MPS2 = -4.0


@dataclass(frozen=True)
class Contact:
    """`kind` is the other actor's CARLA type. `from_behind`: it drove into our rear; `in_lane`, `acceleration_mps2`: ours."""

    at_s: float
    kind: str
    from_behind: bool
    in_lane: bool
    acceleration_mps2: float

    @property
    def at_fault(self) -> bool:
        """Every contact is ours but being struck from behind while in lane and braking below 4 m/s²."""
        return not (self.from_behind and self.in_lane and self.acceleration_mps2 > STRUCK_BRAKING_MPS2)

    @property
    def penalty(self) -> float:
        if self.kind.startswith("walker."):
            return WALKER
        return VEHICLE if self.kind.startswith("vehicle.") else STATIC


@dataclass(frozen=True)
class Drive:
    """One route. Speeds are means over parts of it (`town_pace`): ours and that of the traffic around (None: there is none)."""

    length_m: float
    gone_m: float
    off_road_m: float
    contacts: Sequence[Contact] = ()
    red_lights: int = 0
    stop_signs: int = 0
    speeds: Sequence[tuple[float, float | None]] = field(default=())

    @property
    def completion(self) -> float:
        """0 to 1: the part of the route that was driven on lanes."""
        share = min(max(self.gone_m / self.length_m, 0.0), 1.0)
        return share * (1.0 - min(self.off_road_m / max(self.gone_m, 1.0), 1.0))

    @property
    def at_fault(self) -> int:
        return sum(contact.at_fault for contact in self.contacts)

    @property
    def pace_factor(self) -> float:
        """The score's factor for the minimum speed alone, 0 to 1."""
        return prod(slowness(*one) for one in self.speeds)

    @property
    def score(self) -> float:
        """The driving score, 0 to 100. Contacts that are not our fault count too, as there."""
        penalties = [contact.penalty for contact in self.contacts] + [RED_LIGHT] * self.red_lights + [STOP_SIGN] * self.stop_signs
        return 100.0 * self.completion * prod(penalties) * self.pace_factor


def slowness(ours_mps: float, traffic_mps: float | None) -> float:
    """The factor for driving slower than the traffic around: 1 as fast or faster, MINIMUM_SPEED at standstill."""
    if not traffic_mps:
        return 1.0
    return 1.0 - (1.0 - MINIMUM_SPEED) * (1.0 - min(ours_mps / traffic_mps, 1.0))
