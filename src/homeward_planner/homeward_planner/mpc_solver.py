"""A small quadratic program, solved exactly: inputs within bounds, and their running sums within bounds.

The dual active-set method of Goldfarb and Idnani (Mathematical Programming 27, 1983): it starts at the unconstrained
optimum and takes in one violated limit after another, so a step with few active limits is cheap. All sums are plain
loops: a linear algebra library adds in an order that can differ from one run to the next, and a drive wouldn't repeat.
"""

from __future__ import annotations

import numpy as np

from homeward_planner.jit import compiled
from homeward_planner.plane import Floats

SOLVED, UNSOLVED = 0, 1
CHANGES_A_LIMIT = 6  # more changes of the active set than this for each limit mean a cycle
WITHIN = 1e-9


@compiled
def _factor(matrix: Floats) -> bool:
    """Cholesky's factor in the lower triangle, in place; False for a matrix that is not positive definite."""
    n = len(matrix)
    for column in range(n):
        for row in range(column, n):
            rest = matrix[row, column]
            for k in range(column):
                rest -= matrix[row, k] * matrix[column, k]
            if row == column:
                if not rest > 0.0:
                    return False
                matrix[row, column] = np.sqrt(rest)
            else:
                matrix[row, column] = rest / matrix[column, column]
    return True


@compiled
def _resolve(factor: Floats, right: Floats) -> Floats:
    """The solution x (n) of LL'x = right."""
    n = len(right)
    x = right.copy()
    for row in range(n):
        for k in range(row):
            x[row] -= factor[row, k] * x[k]
        x[row] /= factor[row, row]
    for row in range(n - 1, -1, -1):
        for k in range(row + 1, n):
            x[row] -= factor[k, row] * x[k]
        x[row] /= factor[row, row]
    return x


@compiled
def _values(x: Floats) -> Floats:
    """(2n) what is limited: each x, then each running sum."""
    return np.concatenate((x, np.cumsum(x)))


@compiled
def _limits(count: int) -> Floats:
    """(2n, n) the rows that are limited: each input, then each running sum."""
    rows = np.zeros((2 * count, count))
    for place in range(count):
        rows[place, place] = 1.0
        rows[count + place, : place + 1] = 1.0
    return rows


@compiled
def _most_violated(value: Floats, lower: Floats, upper: Floats) -> tuple[int, float]:
    """The row that is furthest outside its bounds, and the side: 1 for too low, -1 for too high; -1, 0 for none."""
    worst, row, side = WITHIN, -1, 0.0
    for place in range(len(value)):
        if lower[place] - value[place] > worst:
            worst, row, side = lower[place] - value[place], place, 1.0
        if value[place] - upper[place] > worst:
            worst, row, side = value[place] - upper[place], place, -1.0
    return row, side


@compiled
def _moves(coupling: Floats, active: Floats, count: int, row: int, side: float) -> Floats:
    """How the multipliers of the active rows change while this row's grows by one."""
    among, toward = np.empty((count, count)), np.empty(count)
    for i in range(count):
        first = int(active[i, 0])
        toward[i] = active[i, 1] * side * coupling[first, row]
        for j in range(count):
            among[i, j] = active[i, 1] * active[j, 1] * coupling[first, int(active[j, 0])]
    if count and not _factor(among):
        toward[:] = np.nan
        return toward
    return _resolve(among, toward)


@compiled
def solve(hessian: Floats, gradient: Floats, lower: Floats, upper: Floats) -> tuple[Floats, int]:
    """The x (n) with least x'Hx/2 + g'x, and SOLVED or UNSOLVED.

    `lower` and `upper` (2n) bound each x, then each running sum x0 + ... + xk. `hessian` (n × n) is positive definite;
    numbers that are none, or limits that exclude one another, come back as UNSOLVED.
    """
    n = len(gradient)
    best = np.zeros(n)
    if not (np.isfinite(hessian).all() and np.isfinite(gradient).all() and (lower <= upper).all()):
        return best, UNSOLVED
    rows = _limits(n)
    factor, pull, coupling = hessian.copy(), np.empty((n, 2 * n)), np.empty((2 * n, 2 * n))
    if not _factor(factor):
        return best, UNSOLVED
    for place in range(2 * n):
        pull[:, place] = _resolve(factor, rows[place])
        coupling[:, place] = _values(pull[:, place])
    best = -_resolve(factor, gradient)
    value = _values(best)
    active, weight, count = np.zeros((n + 1, 2)), np.zeros(n + 1), 0
    row, side = _most_violated(value, lower, upper)
    growing = 0.0
    for _ in range(CHANGES_A_LIMIT * 2 * n):
        if row < 0:
            return best, SOLVED if np.isfinite(best).all() else UNSOLVED
        moves = _moves(coupling, active, count, row, side)
        if not np.isfinite(moves).all():
            return best, UNSOLVED
        direction = side * pull[:, row].copy()
        for place in range(count):
            direction -= moves[place] * active[place, 1] * pull[:, int(active[place, 0])]
        slope = side * _values(direction)[row]
        gap = lower[row] - value[row] if side > 0.0 else value[row] - upper[row]
        whole = gap / slope if slope > 1e-12 * coupling[row, row] else np.inf
        partly, leaves = np.inf, -1
        for place in range(count):
            if moves[place] > 1e-14 and weight[place] / moves[place] < partly:
                partly, leaves = weight[place] / moves[place], place
        length = min(whole, partly)
        if not np.isfinite(length):
            return best, UNSOLVED
        weight[:count] -= length * moves
        growing += length
        if np.isfinite(whole):
            best = best + length * direction
            value = _values(best)
        if whole <= partly:
            if count == n:
                return best, UNSOLVED
            active[count, 0], active[count, 1], weight[count] = row, side, growing
            count, growing = count + 1, 0.0
            row, side = _most_violated(value, lower, upper)
        else:
            for place in range(leaves, count - 1):
                active[place], weight[place] = active[place + 1], weight[place + 1]
            count -= 1
    return best, UNSOLVED
