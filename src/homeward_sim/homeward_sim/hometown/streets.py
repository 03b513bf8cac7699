"""Streets: from the layout's lines to roads with lanes, marks and heights."""

from __future__ import annotations

import math
from itertools import pairwise

from .layout import PROFILES, Junction, Profile, Street
from .model import Cubic, Lane, Mark, Road
from .plan_geometry import Path, Point, through_points

NO_PASSING_M = 25.0  # before a junction the lines between lanes are solid


def street_road(street: Street, number: int, start: Junction, end: Junction) -> Road:
    """The road of a street, cut back to its junctions' edges."""
    path = _street_path(street, start, end)
    profile = PROFILES[street.profile]
    knots = [(0.0, start.height_m)]
    knots += [(fraction * path.length_m, height) for fraction, height in street.summits]
    knots.append((path.length_m, end.height_m))
    lanes = [lane for sign in (1, -1) for lane in _side_lanes(profile, sign, path.length_m)]
    return Road(
        id=number,
        name=street.name,
        path=path,
        speed_kmh=street.speed_kmh,
        heights=smooth_heights(knots),
        lanes=sorted(lanes, key=lambda lane: -lane.id),
        centre_mark=Mark(profile.centre_mark),
    )


def smooth_heights(knots: list[tuple[float, float]]) -> list[Cubic]:
    """Cubics through (distance, height) knots, level at each knot, so the slope has no jump."""
    cubics = []
    for (s, z), (s_next, z_next) in pairwise(knots):
        length, rise = s_next - s, z_next - z
        cubics.append(Cubic(s, z, 0.0, 3.0 * rise / length**2, -2.0 * rise / length**3))
    return cubics


def _street_path(street: Street, start: Junction, end: Junction) -> Path:
    points = [start.at, *street.corners, end.at]
    first = _towards(points[0], points[1], start.reach_m)
    last = _towards(points[-1], points[-2], end.reach_m)
    return through_points([first, *street.corners, last], list(street.radii_m))


def _towards(here: Point, there: Point, distance_m: float) -> Point:
    share = distance_m / math.dist(here, there)
    return here[0] + share * (there[0] - here[0]), here[1] + share * (there[1] - here[1])


def _side_lanes(profile: Profile, sign: int, length_m: float) -> list[Lane]:
    lanes = []
    for place, spec in enumerate(profile.lanes, start=1):
        following = profile.lanes[place].kind if place < len(profile.lanes) else ""
        marks = _outer_marks(spec.kind, following, sign, length_m)
        lanes.append(Lane(sign * place, spec.kind, spec.width_m, spec.width_m, marks))
    return lanes


def _outer_marks(kind: str, following: str, sign: int, length_m: float) -> list[Mark]:
    """The marks on the outer edge of a lane, towards a lane of the `following` kind."""
    if kind == "driving" and following == "driving":
        dashed, solid = Mark("broken", "both"), Mark("solid", "none")
        if sign < 0:
            return [dashed, Mark("solid", "none", length_m - NO_PASSING_M)]
        return [solid, Mark("broken", "both", NO_PASSING_M)]
    if kind == "driving" and following in ("parking", "shoulder"):
        return [Mark("solid")]
    if kind in ("driving", "parking") and following == "sidewalk":
        return [Mark("curb")]
    return [Mark("none")]
