"""How fast a car may go where it is: what signs say, and what the bends ahead allow.

CARLA's traffic manager drives at the limit that the server tells, through bends too, and relies on tyres with
several times the grip of real ones. Ours are real; so the limit that a car is told falls before a bend to what a
driver would take it at.
"""

from math import hypot

import numpy as np
from numpy.typing import NDArray

from homeward_sim.ground import Ground, cell_at
from homeward_sim.jit import compiled
from homeward_sim.roads import LaneStrip

FIRST_LIMIT_KMH = 30.0
"""What a car goes by until it has been on a lane with a limit, as in CARLA."""
SIDEWAYS_MPS2, BRAKING_MPS2 = 4.0, 3.0
SLOWEST_BEND_MPS, FREE_MPS = 4.0, 60.0
BEND_LENGTH_M = 4.0
JOINT_M = 0.5
PASSES = 12


def advise(strips: tuple[LaneStrip, ...]) -> list[NDArray[np.float64]]:
    """For each strip, the speed (m/s) that each of its points allows, so that gentle braking suffices ahead."""
    speeds = [_bend_speeds(strip) for strip in strips]
    steps = [_steps(strip) for strip in strips]
    after = _successors(strips)
    for _ in range(PASSES):
        for number in range(len(strips)):
            end = min((speeds[other][0] for other in after[number]), default=FREE_MPS)
            speeds[number][-1] = min(speeds[number][-1], end)
            _ease(speeds[number], steps[number])
    return speeds


def _bend_speeds(strip: LaneStrip) -> NDArray[np.float64]:
    """What the curvature around each point allows."""
    middle = (strip.left + strip.right)[:, :2] / 2
    along = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(middle, axis=0), axis=1))))
    heading = np.unwrap(np.arctan2(*(np.gradient(middle[:, axis]) for axis in (1, 0))))
    before, behind = along - BEND_LENGTH_M / 2, along + BEND_LENGTH_M / 2
    turned = np.abs(np.interp(behind, along, heading) - np.interp(before, along, heading))
    length = np.maximum(np.clip(behind, 0, along[-1]) - np.clip(before, 0, along[-1]), 0.5)
    curvature = np.maximum(turned / length, 1e-6)
    speeds: NDArray[np.float64] = np.clip(np.sqrt(SIDEWAYS_MPS2 / curvature), SLOWEST_BEND_MPS, FREE_MPS)
    return speeds


def _steps(strip: LaneStrip) -> NDArray[np.float64]:
    middle = (strip.left + strip.right) / 2
    steps: NDArray[np.float64] = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    return steps


@compiled
def _ease(speeds: NDArray[np.float64], steps: NDArray[np.float64]) -> None:
    """Lower each speed to what can still be braked down to the next one."""
    for i in range(len(steps) - 1, -1, -1):
        speeds[i] = min(speeds[i], np.sqrt(speeds[i + 1] ** 2 + 2 * BRAKING_MPS2 * steps[i]))


def _successors(strips: tuple[LaneStrip, ...]) -> list[list[int]]:
    """Which strips begin where each one ends."""
    starts: dict[tuple[int, int], list[int]] = {}
    middles = [(strip.left + strip.right) / 2 for strip in strips]
    driving = [number for number, strip in enumerate(strips) if strip.kind == "driving"]
    for number in driving:
        starts.setdefault(_square(middles[number][0]), []).append(number)
    found: list[list[int]] = [[] for _ in strips]
    for number in driving:
        end = middles[number][-1]
        column, row = _square(end)
        near = [n for dx in (-1, 0, 1) for dy in (-1, 0, 1) for n in starts.get((column + dx, row + dy), ())]
        found[number] = [n for n in near if hypot(*(middles[n][0] - end)[:2]) < JOINT_M]
    return found


def _square(point: NDArray[np.float64]) -> tuple[int, int]:
    return int(np.floor(point[0])), int(np.floor(point[1]))


@compiled
def note_limits(cars: NDArray[np.void], ground: Ground) -> None:
    """Each car takes the limit of the lane it is on, keeps the last one through junctions, and heeds bends."""
    for i in range(len(cars)):
        car = cars[i]
        row, column = cell_at(ground, car.x, car.y)
        posted = ground.limit_kmh[row, column]
        if posted > 0:
            car.posted_kmh = posted
        car.limit_kmh = min(car.posted_kmh, np.float32(ground.advised_kmh[row, column]))
