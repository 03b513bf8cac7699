"""Roads and ground agree with `carla.Map`, on Hometown's hill as on the flat."""

from math import cos, hypot, sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homeward_sim.buildings import raise_buildings
from homeward_sim.ground import ROAD, SIDEWALK, TERRAIN, cell_at, height_at, survey
from homeward_sim.limits import advise
from homeward_sim.roads import RoadNetwork


@pytest.fixture(scope="module")
def ground(hometown: RoadNetwork) -> Any:
    return survey(hometown.strips, advise(hometown.strips))


def test_ground_has_the_height_of_the_road(hometown: RoadNetwork, ground: Any) -> None:
    errors = []
    for waypoint in hometown.map.generate_waypoints(3.0):
        place = waypoint.transform.location
        errors.append(abs(height_at(ground, place.x, place.y, place.z) - place.z))
        assert ground.label[cell_at(ground, place.x, place.y)] == ROAD
    assert max(errors) < 0.01
    assert max(waypoint.transform.location.z for waypoint in hometown.map.generate_waypoints(10.0)) > 5.0  # the hill


def test_sidewalks_and_terrain_are_labelled(hometown: RoadNetwork, ground: Any) -> None:
    strip = next(strip for strip in hometown.strips if strip.kind == "sidewalk" and not strip.in_junction)
    middle = (strip.left[len(strip.left) // 2] + strip.right[len(strip.left) // 2]) / 2
    assert ground.label[cell_at(ground, middle[0], middle[1])] == SIDEWALK
    assert ground.label[0, 0] == TERRAIN


def test_where_a_road_crosses_above_another_the_nearer_level_counts(ground: Any) -> None:
    high = ground.low_m + 6.0
    two_levels = ground._replace(high_m=high.astype(np.float32))
    z = float(ground.low_m[100, 100])
    x, y = ground.x0_m + 100 * ground.cell_m, ground.y0_m + 100 * ground.cell_m
    assert height_at(two_levels, x, y, z + 1.0) == pytest.approx(z, abs=1e-4)
    assert height_at(two_levels, x, y, z + 5.0) == pytest.approx(z + 6.0, abs=1e-4)


def test_spawn_points_are_free_places_on_driving_lanes(town: Any) -> None:
    points = town.spawn_points
    assert len(points) > 100
    for pose in points[:60]:
        actor = town.spawn([1, "vehicle.mercedes.sprinter", []], pose)
        town.destroy(actor.actor_id)
        waypoint = town.network.map.get_waypoint(carla_location(pose))
        assert hypot(waypoint.transform.location.x - pose.x_m, waypoint.transform.location.y - pose.y_m) < 0.2


def carla_location(pose: Any) -> Any:
    import carla

    return carla.Location(pose.x_m, pose.y_m, pose.z_m)


def test_speed_limits_are_the_signs(hometown: RoadNetwork) -> None:
    """Every driving lane has the limit of the last sign before it on its road."""
    signs = [s for s in hometown.map.get_all_landmarks_of_type("274") if s.unit == "km/h"]
    assert signs
    for sign in signs:
        for lane_id in {lane for pair in sign.get_lane_validities() for lane in range(min(pair), max(pair) + 1)} - {0}:
            after_m = sign.s + (2.0 if lane_id < 0 else -2.0)
            limit = hometown.limit_mps(hometown.roads[sign.road_id], lane_id, after_m)
            assert limit == pytest.approx(sign.value / 3.6)


def test_a_bend_is_advised_slower_than_the_straight_before_it(hometown: RoadNetwork) -> None:
    speeds = advise(hometown.strips)
    strips = [n for n, strip in enumerate(hometown.strips) if strip.kind == "driving" and strip.in_junction]
    assert min(speeds[n].min() for n in strips) < 8.0
    for strip, allowed in zip(hometown.strips, speeds, strict=True):
        step_m = np.linalg.norm(np.diff((strip.left + strip.right) / 2, axis=0), axis=1)
        assert (-np.diff(allowed**2) <= 2 * 3.0 * step_m + 1e-9).all(), "nowhere is harder braking needed"


def test_stop_lines_lie_before_their_junctions(hometown: RoadNetwork) -> None:
    lines = [line for signal in hometown.signals for line in signal.lines]
    assert len(lines) >= 12
    for line in lines:
        waypoint = hometown.map.get_waypoint_xodr(line.road_id, line.lane_id, line.s_m)
        assert not waypoint.is_junction
        assert any(ahead.is_junction for d in np.arange(0.5, 15.0, 0.5) for ahead in waypoint.next(float(d)))


@pytest.mark.parametrize("name", ["Town01", "Town10HD"])
def test_every_signalled_approach_of_carlas_towns_has_one_line(name: str, data: Path) -> None:
    network = RoadNetwork(name, (data / "maps" / f"{name}.xodr").read_text())
    lines = [(line.road_id, line.lane_id) for signal in network.signals for line in signal.lines]
    assert len(lines) == len(set(lines)) >= 17
    assert all(signal.lines for signal in network.signals)


def test_houses_named_by_the_map_are_where_it_says(hometown: RoadNetwork, ground: Any) -> None:
    boxes = raise_buildings(hometown, ground)
    named = [thing for thing in hometown.site.objects if thing.kind == "building"]
    assert len(boxes) == len(named)
    assert sorted(boxes["half_length"] * 2) == pytest.approx(sorted(thing.length_m for thing in named))


@pytest.mark.parametrize("name", ["Town01", "Town10HD"])
def test_invented_houses_keep_off_the_road_and_are_always_the_same(name: str, data: Path) -> None:
    network = RoadNetwork(name, (data / "maps" / f"{name}.xodr").read_text())
    ground = survey(network.strips, advise(network.strips))
    boxes = raise_buildings(network, ground)
    assert len(boxes) > 20
    assert boxes.tobytes() == raise_buildings(network, ground).tobytes()
    for box in boxes:
        c, s = cos(box["yaw"]), sin(box["yaw"])
        for u in (-1, 0, 1):
            for v in (-1, 0, 1):
                x = box["x"] + c * u * box["half_length"] - s * v * box["half_width"]
                y = box["y"] + s * u * box["half_length"] + c * v * box["half_width"]
                assert ground.label[cell_at(ground, x, y)] == TERRAIN
