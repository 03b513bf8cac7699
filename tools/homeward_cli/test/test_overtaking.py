"""The car's planner on a road with two lanes a direction: somebody slow is overtaken, where there is room."""

from __future__ import annotations

import pytest

from homeward_cli.bench.precrash_drive import planner_params
from homeward_cli.bench.precrash_roads import FOUR_LANES, road
from homeward_planner.core import Planner
from homeward_planner.scene import Ego, Kind, Pose, Thing

STEP_S = 0.1


def drive(others, seconds: float) -> list[tuple[float, float, float]]:
    """x, y and speed of a car that follows the planner's trajectories exactly, from -5.25 m on."""
    planner = Planner(planner_params(), road(FOUR_LANES, 20.0).graph)
    ego, found = Ego(Pose(0.0, -5.25, 0.0), 12.0), []
    planner.step(0.0, ego, [], [])
    refusal = planner.set_goal(Pose(400.0, -5.25, 0.0))
    assert refusal is None, refusal
    for step in range(round(seconds / STEP_S)):
        now_s = step * STEP_S
        trajectory = planner.step(now_s, ego, others(now_s), []).trajectory
        if trajectory is None:
            break
        x, y, yaw, speed, acceleration, _ = trajectory.at(now_s + STEP_S)
        ego = Ego(Pose(x, y, yaw), speed, acceleration)
        found.append((x, y, speed))
    return found


def car(number: int, x_m: float, y_m: float, speed_mps: float) -> Thing:
    return Thing(number, Kind.CAR, Pose(x_m, y_m, 0.0), 4.6, 1.9, speed_mps)


def test_somebody_slow_is_overtaken() -> None:
    places = drive(lambda now_s: [car(1, 45.0 + 5.0 * now_s, -5.25, 5.0)], 30.0)
    assert max(y for _, y, _ in places) > -2.2, "it changes to the lane on the left"
    assert places[-1][0] > 45.0 + 5.0 * 30.0, "and is past the slow car"
    apart = [abs(x - (45.0 + 5.0 * n * STEP_S)) for n, (x, y, _) in enumerate(places) if y < -3.6]
    assert min(apart) > 4.6


@pytest.mark.parametrize("beside_mps", [5.0, 15.0])
def test_nobody_is_cut_off_for_it(beside_mps: float) -> None:
    """Cars on the lane beside, as slow or fast from behind: it stays where it is, as long as they are there."""

    def others(now_s: float) -> list[Thing]:
        beside = [car(10 + n, -200.0 + 18.0 * n + beside_mps * now_s, -1.75, beside_mps) for n in range(24)]
        return [car(1, 45.0 + 5.0 * now_s, -5.25, 5.0), *beside]

    places = drive(others, 12.0)
    assert max(y for _, y, _ in places) < -4.5
