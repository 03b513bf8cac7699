"""From hits to a LiDAR's points: which are lost on the way, how bright the others are, and how far off."""

from math import cos, exp, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from homeward_sim.jit import compiled

_STEP, _MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@compiled
def chance(seed: np.uint64, number: np.uint64) -> float:
    """The `number`th number between 0 and 1 of this seed: SplitMix64 (Steele, Lea and Flood 2014)."""
    z = seed + number * _STEP
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    z = z ^ (z >> _S31)
    return float(z >> _S11) / 9007199254740992.0


@compiled
def collect(
    hits: NDArray[np.void],
    seed: np.uint64,
    fading: float,
    drop_rate: float,
    safe_intensity: float,
    drop_dark: float,
    spread_m: float,
    counts: NDArray[np.uint32],
    points: NDArray[np.float32],
) -> int:
    """Write x, y, z and intensity of what comes back into `points` (rays, 4), channel after channel; returns how many.

    `counts` (channels,) gets each channel's. Of all points `drop_rate` are lost, and of those darker than
    `safe_intensity` up to `drop_dark` more, in proportion; `spread_m` moves the others along their rays.
    """
    channels, columns = hits.shape
    total = 0
    for channel in range(channels):
        before = total
        for column in range(columns):
            hit = hits[channel, column]
            if hit.distance <= 0.0:
                continue
            intensity = exp(-fading * hit.distance)
            number = np.uint64(4 * (channel * columns + column))
            if drop_rate > 0.0 and chance(seed, number) < drop_rate:
                continue
            lost = drop_dark * (1.0 - intensity / safe_intensity) if intensity < safe_intensity else 0.0
            if lost > 0.0 and chance(seed, number + np.uint64(1)) < lost:
                continue
            scale = 1.0
            if spread_m > 0.0:
                radius = sqrt(-2.0 * log(max(chance(seed, number + np.uint64(2)), 1e-300)))
                scale += spread_m * radius * cos(2.0 * pi * chance(seed, number + np.uint64(3))) / hit.distance
            points[total, 0], points[total, 1], points[total, 2] = hit.x * scale, hit.y * scale, hit.z * scale
            points[total, 3] = intensity
            total += 1
        counts[channel] = total - before
    return total
