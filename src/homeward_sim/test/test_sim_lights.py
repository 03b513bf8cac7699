"""Traffic lights: never two crossing ways green, and the clocks that clients may set, freeze and reset."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homeward_sim.dynamics import CAR
from homeward_sim.ground import height_at, survey
from homeward_sim.lights import GREEN, RED, YELLOW, TrafficLights, build_lights, crossing_greens, govern
from homeward_sim.limits import advise
from homeward_sim.roads import RoadNetwork


def lights_of(network: RoadNetwork) -> TrafficLights:
    ground = survey(network.strips, advise(network.strips))
    return build_lights(network, lambda x, y, z: height_at(ground, x, y, z))


@pytest.fixture
def lights(hometown: RoadNetwork) -> TrafficLights:
    return lights_of(hometown)


def pictures(lights: TrafficLights, seconds: float) -> list[bytes]:
    """What all lights show, step by step."""
    shown = []
    for _ in range(round(seconds / 0.1)):
        shown.append(lights.states.tobytes())
        lights.step(0.1)
    return shown


def assert_never_crossing(lights: TrafficLights, network: RoadNetwork) -> None:
    seen: set[bytes] = set()
    greens: set[int] = set()
    for _ in range(2000):
        if lights.states.tobytes() not in seen:
            seen.add(lights.states.tobytes())
            greens |= set(np.flatnonzero(lights.states == GREEN).tolist())
            assert crossing_greens(lights, network) == []
        lights.step(0.1)
    assert greens == set(range(len(lights.lights))), "every light has its turn"


def test_no_two_greens_cross_in_hometown(lights: TrafficLights, hometown: RoadNetwork) -> None:
    assert_never_crossing(lights, hometown)


@pytest.mark.parametrize("name", ["Town01", "Town10HD"])
def test_no_two_greens_cross_in_carlas_towns(name: str, data: Path) -> None:
    network = RoadNetwork(name, (data / "maps" / f"{name}.xodr").read_text())
    assert_never_crossing(lights_of(network), network)


def test_lights_are_grouped_by_junction(lights: TrafficLights) -> None:
    for group in lights.groups:
        junctions = {line.junction_id for index in group.members for line in lights.lights[index].signal.lines}
        assert len(junctions) == 1
    assert sorted(index for group in lights.groups for index in group.members) == list(range(len(lights.lights)))


def test_without_controllers_each_approach_has_its_turn(hometown_text: str) -> None:
    bare = hometown_text.replace("<controller ", "<nothing ").replace("</controller>", "</nothing>")
    network = RoadNetwork("bare", bare)
    assert not any(network.site.controllers.values())
    lights = lights_of(network)
    assert max(len(group.turns) for group in lights.groups) >= 3
    assert_never_crossing(lights, network)


def test_green_is_followed_by_yellow_then_red_for_all(lights: TrafficLights) -> None:
    first = lights.groups[0].turns[0][0]
    lights.step(9.99)
    assert lights.states[first] == GREEN
    lights.step(0.02)
    assert lights.states[first] == YELLOW
    lights.step(3.0)
    assert all(lights.states[index] == RED for index in lights.groups[0].members)
    lights.step(2.0)
    assert lights.states[lights.groups[0].turns[1][0]] == GREEN


def test_a_frozen_group_keeps_its_phase_and_goes_on_where_it_was(lights: TrafficLights) -> None:
    first = lights.groups[0].turns[0][0]
    lights.step(6.0)
    lights.freeze([0], True)
    lights.step(100.0)
    assert lights.states[first] == GREEN
    lights.freeze([0], False)
    lights.step(3.9)
    assert lights.states[first] == GREEN
    lights.step(0.2)
    assert lights.states[first] == YELLOW


def test_reset_starts_every_cycle_again(lights: TrafficLights) -> None:
    fresh = pictures(lights, 60.0)
    lights.reset()
    assert pictures(lights, 60.0) == fresh


def test_times_that_clients_set_count(lights: TrafficLights) -> None:
    first = lights.groups[0].turns[0][0]
    lights.set_time(first, GREEN, 2.0)
    lights.step(2.01)
    assert lights.states[first] == YELLOW


def test_times_of_nothing_at_all_do_not_hang_the_world(lights: TrafficLights) -> None:
    for index in range(len(lights.lights)):
        for phase in (GREEN, YELLOW, RED):
            lights.set_time(index, phase, 0.0)
    lights.step(1.0)


def car_before(lights: TrafficLights, number: int, ahead_m: float, speed_mps: float = 0.0) -> Any:
    cars, line = np.zeros(1, CAR), lights.lines[number]
    cars["half_length"], cars["yaw"] = 2.3, np.arctan2(line["ahead_y"], line["ahead_x"])
    cars["x"] = line["x"] - line["ahead_x"] * (ahead_m + 2.3)
    cars["y"] = line["y"] - line["ahead_y"] * (ahead_m + 2.3)
    cars["z"], cars["vx"] = line["z"], speed_mps
    govern(cars, lights.lines, lights.states, np.arange(100, 100 + len(lights.lights), dtype=np.uint32))
    return cars[0]


@pytest.mark.parametrize(
    ("ahead_m", "at_light"), [(0.5, True), (8.5, True), (-1.0, True), (-2.0, False), (10.0, False)]
)
def test_a_standing_car_is_at_a_light_in_the_zone_before_its_line(
    lights: TrafficLights, ahead_m: float, at_light: bool
) -> None:
    car = car_before(lights, 0, ahead_m)
    assert bool(car["at_light"]) == at_light
    light = int(lights.lines[0]["light"])
    assert (car["light_id"], car["light_state"]) == ((100 + light, lights.states[light]) if at_light else (0, GREEN))


def test_a_fast_car_hears_of_the_light_in_time_to_stop(lights: TrafficLights) -> None:
    assert car_before(lights, 0, 30.0, speed_mps=22.0)["at_light"]
    assert not car_before(lights, 0, 30.0, speed_mps=8.0)["at_light"]
