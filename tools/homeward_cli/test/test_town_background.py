"""The traffic on our road as the leaderboard keeps it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import carla
import numpy as np
import pytest

from homeward_cli.bench.town_background import Background, share_of_limit


@pytest.mark.parametrize(
    ("ahead_m", "ours_mps", "share"),
    [(20.0, 1.0, 1.0), (31.7, 1.0, 1.0), (39.2, 1.0, 0.5), (46.7, 1.0, 0.0), (90.0, 1.0, 0.0), (47.0, 10.0, 1.0), (62.0, 10.0, 0.0),
     (90.0, 0.0, 1.0), (-3.0, 10.0, 1.2), (-15.0, 10.0, 2.0), (-40.0, 10.0, 2.0)],
)  # fmt: skip
def test_who_is_ahead_waits_and_who_is_behind_catches_up(ahead_m: float, ours_mps: float, share: float) -> None:
    assert share_of_limit(ahead_m, abs(ahead_m), ours_mps) == pytest.approx(share)


class Manager:
    """Notes what a TrafficManager would be told; test_sim_traffic.py drives the real one."""

    def __init__(self) -> None:
        self.less: dict[int, float] = {}

    def global_percentage_speed_difference(self, percent: float) -> None:
        assert percent == 0.0

    def vehicle_percentage_speed_difference(self, car: Any, percent: float) -> None:
        self.less[car.id] = percent


def told(x_m: float, y_m: float, yaw_deg: float, gone_m: float = 100.0) -> float | None:
    """By how many percent slower than the limit a car is told to drive (None: nothing is told), on a straight way to the
    east, with us on it at 1 m/s; its place and heading in CARLA's frame."""
    manager, cars = Manager(), [SimpleNamespace(id=7)]
    line = np.stack([np.arange(0.0, 400.0), np.zeros(400)], axis=1)
    place = carla.Transform(carla.Location(x_m, y_m, 0.0), carla.Rotation(yaw=yaw_deg))
    seen = {7: SimpleNamespace(get_transform=lambda: place)}
    Background(manager, cars, line, line[:, 0]).keep(SimpleNamespace(find=seen.get), carla.Location(gone_m, 0.0, 0.0), gone_m, 1.0)
    return manager.less.get(7)


def test_only_who_drives_our_way_is_told_anything() -> None:
    assert told(160.0, 0.0, 0.0) == pytest.approx(100.0)
    assert told(160.0, 3.5, 10.0) == pytest.approx(100.0), "in the lane beside ours too"
    assert told(160.0, -3.5, 180.0) is None, "towards us"
    assert told(160.0, 0.0, 90.0) is None, "across"
    assert told(160.0, 20.0, 0.0) is None, "on another road"
    assert told(90.0, 0.0, 0.0) == pytest.approx(100.0 * (1.0 - (1.0 + 10.0 / 15.0)))
    assert told(100.0 - 80.0, 0.0, 0.0) is None and told(300.0, 0.0, 0.0) is None, "too far away to matter"


def test_a_car_that_is_gone_is_let_be() -> None:
    manager = Manager()
    line = np.stack([np.arange(0.0, 40.0), np.zeros(40)], axis=1)
    background = Background(manager, [SimpleNamespace(id=7)], line, line[:, 0])
    background.keep(SimpleNamespace(find=lambda _: None), carla.Location(0.0, 0.0, 0.0), 0.0, 0.0)
    assert manager.less == {}
