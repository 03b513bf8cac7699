"""The whole stack in lockstep against the real world process: a drive, dead nodes, lost sensors; and the same every time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from homeward_cli.bench.lockstep_run import LockstepTrip
from homeward_cli.bench.world_process import free_ports, fresh_world
from homeward_runtime import ledger

SECOND = 50  # ticks


@contextmanager
def trip(seed: int = 1, shuffle: int | None = None) -> Iterator[LockstepTrip]:
    """Without other cars: no TrafficManager, and so no core to pin."""
    port = free_ports(3)
    with fresh_world("hometown", seed, port):
        running = LockstepTrip(port, seed, traffic=0, shuffle=shuffle)
        try:
            yield running
        finally:
            running.close()


@pytest.fixture
def under_way() -> Iterator[LockstepTrip]:
    """The car drives towards the office at more than 4 m/s."""
    with trip() as running:
        settle(running)
        running.send("office")
        ticks(running, 6 * SECOND)
        assert speed(running) > 4.0
        yield running


def ticks(running: LockstepTrip, count: int) -> None:
    for _ in range(count):
        running.tick()


def settle(running: LockstepTrip) -> None:
    ticks(running, 2 * SECOND)


def speed(running: LockstepTrip) -> float:
    return float(running.can_bridge.core.vehicle.speed_mps)


def state(running: LockstepTrip) -> Any:
    return running.can_bridge.core.gate.state


def test_a_dead_controller_ends_in_stopping_along_the_plan(under_way: LockstepTrip) -> None:
    under_way.world.remove("controller")
    ticks(under_way, 10)
    assert state(under_way).name == "STOPPING" and under_way.can_bridge.core.gate.reason == "command_stale"
    ticks(under_way, 6 * SECOND)
    assert abs(speed(under_way)) < 0.05


def test_a_dead_planner_ends_in_a_standstill(under_way: LockstepTrip) -> None:
    under_way.world.remove("planner")
    ticks(under_way, 6 * SECOND)
    assert abs(speed(under_way)) < 0.05


def test_without_surroundings_the_car_stops_and_goes_on_when_they_are_back(under_way: LockstepTrip) -> None:
    perception = under_way.world.hosts["perception"]
    perception.active = False
    ticks(under_way, 6 * SECOND)
    assert abs(speed(under_way)) < 0.05
    perception.active = True
    ticks(under_way, 6 * SECOND)
    assert speed(under_way) > 2.0


def test_dead_ecus_or_a_cut_bus_end_in_stopping(under_way: LockstepTrip) -> None:
    under_way.ecus.bus.send = lambda frame: None
    ticks(under_way, SECOND // 2)
    assert state(under_way).name == "STOPPING" and under_way.can_bridge.core.gate.reason == "vehicle_silent"


def test_calling_it_off_brings_the_car_to_a_standstill_still_engaged(under_way: LockstepTrip) -> None:
    under_way.planner.on_cancel(None)
    ticks(under_way, 8 * SECOND)
    assert abs(speed(under_way)) < 0.05 and state(under_way).name == "ENGAGED"


def test_garbage_on_the_bus_changes_nothing_but_the_faults(under_way: LockstepTrip) -> None:
    from homeward_runtime.can_bus import Frame, MemoryBus

    stranger = MemoryBus(under_way.world.params["can_bridge"]["bus_url"].removeprefix("mem:"))
    for index in range(2 * SECOND):
        stranger.send(Frame(0x100 + index % 3, bytes(index % 8)))
        under_way.tick()
    stranger.close()
    assert state(under_way).name == "ENGAGED" and speed(under_way) > 4.0


def driven(seed: int = 1, shuffle: int | None = None) -> list[str]:
    with trip(seed, shuffle) as running:
        settle(running)
        running.judged()
        running.send("office")
        ticks(running, 8 * SECOND)
        return list(running.judged().hashes or ())


def test_two_runs_are_equal_bit_for_bit() -> None:
    first = driven()
    assert len(set(first)) > 8 * SECOND and first == driven()


@pytest.mark.parametrize("shuffle", [1, 2])
def test_the_drive_does_not_rest_on_the_order_within_a_tick(shuffle: int) -> None:
    """Another order within each tick may change a state's age by a tick, never whether the car drives."""
    with trip(shuffle=shuffle) as running:
        settle(running)
        running.send("school")
        ticks(running, 8 * SECOND)
        assert speed(running) > 4.0 and state(running).name == "ENGAGED"


def test_a_wish_without_a_way_is_refused() -> None:
    with trip() as running:
        settle(running)
        with pytest.raises(RuntimeError, match="no place 'Atlantis'"):
            running.send("Atlantis")
        assert ledger.DRIVE_TO.owner == "planner"
