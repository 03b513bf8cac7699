"""Junctions: the ways from each arm to each other arm, as roads of one driving lane (and a pavement on the outside)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .layout import Junction
from .model import Connection, Cubic, JunctionArea, Lane, Mark, Road, RoadLink
from .plan_geometry import Pose, bearing_of, joining, wrapped

STRAIGHT_ON_RAD = math.radians(45.0)
NO_MARK = Mark("none")


@dataclass(frozen=True)
class Arm:
    """The end of a road at a junction. `into` looks into the junction from the road's middle."""

    road: Road
    at_end: bool
    into: Pose

    @property
    def contact(self) -> str:
        """OpenDRIVE's name of this end."""
        return "end" if self.at_end else "start"

    @property
    def incoming_sign(self) -> int:
        """The sign of the lanes that lead into the junction."""
        return -1 if self.at_end else 1

    def along(self, before_m: float) -> float:
        """The distance along the road of a point that lies so far before the junction."""
        return self.road.length_m - before_m if self.at_end else before_m

    def pose_in(self, lane: Lane) -> Pose:
        """Where a lane enters the junction."""
        return self.into.moved(0.0, -abs(self.road.centre_m(lane)))

    def pose_out(self, lane: Lane) -> Pose:
        """Where a lane leaves it."""
        return self.into.turned(math.pi).moved(0.0, -abs(self.road.centre_m(lane)))


@dataclass(frozen=True)
class Way:
    """A connecting road, with the arms it joins and the turn it makes in radians (left positive)."""

    road: Road
    source: Arm
    target: Arm
    turn_rad: float


def arms_at(junction: Junction, roads: list[tuple[Road, bool]]) -> list[Arm]:
    """The arms of a junction, counter-clockwise from east, from the roads that touch it (True: with their end)."""
    arms = []
    for road, at_end in roads:
        pose = road.path.pose_at(road.length_m if at_end else 0.0)
        arms.append(Arm(road, at_end, pose if at_end else pose.turned(math.pi)))
    return sorted(arms, key=lambda arm: bearing_of(junction.at, arm.into))


def connect(junction: Junction, area: JunctionArea, arms: list[Arm], first_id: int) -> list[Way]:
    """Every way through a junction; the area gets a connection for each, the arms' roads a link to the area."""
    ways: list[Way] = []
    for place, source in enumerate(arms):
        link_to_junction(source, area)
        neighbour = arms[(place + 1) % len(arms)]
        for target in (arm for arm in arms if arm is not source):
            turn = wrapped(target.into.heading_rad + math.pi - source.into.heading_rad)
            for lane_in, lane_out, outermost in _lane_pairs(source, target, turn):
                pavement = outermost and target is neighbour
                road = _connecting_road(first_id + len(ways), junction, area, source, target, lane_in, lane_out)
                links = [(lane_in.id, -1)] + (_add_pavement(road, source, target) if pavement else [])
                area.connections.append(Connection(source.road.id, road.id, tuple(links)))
                ways.append(Way(road, source, target, turn))
    return ways


def link_to_junction(arm: Arm, area: JunctionArea) -> None:
    """Tell a road that one of its ends lies at a junction."""
    link = RoadLink("junction", area.id)
    if arm.at_end:
        arm.road.successor = link
    else:
        arm.road.predecessor = link


def single_lane(width_in_m: float, width_out_m: float, lane_in: int, lane_out: int) -> Lane:
    """The one driving lane of a connecting road."""
    return Lane(-1, "driving", width_in_m, width_out_m, [NO_MARK], lane_in, lane_out)


def _lane_pairs(source: Arm, target: Arm, turn_rad: float) -> Iterator[tuple[Lane, Lane, bool]]:
    """Which lanes are joined, and whether it is the outermost pair.

    Right turns join the outermost lanes, left turns the innermost. Straight on, lanes keep their order; a lone lane
    fans out to all lanes, and where lanes end the outermost one goes on.
    """
    incoming = source.road.driving(source.incoming_sign)
    outgoing = target.road.driving(-target.incoming_sign)
    if turn_rad < -STRAIGHT_ON_RAD:
        yield incoming[-1], outgoing[-1], True
    elif turn_rad > STRAIGHT_ON_RAD:
        yield incoming[0], outgoing[0], len(incoming) == 1
    elif len(incoming) == 1:
        yield from ((incoming[0], lane, lane is outgoing[-1]) for lane in outgoing)
    else:
        pairs = list(zip(reversed(incoming), reversed(outgoing), strict=False))
        yield from ((lane, other, place == 0) for place, (lane, other) in enumerate(pairs))


def _connecting_road(
    number: int, junction: Junction, area: JunctionArea, source: Arm, target: Arm, lane_in: Lane, lane_out: Lane
) -> Road:
    return Road(
        id=number,
        name=f"{junction.name}: {source.road.name} to {target.road.name}",
        path=joining(source.pose_in(lane_in), target.pose_out(lane_out)),
        speed_kmh=min(source.road.speed_kmh, target.road.speed_kmh),
        heights=[Cubic(0.0, junction.height_m)],
        lanes=[single_lane(lane_in.width_m, lane_out.width_m, lane_in.id, lane_out.id)],
        centre_mark=NO_MARK,
        junction=area.id,
        offset_m=(lane_in.width_m / 2.0, lane_out.width_m / 2.0),
        predecessor=RoadLink("road", source.road.id, source.contact),
        successor=RoadLink("road", target.road.id, target.contact),
    )


def _add_pavement(road: Road, source: Arm, target: Arm) -> list[tuple[int, int]]:
    """Lead the pavement around the corner, with a verge where parking lanes or shoulders end; returns the lane link."""
    first, last = (_pavement(arm, sign) for arm, sign in ((source, 1), (target, -1)))
    if first is None or last is None:
        return []
    (lane_in, gap_in), (lane_out, gap_out) = first, last
    if max(gap_in, gap_out) > 0.0:
        road.lanes.append(Lane(-2, "shoulder", gap_in, gap_out, [Mark("curb")]))
    else:
        road.lanes[0].marks = [Mark("curb")]
    number = -1 - len(road.lanes)
    road.lanes.append(Lane(number, "sidewalk", lane_in.width_m, lane_out.width_m, [NO_MARK], lane_in.id, lane_out.id))
    return [(lane_in.id, number)]


def _pavement(arm: Arm, direction: int) -> tuple[Lane, float] | None:
    """The pavement of an arm beside the lanes that come in (+1) or go out (-1), and what lies between."""
    side = arm.road.side(arm.incoming_sign * direction)
    pavement = next((lane for lane in side if lane.kind == "sidewalk"), None)
    if pavement is None:
        return None
    return pavement, sum(lane.width_m for lane in side if lane.kind not in ("driving", "sidewalk"))
