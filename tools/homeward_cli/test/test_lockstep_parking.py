"""The whole stack in lockstep against the real world process: from the lane into the garage, and backwards out again."""

from __future__ import annotations

import math

from homeward_cli.bench.lockstep_run import LockstepTrip
from homeward_cli.bench.world_process import free_ports, fresh_world

SECOND = 50  # ticks
GARAGE = (-164.124, 205.3)  # its middle
DRIVE, REVERSE = 3, 1


def test_into_the_garage_and_out_again_in_the_real_gears() -> None:
    port = free_ports(3)
    with fresh_world("hometown", 1, port):
        running = LockstepTrip(port, 1, traffic=0)
        try:
            for _ in range(2 * SECOND):
                running.tick()
            running.send("garage")
            changes = driven(running, 60, lambda: running.arrived)
            assert running.arrived and {DRIVE, REVERSE} <= {gear for gear, _ in changes}
            assert all(abs(speed_mps) < 0.1 for _, speed_mps in changes), "gears change standing"
            there = running.sensors.rig.ego.get_transform()
            assert math.hypot(there.location.x - GARAGE[0], -there.location.y - GARAGE[1]) < 0.4
            assert abs(math.remainder(-there.rotation.yaw - 90.0, 360.0)) < 3.0
            running.send("home")
            changes = driven(running, 40, lambda: running.planner.planner.corridor is not None)
            assert running.planner.planner.corridor is not None and REVERSE in {gear for gear, _ in changes}
            assert running.judged().verdict()["collisions"] == 0
        finally:
            running.close()


def driven(running: LockstepTrip, seconds: int, done) -> list[tuple[int, float]]:
    """Each gear that the car was in, with its speed when that changed."""
    gear, changes = running.can_bridge.core.vehicle.gear, []
    for _ in range(seconds * SECOND):
        running.tick()
        vehicle = running.can_bridge.core.vehicle
        if vehicle.gear != gear:
            changes.append((vehicle.gear, vehicle.speed_mps))
            gear = vehicle.gear
        if done():
            break
    return changes
