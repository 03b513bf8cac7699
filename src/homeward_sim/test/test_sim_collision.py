"""Oriented boxes: whether they touch, and what a collision does to momentum."""

from math import cos, pi, sin
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_sim.collision import BODY, CONTACT, collide, index_obstacles, is_free, overlap, resolve, touching

places = st.floats(-6.0, 6.0)
turns = st.floats(-pi, pi)
halves = st.floats(0.2, 3.0)


def body(x: float = 0.0, y: float = 0.0, yaw: float = 0.0, **values: float) -> Any:
    rows = np.zeros(1, BODY)
    rows["x"], rows["y"], rows["yaw"] = x, y, yaw
    rows["half_length"], rows["half_width"], rows["height"] = 2.0, 1.0, 1.5
    rows["lightness"], rows["spinning"], rows["id"] = 1 / 1500, 1 / 2000, 1
    for name, value in values.items():
        rows[name] = value
    return rows


def corners(row: Any) -> np.ndarray:
    c, s = cos(row["yaw"]), sin(row["yaw"])
    signs = np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)]) * (row["half_length"], row["half_width"])
    return signs @ np.array(((c, s), (-s, c))) + (row["x"], row["y"])


def dense(row: Any) -> np.ndarray:
    """Many points of a box, edges and inside."""
    share = np.linspace(-1, 1, 41)
    u, v = (grid.ravel() for grid in np.meshgrid(share * row["half_length"], share * row["half_width"]))
    c, s = cos(row["yaw"]), sin(row["yaw"])
    return np.stack((row["x"] + c * u - s * v, row["y"] + s * u + c * v), axis=1)


def contains(row: Any, points: np.ndarray) -> bool:
    c, s = cos(row["yaw"]), sin(row["yaw"])
    d = points - (row["x"], row["y"])
    along, across = d @ (c, s), d @ (-s, c)
    return bool(((np.abs(along) <= row["half_length"]) & (np.abs(across) <= row["half_width"])).any())


@given(places, places, turns, turns, halves, halves)
def test_boxes_touch_exactly_where_they_share_points(
    x: float, y: float, yaw: float, other_yaw: float, half_length: float, half_width: float
) -> None:
    a = body(0, 0, yaw)[0]
    b = body(x, y, other_yaw, half_length=half_length, half_width=half_width)[0]
    depth, axis_x, axis_y = overlap(a, b)
    if contains(a, dense(b)) or contains(b, dense(a)):
        assert depth > 0.0
    elif depth > 0.0:
        assert depth < 0.2, "a grid of points misses only slivers"
    assert np.hypot(axis_x, axis_y) == pytest.approx(1.0)


@given(places, places, turns, turns)
def test_the_push_that_overlap_names_parts_them(x: float, y: float, yaw: float, other_yaw: float) -> None:
    a, b = body(0, 0, yaw)[0], body(x, y, other_yaw)[0]
    depth, axis_x, axis_y = overlap(a, b)
    if depth > 0.0:
        b["x"], b["y"] = b["x"] + axis_x * (depth + 1e-6), b["y"] + axis_y * (depth + 1e-6)
        assert overlap(a, b)[0] <= 1e-6


def momentum(*rows: Any) -> np.ndarray:
    return sum((np.array((row["vx"], row["vy"])) / row["lightness"] for row in rows), np.zeros(2))


def energy(*rows: Any) -> float:
    linear = sum((row["vx"] ** 2 + row["vy"] ** 2) / row["lightness"] / 2 for row in rows)
    return float(linear + sum(row["yaw_rate"] ** 2 / row["spinning"] / 2 for row in rows))


@given(st.floats(2.0, 3.9), st.floats(-1.5, 1.5), turns, st.floats(-20, 20), st.floats(-5, 5), st.floats(500, 3000))
def test_a_collision_keeps_momentum_and_makes_no_energy(
    x: float, y: float, other_yaw: float, vx: float, vy: float, mass: float
) -> None:
    a, b = body(vx=vx, vy=vy)[0], body(x, y, other_yaw, lightness=1 / mass)[0]
    before, work = momentum(a, b), energy(a, b)
    collide(a, b)
    assert momentum(a, b) == pytest.approx(before, abs=1e-6)
    assert energy(a, b) <= work * (1 + 1e-9) + 1e-6


def test_a_head_on_crash_stops_both_but_for_the_bounce() -> None:
    a, b = body(vx=10.0)[0], body(3.9, vx=-10.0)[0]
    hit, jx, jy = collide(a, b)
    assert hit
    assert (a["vx"], b["vx"]) == pytest.approx((-1.0, 1.0))
    assert (jx, jy) == pytest.approx((-1500 * 11.0, 0.0))


def test_what_can_not_move_does_not() -> None:
    wall = body(3.0, lightness=0.0, spinning=0.0)[0]
    a = body(vx=10.0)[0]
    assert collide(a, wall)[0]
    assert (wall["x"], wall["vx"]) == (3.0, 0.0)
    assert a["vx"] == pytest.approx(-1.0)
    assert a["x"] < -0.9


def test_a_bridge_above_is_no_obstacle() -> None:
    assert not touching(body()[0], body(z=5.0)[0])
    assert touching(body()[0], body(z=1.4)[0])


@given(st.lists(st.tuples(st.floats(-60, 60), st.floats(-60, 60), turns), max_size=40), places, places, turns)
def test_the_grid_finds_what_looking_at_everything_finds(
    walls: list[tuple[float, float, float]], x: float, y: float, yaw: float
) -> None:
    boxes = np.concatenate([body(*wall, lightness=0.0, spinning=0.0) for wall in walls] or [np.zeros(0, BODY)])
    candidate = body(x, y, yaw)[0]
    expected = not any(touching(candidate, box) for box in boxes)
    assert is_free(candidate, np.zeros(0, BODY), index_obstacles(boxes)) == expected


def test_contacts_name_both_and_the_impulse() -> None:
    bodies = np.concatenate((body(id=7, vx=5.0), body(3.9, id=9), body(40.0, id=11)))
    contacts = np.zeros(8, CONTACT)
    assert resolve(bodies, index_obstacles(np.zeros(0, BODY)), contacts) == 1
    assert (contacts[0]["first"], contacts[0]["second"]) == (7, 9)
    assert contacts[0]["x"] < 0.0


def test_a_full_list_of_contacts_is_not_overrun() -> None:
    bodies = np.concatenate([body(x=3.9 * n, id=n + 1, vx=-float(n)) for n in range(12)])
    contacts = np.zeros(3, CONTACT)
    assert resolve(bodies, index_obstacles(np.zeros(0, BODY)), contacts) == 3
