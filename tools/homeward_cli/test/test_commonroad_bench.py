"""The CommonRoad benchmark: its car is the published model's, its goals are read rightly, its figures count what was judged."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from vehiclemodels.parameters_vehicle2 import parameters_vehicle2
from vehiclemodels.vehicle_dynamics_ks import vehicle_dynamics_ks

from homeward_cli.bench import commonroad, commonroad_drive, commonroad_peer_drives
from homeward_cli.bench.commonroad_drive import Car, brake_only, drive, start_of
from homeward_cli.bench.commonroad_environment import judge_python, peer_python
from homeward_cli.bench.commonroad_scenario import read
from homeward_planner.commonroad_map import ScenarioError
from homeward_planner.scene import Kind


def bound(name: str, y: float) -> str:
    points = "".join(f"<point><x>{x}</x><y>{y}</y></point>" for x in range(0, 201, 10))
    return f"<{name}>{points}</{name}>"


def state(tag: str, step: int, x: float, speed: float, rest: str = "") -> str:
    return (
        f"<{tag}><position><point><x>{x}</x><y>0.2</y></point></position><orientation><exact>0.0</exact></orientation>"
        f"<time><exact>{step}</exact></time><velocity><exact>{speed}</exact></velocity>{rest}</{tag}>"
    )


def scenario_text(goal: str, thing: str = "") -> str:
    return (
        '<commonRoad benchmarkID="ZAM_Test-1_1_T-1" timeStepSize="0.1" commonRoadVersion="2020a">'
        f'<lanelet id="1">{bound("leftBound", 2.0)}{bound("rightBound", -2.0)}</lanelet>{thing}'
        f'<planningProblem id="3">{state("initialState", 0, 20.0, 10.0, "<yawRate><exact>0.0</exact></yawRate>")}'
        f"<goalState>{goal}</goalState></planningProblem></commonRoad>"
    )


WINDOW = "<time><intervalStart>30</intervalStart><intervalEnd>35</intervalEnd></time>"
PLACE = (
    "<position><rectangle><length>8.0</length><width>4.0</width><orientation>0.0</orientation>"
    "<center><x>52.0</x><y>0.0</y></center></rectangle></position>"
)
PARKED = (
    '<staticObstacle id="8"><type>parkedVehicle</type><shape><rectangle><length>4.0</length><width>4.0</width></rectangle></shape>'
    + state("initialState", 0, 60.0, 0.0)
    + "</staticObstacle>"
)


@pytest.fixture
def file(tmp_path):
    def write(goal: str, thing: str = ""):
        path = tmp_path / "scenario.xml"
        path.write_text(scenario_text(goal, thing))
        return path

    return write


@pytest.mark.parametrize(("steering", "speed", "rate", "acceleration"), [(0.0, 10.0, 0.4, 2.0), (0.3, 6.0, -0.4, -8.0), (-0.8, 2.0, 0.1, 1.0)])
def test_the_car_moves_as_the_published_model_does(steering, speed, rate, acceleration):
    x, parameters, parts = np.array([1.0, 2.0, steering, speed, 0.5]), parameters_vehicle2(), 20_000
    for _ in range(parts):
        x = x + np.array(vehicle_dynamics_ks(list(x), [rate, acceleration], parameters)) * 0.1 / parts
    car = Car(1.0, 2.0, steering, speed, 0.5).after(rate, acceleration, 0.1)
    assert [car.x_m, car.y_m, car.steering_rad, car.speed_mps, car.yaw_rad] == pytest.approx(x, abs=1e-4)
    assert (parameters.l, parameters.w, parameters.b) == (commonroad_drive.LENGTH_M, commonroad_drive.WIDTH_M, commonroad_drive.REAR_AXLE_M)


def test_it_reaches_a_place_in_its_window(file):
    path = file(WINDOW + PLACE)
    driven = drive(path)
    assert read(path).task.goals[0].is_met(*(driven.states[-1][place] for place in (0, 1, 2, 5, 4)))
    assert 30 <= driven.states[-1][0] <= 35 and len(driven.cycle_ms) == len(driven.states) - 1


def test_it_stops_behind_what_fills_the_lane(file):
    driven = drive(file("<time><intervalStart>60</intervalStart><intervalEnd>60</intervalEnd></time>", PARKED))
    assert driven.states[-1][4] < 1.5  # it creeps up to it
    assert driven.states[-1][1] + commonroad_drive.LENGTH_M / 2.0 < 58.0


def test_braking_alone_ends_at_a_standstill(file):
    driven = brake_only(file("<time><exact>33</exact></time>"))
    assert driven.states[-1][0] == 33 and driven.states[-1][4] == pytest.approx(0.0, abs=1e-9)


def test_the_car_starts_with_its_centre_where_the_task_says(file):
    assert start_of(read(file("<time><exact>3</exact></time>"))).centre_m == pytest.approx((20.0, 0.2))


def test_nothing_of_the_future_is_seen(file):
    thing = (
        '<dynamicObstacle id="5"><type>truck</type><shape><rectangle><length>9</length><width>2.5</width></rectangle></shape>'
        + state("initialState", 0, 80.0, 7.0)
        + "<trajectory>" + "".join(state("state", step, 80.0 + step, 7.0 + step) for step in range(1, 4)) + "</trajectory></dynamicObstacle>"
    )  # fmt: skip
    scenario = read(file(WINDOW, thing))
    assert [(one.pose.x_m, one.speed_mps, one.kind) for one in scenario.things(2)] == [(82.0, 9.0, Kind.TRUCK)]
    assert scenario.things(4) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('timeStepSize="0.1"', "", "no time step"),
        ('timeStepSize="0.1"', 'timeStepSize="0"', "time step of"),
        ("goalState", "wish", "no goal"),
        ("initialState", "start", "no initial state"),
        ("<rectangle><length>8.0", "<rectangle><length>long", "no number"),
        ("planningProblem", "problem", "0 planning problems"),
    ],
)
def test_what_is_wrong_with_a_scenario_is_said(tmp_path, old, new, said):
    path = tmp_path / "bad.xml"
    path.write_text(scenario_text(WINDOW + PLACE).replace(old, new))
    with pytest.raises(ScenarioError, match=said):
        read(path)
    assert "refused" in commonroad.drive_one(path)[0]


def test_headings_of_goals_wrap_around(file):
    goal = read(file(WINDOW + "<orientation><intervalStart>3.0</intervalStart><intervalEnd>3.4</intervalEnd></orientation>")).task.goals[0]
    assert goal.is_met(30, 0.0, 0.0, -math.pi, 1.0) and not goal.is_met(30, 0.0, 0.0, 0.0, 1.0)


def test_the_figures_count_what_the_judge_said():
    drives = [
        {"file": name, "kind": kind, "states": [], "cycle_ms": [1.0, 3.0], "has_place": name in "bd"}
        for name in "abcd"
        for kind in ("ours", "brake_only")
    ]
    said = {"a": "valid", "b": "goal", "c": "collision", "d": "valid"}
    verdicts = {(name, "ours"): word for name, word in said.items()} | {(name, "brake_only"): "collision" for name in "abcd"}
    verdicts |= {(name, "start"): "off_road" if name == "d" else "valid" for name in "abcd"}
    found = commonroad.figures(drives, [{"file": "e", "refused": "why"}], verdicts, None)
    assert (found["scenarios"], found["refused"], found["judgeable"], found["valid"]) == (5, 1, 3, 1)
    assert (found["place_goals"], found["place_goals_reached"], found["collisions"], found["brake_only_valid"]) == (1, 0, 1, 0)
    assert (found["p50_ms"], found["p99_ms"]) == (2.0, 3.0)


def test_a_judge_that_fails_is_no_verdict():
    with pytest.raises(RuntimeError, match="could not judge"):
        commonroad.figures([], [], {("a", "ours"): "error: Exception: no triangle"}, None)


def test_a_folder_without_scenarios_is_said(tmp_path):
    with pytest.raises(RuntimeError, match="no scenarios"):
        commonroad.scenarios(tmp_path)


def test_the_peers_figures_stand_beside_ours():
    rows = [{"file": name, "kind": "peer", "states": [], "cycle_ms": [10.0, 30.0], "without_plan": 1} for name in "abd"]
    said = {("a", "peer"): "valid", ("b", "peer"): "infeasible", ("d", "peer"): "valid"}
    said |= {(name, "start"): "off_road" if name == "d" else "valid" for name in "abcd"}
    found = commonroad_peer_drives.figures(rows, ["c"], "recorded", said, ["a", "c"], 2.0)
    assert (found["peer_driven"], found["peer_failed"], found["peer_valid"], found["peer_infeasible"]) == (3, ["c"], 1, 1)
    assert (found["peer_place_goals_reached"], found["peer_cycles"], found["peer_cycles_without_plan"]) == (1, 6, 3)
    assert (found["peer_p50_ms"], found["peer_p95_ratio"], found["peer_prediction"]) == (20.0, 15.0, "recorded")


def test_a_peer_that_drives_nothing_is_no_error_and_no_number():
    found = commonroad_peer_drives.figures([], ["a"], "recorded", {("a", "start"): "valid"}, [], 2.0)
    assert found["peer_valid"] == 0 and found["peer_p95_ms"] is None and found["peer_p95_ratio"] is None


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("print('{\"failed\": \"ValueError: no route\"}')", "ValueError: no route"),
        ("import sys; print('half a li'); sys.exit('torn')", "exit code 1: torn"),
        ("print('[1, 2]')", "exit code 0"),
        ("", "exit code 0"),
        ("import time; time.sleep(60)", "not ended after 1 s"),
    ],
)
def test_one_scenario_that_the_peer_fails_is_named_and_the_run_goes_on(tmp_path, monkeypatch, program, said):
    script, heard = tmp_path / "peer.py", []
    script.write_text(f"import sys\nif 'bad' in sys.argv[1]:\n    {program or 'pass'}\n    sys.exit()\nprint('noise\\n{{\"states\": [], \"cycle_ms\": [], \"without_plan\": 0}}')\n")
    monkeypatch.setattr(commonroad_peer_drives, "PEER", script)
    monkeypatch.setattr(commonroad_peer_drives, "LIMIT_S", 1.0)
    files = [tmp_path / "bad.xml", tmp_path / "good.xml"]
    rows, failed = commonroad_peer_drives.drive_all(Path(sys.executable), files, 2, "recorded", heard.append)
    assert failed == ["bad"] and [row["file"] for row in rows] == [str(files[1])]
    assert any("bad.xml" in line and said in line for line in heard)


ABOUT = (
    "<location><geoNameId>-999</geoNameId><gpsLatitude>0.0</gpsLatitude><gpsLongitude>0.0</gpsLongitude></location>"
    "<scenarioTags><urban/></scenarioTags>"
)  # the peer's reader wants these, ours doesn't


@pytest.mark.slow
@pytest.mark.parametrize("prediction", commonroad_peer_drives.PREDICTIONS)
def test_the_peer_drives_a_small_scenario_and_the_judge_finds_it_valid(file, prediction):
    """Skips where the environments can't be made (no index, no compiler, a Python that the peer has no package for)."""
    thing = (
        '<dynamicObstacle id="5"><type>truck</type><shape><rectangle><length>9.0</length><width>2.5</width></rectangle></shape>'
        + state("initialState", 0, 80.0, 12.0)
        + "<trajectory>" + "".join(state("state", step, 80.0 + 1.2 * step, 12.0) for step in range(1, 20)) + "</trajectory></dynamicObstacle>"
    )  # fmt: skip
    path = file("<time><intervalStart>12</intervalStart><intervalEnd>15</intervalEnd></time>", thing)
    whole = path.read_text().replace("<lanelet ", f"{ABOUT}<lanelet ", 1).replace("</lanelet>", "<laneletType>urban</laneletType></lanelet>")
    whole = whole.replace("<yawRate>", "<slipAngle><exact>0.0</exact></slipAngle><yawRate>").replace(' timeStepSize', ' author="" affiliation="" source="" date="2026-01-01" timeStepSize')
    path.write_text(whole)
    try:
        peer, judge = peer_python(print), judge_python(print)
    except RuntimeError as error:
        pytest.skip(str(error))
    rows, failed = commonroad_peer_drives.drive_all(peer, [path], 1, prediction, print)
    assert not failed
    assert rows[0]["states"][0][:3] == pytest.approx([0, 20.0, 0.2]) and 12 <= len(rows[0]["cycle_ms"]) <= 15
    assert commonroad.judge(judge, rows) == {(str(path), "peer"): "valid"}
