"""The traffic on our road as the leaderboard keeps it: those ahead wait for us, those behind catch up.

CARLA leaderboard 2.0's background traffic goes with the car that is judged, so that it always has company (its
BackgroundBehavior): on the road that is driven, whoever is ahead drives at the limit as long as it is within
30 m + 1.7 s times our speed, and stands from 15 m further on; whoever is behind drives faster by its distance, twice the limit
at most. All others drive at the limit. Ours are the TrafficManager's cars that drive in the whole town; on our way they
are told the same, but while our car stands, nobody waits for it: a town full of cars would queue up behind those who wait,
and it could wait for that queue in turn. The minimum speed in the driving score is a comparison with cars that behave so.
"""

from __future__ import annotations

from math import cos, hypot, radians, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

FULL_SPEED_M, FADES_M, RADIUS_S = 30.0, 15.0, 1.7
FASTEST_SHARE, STANDING_MPS = 2.0, 0.5
AHEAD_M, BEHIND_M = 150.0, 60.0  # so far along our way a car is on our road
BESIDE_M, ALONG = 5.0, 0.7  # to either side, for the lanes beside ours; the least cosine between its heading and the way's


def share_of_limit(ahead_m: float, away_m: float, ours_mps: float) -> float:
    """Of the speed limit, what a car on our road drives; `ahead_m` along the way, below 0 behind us; `away_m` as the crow
    flies.
    """
    if ahead_m < 0.0:
        return min(1.0 + away_m / FADES_M, FASTEST_SHARE)
    if ours_mps < STANDING_MPS:
        return 1.0
    return float(np.clip((FULL_SPEED_M + FADES_M + RADIUS_S * ours_mps - away_m) / FADES_M, 0.0, 1.0))


class Background:
    """Tells the TrafficManager's cars on our way how fast to drive."""

    def __init__(self, manager: Any, cars: Any, line_m: NDArray[np.float64], along_m: NDArray[np.float64]) -> None:
        """`line_m` (n, 2) of our way in the map's frame, `along_m` (n) its length so far."""
        self.manager, self.cars = manager, cars
        self.line_m, self.along_m = line_m, along_m
        steps = np.diff(line_m, axis=0, append=2.0 * line_m[-1:] - line_m[-2:-1])
        self.heading = steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-6)
        self.told: dict[int, float] = {}
        manager.global_percentage_speed_difference(0.0)

    def keep(self, seen: Any, ego: Any, gone_m: float, ours_mps: float) -> None:
        """`seen` is the newest snapshot, `ego` our place (carla.Location), `gone_m` how far along the way it is."""
        for car in self.cars:
            found = seen.find(car.id)
            share = self._share(found.get_transform(), ego, gone_m, ours_mps) if found is not None else None
            if share is not None and abs(share - self.told.get(car.id, 1.0)) > 0.01:
                self.told[car.id] = share
                self.manager.vehicle_percentage_speed_difference(car, 100.0 * (1.0 - share))

    def _share(self, its: Any, ego: Any, gone_m: float, ours_mps: float) -> float:
        """1 for who isn't on our road."""
        x, y, yaw = its.location.x, -its.location.y, -radians(its.rotation.yaw)
        near = slice(*np.searchsorted(self.along_m, (gone_m - BEHIND_M, gone_m + AHEAD_M)))
        offsets = self.line_m[near] - (x, y)
        if not len(offsets):
            return 1.0
        closest = int(np.einsum("ij,ij->i", offsets, offsets).argmin())
        along = float(self.heading[near][closest] @ (cos(yaw), sin(yaw)))
        if hypot(*offsets[closest]) > BESIDE_M or along < ALONG:
            return 1.0
        return share_of_limit(float(self.along_m[near][closest]) - gone_m, its.location.distance(ego), ours_mps)
