"""Finds a way into a narrow place: a search over short arcs, forwards and backwards, that ends in a Reeds-Shepp word.

After D. Dolgov, S. Thrun, M. Montemerlo, J. Diebel, *Path planning for autonomous vehicles in unknown semi-structured
environments*, IJRR 29 (2010), section 3: states in cells of place and heading keep the exact pose they were reached with;
what is left is estimated by the longer of two ways, one that knows the car's turning circle but no hindrances, and one that
knows the hindrances but no turning circle.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homeward_planner.free_space import Body, FreeSpace, room_at, stands_free
from homeward_planner.jit import compiled
from homeward_planner.plane import Floats
from homeward_planner.reeds_shepp import PIECES, WORDS, arc, shortest_length, word_to, wrapped_angle
from homeward_planner.scene import Pose

STEP_M = 0.4
CHECK_M = 0.1
CELL_M = 0.25
HEADINGS = 72
LOCKS = 5  # wheel angles tried each way
MOST_NODES = 15_000
BACKWARDS, CUSP_M, TURN_SHARE, CHANGE_M, CLOSE_SHARE = 1.3, 2.0, 0.1, 0.15, 0.6
COMFORT_ROOM_M = 0.5
EAGER = 1.3  # how far the estimate counts more than the way gone
LOOKED_ON = 250  # states looked at after a way is known, for a better one
TRY_EVERY = 12
COARSE = 4  # cells of the room in one of the estimate's
AROUND = 3  # coarse cells around a pose that stands too close to something
NARROWEST_M = 0.75  # the estimate leads through nothing narrower than twice this

Grid = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pieces:
    """A way of arcs: curvature [1/m, left positive] and signed length [m, backwards negative] of each, equally many; and
    how many states were looked at.
    """

    curvature_1pm: Floats
    length_m: Floats
    looked_at: int

    def poses(self, start: Pose, step_m: float = CHECK_M) -> Floats:
        """Poses along it (N × 3: x, y, yaw), from the start to the very end."""
        rows = [(start.x_m, start.y_m, start.yaw_rad)]
        for bend, length in zip(self.curvature_1pm, self.length_m, strict=True):
            from_pose, count = rows[-1], max(1, math.ceil(abs(length) / step_m - 1e-9))
            rows += [arc(*from_pose, bend, length * (place + 1) / count) for place in range(count)]
        return np.array(rows)


def search(
    space: FreeSpace, body: Body, start: Pose, goal: Pose, curvature_max_1pm: float, from_goal: bool = False
) -> Pieces | None:
    """A short way with few cusps from a pose to a pose that touches nothing; None where there is none.

    It is looked for from the start on or from the goal back: the end with less room around it is the better one to begin
    at. That end may itself touch: a car that stands too close to something has to leave all the same.
    """
    first, last = (goal, start) if from_goal else (start, goal)
    if from_goal and not space.is_free(body, np.array([(goal.x_m, goal.y_m, goal.yaw_rad)])).all():
        return None
    to_go = _to_go(space.room_m, space.corner_m, space.cell_m, last.x_m, last.y_m)
    if not _reached(to_go, space, first):
        return None
    found, bends, lengths, nodes = _search(
        space.room_m, space.corner_m, space.cell_m, body.outline_m, body.discs_m, to_go,
        np.array([first.x_m, first.y_m, first.yaw_rad]), np.array([last.x_m, last.y_m, last.yaw_rad]), curvature_max_1pm,
        (BACKWARDS, 1.0) if from_goal else (1.0, BACKWARDS),
    )  # fmt: skip
    if not found:
        return None
    return _joined(bends[::-1], -lengths[::-1], nodes) if from_goal else _joined(bends, lengths, nodes)


def _reached(to_go: Grid, space: FreeSpace, pose: Pose) -> bool:
    """Whether any way at all leads from the other end to near a pose."""
    coarse_m = space.cell_m * COARSE
    row, column = int((pose.y_m - space.corner_m[1]) / coarse_m), int((pose.x_m - space.corner_m[0]) / coarse_m)
    around = to_go[max(row - AROUND, 0) : row + AROUND + 1, max(column - AROUND, 0) : column + AROUND + 1]
    return bool(np.isfinite(around).any())


def _joined(bends: Floats, lengths: Floats, nodes: int) -> Pieces:
    """Pieces that go on alike become one."""
    joined: list[tuple[float, float]] = []
    for bend, length in zip(bends.tolist(), lengths.tolist(), strict=True):
        if abs(length) < 1e-6:
            continue
        if joined and abs(joined[-1][0] - bend) < 1e-9 and joined[-1][1] * length > 0.0:
            joined[-1] = (bend, joined[-1][1] + length)
        else:
            joined.append((bend, length))
    rows = np.array(joined).reshape(-1, 2)
    return Pieces(rows[:, 0], rows[:, 1], nodes)


@compiled
def _to_go(room_m: Grid, corner_m: tuple[float, float], cell_m: float, goal_x: float, goal_y: float) -> Grid:
    """By coarse cell: the way to the goal for a point that keeps half the car's width off everything [m]."""
    coarse_m = cell_m * COARSE
    rows, columns = room_m.shape[0] // COARSE + 1, room_m.shape[1] // COARSE + 1
    way = np.full((rows, columns), np.inf)
    row, column = int((goal_y - corner_m[1]) / coarse_m), int((goal_x - corner_m[0]) / coarse_m)
    if row < 0 or column < 0 or row >= rows or column >= columns:
        return way
    way[row, column] = 0.0
    heap = [(0.0, row, column)]
    while heap:
        gone, row, column = heapq.heappop(heap)
        if gone > way[row, column]:
            continue
        for down in range(-1, 2):
            for right in range(-1, 2):
                next_row, next_column = row + down, column + right
                if next_row < 0 or next_column < 0 or next_row >= rows or next_column >= columns:
                    continue
                longer = gone + coarse_m * math.sqrt(float(down * down + right * right))
                x = corner_m[0] + (next_column + 0.5) * coarse_m
                y = corner_m[1] + (next_row + 0.5) * coarse_m
                if longer < way[next_row, next_column] and room_at(room_m, corner_m, cell_m, x, y) > NARROWEST_M - coarse_m / 2:
                    way[next_row, next_column] = longer
                    heapq.heappush(heap, (longer, next_row, next_column))
    return way


@compiled
def _estimate(to_go: Grid, corner_m: tuple[float, float], coarse_m: float, pose: Floats, goal: Floats, bend: float) -> float:
    """What is left at least, by the longer of both ways."""
    row, column = int((pose[1] - corner_m[1]) / coarse_m), int((pose[0] - corner_m[0]) / coarse_m)
    around = np.inf
    if 0 <= row < to_go.shape[0] and 0 <= column < to_go.shape[1]:
        around = to_go[row, column]
    dx, dy = goal[0] - pose[0], goal[1] - pose[1]
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    ahead, left = dx * cos + dy * sin, dy * cos - dx * sin
    if around == np.inf:  # a cell that only its edge is free of: no word about the rest
        around = 0.0
    return max(around - 2.0 * coarse_m, shortest_length(ahead * bend, left * bend, wrapped_angle(goal[2] - pose[2])) / bend)


@compiled
def _piece_cost(
    bend: float, length: float, most: float, bend_before: float, length_before: float, weights: tuple[float, float]
) -> float:
    """What a piece costs after the one before, in metres of driving straight on; `weights` of either sign of length."""
    cost = abs(length) * weights[1 if length < 0.0 else 0] * (1.0 + TURN_SHARE * abs(bend) / most)
    if length_before * length < 0.0:
        return cost + CUSP_M
    return cost + CHANGE_M * abs(bend - bend_before) / most * (1.0 if length_before != 0.0 else 0.0)


@compiled
def _drive(
    room_m: Grid, corner_m: tuple[float, float], cell_m: float, outline_m: Floats, discs_m: Floats,
    pose: Floats, bend: float, length: float, centre_m: float,
) -> tuple[bool, float]:  # fmt: skip
    """Whether an arc is free all along, and by how much it is too close to something, a metre of it at a time."""
    count = max(1, math.ceil(abs(length) / CHECK_M - 1e-9))
    close = 0.0
    for place in range(1, count + 1):
        x, y, yaw = arc(pose[0], pose[1], pose[2], bend, length * place / count)
        if not stands_free(room_m, corner_m, cell_m, outline_m, discs_m, x, y, yaw):
            return False, 0.0
        middle = room_at(room_m, corner_m, cell_m, x + centre_m * math.cos(yaw), y + centre_m * math.sin(yaw))
        close += max(COMFORT_ROOM_M + 0.95 - middle, 0.0) * abs(length) / count
    return True, close


@compiled
def _last_word(
    room_m: Grid, corner_m: tuple[float, float], cell_m: float, outline_m: Floats, discs_m: Floats,
    pose: Floats, goal: Floats, most: float, before: tuple[float, float],
    weights: tuple[float, float], best_turns: Floats, best_lengths: Floats,
) -> float:  # fmt: skip
    """The cheapest word from here to the goal that is free: filled in, curvatures and metres; its cost, or infinity."""
    dx, dy = goal[0] - pose[0], goal[1] - pose[1]
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    ahead, left, turn = (dx * cos + dy * sin) * most, (dy * cos - dx * sin) * most, wrapped_angle(goal[2] - pose[2])
    turns, lengths, at = np.empty(PIECES), np.empty(PIECES), np.empty(3)
    least = np.inf
    for number in range(WORDS):
        if not word_to(number, ahead, left, turn, turns, lengths):
            continue
        cost, bend_before, length_before = 0.0, before[0], before[1]
        for place in range(PIECES):
            if abs(lengths[place]) > 1e-9:
                cost += _piece_cost(turns[place] * most, lengths[place] / most, most, bend_before, length_before, weights)
                bend_before, length_before = turns[place] * most, lengths[place]
        if cost >= least:
            continue
        at[:] = pose
        free = True
        for place in range(PIECES):
            if free and abs(lengths[place]) > 1e-9:
                free, close = _drive(
                    room_m, corner_m, cell_m, outline_m, discs_m, at, turns[place] * most, lengths[place] / most, 1.4
                )
                at[0], at[1], at[2] = arc(at[0], at[1], at[2], turns[place] * most, lengths[place] / most)
                cost += CLOSE_SHARE * close
        if free and cost < least:
            least = cost
            best_turns[:] = turns * most
            best_lengths[:] = lengths / most
    return least


@compiled
def _search(
    room_m: Grid, corner_m: tuple[float, float], cell_m: float, outline_m: Floats, discs_m: Floats, to_go: Grid,
    start: Floats, goal: Floats, most: float, weights: tuple[float, float],
) -> tuple[bool, Floats, Floats, int]:  # fmt: skip
    """(found, curvatures, signed lengths, states looked at)."""
    poses = np.empty((MOST_NODES, 3))
    moves = np.zeros((MOST_NODES, 2))  # curvature and signed length that led there
    cost = np.empty(MOST_NODES)
    parent = np.empty(MOST_NODES, dtype=np.int64)
    rows, columns = int(room_m.shape[0] * cell_m / CELL_M) + 2, int(room_m.shape[1] * cell_m / CELL_M) + 2
    closed = np.zeros((2, HEADINGS, rows, columns), dtype=np.bool_)
    coarse_m = cell_m * COARSE
    turns, lengths = np.empty(PIECES), np.empty(PIECES)
    best_turns, best_lengths = np.zeros(PIECES), np.zeros(PIECES)
    best, best_node = np.inf, -1
    nothing = np.zeros(0)
    poses[0], cost[0], parent[0] = start, 0.0, -1
    count, looked_at, last_look = 1, 0, MOST_NODES
    if not stands_free(room_m, corner_m, cell_m, outline_m, discs_m, goal[0], goal[1], goal[2]):
        return False, nothing, nothing, 0
    first = _estimate(to_go, corner_m, coarse_m, start, goal, most)
    heap = [(EAGER * first, 0)]
    while heap and count < MOST_NODES - 2 * LOCKS:
        foreseen, node = heapq.heappop(heap)
        if foreseen >= best or looked_at > last_look:
            break
        heading = math.floor(poses[node, 2] / math.tau * HEADINGS + 0.5) % HEADINGS
        row, column = int((poses[node, 1] - corner_m[1]) / CELL_M), int((poses[node, 0] - corner_m[0]) / CELL_M)
        backwards = 1 if moves[node, 1] < 0.0 else 0
        if row < 0 or column < 0 or row >= rows or column >= columns or closed[backwards, heading, row, column]:
            continue
        closed[backwards, heading, row, column] = True
        left_over = (foreseen - cost[node]) / EAGER
        if looked_at % TRY_EVERY == 0 or (left_over < 8.0 and looked_at % 3 == 0):
            before = (moves[node, 0], moves[node, 1])
            rest = cost[node] + _last_word(
                room_m, corner_m, cell_m, outline_m, discs_m, poses[node], goal, most, before, weights, turns, lengths
            )
            if rest < best:
                last_look = min(last_look, looked_at + LOOKED_ON)
                best, best_node = rest, node
                best_turns[:] = turns
                best_lengths[:] = lengths
        looked_at += 1
        for way in (1.0, -1.0):
            for lock in range(LOCKS):
                bend = most * (2.0 * lock / (LOCKS - 1) - 1.0)
                free, close = _drive(room_m, corner_m, cell_m, outline_m, discs_m, poses[node], bend, way * STEP_M, 1.4)
                if not free:
                    continue
                x, y, yaw = arc(poses[node, 0], poses[node, 1], poses[node, 2], bend, way * STEP_M)
                heading = math.floor(yaw / math.tau * HEADINGS + 0.5) % HEADINGS
                row, column = int((y - corner_m[1]) / CELL_M), int((x - corner_m[0]) / CELL_M)
                if closed[1 if way < 0.0 else 0, heading, row, column]:
                    continue
                poses[count, 0], poses[count, 1], poses[count, 2] = x, y, yaw
                moves[count, 0], moves[count, 1] = bend, way * STEP_M
                cost[count] = cost[node] + CLOSE_SHARE * close
                cost[count] += _piece_cost(bend, way * STEP_M, most, moves[node, 0], moves[node, 1], weights)
                parent[count] = node
                left_over = _estimate(to_go, corner_m, coarse_m, poses[count], goal, most)
                heapq.heappush(heap, (cost[count] + EAGER * left_over, count))
                count += 1
    if best_node < 0:
        return False, nothing, nothing, looked_at
    return True, *_traced(best_node, parent, moves, best_turns, best_lengths), looked_at


@compiled
def _traced(node: int, parent: npt.NDArray[np.int64], moves: Floats, turns: Floats, lengths: Floats) -> tuple[Floats, Floats]:
    """The pieces from the start to a state, and the word after it."""
    count, at = 0, node
    while parent[at] >= 0:
        count, at = count + 1, parent[at]
    bends, ways = np.empty(count + PIECES), np.empty(count + PIECES)
    at = node
    for place in range(count - 1, -1, -1):
        bends[place], ways[place] = moves[at, 0], moves[at, 1]
        at = parent[at]
    bends[count:], ways[count:] = turns, lengths
    return bends, ways
