"""A roundabout: a ring of one lane, counter-clockwise, with a small junction at each arm.

Each arm's junction has three ways: along the ring, from the arm into the ring, and from the ring out to the arm.
"""

from __future__ import annotations

import math
from itertools import pairwise

from .junctions import NO_MARK, Arm, link_to_junction, single_lane
from .layout import ROUNDABOUT_LANE_M, ROUNDABOUT_RADIUS_M, Junction
from .model import Connection, Cubic, JunctionArea, Lane, Mark, Road, RoadLink
from .plan_geometry import Path, bearing_of, circle_part, joining

HALF_OPENING_RAD = math.radians(33.0)  # how far to either side of an arm its junction reaches along the ring
RING_SPEED_KMH = 30


def build(
    junction: Junction, arms: list[Arm], first_road: int, first_area: int
) -> tuple[list[Road], list[JunctionArea]]:
    """The roads and junctions of a roundabout, for arms sorted counter-clockwise from east."""
    bearings = [bearing_of(junction.at, arm.into) for arm in arms]
    gaps = list(pairwise([*bearings, bearings[0] + 2.0 * math.pi]))
    ring = [_ring_road(junction, first_road + place, *gap) for place, gap in enumerate(gaps)]
    roads, areas = list(ring), []
    for place, arm in enumerate(arms):
        area = JunctionArea(first_area + place, f"{junction.name} {arm.road.name}")
        before, after = ring[place - 1], ring[place]
        roads += _arm_ways(junction, area, arm, bearings[place], before, after, first_road + len(roads))
        areas.append(area)
    return roads, areas


def _ring_road(junction: Junction, number: int, bearing: float, next_bearing: float) -> Road:
    half = ROUNDABOUT_LANE_M / 2.0
    return Road(
        id=number,
        name=f"{junction.name} ring {number}",
        path=_arc(junction, bearing + HALF_OPENING_RAD, next_bearing - HALF_OPENING_RAD),
        speed_kmh=RING_SPEED_KMH,
        heights=[Cubic(0.0, junction.height_m)],
        lanes=[Lane(-1, "driving", ROUNDABOUT_LANE_M, ROUNDABOUT_LANE_M, [Mark("curb")])],
        centre_mark=Mark("solid"),
        offset_m=(half, half),
    )


def _arm_ways(
    junction: Junction, area: JunctionArea, arm: Arm, bearing: float, before: Road, after: Road, first_id: int
) -> list[Road]:
    """The ways at one arm: along, in, out. Who is on the ring goes first."""
    link_to_junction(arm, area)
    before.successor = after.predecessor = RoadLink("junction", area.id)
    leaving = before.path.pose_at(before.length_m)
    on_ring = after.path.pose_at(0.0)
    lane_in = arm.road.driving(arm.incoming_sign)[-1]
    lane_out = arm.road.driving(-arm.incoming_sign)[-1]
    from_ring, to_ring = RoadLink("road", before.id, "end"), RoadLink("road", after.id, "start")
    at_arm = RoadLink("road", arm.road.id, arm.contact)
    ring_m = ROUNDABOUT_LANE_M
    along = _arc(junction, bearing - HALF_OPENING_RAD, bearing + HALF_OPENING_RAD)
    enter = joining(arm.pose_in(lane_in), on_ring)
    leave = joining(leaving, arm.pose_out(lane_out))
    ways = [
        _way(junction, area, first_id, along, single_lane(ring_m, ring_m, -1, -1), from_ring, to_ring),
        _way(
            junction, area, first_id + 1, enter, single_lane(lane_in.width_m, ring_m, lane_in.id, -1), at_arm, to_ring
        ),
        _way(
            junction,
            area,
            first_id + 2,
            leave,
            single_lane(ring_m, lane_out.width_m, -1, lane_out.id),
            from_ring,
            at_arm,
        ),
    ]
    area.priorities.append((ways[0].id, ways[1].id))
    return ways


def _way(
    junction: Junction, area: JunctionArea, number: int, path: Path, lane: Lane, source: RoadLink, target: RoadLink
) -> Road:
    assert lane.predecessor is not None
    area.connections.append(Connection(source.id, number, ((lane.predecessor, -1),)))
    return Road(
        id=number,
        name=f"{area.name} {number}",
        path=path,
        speed_kmh=RING_SPEED_KMH,
        heights=[Cubic(0.0, junction.height_m)],
        lanes=[lane],
        centre_mark=NO_MARK,
        junction=area.id,
        offset_m=(lane.width_m / 2.0, lane.end_width_m / 2.0),
        predecessor=source,
        successor=target,
    )


def _arc(junction: Junction, from_rad: float, to_rad: float) -> Path:
    return circle_part(junction.at, ROUNDABOUT_RADIUS_M, from_rad, to_rad)
