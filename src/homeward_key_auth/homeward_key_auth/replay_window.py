"""The replay window: which counters of a connection were taken already. One pure function."""

from __future__ import annotations

WINDOW = 64


def take(highest: int, seen: int, counter: int) -> tuple[int, int] | None:
    """The window after `counter`, or None where it may not be taken: seen before, too old, or below 1.

    `highest` counter so far, 0 for none; bit k of `seen` says that highest - k was taken. Counters are below 2^64.
    """
    if not 1 <= counter < 1 << 64:
        return None
    if counter > highest:
        ahead = counter - highest
        return counter, (seen << ahead | 1) & ((1 << WINDOW) - 1) if ahead < WINDOW else 1
    behind = highest - counter
    if behind >= WINDOW or seen >> behind & 1:
        return None
    return highest, seen | 1 << behind
