"""How well a trip was driven, from what was noted on the way: how far beside the plan the car really was, and comfort."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, filtfilt

Floats = NDArray[np.float64]
LOW_PASS_HZ = 2.0
EMERGENCY_MPS2 = 4.0  # braking harder than this is an emergency
NEAR_S = 0.5  # the plan that a place is compared with is no older than this


@dataclass
class TripQuality:
    """Note what goes by; work it out afterwards."""

    plans: list[tuple[float, Floats]] = field(default_factory=list)  # stamp [s], points (N × 2) [m]
    places: list[tuple[float, float, float]] = field(default_factory=list)  # stamp [s], the rear axle's true x, y [m]
    motions: list[tuple[float, float, float, float]] = field(default_factory=list)  # stamp, speed, acceleration, yaw rate

    def figures(self) -> dict[str, float | int | None]:
        """The figures by name; None where nothing was noted."""
        errors, found = self.lateral_errors_m(), self._comfort()
        return {
            "lateral_error_p95_m": round(float(np.percentile(errors, 95)), 3) if len(errors) else None,
            "lateral_error_max_m": round(float(errors.max()), 3) if len(errors) else None,
            **found,
        }

    def lateral_errors_m(self) -> Floats:
        """How far each true place is from the line of the plan that held at that time."""
        stamps = [stamp for stamp, _ in self.plans]
        found = []
        for stamp, x, y in self.places:
            index = bisect.bisect_right(stamps, stamp) - 1
            if index >= 0 and stamp - stamps[index] <= NEAR_S:
                distance = _distance(self.plans[index][1], np.array([x, y]))
                found += [distance] if distance is not None else []
        return np.array(found)

    def _comfort(self) -> dict[str, float | int | None]:
        names = ("acceleration_max_mps2", "jerk_max_mps3", "jerk_p99_mps3", "lateral_acceleration_max_mps2",
                 "lateral_jerk_max_mps3", "emergencies")  # fmt: skip
        if len(self.motions) < 150:
            return dict.fromkeys(names)
        rows = np.array(self.motions)
        time = np.arange(rows[0, 0], rows[-1, 0], 0.02)
        speed, along, rate = (np.interp(time, rows[:, 0], column) for column in rows.T[1:])
        along, aside = _calmed(along), _calmed(speed * rate)
        jerk, lateral = np.gradient(along, 0.02), np.gradient(aside, 0.02)
        calm, hard = ~_around(along < -EMERGENCY_MPS2), along < -EMERGENCY_MPS2
        figures = (_most(along[calm]), _most(jerk[calm]), round(float(np.percentile(np.abs(jerk), 99)), 2), _most(aside),
                   _most(lateral), int(np.count_nonzero(np.diff(hard.astype(int)) > 0)))  # fmt: skip
        return dict(zip(names, figures, strict=True))


def _distance(line: Floats, point: Floats) -> float | None:
    """From a line of at least two different points; None for one that stands. Its ends go on straight."""
    steps = np.diff(line, axis=0)
    squared = (steps**2).sum(axis=1)
    kept = squared > 1e-6
    if not kept.any():
        return None
    starts, steps, squared = line[:-1][kept], steps[kept], squared[kept]
    share = ((point - starts) * steps).sum(axis=1) / squared
    gaps = np.hypot(*(starts + np.clip(share, 0.0, 1.0)[:, None] * steps - point).T)
    nearest = int(gaps.argmin())
    beyond = (nearest == 0 and share[0] < 0.0) or (nearest == len(share) - 1 and share[-1] > 1.0)
    if beyond:
        cross = steps[nearest, 0] * (point - starts[nearest])[1] - steps[nearest, 1] * (point - starts[nearest])[0]
        return abs(float(cross)) / float(np.sqrt(squared[nearest]))
    return float(gaps[nearest])


def _calmed(values: Floats) -> Floats:
    """After a low-pass of LOW_PASS_HZ that shifts nothing in time (of 50 values a second)."""
    return np.asarray(filtfilt(*butter(2, LOW_PASS_HZ / 25.0), values), dtype=np.float64)


def _around(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True within a second of a true one."""
    return np.convolve(flags, np.ones(101), mode="same") > 0.5


def _most(values: Floats) -> float | None:
    return round(float(np.abs(values).max()), 2) if len(values) else None
