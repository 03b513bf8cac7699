"""Parameters: every kind of mistake in a file is refused with its place; what is right comes through unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from homeward_runtime.params import ParamsError, build, matches, param, preference, read_file, replaced, sources


@dataclass(frozen=True)
class Example:
    period_s: float = param("s", "between two steps", 0.001, 1.0)
    count: int = param("", "how many", 0, 10)
    name: str = param("", "what it is called")
    on: bool = param("", "whether")
    gains: tuple[float, ...] = param("", "one a wheel", -1.0, 1.0)


GOOD = {"period_s": 0.02, "count": 3, "name": "a", "on": True, "gains": [0.5, 1]}


def test_good_values_come_through() -> None:
    assert build(Example, GOOD, "x") == Example(0.02, 3, "a", True, (0.5, 1.0))


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"perod_s": 1.0}, "unknown key 'perod_s' (did you mean 'period_s'?)"),
        ({"period_s": 2.0}, "'period_s' is 2, wants 0.001 to 1 s"),
        ({"period_s": float("nan")}, "'period_s' is nan"),
        ({"period_s": "fast"}, "'period_s' is 'fast', wants float"),
        ({"count": 2.0}, "'count' is 2.0, wants int"),
        ({"count": True}, "'count' is True, wants int"),
        ({"on": 1}, "'on' is 1, wants bool"),
        ({"gains": 1.0}, "'gains' is 1.0, wants a list"),
        ({"gains": [0.0, 3.0]}, "'gains' is 3, wants -1 to 1"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ParamsError) as error:
        build(Example, GOOD | change, "planner")
    assert str(error.value).startswith("planner: ") and complaint in str(error.value)


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_refused(key: str) -> None:
    with pytest.raises(ParamsError, match=f"missing key '{key}'"):
        build(Example, {name: value for name, value in GOOD.items() if name != key}, "x")


@given(st.dictionaries(st.sampled_from([*GOOD, "other"]), st.one_of(st.none(), st.floats(), st.text(), st.booleans())))
def test_whatever_a_file_holds_ends_in_params_or_a_params_error(raw: dict[str, object]) -> None:
    try:
        assert isinstance(build(Example, raw, "x"), Example)
    except ParamsError as error:
        assert str(error).startswith("x: ")


@pytest.mark.parametrize(
    "pattern, node, meant",
    [
        ("/planner", "/planner", True), ("/planner", "/car/planner", False), ("/**/planner", "/planner", True),
        ("/**/planner", "/car/one/planner", True), ("/**", "/planner", True), ("/*/planner", "/car/planner", True),
        ("/*/planner", "/planner", False), ("/plan.er", "/planner", False),
    ],
)  # fmt: skip
def test_a_section_is_meant_for_the_nodes_its_pattern_matches(pattern: str, node: str, meant: bool) -> None:
    assert matches(pattern, node) is meant


@pytest.mark.parametrize("text", ["a: [", "- 1", "a: 3", "a: {ros__parameters: 4}", "\x00"])
def test_a_file_that_is_no_parameter_file_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "car.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError, match=r"car\.yaml"):
        read_file(path)


def test_the_last_file_that_speaks_of_a_parameter_is_its_source(tmp_path: Path) -> None:
    for name, values in (("car.yaml", {"a": 1, "b": 2}), ("vehicle.yaml", {"b": 3})):
        (tmp_path / name).write_text(yaml.safe_dump({"/**/planner": {"ros__parameters": values}}))
    files = ["--params-file", str(tmp_path / "car.yaml"), "--params-file", str(tmp_path / "vehicle.yaml")]
    argv = ["node", "--ros-args", *files, "-p", "c:=4"]
    assert sources(argv, "/planner") == {"a": "car.yaml", "b": "vehicle.yaml", "c": "command line"}
    with pytest.raises(ParamsError, match="no section for it in car.yaml, vehicle.yaml"):
        sources(argv[:-2], "/controller")


# ---- preferences ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tastes:
    width_m: float = param("m", "a fact of the car", 1.0, 3.0)
    gap_s: float = preference("s", "a taste", 0.8, 4.0)
    brisk: bool = preference("", "another")


def test_a_preference_is_replaced_within_its_range() -> None:
    assert replaced(Tastes(2.0, 1.6, True), {"gap_s": 2, "brisk": False}, "x") == Tastes(2.0, 2.0, False)


@pytest.mark.parametrize(
    "values, complaint",
    [
        ({"width_m": 1.5}, "x: 'width_m' can't be set while the node runs"),
        ({"gap_s": 9.0}, "x: 'gap_s' is 9, wants 0.8 to 4 s"), ({"gap_s": float("nan")}, "x: 'gap_s' is nan"),
        ({"brisk": 1}, "x: 'brisk' is 1, wants bool"), ({"gap": 1.0}, "x: unknown key 'gap' (did you mean 'gap_s'?)"),
    ],
)  # fmt: skip
def test_a_wish_that_cannot_be_is_refused_with_a_sentence(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(ParamsError) as refusal:
        replaced(Tastes(2.0, 1.6, True), values, "x")
    assert str(refusal.value).startswith(complaint)


@given(st.dictionaries(st.sampled_from(["width_m", "gap_s", "brisk", "other"]), st.floats() | st.booleans() | st.text()))
def test_no_wish_leaves_the_range(values: dict[str, object]) -> None:
    try:
        found = replaced(Tastes(2.0, 1.6, True), values, "x")
    except ParamsError:
        return
    assert 0.8 <= found.gap_s <= 4.0 and isinstance(found.brisk, bool) and found.width_m == 2.0
