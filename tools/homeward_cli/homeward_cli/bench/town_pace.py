"""How fast we went along a route, beside the traffic: what the leaderboard's minimum speed is about.

CARLA leaderboard 2.0 divides a route by its length into four. On each part it takes the mean of our speed and the mean of the
speeds of its background traffic, moment by moment; who waits at a light counts with its 0, as we do (scenario_runner's
MinimumSpeedRouteTest). Its background traffic lives around the car only: two cars ahead and two behind in each lane, 15 m
apart, and what comes from 40 m before the next junction and towards it (its BackgroundBehavior; town_background.py has how
fast those drive). Ours drives in the whole town, so those within 80 m are taken; a moment with nobody around doesn't count,
nor does the last hundredth of the route, where the leaderboard's has ended and our car comes to a stop.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

import numpy as np
from numpy.typing import NDArray

CHECKPOINTS = 4


@dataclass
class Pace:
    """Note every moment; read off at the end. `parts()`: (ours, the traffic's or None where there is none), m/s."""

    length_m: float
    rows: list[tuple[float, float, float]] = field(default_factory=list)  # how far along the route, our speed, the traffic's

    def note(self, gone_m: float, ours_mps: float, theirs_mps: NDArray[np.float64]) -> None:
        """`theirs_mps` (n): the speeds of the other vehicles around now."""
        if len(theirs_mps):
            self.rows.append((gone_m, ours_mps, float(theirs_mps.mean())))

    def parts(self) -> list[tuple[float, float | None]]:
        """One pair for each part that was begun."""
        reached = max((row[0] for row in self.rows), default=0.0)
        part_m = self.length_m / CHECKPOINTS
        begun = min(max(ceil(reached / part_m), 1), CHECKPOINTS)
        return [self._mean(number * part_m, (number + 1) * part_m, number == CHECKPOINTS - 1) for number in range(begun)]

    def _mean(self, from_m: float, to_m: float, last: bool) -> tuple[float, float | None]:
        inside = [(ours, theirs) for at, ours, theirs in self.rows if from_m <= at and (at < to_m or last)]
        if not inside:
            return 0.0, None
        ours, theirs = np.mean(inside, axis=0)
        return float(ours), float(theirs)
