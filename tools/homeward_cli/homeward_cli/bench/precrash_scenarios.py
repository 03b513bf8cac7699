"""The twelve pre-crash scenarios, each a script for the others with speeds, gaps and sides drawn from a seed.

The kinds are those of W. G. Najm, J. D. Smith, M. Yanagisawa, *Pre-crash scenario typology for crash avoidance research*, DOT HS
810 767, NHTSA 2007. Spreads go from what any driver would manage to what nothing could. Our car comes along x at its lane's
speed limit; what goes amiss begins at AMISS_S. A draw in which our car, going on as it was, would touch nobody is drawn again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from homeward_cli.bench.precrash_motion import Other, Shift, follow, ride, starting, stopping
from homeward_cli.bench.precrash_roads import (
    CROSSING_M,
    FOUR_LANES,
    LIGHTS,
    PRIORITY,
    REACH_M,
    TWO_LANES,
)
from homeward_planner.plane import Floats
from homeward_planner.scene import Kind

AMISS_S = 1.0
FRONT_M, CENTRE_M = 3.8, 1.4  # our bumper and our middle, ahead of the rear axle
HALF_CAR_M = 2.3
OURS_M, THEIRS_M, OUTER_M = -1.75, 1.75, -5.25
EAST, NORTH, WEST, SOUTH = 0.0, np.pi / 2.0, np.pi, -np.pi / 2.0
NO_WALLS: Floats = np.zeros((0, 2, 2))


@dataclass(frozen=True, eq=False)
class Case:
    """One draw: where our car begins (rear axle; it heads along x), its speed, and who else is there; walls hide (w, 2, 2)."""

    road: str
    speed_mps: float
    others: tuple[Other, ...]
    start_m: tuple[float, float] = (0.0, OURS_M)
    walls_m: Floats = field(default_factory=lambda: NO_WALLS)
    told: str = ""


class Dice:
    """Draws within spreads."""

    def __init__(self, *seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def chance(self, share: float = 0.5) -> bool:
        return bool(self.random.random() < share)


def lead_stopped(dice: Dice) -> Case:
    """Lead vehicle stopped: seen late, beyond a crest."""
    v = dice.between(8.0, 22.0)
    gap = dice.between(0.5, 2.6) * (0.3 * v + v**2 / 16.0)
    there = _ahead(v, gap) + HALF_CAR_M
    lead = Other(Kind.CAR, ride((there, OURS_M), EAST, [(0.0, 0.0)]), shown_from_s=AMISS_S)
    return Case(TWO_LANES, v, (lead, *_oncoming(dice, v)), told=f"stands {gap:.0f} m ahead when it comes into sight")


def lead_slower(dice: Dice) -> Case:
    """Lead vehicle at a lower constant speed: seen late, beyond a crest."""
    v = dice.between(10.0, 22.0)
    slow = v * dice.between(0.15, 0.6)
    gap = (v - slow) * dice.between(0.4, 3.0)
    there = _ahead(v, gap) + HALF_CAR_M - slow * AMISS_S
    lead = Other(Kind.CAR, ride((there, OURS_M), EAST, [(0.0, slow)]), shown_from_s=AMISS_S)
    return Case(TWO_LANES, v, (lead, *_oncoming(dice, v)), told=f"{slow:.1f} m/s, {gap:.0f} m ahead when it comes into sight")


def lead_brakes(dice: Dice) -> Case:
    """Lead vehicle decelerating hard to a standstill."""
    v, headway, hard = dice.between(8.0, 22.0), dice.between(0.25, 2.0), dice.between(5.0, 9.5)
    place = (FRONT_M + headway * v + HALF_CAR_M, OURS_M)
    track, usual = ride(place, EAST, stopping(v, AMISS_S, hard)), ride(place, EAST, [(0.0, v)])
    told = f"{headway:.1f} s ahead, brakes with {hard:.1f} m/s²"
    return Case(TWO_LANES, v, (Other(Kind.CAR, track, usual), *_oncoming(dice, v)), told=told)


def cut_in(dice: Dice) -> Case:
    """A slower car changes lanes right in front of us."""
    v = dice.between(10.0, 22.0)
    slow, gap, lasts = v * dice.between(0.55, 0.95), dice.between(0.5, 15.0), dice.between(1.2, 3.5)
    place = (_ahead(v, gap) + HALF_CAR_M - slow * AMISS_S, OURS_M)
    speeds = [(0.0, slow)]
    if dice.chance(0.5):
        speeds = stopping(slow, AMISS_S + lasts, dice.between(2.0, 6.0))  # type: ignore[assignment]
    track = ride(place, EAST, speeds, [Shift(AMISS_S, lasts, OUTER_M - OURS_M)])
    other = Other(Kind.CAR, track, ride(place, EAST, [(0.0, slow)]))
    return Case(FOUR_LANES, v, (other,), (0.0, OUTER_M), told=f"{slow:.1f} m/s, {gap:.1f} m ahead, in {lasts:.1f} s")


def walker_crosses(dice: Dice) -> Case:
    """Somebody steps from the kerb and crosses, no crosswalk, nothing in between."""
    v, walks, right = dice.between(7.0, 20.0), dice.between(0.8, 3.5), dice.chance(0.6)
    from_m = -4.1 if right else 4.1
    over_s = abs(OURS_M - from_m) / walks + walks / 6.0 + dice.between(-0.3, 0.5)
    place, heading = (v * (AMISS_S + over_s) + FRONT_M, from_m), NORTH if right else SOUTH
    track = ride(place, heading, starting(AMISS_S, 3.0, walks))
    person = Other(Kind.PEDESTRIAN, track, ride(place, heading, [(0.0, 0.0)]))
    return Case(TWO_LANES, v, (person,), told=f"{walks:.1f} m/s from the {'right' if right else 'left'}")


def walker_behind_parked_car(dice: Dice) -> Case:
    """Somebody comes out between parked cars."""
    v, walks = dice.between(6.0, 17.0), dice.between(0.8, 3.5)
    over_s = 3.45 / walks + walks / 6.0 + dice.between(-0.3, 0.5)
    x = v * (AMISS_S + over_s) + FRONT_M
    person = Other(Kind.PEDESTRIAN, ride((x, -5.2), NORTH, starting(AMISS_S, 3.0, walks)), ride((x, -5.2), NORTH, [(0.0, 0.0)]))
    apart, aside = dice.between(0.35, 1.2), dice.between(-4.75, -4.5)
    parked = [ride((x + sign * (apart + HALF_CAR_M), aside), EAST, [(0.0, 0.0)]) for sign in (-1.0, 1.0)]
    others = (person, *(Other(Kind.CAR, one) for one in parked))
    return Case(TWO_LANES, v, others, told=f"{walks:.1f} m/s, {apart:.1f} m past the bumper that hides them")


def cyclist(dice: Dice) -> Case:
    """A cyclist at the edge of our lane swerves out, or one from the side crosses without stopping."""
    v = dice.between(8.0, 17.0)
    if dice.chance():
        rides, aside, lasts = dice.between(3.0, 6.0), dice.between(1.2, 2.2), dice.between(0.8, 1.5)
        gap = (v - rides) * dice.between(0.5, 3.0)
        place = (_ahead(v, gap) + 0.9 - rides * AMISS_S, -3.15)
        usual = ride(place, EAST, [(0.0, rides)])
        track = ride(place, EAST, [(0.0, rides)], [Shift(AMISS_S, lasts, aside)])
        return Case(TWO_LANES, v, (Other(Kind.TWO_WHEELER, track, usual),), told=f"swerves {aside:.1f} m out, {gap:.0f} m ahead")
    rides, stops_m = dice.between(2.5, 6.0), dice.between(-8.0, -4.4)
    there = stops_m - rides**2 / 5.0 - rides * AMISS_S
    arrives_s = (OURS_M - there) / rides + dice.between(-0.3, 0.4)
    place = (v * arrives_s + CENTRE_M, there)
    other = Other(Kind.TWO_WHEELER, ride(place, NORTH, [(0.0, rides)]), ride(place, NORTH, stopping(rides, AMISS_S, 2.5)))
    return Case(TWO_LANES, v, (other,), told=f"crosses at {rides:.1f} m/s")


def red_light_runner(dice: Dice) -> Case:
    """A car from the side doesn't stop at red, while we have green; houses at the corners hide it for a while."""
    v, fast, right = dice.between(8.0, 18.0), dice.between(7.0, 20.0), dice.chance()
    ours_s = dice.between(3.2, 4.5)
    x, sign = (CROSSING_M + 1.75, 1.0) if right else (CROSSING_M - 1.75, -1.0)
    theirs_s = ours_s + dice.between(-0.4, 0.5)
    place, heading = (x, OURS_M - sign * fast * theirs_s), NORTH if right else SOUTH
    rest_m = fast * theirs_s - (REACH_M + HALF_CAR_M + 1.0 + sign * OURS_M)
    usual = ride(place, heading, stopping(fast, max(rest_m - fast**2 / 9.0, 0.0) / fast, 4.5))
    walls = _house(-3.5 - dice.between(1.5, 8.0), sign * (-3.5 - dice.between(1.5, 8.0)))
    start = (x - CENTRE_M - v * ours_s, OURS_M)
    told = f"{fast:.1f} m/s from the {'right' if right else 'left'}"
    return Case(LIGHTS, v, (Other(Kind.CAR, ride(place, heading, [(0.0, fast)]), usual),), start, walls, told)


def left_turn_across(dice: Dice) -> Case:
    """An oncoming car turns left across our way."""
    v, fast, ours_s = dice.between(8.0, 18.0), dice.between(4.0, 10.0), dice.between(3.0, 4.5)
    line = _left_turn_line()
    meets_m = float(np.cumsum(np.hypot(*np.diff(line, axis=0).T))[np.argmax(line[:, 1] < OURS_M) - 1])
    from_m = meets_m - fast * (ours_s + dice.between(-0.3, 0.8))
    meets_x = float(line[np.argmax(line[:, 1] < OURS_M), 0])
    waits_m = 104.0 - HALF_CAR_M - from_m  # in the middle of the crossing, its bumper short of our lane
    usual = follow(line, from_m, stopping(fast, max(waits_m - fast**2 / 9.0, 0.0) / fast, 4.5))
    other = Other(Kind.CAR, follow(line, from_m, [(0.0, fast)]), usual)
    return Case(LIGHTS, v, (other,), (meets_x - CENTRE_M - v * ours_s, OURS_M), told=f"turns at {fast:.1f} m/s")


def oncoming_in_our_lane(dice: Dice) -> Case:
    """An oncoming car drifts into our lane, and sometimes goes back."""
    v, fast, left_s = dice.between(8.0, 20.0), dice.between(8.0, 20.0), dice.between(0.9, 4.5)
    aside, lasts = dice.between(1.4, 3.7), dice.between(1.0, 2.5)
    shifts = [Shift(AMISS_S, lasts, aside)]
    if dice.chance(0.4):
        shifts.append(Shift(AMISS_S + lasts + dice.between(0.3, 2.0), lasts, -aside))
    place = (_ahead(v, (v + fast) * left_s) + HALF_CAR_M + fast * AMISS_S, THEIRS_M)
    other = Other(Kind.CAR, ride(place, WEST, [(0.0, fast)], shifts), ride(place, WEST, [(0.0, fast)]))
    return Case(TWO_LANES, v, (other,), told=f"{fast:.1f} m/s, {left_s:.1f} s away, {aside:.1f} m aside in {lasts:.1f} s")


def pulls_out(dice: Dice) -> Case:
    """A car pulls out from the kerb, or from a side road that has to give way."""
    v, pull = dice.between(7.0, 19.0), dice.between(1.0, 4.0)
    if dice.chance():
        gap, x = v * dice.between(0.2, 2.5), np.arange(0.0, 260.0, 0.25)
        share = np.clip(x / dice.between(9.0, 14.0), 0.0, 1.0)
        y = -4.7 + 2.95 * share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
        line = np.stack([_ahead(v, gap) + HALF_CAR_M + x, y], axis=1)
        other = Other(Kind.CAR, follow(line, 0.0, starting(AMISS_S, pull, 9.0)), follow(line, 0.0, [(0.0, 0.0)]))
        return Case(TWO_LANES, v, (other,), told=f"from the kerb {gap:.0f} m ahead, {pull:.1f} m/s²")
    place = (CROSSING_M + 1.75, -5.5 - HALF_CAR_M)
    meets_s = AMISS_S + float(np.sqrt(2.0 * (OURS_M - place[1]) / pull)) + dice.between(-0.8, 0.4)
    track = ride(place, NORTH, starting(AMISS_S, pull, 8.0))
    other = Other(Kind.CAR, track, ride(place, NORTH, [(0.0, 0.0)]))
    return Case(PRIORITY, v, (other,), (place[0] - CENTRE_M - v * meets_s, OURS_M), told=f"from the side road, {pull:.1f} m/s²")


def revealed_or_backing(dice: Dice) -> Case:
    """The car ahead swerves away before one that stands, or a car backs into the road from a drive."""
    v = dice.between(8.0, 20.0)
    if dice.chance():
        headway, left_s = dice.between(0.6, 2.0), dice.between(1.0, 2.0)
        place = (FRONT_M + headway * v + HALF_CAR_M, OUTER_M)
        lead = ride(place, EAST, [(0.0, v)], [Shift(AMISS_S, left_s * 1.15, OURS_M - OUTER_M)])
        there = (place[0] + v * (AMISS_S + left_s) + 2.0 * HALF_CAR_M, OUTER_M)
        others = (Other(Kind.CAR, lead), Other(Kind.CAR, ride(there, EAST, [(0.0, 0.0)])))
        return Case(FOUR_LANES, v, others, (0.0, OUTER_M), told=f"{headway:.1f} s behind one that swerves {left_s:.1f} s before")
    back, gap = dice.between(0.8, 2.5), v * dice.between(0.6, 4.0)
    place = (_ahead(v, gap) + 0.9, -3.9 - HALF_CAR_M)
    until_s = AMISS_S + back / 3.0 + dice.between(2.5, 5.5) / back
    starts, ends = AMISS_S + back / 1.5, until_s + back / 1.5
    speeds = [(0.0, 0.0), (AMISS_S, 0.0), (starts, -back), (ends, -back), (ends + back / 1.5, 0.0)]
    other = Other(Kind.CAR, ride(place, SOUTH, speeds), ride(place, SOUTH, [(0.0, 0.0)]))
    return Case(TWO_LANES, v, (other,), told=f"backs out at {back:.1f} m/s, {gap:.0f} m ahead")


SCENARIOS: dict[str, Callable[[Dice], Case]] = {
    one.__name__: one
    for one in (
        lead_stopped, lead_brakes, lead_slower, cut_in, walker_crosses, walker_behind_parked_car, cyclist, red_light_runner,
        left_turn_across, oncoming_in_our_lane, pulls_out, revealed_or_backing,
    )
}  # fmt: skip


def _ahead(v: float, gap_m: float) -> float:
    """Where something is that lies so far ahead of our bumper at AMISS_S."""
    return v * AMISS_S + FRONT_M + gap_m


def _oncoming(dice: Dice, v: float) -> tuple[Other, ...]:
    """In half of the draws an oncoming car is where one would swerve to."""
    if dice.chance():
        return ()
    fast = dice.between(8.0, 16.0)
    return (Other(Kind.CAR, ride(((v + fast) * dice.between(2.0, 4.0), THEIRS_M), WEST, [(0.0, fast)])),)


def _house(x_m: float, y_m: float) -> Floats:
    """The walls (4, 2, 2) of a house west of the crossing whose corner is so far from its middle; y tells the side."""
    x = (CROSSING_M + x_m - 25.0, CROSSING_M + x_m)
    y = (y_m, y_m + np.sign(y_m) * 25.0)
    corners = np.array([(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])])
    return np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)


def _left_turn_line() -> Floats:
    """From 100 m east of the crossing through the turn to the south."""
    straight = np.stack([np.arange(CROSSING_M + REACH_M + 100.0, CROSSING_M + REACH_M, -0.25), np.full(400, THEIRS_M)], axis=1)
    angle = np.linspace(np.pi / 2.0, np.pi, 60)
    radius, centre = REACH_M + THEIRS_M, (CROSSING_M + REACH_M, -REACH_M)
    turn = np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], axis=1)
    away = np.stack([np.full(400, turn[-1, 0]), -REACH_M - 0.25 * np.arange(1, 401)], axis=1)
    return np.concatenate([straight, turn, away])
