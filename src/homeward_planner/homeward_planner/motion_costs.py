"""What a candidate motion costs: driven through time in the plane, compiled.

A candidate is laid on the reference line, checked against what the car can do, the edge of the road and the predicted
boxes, and gets one number. What must not happen costs more than anything else, the more the sooner: so there is always a
least bad candidate, and where all are bad it is mostly hard braking.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from homeward_planner.drivable import Grid
from homeward_planner.jit import compiled
from homeward_planner.plane import Floats

STEP_S = 0.1
TOO_LATE = 0.25  # of the cost of a hit: one after the horizon that braking at its end would not avert
TOO_LATE_HEAD_ON = 0.5  # the same, where it is the other one that comes: standing doesn't avert it
LAST_BRAKING_MPS2, TAIL_S = 5.0, 0.3
COMES_S, STRAIGHT_RAD = 3.0, 0.02
EDGE_ROOM_M = 0.4  # so much is liked to be left to the edge
EDGE_M = 0.15  # nearer is off the road: the grid is no finer
HIT, OFF_ROAD, UNABLE = 2000.0, 1500.0, 1e6
ROW_X, ROW_Y, ROW_YAW, ROW_V, ROW_A, ROW_BEND, ROW_LEFT = range(7)


class Body(NamedTuple):
    """The car: sizes from the rear axle, and its limits."""

    wheelbase_m: float
    front_m: float
    rear_m: float
    width_m: float
    steering_max_rad: float
    steering_rate_max_radps: float
    acceleration_max_mps2: float
    grip_mps2: float
    power_mps3: float
    """Speeding up times speed is no more than this."""
    aside_mps2: float = 99.0
    """To the side no harder than this, whatever the grip; and no faster a change than the next."""
    aside_mps3: float = 999.0


class Weights(NamedTuple):
    """What is liked less, how much: for a second of it, in the units named."""

    speed: float = 0.15  # m/s off the wanted speed
    haste: float = 1.5  # (m/s)^2 above the envelope
    comfort: float = 0.1  # (m/s^2)^2 along
    rough: float = 0.3  # (m/s^2)^2 beyond the usual
    usual_up_mps2: float = 1.6
    usual_down_mps2: float = 1.5
    side: float = 0.12  # (m/s^2)^2 to the side
    jerk: float = 0.01  # (m/s^3)^2
    offset: float = 0.1  # m^2 off the nearest good offset
    wrong_lane: float = 1.0  # m off the lane of the way
    near: float = 14.0  # share of the room missing, squared, to a thing
    edge: float = 6.0  # share of the room missing, squared, to the edge


class Reference(NamedTuple):
    """The line of the way with equal steps: columns x, y, heading, curvature, change of curvature, wanted top speed."""

    rows: Floats
    step_m: float


class Surface(NamedTuple):
    """A drivable grid, taken apart."""

    x_m: float
    y_m: float
    cell_m: float
    edge_m: Grid


class Target(NamedTuple):
    """The window of a goal within the horizon: times (places in the arrays), distances, offsets, speeds; `weight` 0: none."""

    first: int
    last: int
    from_m: float
    to_m: float
    aside_m: float
    slowest_mps: float
    fastest_mps: float
    weight: float


class Start(NamedTuple):
    """The car in the Frenet frame: offset, its slope and bend along the way; steering angle; acceleration."""

    s_m: float
    left_m: float
    slope: float
    bend: float
    steering_rad: float
    acceleration_mps2: float


@compiled
def at_line(reference: Reference, s: float, out: Floats) -> None:
    """A row of the reference at a distance, straight on beyond its ends."""
    place = min(max(s / reference.step_m, 0.0), len(reference.rows) - 1.000001)
    first = int(place)
    share = place - first
    for column in range(6):
        out[column] = reference.rows[first, column] * (1.0 - share) + reference.rows[first + 1, column] * share
    beyond: float = s - place * reference.step_m
    out[0] += beyond * math.cos(out[2])
    out[1] += beyond * math.sin(out[2])


@compiled
def rows_along(reference: Reference, s: Floats) -> Floats:
    """The rows of the reference at K × T distances: K × T × 6; found once for all that lies beside a motion."""
    rows = np.empty((s.shape[0], s.shape[1], 6))
    for motion in range(s.shape[0]):
        for place in range(s.shape[1]):
            at_line(reference, s[motion, place], rows[motion, place])
    return rows


@compiled
def quintic(t: float, left: float, slope: float, bend: float, end: float) -> tuple[float, float, float]:
    """Value and two derivatives, over a share t of a length, of the quintic from a state to rest at `end`, and at rest."""
    if t >= 1.0:
        return end, 0.0, 0.0
    rest = end - left - slope - bend / 2.0
    rise, turn = -slope - bend, -bend
    c3, c4, c5 = 10 * rest - 4 * rise + turn / 2, -15 * rest + 7 * rise - turn, 6 * rest - 3 * rise + turn / 2
    value = left + slope * t + bend / 2 * t**2 + c3 * t**3 + c4 * t**4 + c5 * t**5
    first = slope + bend * t + 3 * c3 * t**2 + 4 * c4 * t**3 + 5 * c5 * t**4
    second = bend + 6 * c3 * t + 12 * c4 * t**2 + 20 * c5 * t**3
    return value, first, second


@compiled
def lay(rows: Floats, start: Start, s: Floats, speed: Floats, end: float, length: float, out: Floats) -> bool:
    """Fill `out` (7 × T: x, y, yaw, v, a, curvature, offset) with a candidate; False where it folds over itself."""
    for place in range(len(s)):
        row = rows[place]
        t = (s[place] - start.s_m) / length
        left, first, second = quintic(t, start.left_m, start.slope * length, start.bend * length**2, end)
        first, second = first / length, second / length**2
        room = 1.0 - row[3] * left
        if room < 0.1:
            return False
        turn = math.atan2(first, room)
        cos = math.cos(turn)
        out[ROW_X, place] = row[0] - left * math.sin(row[2])
        out[ROW_Y, place] = row[1] + left * math.cos(row[2])
        out[ROW_YAW, place] = row[2] + turn
        out[ROW_V, place] = speed[place] * room / cos
        out[ROW_LEFT, place] = left
        bent = (second + (row[4] * left + row[3] * first) * math.tan(turn)) * cos * cos / room + row[3]
        out[ROW_BEND, place] = bent * cos / room
    for place in range(len(s) - 1):
        out[ROW_A, place] = (out[ROW_V, place + 1] - out[ROW_V, place]) / STEP_S
    out[ROW_A, len(s) - 1] = 0.0
    return True


@compiled
def unable(body: Body, start: Start, out: Floats) -> float:
    """How far beyond its limits the car would have to go: 0 where it can."""
    steering, beyond = start.steering_rad, 0.0
    for place in range(1, out.shape[1]):
        v, a = out[ROW_V, place], out[ROW_A, place - 1]
        if v < 0.05 and out[ROW_V, place - 1] < 0.05:
            continue
        wanted = math.atan(body.wheelbase_m * out[ROW_BEND, place])
        beyond += max(abs(wanted - steering) / STEP_S - body.steering_rate_max_radps, 0.0)
        beyond += max(abs(wanted) - body.steering_max_rad, 0.0)
        aside = v * v * out[ROW_BEND, place]
        beyond += max(math.sqrt(a * a + aside * aside) - body.grip_mps2, 0.0) + max(abs(aside) - body.aside_mps2, 0.0)
        beyond += max(v * v / body.wheelbase_m * abs(wanted - steering) / STEP_S - body.aside_mps3, 0.0)
        beyond += max(a - min(body.acceleration_max_mps2, body.power_mps3 / max(v, 0.1)), 0.0)
        steering = wanted
    return beyond


@compiled
def edge_gap(surface: Surface, body: Body, x: float, y: float, yaw: float) -> float:
    """The least distance of the car's outline from the edge of the surface; negative outside."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    least = 10.0
    for along in range(7):
        ahead = -body.rear_m + (body.front_m + body.rear_m) * along / 6.0
        for side in range(-1, 2):
            aside = 0.5 * side * body.width_m
            column = round((x + ahead * cos - aside * sin - surface.x_m) / surface.cell_m)
            row = round((y + ahead * sin + aside * cos - surface.y_m) / surface.cell_m)
            if 0 <= row < surface.edge_m.shape[0] and 0 <= column < surface.edge_m.shape[1]:
                least = min(least, float(surface.edge_m[row, column]))
    return least


@compiled
def gap(body: Body, x: float, y: float, yaw: float, box: Floats) -> float:
    """How far the car is from a box, at least: along the axis that parts them best; negative where they overlap."""
    half_length, half_width = (body.front_m + body.rear_m) / 2.0, body.width_m / 2.0
    ahead = (body.front_m - body.rear_m) / 2.0
    cos, sin = math.cos(yaw), math.sin(yaw)
    dx, dy = box[0] - x - ahead * cos, box[1] - y - ahead * sin
    distance = math.sqrt(dx * dx + dy * dy)
    if distance > 12.0 + half_length + box[3]:
        apart: float = distance - half_length - box[3] - half_width - box[4]
        return apart
    turn_cos, turn_sin = abs(math.cos(box[2] - yaw)), abs(math.sin(box[2] - yaw))
    box_cos, box_sin = math.cos(box[2]), math.sin(box[2])
    mine_ahead = abs(dx * cos + dy * sin) - half_length - box[3] * turn_cos - box[4] * turn_sin
    mine_aside = abs(dy * cos - dx * sin) - half_width - box[3] * turn_sin - box[4] * turn_cos
    its_ahead = abs(dx * box_cos + dy * box_sin) - box[3] - half_length * turn_cos - half_width * turn_sin
    its_aside = abs(dy * box_cos - dx * box_sin) - box[4] - half_length * turn_sin - half_width * turn_cos
    found: float = max(max(mine_ahead, mine_aside), max(its_ahead, its_aside))
    return found


@compiled
def road_cost(surface: Surface, body: Body, weights: Weights, out: Floats, room_m: float, budget: float) -> float:
    """The edge: how little room is left to it; leaving the road costs the more the sooner (more than it does now, if at all)."""
    steps: int = out.shape[1]
    at_start = edge_gap(surface, body, out[ROW_X, 0], out[ROW_Y, 0], out[ROW_YAW, 0])
    allowed: float = EDGE_M if at_start > EDGE_M else at_start - 0.005
    cost: float = 0.0
    for place in range(1, steps):
        left = edge_gap(surface, body, out[ROW_X, place], out[ROW_Y, place], out[ROW_YAW, place])
        if left < allowed:
            return cost + OFF_ROAD * (1.3 - place / steps)
        cost += weights.edge * STEP_S * (max(room_m - left, 0.0) / room_m) ** 2
        if cost > budget:
            return cost
    return cost


@compiled
def _head_on(box: Floats, out: Floats) -> bool:
    """Whether a thing comes straight towards the car at the end."""
    last = out.shape[1] - 1
    straight: bool = abs(box[last, 2] - box[last - 10, 2]) < STRAIGHT_RAD
    return straight and math.cos(box[last, 2] - out[ROW_YAW, last]) < -0.7


@compiled
def meets_braking(body: Body, box: Floats, out: Floats) -> bool:
    """Whether the car would run into a thing ahead, moving on as at the end, if it braked to a standstill from there on."""
    last = out.shape[1] - 1
    x, y, yaw, v = out[ROW_X, last], out[ROW_Y, last], out[ROW_YAW, last], out[ROW_V, last]
    ahead_m = (box[last, 0] - x) * math.cos(yaw) + (box[last, 1] - y) * math.sin(yaw)
    moves = abs(box[last, 0] - box[last - 1, 0]) + abs(box[last, 1] - box[last - 1, 1]) > 0.01
    comes = _head_on(box, out)
    if ahead_m < body.front_m or (moves and not comes and math.cos(box[last, 2] - yaw) < 0.5):
        return False  # behind or beside, or crossing: what it will do by then isn't known
    there = box[last].copy()
    move_x, move_y = (box[last, 0] - box[last - 1, 0]) / STEP_S, (box[last, 1] - box[last - 1, 1]) / STEP_S
    steps = round(COMES_S / TAIL_S) if comes else 0  # who comes towards a standing car reaches it all the same
    while v > 0.1 or steps > 0:
        steps -= 1
        v = max(v - LAST_BRAKING_MPS2 * TAIL_S, 0.0)
        yaw += v * out[ROW_BEND, last] * TAIL_S
        x += v * math.cos(yaw) * TAIL_S
        y += v * math.sin(yaw) * TAIL_S
        there[0] += move_x * TAIL_S
        there[1] += move_y * TAIL_S
        if gap(body, x, y, yaw, there) < 0.1:
            return True
    return False


@compiled
def traffic_cost(body: Body, weights: Weights, boxes: Floats, share: Floats, out: Floats, room_m: float, budget: float) -> float:
    """The boxes: how little room is left to each; touching one costs the more the sooner, the faster and the likelier."""
    steps: int = out.shape[1]
    cost: float = 0.0
    for one in range(len(boxes)):
        if cost > budget:  # too dear already
            return cost
        for place in range(1, steps):
            left = gap(body, out[ROW_X, place], out[ROW_Y, place], out[ROW_YAW, place], boxes[one, place])
            if left < 0.1:
                cost += share[one] * HIT * (1.3 - place / steps) * (1.0 + out[ROW_V, place] / 30.0)
                break
            if left < room_m:
                cost += share[one] * weights.near * STEP_S * ((room_m - left) / room_m) ** 2
        else:
            late = TOO_LATE_HEAD_ON if _head_on(boxes[one], out) else TOO_LATE
            cost += share[one] * HIT * late if meets_braking(body, boxes[one], out) else 0.0
    return cost


def offset_cost(end_m: Floats, good_m: Floats, weights: Weights, points: int) -> Floats:
    """What it costs to end beside the nearest good offset, or on one that isn't the way's own."""
    gaps = weights.offset * (end_m[:, None] - good_m[None, :]) ** 2 + weights.wrong_lane * np.abs(good_m)[None, :] / 3.0
    return np.asarray(gaps.min(axis=1) * points * STEP_S, dtype=np.float64)


@compiled
def taste(
    rows: Floats, start: Start, weights: Weights, out: Floats, wanted: float
) -> float:
    """Comfort and the wanted speed."""
    cost, before = 0.0, start.acceleration_mps2
    for place in range(out.shape[1]):
        v, a = out[ROW_V, place], out[ROW_A, place]
        top = min(wanted, rows[place, 5])
        cost += weights.speed * abs(v - top) * (0.5 + place / out.shape[1]) + weights.haste * max(v - rows[place, 5], 0.0) ** 2
        beyond = max(a - weights.usual_up_mps2, 0.0) + 0.5 * max(-a - weights.usual_down_mps2, 0.0)
        cost += weights.comfort * a * a + weights.rough * beyond**2 + weights.side * (v * v * out[ROW_BEND, place]) ** 2
        cost += weights.jerk * ((a - before) / STEP_S) ** 2
        before = a
    return cost * STEP_S


@compiled
def late(target: Target, out: Floats, s: Floats) -> float:
    """How far a candidate is beside a goal's window, in metres and m/s, at the best time in it."""
    least: float = np.inf
    for place in range(target.first, target.last + 1):
        missed = max(max(target.from_m - s[place], s[place] - target.to_m), 0.0)
        missed += max(abs(out[ROW_LEFT, place]) - target.aside_m, 0.0)
        missed += max(max(target.slowest_mps - out[ROW_V, place], out[ROW_V, place] - target.fastest_mps), 0.0)
        least = min(least, missed)
    cost: float = least * target.weight
    return cost


@compiled
def costs(
    reference: Reference, surface: Surface, body: Body, weights: Weights, start: Start, s: Floats, speed: Floats,
    which: Floats, end: Floats, length: Floats, target: Target, at_least: Floats, boxes: Floats, share: Floats,
    aside: Floats, wanted: float, room_m: float, least: float, found: Floats,
) -> tuple[int, float]:  # fmt: skip
    """The number of the cheapest candidate below `least`, or -1, and its cost.

    Candidates come by what they cost at least, cheapest first; what can only become dearer than the best isn't looked at.
    """
    best = -1
    rows = rows_along(reference, s)
    out = np.zeros((7, s.shape[1]))
    for one in range(len(which)):
        if at_least[one] >= least:
            break
        motion = int(which[one])
        if not lay(rows[motion], start, s[motion], speed[motion], end[one], length[one], out):
            continue
        beyond = unable(body, start, out)
        cost = aside[one] + (UNABLE * (1.0 + beyond) if beyond > 1e-6 else 0.0)
        cost += late(target, out, s[motion]) if target.weight > 0.0 else 0.0
        cost += taste(rows[motion], start, weights, out, wanted) if cost < least else 0.0
        cost += traffic_cost(body, weights, boxes, share, out, room_m, least - cost) if cost < least else 0.0
        cost += road_cost(surface, body, weights, out, EDGE_ROOM_M, least - cost) if cost < least else 0.0
        if cost < least:
            best, least = one, cost
            found[:] = out
    return best, least
