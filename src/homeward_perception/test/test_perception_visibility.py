"""What can be seen: range, other boxes in the way, walls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_perception.visibility import point_visible, visible

EYE = np.zeros(2)
NO_WALLS = np.zeros((0, 2, 2))
WALL = np.array([[[5.0, -20.0], [5.0, 20.0]]])


def boxes(*rows: tuple[float, float, float, float, float]) -> np.ndarray:
    return np.array(rows, dtype=float).reshape(-1, 5)


def test_a_box_in_the_open_is_seen_and_one_out_of_range_is_not() -> None:
    seen = visible(EYE, boxes((20, 0, 0, 4, 2), (120, 0, 0, 4, 2)), NO_WALLS, 100.0)
    assert seen.tolist() == [True, False]


def test_a_car_behind_a_lorry_is_hidden_and_one_that_peeps_out_is_seen() -> None:
    lorry = (15.0, 0.0, 0.0, 10.0, 2.6)
    assert visible(EYE, boxes(lorry, (30, 0, 0, 4, 1.8)), NO_WALLS, 100.0).tolist() == [True, False]
    assert visible(EYE, boxes(lorry, (30, 4, 0, 4, 1.8)), NO_WALLS, 100.0).tolist() == [True, True]


def test_walls_hide_what_is_behind_them() -> None:
    assert visible(EYE, boxes((20, 0, 0, 4, 2), (3, 0, 0, 1, 1)), WALL, 100.0).tolist() == [False, True]
    assert not point_visible(EYE, np.array([20.0, 0.0]), WALL)
    assert point_visible(EYE, np.array([-20.0, 0.0]), WALL)


def test_nothing_around_is_nothing_seen() -> None:
    assert visible(EYE, boxes(), NO_WALLS, 100.0).shape == (0,)


@given(st.floats(-3.1, 3.1), st.floats(8.0, 60.0), st.floats(-3.1, 3.1))
def test_a_lone_box_in_range_is_always_seen(bearing: float, distance_m: float, yaw: float) -> None:
    box = (distance_m * np.cos(bearing), distance_m * np.sin(bearing), yaw, 4.5, 1.9)
    assert visible(EYE, boxes(box), NO_WALLS, 100.0).all()


@pytest.mark.parametrize("simulated, starts", [(True, True), (False, False)])
def test_ideal_perception_refuses_to_start_on_a_vehicle(simulated: bool, starts: bool) -> None:
    from homeward_perception.ideal import IdealPerception
    from homeward_runtime.lockstep import Lockstep

    params = {"simulated": simulated, "range_m": 100.0, "light_range_m": 100.0, "sensor_height_m": 1.9, "silence_s": 0.5}
    world = Lockstep({"perception": params}, log=lambda text: None)
    if starts:
        world.add(IdealPerception)
    else:
        with pytest.raises(RuntimeError, match="on a vehicle there is none"):
            world.add(IdealPerception)
