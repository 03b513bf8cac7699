"""Tests of what the town benchmark tells the traffic's own car about the way."""

import carla
import numpy as np
import pytest

from homeward_cli.bench.town_trip import BEYOND_M, PATH_STEP_M, exits
from homeward_sim.maps import read_map


@pytest.fixture(scope="module")
def hometown() -> carla.Map:
    return carla.Map(*read_map("hometown"))


def way(carla_map: carla.Map, length_m: float) -> np.ndarray:
    """From the map's first lane straight on."""
    point, line = carla_map.generate_waypoints(50.0)[0], []
    for _ in range(round(length_m / PATH_STEP_M)):
        line.append((point.transform.location.x, -point.transform.location.y))
        point = point.next(PATH_STEP_M)[0]
    return np.array(line)


def test_a_place_after_each_junction_and_the_end(hometown: carla.Map) -> None:
    line = way(hometown, 600.0)
    inside = [hometown.get_waypoint(carla.Location(x, -y, 0.0)).is_junction for x, y in line]
    passed = sum(before and not after for before, after in zip(inside, inside[1:], strict=False))
    places = exits(hometown, line)
    assert passed >= 2
    assert len(places) == passed + 1
    assert (places[-1].x, -places[-1].y) == pytest.approx(tuple(line[-1]), abs=0.01)


def test_the_places_lie_beyond_the_junctions(hometown: carla.Map) -> None:
    line = way(hometown, 600.0)
    for place in exits(hometown, line)[:-1]:
        at = int(np.hypot(line[:, 0] - place.x, line[:, 1] + place.y).argmin())
        before = hometown.get_waypoint(carla.Location(*(line[at - round(BEYOND_M / PATH_STEP_M) - 1] * (1, -1)), 0.0))
        assert before.is_junction
