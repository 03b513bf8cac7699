"""The whole town from the layout: streets, junctions, roundabout, furniture, buildings."""

from __future__ import annotations

from . import roundabout
from .buildings import Builder
from .furniture import Furnisher
from .junctions import Arm, arms_at, connect
from .layout import JUNCTIONS, STREETS, Junction
from .model import JunctionArea, Road, Town
from .streets import street_road

FIRST_JUNCTION_ID = 900
FIRST_SIGNAL_ID = 2000


def build_town() -> Town:
    """Hometown. The same layout always gives the same town."""
    named = {junction.name: junction for junction in JUNCTIONS}
    town = Town()
    for number, street in enumerate(STREETS, start=1):
        town.roads.append(street_road(street, number, named[street.start], named[street.end]))
    furnisher = Furnisher(FIRST_SIGNAL_ID)
    for place, junction in enumerate(JUNCTIONS, start=1):
        _add_junction(town, furnisher, junction, place)
    _add_street_furniture(town, furnisher)
    Builder(town, furnisher.ids).build_all()
    town.controllers = furnisher.controllers
    return town


def _add_junction(town: Town, furnisher: Furnisher, junction: Junction, place: int) -> None:
    arms = arms_at(junction, _touching(town, junction))
    first_road, first_area = 50 * (place + 1), FIRST_JUNCTION_ID + 10 * place
    if junction.rule == "roundabout":
        _add_roundabout(town, furnisher, junction, arms, first_road, first_area)
        return
    area = JunctionArea(first_area, junction.name)
    ways = connect(junction, area, arms, first_road)
    furnisher.furnish(junction, area, arms, ways)
    town.roads += [way.road for way in ways]
    town.junctions.append(area)


def _add_roundabout(
    town: Town, furnisher: Furnisher, junction: Junction, arms: list[Arm], first_road: int, first_area: int
) -> None:
    roads, areas = roundabout.build(junction, arms, first_road, first_area)
    for arm in arms:
        furnisher.yield_sign(arm)
    town.roads += roads
    town.junctions += areas


def _touching(town: Town, junction: Junction) -> list[tuple[Road, bool]]:
    """The streets that meet at a junction; True where it is the street's end."""
    touching = []
    for street in STREETS:
        if street.start == junction.name:
            touching.append((town.road(street.name), False))
        if street.end == junction.name:
            touching.append((town.road(street.name), True))
    return touching


def _add_street_furniture(town: Town, furnisher: Furnisher) -> None:
    for street in STREETS:
        road = town.road(street.name)
        furnisher.speed_signs(road)
        for fraction in street.crosswalks_at:
            furnisher.crosswalk(road, fraction * road.length_m)
