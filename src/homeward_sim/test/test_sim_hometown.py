"""Hometown as the unmodified carla client's map library sees it."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import carla
import pytest
import yaml

from homeward_sim.hometown import __main__ as command
from homeward_sim.hometown.model import Town
from homeward_sim.hometown.network import build_town

MAPS = Path(__file__).resolve().parents[3] / "maps" / "hometown"
Key = tuple[int, int]  # road, lane


@pytest.fixture(scope="module")
def text() -> str:
    return (MAPS / "hometown.xodr").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def town(text: str) -> carla.Map:
    return carla.Map("hometown", text)


@pytest.fixture(scope="module")
def places() -> list[dict]:
    return yaml.safe_load((MAPS / "places.yaml").read_text(encoding="utf-8"))["places"]


@pytest.fixture(scope="module")
def built() -> Town:
    return build_town()


@pytest.fixture(scope="module")
def following(town: carla.Map) -> dict[Key, set[Key]]:
    graph: dict[Key, set[Key]] = defaultdict(set)
    for here, there in town.get_topology():
        graph[here.road_id, here.lane_id].add((there.road_id, there.lane_id))
    return graph


def lane_ends(waypoint: carla.Waypoint, lengths: dict[int, float]) -> tuple[float, float]:
    """s just inside a lane's first and last point, in the direction of travel."""
    inside = 1e-4
    last = lengths[waypoint.road_id] - inside
    return (inside, last) if waypoint.lane_id < 0 else (last, inside)


def reached(graph: dict[Key, set[Key]], start: Key) -> set[Key]:
    seen, waiting = {start}, [start]
    while waiting:
        for lane in graph[waiting.pop()] - seen:
            seen.add(lane)
            waiting.append(lane)
    return seen


def test_the_committed_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    for path in command.write(tmp_path):
        assert path.read_bytes() == (MAPS / path.name).read_bytes(), (
            f"run python -m homeward_sim.hometown for {path.name}"
        )


@pytest.mark.parametrize("arguments", [[], ["--help"], ["a", "b"]])
def test_wrong_use_is_told_apart(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(arguments) == 2
    assert "FOLDER" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_ends_with_a_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert command.main([str(tmp_path / "file")]) == 1
    assert "Name a folder" in capsys.readouterr().err


def test_lanes_meet_without_gap_kink_or_step(town: carla.Map, text: str) -> None:
    lengths = {
        int(road.get("id", "")): float(road.get("length", "")) for road in ElementTree.fromstring(text).iter("road")
    }
    firsts = {(here.road_id, here.lane_id): here for here, _ in town.get_topology()}
    assert len(firsts) > 100
    for here in firsts.values():
        end = town.get_waypoint_xodr(here.road_id, here.lane_id, lane_ends(here, lengths)[1])
        for successor in end.next(0.01):
            start = town.get_waypoint_xodr(successor.road_id, successor.lane_id, lane_ends(successor, lengths)[0])
            a, b = end.transform, start.transform
            assert math.hypot(a.location.x - b.location.x, a.location.y - b.location.y) < 0.05
            assert abs(a.location.z - b.location.z) < 0.005
            assert abs(math.remainder(a.rotation.yaw - b.rotation.yaw, 360.0)) < 1.0
            assert abs(end.lane_width - start.lane_width) < 0.01


def test_the_hill_climbs_several_per_cent_and_never_jumps(town: carla.Map) -> None:
    grades = []
    for waypoint in town.generate_waypoints(2.0):
        for successor in waypoint.next(2.0):
            grades.append((successor.transform.location.z - waypoint.transform.location.z) / 2.0)
    assert 0.05 < max(grades) < 0.10
    assert max(waypoint.transform.location.z for waypoint in town.generate_waypoints(5.0)) > 8.0


def test_every_lane_leads_on_and_reaches_every_place(
    town: carla.Map, following: dict[Key, set[Key]], places: list[dict]
) -> None:
    lanes = {(waypoint.road_id, waypoint.lane_id) for waypoint in town.generate_waypoints(1.0)}
    assert all(following[lane] for lane in lanes), "a lane that leads nowhere holds traffic for ever"
    targets = {place["name"]: lane_of(town, place) for place in places}
    for lane in lanes:
        from_here = reached(following, lane)
        missing = {name for name, target in targets.items() if target not in from_here}
        assert not missing, f"{lane} does not lead to {missing}"


def lane_of(town: carla.Map, place: dict) -> Key:
    waypoint = town.get_waypoint(carla.Location(x=place["x_m"], y=-place["y_m"]))
    return waypoint.road_id, waypoint.lane_id


def test_places_lie_on_lane_centres_and_face_along_them(town: carla.Map, places: list[dict]) -> None:
    assert {"home", "office", "school", "shop", "toll_road", "car_park", "charger", "roundabout"} <= {
        place["name"] for place in places
    }
    for place in (place for place in places if place["kind"] not in ("garage", "parking")):
        waypoint = town.get_waypoint(carla.Location(x=place["x_m"], y=-place["y_m"]))
        there = waypoint.transform
        assert math.hypot(there.location.x - place["x_m"], there.location.y + place["y_m"]) < 0.01, place["name"]
        turn = math.remainder(math.radians(-there.rotation.yaw) - place["yaw_rad"], math.tau)
        assert abs(turn) < 1e-3, place["name"]
        assert not waypoint.is_junction, place["name"]
        assert abs(place["latitude"] - 48.805) < 0.01 and abs(place["longitude"] - 9.12) < 0.01


def test_a_car_fits_into_the_garage_and_into_the_bay(built: Town, places: list[dict]) -> None:
    """The car's middle, 1.4 m ahead of its rear axle, is the marked place's, and it faces along the longer side."""
    parked = [place for place in places if place["kind"] in ("garage", "parking")]
    assert {place["name"] for place in parked} == {"garage", "bay"}
    marked = [(road, thing) for road in built.roads for thing in road.things if thing.kind == "parkingSpace"]
    for place in parked:
        x_m, y_m = place["x_m"] + 1.4 * math.cos(place["yaw_rad"]), place["y_m"] + 1.4 * math.sin(place["yaw_rad"])
        middles = [(road.path.pose_at(thing.s_m, thing.t_m), thing) for road, thing in marked]
        middle, thing = min(middles, key=lambda one: math.hypot(one[0].x_m - x_m, one[0].y_m - y_m))
        assert math.hypot(middle.x_m - x_m, middle.y_m - y_m) < 0.01, place["name"]
        assert abs(math.cos(place["yaw_rad"] - middle.heading_rad)) < 1e-6 and thing.width_m > 4.8 > 2.5 <= thing.length_m


def test_the_way_from_home_to_the_office_passes_three_lights_and_the_roundabout(
    town: carla.Map, built: Town, places: list[dict]
) -> None:
    names = {road.id: road.name for road in built.roads}
    by_name = {place["name"]: place for place in places}
    way = shortest_way(town, by_name["home"], by_name["office"])
    assert 800.0 < len(way) < 1500.0
    roads = [names[waypoint.road_id] for waypoint in way]
    assert any(name.startswith("R ring") for name in roads)
    assert {name.split(":")[0] for name in roads if name.startswith("J")} == {"J1", "J2", "J3"}


def shortest_way(town: carla.Map, start: dict, goal: dict) -> list[carla.Waypoint]:
    """Waypoints a metre apart from one place to another, fewest first."""
    first = town.get_waypoint(carla.Location(x=start["x_m"], y=-start["y_m"]))
    target = carla.Location(x=goal["x_m"], y=-goal["y_m"])
    came_from: dict[tuple[int, int, int], tuple[int, int, int] | None] = {}
    known: dict[tuple[int, int, int], carla.Waypoint] = {}
    frontier = [(first, None)]
    while frontier:
        following = []
        for waypoint, before in frontier:
            key = (waypoint.road_id, waypoint.lane_id, round(waypoint.s))
            if key in came_from:
                continue
            came_from[key], known[key] = before, waypoint
            if waypoint.transform.location.distance(target) < 1.5 and waypoint.lane_id == lane_of(town, goal)[1]:
                return traced(key, came_from, known)
            following += [(successor, key) for successor in waypoint.next(1.0)]
        frontier = following
    raise AssertionError("no way found")


def traced(key, came_from, known) -> list[carla.Waypoint]:  # type: ignore[no-untyped-def]
    way = []
    while key is not None:
        way.append(known[key])
        key = came_from[key]
    return way[::-1]


def test_each_light_has_one_stop_line_before_the_junction_and_a_turn_of_its_own(town: carla.Map, text: str) -> None:
    root = ElementTree.fromstring(text)
    lights = {signal.get("id") for signal in root.iter("signal") if signal.get("type") == "1000001"}
    assert len(lights) == 12
    for light in lights:
        lines = [
            town.get_waypoint_xodr(mark.road_id, lane, mark.s)
            for mark in town.get_all_landmarks_from_id(light)
            for first, last in mark.get_lane_validities()
            for lane in range(first, last + 1)
            if lane != 0
        ]
        assert lines and not any(waypoint.is_junction for waypoint in lines)
        for waypoint in lines:
            assert all(ahead.is_junction for ahead in waypoint.next(8.0)), "the junction lies within 8 m of the line"
            (before,) = waypoint.previous(5.0)
            assert {mark.id for mark in before.get_landmarks_of_type(10.0, "1000001")} == {light}
    controlled = [control.get("signalId") for control in root.iter("control")]
    assert sorted(controlled) == sorted(lights)
    controllers = {controller.get("id") for controller in root.findall("controller")}
    used = [link.get("id") for junction in root.iter("junction") for link in junction.iter("controller")]
    assert sorted(used) == sorted(controllers)


def test_signs_and_crosswalks_are_found(town: carla.Map) -> None:
    assert {mark.value for mark in town.get_all_landmarks_of_type("274")} == {30.0, 50.0, 80.0}
    assert all(mark.unit == "km/h" for mark in town.get_all_landmarks_of_type("274"))
    assert len(town.get_all_landmarks_of_type("205")) == 8
    assert len(town.get_all_landmarks_of_type("206")) == 5
    corners = town.get_crosswalks()
    assert len(corners) == 16 * 5
    for place in range(0, len(corners), 5):
        polygon = corners[place : place + 5]
        assert polygon[0].distance(polygon[4]) < 1e-3
        middle = carla.Location(x=(polygon[0].x + polygon[2].x) / 2.0, y=(polygon[0].y + polygon[2].y) / 2.0)
        on_road = town.get_waypoint(middle, project_to_road=True)
        assert on_road.transform.location.distance(carla.Location(middle.x, middle.y, polygon[0].z)) < 4.0


def test_speed_signs_stand_beside_the_lanes_they_rule(town: carla.Map) -> None:
    for mark in town.get_all_landmarks_of_type("274"):
        ((first, last),) = mark.get_lane_validities()
        lane = town.get_waypoint_xodr(mark.road_id, first, mark.s)
        there, here = mark.transform, lane.transform
        assert abs(math.remainder(there.rotation.yaw - here.rotation.yaw, 360.0)) < 1.0
        assert there.location.distance(here.location) < 12.0
        assert first * last > 0


def test_houses_stand_clear_of_roads_and_of_each_other(town: carla.Map, built: Town) -> None:
    houses = [
        (road.path.pose_at(thing.s_m, thing.t_m), thing)
        for road in built.roads
        for thing in road.things
        if thing.kind == "building"
    ]
    assert len(houses) > 120
    for pose, thing in houses:
        for ahead in (-0.5, 0.0, 0.5):
            for left in (-0.5, 0.0, 0.5):
                point = pose.moved(ahead * thing.length_m, left * thing.width_m)
                location = carla.Location(x=point.x_m, y=-point.y_m)
                assert town.get_waypoint(location, project_to_road=False, lane_type=carla.LaneType.Any) is None, (
                    thing.name
                )
    for place, (pose, thing) in enumerate(houses):
        for other, other_thing in houses[place + 1 :]:
            apart = math.hypot(pose.x_m - other.x_m, pose.y_m - other.y_m)
            assert apart > (min(thing.length_m, thing.width_m) + min(other_thing.length_m, other_thing.width_m)) / 2.0


def test_files_stay_small() -> None:
    for path in MAPS.iterdir():
        assert path.stat().st_size < 2_000_000, path.name
