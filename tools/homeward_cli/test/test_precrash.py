"""The twelve pre-crash scenarios: what could be avoided is avoided; and the judge of that is put to the test itself."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeward_cli.bench import precrash, precrash_report
from homeward_cli.bench.precrash import Result, drawn, figures, measure, options
from homeward_cli.bench.precrash_avoidable import _known_s, in_sight, judge
from homeward_cli.bench.precrash_drive import Drive, drive, gate_limits, our_shape
from homeward_cli.bench.precrash_motion import STEP_S, Other, ride, starting, stopping
from homeward_cli.bench.precrash_roads import FOUR_LANES, LIGHTS, PRIORITY, TWO_LANES, road
from homeward_cli.bench.precrash_scenarios import NO_WALLS, SCENARIOS, Case
from homeward_cli.bench.precrash_vehicle import GRIP_MPS2, Cars, touching
from homeward_perception.visibility import corners_of
from homeward_planner.scene import Kind

SEEDS = range(1, 5)
MISSED = {"left_turn_across": {4}, "oncoming_in_our_lane": {2, 3}}  # of these seeds; docs/precrash.md tells all that is missed


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_can_be_avoided_is_avoided(name: str) -> None:
    results = [measure((name, seed)) for seed in SEEDS]
    assert any(one.judgement.avoidable for one in results)
    missed = {one.seed: f"{one.driven.outcome}; possible: {one.judgement.manoeuvre}" for one in results if one.missed}
    assert set(missed) <= MISSED.get(name, set()), missed


# the judge

@pytest.mark.parametrize(
    ("speed_mps", "gap_m", "avoidable"),
    [(10.0, 11.0, True), (10.0, 9.0, False), (20.0, 34.5, True), (20.0, 31.0, False)],
)
def test_with_no_room_aside_the_braking_distance_decides(speed_mps: float, gap_m: float, avoidable: bool) -> None:
    """A fifth of a second to react, about as much for the lags, then 8 m/s²: 10 m/s take some 10 m, 20 m/s some 33 m."""
    x = speed_mps + 3.8 + gap_m + 2.3
    lead = Other(Kind.CAR, ride((x, -1.75), 0.0, [(0.0, 0.0)]), shown_from_s=1.0)
    wall = tuple(Other(Kind.TRUCK, ride((x + 9.0 * n - 40.0, 1.75), 0.0, [(0.0, 0.0)])) for n in range(9))
    case = Case(TWO_LANES, speed_mps, (lead, *wall))
    judgement = judge(case, road(TWO_LANES, speed_mps), our_shape(), gate_limits())
    assert judgement is not None and judgement.hazard == 0
    assert judgement.known_s == pytest.approx(1.0)
    assert judgement.crash_s == pytest.approx(1.0 + gap_m / speed_mps, abs=0.03)
    assert judgement.crash_mps == pytest.approx(speed_mps)
    assert judgement.avoidable == avoidable

def test_a_free_lane_beside_makes_more_avoidable() -> None:
    lead = Other(Kind.CAR, ride((22.0 + 3.8 + 26.0 + 2.3, -5.25), 0.0, [(0.0, 0.0)]), shown_from_s=1.0)
    free = Case(FOUR_LANES, 22.0, (lead,), (0.0, -5.25))
    beside = Other(Kind.TRUCK, ride((3.0, -1.75), 0.0, [(0.0, 22.0)]))
    hemmed = replace(free, others=(lead, beside, *(Other(Kind.TRUCK, ride((3.0 + 8.0 * n, -1.75), 0.0, [(0.0, 22.0)])) for n in (-1, 1))))
    first, second = (judge(one, road(FOUR_LANES, 22.0), our_shape(), gate_limits()) for one in (free, hemmed))
    assert first is not None and second is not None
    assert first.avoidable and "left" in first.manoeuvre
    assert not second.avoidable

def test_what_harms_nobody_is_no_draw() -> None:
    beside = Other(Kind.CAR, ride((60.0, 1.75), 0.0, [(0.0, 0.0)]))
    assert judge(Case(TWO_LANES, 10.0, (beside,)), road(TWO_LANES, 10.0), our_shape(), gate_limits()) is None

def test_somebody_behind_a_parked_car_is_known_late() -> None:
    case, judgement = drawn("walker_behind_parked_car", 1)
    alone = replace(case, others=case.others[:1])
    assert _known_s(alone, 0, judgement.crash_s) < judgement.known_s - 0.2

def test_houses_hide_who_comes_from_the_side() -> None:
    later = 0
    for seed in range(1, 7):
        case, judgement = drawn("red_light_runner", seed)
        open_s = _known_s(replace(case, walls_m=NO_WALLS), judgement.hazard, judgement.crash_s)
        assert open_s <= judgement.known_s
        later += open_s < judgement.known_s
    assert later >= 2

def test_what_is_amiss_is_known_only_when_it_begins() -> None:
    for seed in SEEDS:
        _, judgement = drawn("lead_brakes", seed)
        assert 1.1 < judgement.known_s < 1.4, "the lead car begins to brake at 1.0 s and has lost 1 m/s a little later"

# the car

@pytest.mark.parametrize("gated", [True, False])
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(-20.0, 5.0), st.floats(-0.6, 0.6)), min_size=5, max_size=30), st.floats(1.0, 30.0))
def test_no_command_gets_more_out_of_the_tyres_than_there_is(gated: bool, commands: list[tuple[float, float]], speed: float) -> None:
    cars = Cars(1, (0.0, 0.0), speed, gate_limits() if gated else None, STEP_S)
    for push, angle in commands:
        for _ in range(5):
            before = float(cars.speed_mps[0])
            cars.step(np.array([push]), np.array([angle]))
            along = (float(cars.speed_mps[0]) - before) / STEP_S
            assert math.hypot(along, before**2 * float(cars.bend_1pm[0])) <= GRIP_MPS2 + 1e-6
            assert cars.speed_mps[0] >= 0.0

def test_full_braking_from_motorway_speed() -> None:
    cars = Cars(1, (0.0, 0.0), 20.0, gate_limits(), STEP_S)
    for _ in range(200):
        cars.step(np.array([-8.0]), np.zeros(1))
    lost_m = 20.0 * (0.04 + 0.06 + 0.1)  # the dead time, the lag, and half of the fifth of a second in which the gate lets it rise
    assert cars.x_m[0] == pytest.approx(20.0**2 / 16.0 + lost_m, abs=0.6)
    assert cars.speed_mps[0] == 0.0

BOX = st.tuples(st.floats(-8.0, 8.0), st.floats(-8.0, 8.0), st.floats(-4.0, 4.0), st.floats(0.3, 8.0), st.floats(0.3, 3.0))

@settings(max_examples=300, deadline=None)
@given(BOX, BOX)
def test_boxes_touch_where_their_outlines_do(one: tuple[float, ...], other: tuple[float, ...]) -> None:
    """Against the separation of all corners along every edge's normal, computed from the corners."""
    a, b = corners_of(np.array([one]))[0], corners_of(np.array([other]))[0]
    gaps = []
    for outline in (a, b):
        for first, second in zip(outline, np.roll(outline, -1, axis=0), strict=True):
            normal = np.array([first[1] - second[1], second[0] - first[0]])
            normal /= np.hypot(*normal)
            gaps.append(max((a @ normal).min() - (b @ normal).max(), (b @ normal).min() - (a @ normal).max()))
    if abs(max(gaps)) > 1e-6:
        assert touching(np.array([one]), np.array(other))[0] == (max(gaps) < 0.0)

# the loop

def test_the_planner_is_told_late_and_only_of_what_is_in_sight() -> None:
    case, _ = drawn("walker_behind_parked_car", 1)
    loop = Drive(case, road(case.road, case.speed_mps))
    told = {}
    while len(told) < 120 and not loop.driven.struck:
        step = len(told)
        loop.places.append(loop._eye())
        told[step] = {thing.id for thing in loop.things(step)}
        loop.cars.step(np.zeros(1), np.zeros(1))
    first = min(step for step, ids in told.items() if 1 in ids)
    shown = min(step for step in range(120) if 0 in in_sight(case, step, np.array(loop.places[step])))
    assert first == shown + 5 > 55
    assert all(2 in ids for step, ids in told.items() if step >= 5), "the parked car is in sight from the start"

def test_two_runs_are_equal() -> None:
    first, second = (measure(("cut_in", 2)) for _ in range(2))
    assert [one.__dict__ for one in first.driven.moments] == [one.__dict__ for one in second.driven.moments]

def test_a_blind_car_misses_what_a_seeing_one_avoids(monkeypatch: pytest.MonkeyPatch) -> None:
    case, judgement = drawn("lead_stopped", 1)
    lane = road(case.road, case.speed_mps)
    assert judgement.avoidable and drive(case, lane, judgement).avoided
    monkeypatch.setattr(Drive, "things", lambda self, step: [])
    blind = drive(case, lane, judgement)
    assert blind.struck == judgement.hazard
    assert blind.struck_s == pytest.approx(judgement.crash_s, abs=0.1)
    assert blind.impact_mps == pytest.approx(judgement.crash_mps, abs=0.5)
    assert Result("lead_stopped", 1, case, judgement, blind).missed

def test_being_struck_from_behind_is_not_ours() -> None:
    faster = Other(Kind.CAR, ride((-30.0, -1.75), 0.0, [(0.0, 16.0)]))
    case = Case(TWO_LANES, 10.0, (faster,))
    judgement = judge(case, road(TWO_LANES, 10.0), our_shape(), gate_limits())
    assert judgement is not None
    driven = drive(case, road(TWO_LANES, 10.0), judgement)
    assert driven.struck == 0 and driven.from_behind and driven.avoided

@pytest.mark.parametrize("kind", [TWO_LANES, FOUR_LANES, LIGHTS, PRIORITY])
def test_on_an_empty_road_the_car_goes_on_as_it_was(kind: str) -> None:
    case = Case(kind, 13.0, ())
    loop = Drive(case, road(kind, 13.0))
    driven = loop.run(12.0)
    assert driven.avoided and driven.off_road_m == 0.0
    assert min(one.speed_mps for one in driven.moments) > 12.0, [one.reason for one in driven.moments]
    assert max(abs(one.y_m + 1.75) for one in driven.moments) < 0.2

def test_scripts_move_as_they_say() -> None:
    track = ride((5.0, 2.0), math.pi / 2.0, stopping(8.0, 1.0, 4.0))
    assert (track.x_m[-1], track.y_m[-1]) == pytest.approx((5.0, 2.0 + 8.0 + 8.0), abs=0.01)
    track = ride((0.0, 0.0), 0.0, starting(1.0, 2.0, 4.0))
    assert track.x_m[round(3.0 / STEP_S)] == pytest.approx(4.0, abs=0.01)
    back = ride((0.0, 0.0), -math.pi / 2.0, [(0.0, -1.0)])
    assert back.y_m[100] == pytest.approx(2.0) and back.speed_mps[100] == -1.0 and back.yaw_rad[100] == pytest.approx(-math.pi / 2.0)

# the figures

def test_the_figures_count_what_was_possible_and_what_was_done() -> None:
    case, judgement = drawn("lead_stopped", 1)
    good = drive(case, road(case.road, case.speed_mps), judgement)
    hit = replace_driven(good, struck=0, impact_mps=judgement.crash_mps - 4.0)
    hopeless = replace(judgement, avoidable=False)
    results = [Result("lead_stopped", n, case, judged, driven)
               for n, (judged, driven) in enumerate([(judgement, good), (judgement, hit), (hopeless, hit), (hopeless, good)])]  # fmt: skip
    row = figures("lead_stopped", results)
    assert (row["drawn"], row["avoidable"], row["avoided"], row["missed"]) == (4, 2, 1, ["lead_stopped 1"])
    assert (row["unavoidable"], row["unavoidable_avoided"]) == (2, 1)
    assert row["impact_speed_reduction_mps"] == pytest.approx(4.0, abs=0.01)

def replace_driven(driven: object, **changes: object) -> object:
    return replace(driven, **changes)  # type: ignore[type-var]

def test_the_command_writes_table_picture_and_page(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{precrash_report.BEGIN}\nold\n{precrash_report.END}\nafter\n")
    heard: list[str] = []
    given = ["--only", "red_light_runner", "--seeds", "2", "--report", str(tmp_path / "new" / "page.html"), "--markdown", str(page)]
    found = precrash.run(heard.append, given)
    assert json.loads(json.dumps(found))["drawn"] == 2 and found["scenarios"] == 1
    assert {"avoidable", "avoided", "missed", "impact_speed_reduction_mps"} <= found.keys()
    text = page.read_text()
    assert text.startswith("before") and text.endswith("after\n") and "old" not in text and "| red light runner | 2 |" in text
    written = (tmp_path / "new" / "page.html").read_text()
    assert all(f"red_light_runner, seed {one.split()[1]}" in written for one in found["missed"])  # type: ignore[union-attr,attr-defined]
    picture = precrash_report.picture(measure(("red_light_runner", 1)))
    assert ElementTree.fromstring(picture).tag.endswith("svg") and len(picture) < 200_000

@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--only", "meteorite"], "there is no scenario"),
        (["--seeds", "0"], "at least 1"),
        (["--only", "cut_in", "--seeds", "1", "--markdown", "nowhere.md"], "has no lines"),
        (["--only", "cut_in", "--seeds", "1", "--report", "/proc/no/page.html"], "can't be written"),
    ],
)
def test_bad_wishes_are_told(given: list[str], words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        precrash.run(lambda text: None, given)

def test_an_unknown_option_ends_the_command() -> None:
    with pytest.raises(SystemExit):
        options(["--speed", "3"])
