"""Houses along the streets, and the chosen buildings of the layout.

A building is an OpenDRIVE `<object type="building">`: a box whose centre lies at (s, t) of its road, turned by `hdg`
against the road's direction there, `length` along that heading, `width` across, `height` up from `zOffset` above the
road. Poles and posts are `type="pole"` in the same form; parking bays (`type="parkingSpace"`) and drives
(`type="patch"`) lie flat.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count

import numpy as np
import numpy.typing as npt

from .layout import LANDMARKS, STREETS, SURFACES, Street
from .model import Road, Thing, Town
from .plan_geometry import Pose

FRONT_GARDEN_M = (2.0, 5.0)
ALONG_M = (11.0, 20.0)
ACROSS_M = (9.0, 13.0)
BETWEEN_M = (4.0, 12.0)
STOREY_M = 3.1
CLEAR_OF_ROADS_M = 1.0
CLEAR_OF_HOUSES_M = 2.0
NEAR_M = 60.0  # nothing further off is looked at
SUNK_M = 1.0  # walls go into the ground, for roads that climb
BAY_WIDTH_M = 2.5

Points = npt.NDArray[np.float64]


class Builder:
    """Places buildings and remembers the ground they take."""

    def __init__(self, town: Town, ids: Iterator[int]) -> None:
        self.town = town
        self.ids = ids
        self.road_points, self.road_reach = _paved(town)
        self.houses: list[Points] = []

    def build_all(self) -> None:
        """The chosen buildings first, then houses where there is room, then the bays of the car park."""
        for mark in LANDMARKS:
            road = self.town.road(mark.street)
            sunk = SUNK_M if mark.kind == "building" else 0.0
            thing = Thing(
                next(self.ids), mark.name, mark.kind, mark.along_m, mark.left_m,
                mark.length_m, mark.width_m, mark.height_m + sunk, -sunk,
            )  # fmt: skip
            self.houses.append(_footprint(road, thing))
            road.things.append(thing)
        self._surfaces()
        for street in STREETS:
            for side in (1, -1):
                self._row_of_houses(street, self.town.road(street.name), side)
            if street.profile == "car_park":
                self._bays(self.town.road(street.name))

    def _surfaces(self) -> None:
        """Drives and the places on them lie flat; no house is built there."""
        for one in SURFACES:
            road = self.town.road(one.street)
            thing = Thing(
                next(self.ids), one.name, one.kind, one.along_m, one.left_m, one.length_m, one.width_m, 0.0
            )  # fmt: skip
            self.houses.append(_footprint(road, thing))
            road.things.append(thing)

    def _row_of_houses(self, street: Street, road: Road, side: int) -> None:
        if street.storeys[1] == 0:
            return
        chance = random.Random(f"{street.name} {side}")
        along = chance.uniform(*BETWEEN_M)
        for number in count(1):
            length = chance.uniform(*ALONG_M)
            if along + length > road.length_m:
                return
            name = f"{street.name} {2 * number - (side > 0)}"
            self._house(road, name, along + length / 2.0, side, length, chance, street.storeys)
            along += length + chance.uniform(*BETWEEN_M)

    def _house(
        self,
        road: Road,
        name: str,
        along_m: float,
        side: int,
        length_m: float,
        chance: random.Random,
        storeys: tuple[int, int],
    ) -> None:
        """A house, unless something stands there already."""
        width, garden = chance.uniform(*ACROSS_M), chance.uniform(*FRONT_GARDEN_M)
        height = chance.randint(*storeys) * STOREY_M + SUNK_M
        left = side * (_half_width(road, side) + garden + width / 2.0)
        s_m, t_m, length, width, height = (round(value, 2) for value in (along_m, left, length_m, width, height))
        thing = Thing(next(self.ids), name, "building", s_m, t_m, length, width, height, -SUNK_M)
        footprint = _footprint(road, thing)
        if self._is_free(footprint):
            self.houses.append(footprint)
            road.things.append(thing)

    def _is_free(self, footprint: Points) -> bool:
        near = np.linalg.norm(self.road_points - footprint.mean(axis=0), axis=1) < NEAR_M
        if (_distances(footprint, self.road_points[near]) - self.road_reach[near]).min(
            initial=np.inf
        ) < CLEAR_OF_ROADS_M:
            return False
        neighbours = [
            house for house in self.houses if np.linalg.norm(house.mean(axis=0) - footprint.mean(axis=0)) < NEAR_M
        ]
        return all(_distances(footprint, house).min() > CLEAR_OF_HOUSES_M for house in neighbours)

    def _bays(self, road: Road) -> None:
        """Bays across the parking lanes, on the straight stretch between the bends."""
        longest = max(road.path.pieces, key=lambda piece: piece.length_m)
        start = sum(piece.length_m for piece in road.path.pieces[: road.path.pieces.index(longest)])
        for sign in (1, -1):
            lane = next(lane for lane in road.side(sign) if lane.kind == "parking")
            for place in range(int(longest.length_m // BAY_WIDTH_M)):
                s_m = start + (place + 0.5) * BAY_WIDTH_M
                road.things.append(
                    Thing(
                        next(self.ids),
                        "Parking bay",
                        "parkingSpace",
                        s_m,
                        road.centre_m(lane),
                        BAY_WIDTH_M,
                        lane.width_m,
                        0.0,
                    )
                )


def _distances(some: Points, others: Points) -> Points:
    """Every distance between two sets of points."""
    distances: Points = np.linalg.norm(some[:, None, :] - others[None, :, :], axis=2)
    return distances


def _half_width(road: Road, side: int) -> float:
    return road.edge_m(side, [lane.kind for lane in road.lanes])


def _paved(town: Town) -> tuple[Points, npt.NDArray[np.float64]]:
    """Points along all roads, and how far from each the pavement reaches."""
    places, reaches = [], []
    for road in town.roads:
        reach = max(_half_width(road, 1), _half_width(road, -1))
        for step in range(int(road.length_m // 2.0) + 2):
            pose = road.path.pose_at(min(2.0 * step, road.length_m))
            places.append((pose.x_m, pose.y_m))
            reaches.append(reach)
    return np.array(places), np.array(reaches)


def _footprint(road: Road, thing: Thing) -> Points:
    """Points on the outline of a thing, a metre and a half apart at most, and its centre line."""
    centre = road.path.pose_at(thing.s_m, thing.t_m).turned(thing.heading_rad)
    ahead = np.linspace(-0.5, 0.5, int(thing.length_m / 1.5) + 2) * thing.length_m
    left = np.linspace(-0.5, 0.5, int(thing.width_m / 1.5) + 2) * thing.width_m
    moved = [centre.moved(float(u), float(v)) for u in ahead for v in left]
    return np.array([_xy(pose) for pose in moved])


def _xy(pose: Pose) -> tuple[float, float]:
    return pose.x_m, pose.y_m
