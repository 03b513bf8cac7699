"""The modes in the whole stack, in lockstep: cruise and the driver's foot, a tunnel, and a driver who doesn't see what stands there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import carla
import pytest

from homeward_can_bridge.codec import Codec
from homeward_cli.bench.lockstep_run import LockstepTrip
from homeward_cli.bench.world_process import free_ports, fresh_world
from homeward_cli.environment import ROOT
from homeward_interfaces.msg import DriveMode
from homeward_interfaces.srv import SetMode
from homeward_planner.caution import cautious_mps
from homeward_runtime import ledger
from homeward_runtime.can_bus import Frame, MemoryBus
from homeward_runtime.can_protection import Protection, Protector

SECOND = 50  # ticks
DBC = (ROOT / "vehicles/homeward/homeward.dbc").read_text()


class Story:
    """A running stack on a long straight road, what it tells, and a person with feet."""

    def __init__(self, running: LockstepTrip) -> None:
        self.running, self.modes, self.states = running, list[Any](), list[Any]()
        running.world.watch(ledger.DRIVE_MODE, self.modes.append)
        running.world.watch(ledger.PLANNER_STATE, self.states.append)
        self.codec = Codec(DBC)
        message = self.codec.message("SimulatedDriver")
        self.can_id, self.protector = message.can_id, Protector(Protection(message.can_id))
        self.bus = MemoryBus(running.world.params["can_bridge"]["bus_url"].removeprefix("mem:"))
        self.foot: dict[str, int] | None = None

    def ticks(self, count: int) -> None:
        for _ in range(count):
            if self.foot is not None and self.running.ticks % 10 == 0:
                signals = {"Steers": 0, "Brakes": 0, "Accelerates": 0, "CRC": 0, "Counter": 0, **self.foot}
                self.bus.send(Frame(self.can_id, self.protector.protect(self.codec.encode("SimulatedDriver", signals)[1])))
            self.running.tick()

    def ask(self, mode: int, set_speed_mps: float = 0.0) -> Any:
        answers: list[Any] = []
        given = self.running.planner.desk.on_set_mode(SetMode.Request(mode=mode, set_speed_mps=set_speed_mps))
        given.then(answers.append)
        self.ticks(15)
        return answers[0].outcome

    @property
    def speed_mps(self) -> float:
        return float(self.running.can_bridge.core.vehicle.speed_mps)

    @property
    def gate(self) -> Any:
        return self.running.can_bridge.core.gate


@pytest.fixture
def story() -> Iterator[Story]:
    port = free_ports(3)
    with fresh_world("hometown", 1, port):
        running = LockstepTrip(port, 1, traffic=0, changed={"sensors": {"start_place": "toll_road"}})
        try:
            told = Story(running)
            told.ticks(2 * SECOND)
            yield told
        finally:
            running.close()


def test_cruise_keeps_lane_and_speed_until_the_driver_brakes(story: Story) -> None:
    assert story.ask(DriveMode.CRUISE, 9.0).outcome == 0
    assert story.gate.state.name == "ENGAGED" and story.modes[-1].mode == DriveMode.CRUISE
    story.ticks(14 * SECOND)
    assert story.speed_mps == pytest.approx(9.0, abs=0.4)
    assert story.running.judged().verdict()["lane_departures"] == 0
    story.foot = {"Brakes": 1}
    story.ticks(SECOND // 2)
    assert story.gate.state.name == "MANUAL"
    assert (story.modes[-1].mode, story.modes[-1].reason) == (DriveMode.MANUAL, "driver_brake")


def test_in_a_tunnel_the_car_slows_as_far_as_it_is_unsure_and_says_so(story: Story) -> None:
    sensors, hear = story.running.sensors, story.running.sensors.on_data
    assert story.ask(DriveMode.CRUISE, 20.0).outcome == 0
    story.ticks(8 * SECOND)
    before_mps = story.speed_mps
    sensors.on_data = lambda kind, data, receipt_ns: None if kind == "gnss" else hear(kind, data, receipt_ns)
    slowest_mps, most_m, furthest_m, then_mps, unsure_s = before_mps, 0.0, 0.0, before_mps, 0
    for _ in range(30):
        story.ticks(SECOND)
        seen = story.running.planner.localization
        ego = sensors.rig.ego.get_transform().location
        furthest_m = max(furthest_m, abs(-ego.y - seen.y_m))  # the road leads east: the error to the side
        most_m = max(most_m, 2.0 * seen.position_std_m)
        slowest_mps = min(slowest_mps, story.speed_mps)
        limit_mps = story.states[-1].speed_limit_mps
        unsure_s = unsure_s + 1 if 2.0 * seen.position_std_m > 0.55 else 0
        if unsure_s > 3:  # it has begun to brake by then
            assert story.states[-1].reason in ("unsure_position", "cruise_fork")
            follows_law = story.speed_mps < cautious_mps(limit_mps, seen.position_std_m) + 1.5
            assert follows_law or story.speed_mps < then_mps - 0.5, "as slow as that, or comfortably braking for it"
        then_mps = story.speed_mps
    print(f"2 sigma up to {most_m:.2f} m, to the side {furthest_m:.2f} m, from {before_mps:.1f} to {slowest_mps:.1f} m/s")
    assert before_mps > 10.0 and most_m > 0.5 and slowest_mps < before_mps
    assert furthest_m < 1.5


def test_a_driver_who_does_not_see_what_stands_there_is_warned_and_braked_for(story: Story) -> None:
    world, ego = story.running.sensors.world, story.running.sensors.rig.ego
    here = ego.get_transform()
    ahead = carla.Location(here.location.x + 90.0, here.location.y, here.location.z + 0.3)
    assert math.isclose(here.rotation.yaw, 0.0, abs_tol=1.0), "the road leads straight on"
    world.spawn_actor(world.get_blueprint_library().find("vehicle.audi.tt"), carla.Transform(ahead, here.rotation))
    story.ticks(2)
    story.running.sensors.look_around()
    story.foot = {"Accelerates": 1}
    quickest_mps = 0.0
    states: list[str] = []
    for _ in range(20 * SECOND):
        story.ticks(1)
        quickest_mps = max(quickest_mps, story.speed_mps)
        if not states or states[-1] != story.gate.state.name:
            states.append(story.gate.state.name)
        if "BRAKING" in states:
            story.foot = {}
        if states[-2:] == ["BRAKING", "MANUAL"]:
            break
    warned = [list(one.warnings) for one in story.modes]
    assert quickest_mps > 8.0 and states == ["MANUAL", "BRAKING", "MANUAL"]
    assert any("forward_collision" in one and "emergency_braking" not in one for one in warned), "warned first"
    assert [one.reason for one in story.modes if one.mode == DriveMode.BRAKING] and story.speed_mps < 0.1
    assert story.running.judged().verdict()["collisions"] == 0
    assert ego.get_transform().location.x < ahead.x - 4.0
