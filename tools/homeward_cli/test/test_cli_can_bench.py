"""The reckoning of bench/can_node: which state shows which frame, and how late."""

from __future__ import annotations

import pytest

from homeward_cli.bench.can_node import frame_ages_ms
from homeward_cli.bench.can_node_ends import KMH_PER_MPS, STEP_KMH, STEPS, step_of


def test_a_speed_tells_its_frame() -> None:
    assert [step_of(step * STEP_KMH / KMH_PER_MPS) for step in range(STEPS)] == list(range(STEPS))


@pytest.mark.parametrize("count", [10, 3 * STEPS])
def test_each_frame_waits_for_the_first_state_with_it_or_a_newer_one(count: int) -> None:
    wheels_ns = [number * 1_250_000 for number in range(count)]  # 800 Hz
    shown = [(number % STEPS, wheels_ns[number] + 2_000_000) for number in range(3, count, 4)]
    ages_ms = frame_ages_ms(wheels_ns, shown)
    assert len(ages_ms) == len(shown) * 4
    assert ages_ms[:4] == pytest.approx([5.75, 4.5, 3.25, 2.0]) and max(ages_ms) == pytest.approx(5.75)


def test_a_state_that_stays_away_makes_frames_wait() -> None:
    wheels_ns = [number * 1_000_000 for number in range(100)]
    assert frame_ages_ms(wheels_ns, [(0, 500_000), (99, 150_000_000)])[1] == pytest.approx(149.0)
    assert frame_ages_ms(wheels_ns, []) == []


def test_an_old_frame_shown_again_counts_as_old() -> None:
    """A bridge that lags shows old numbers, and is not taken for one that is ahead."""
    wheels_ns = [number * 1_000_000 for number in range(1000)]
    shown = [(number - 50, wheels_ns[number]) for number in range(50, 1000, 10)]
    ages_ms = frame_ages_ms(wheels_ns, shown)
    assert min(ages_ms) == pytest.approx(50.0)
