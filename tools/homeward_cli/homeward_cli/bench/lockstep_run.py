"""One trip in lockstep, for bench/lockstep.py and the tests: `python -m homeward_cli.bench.lockstep_run PORT SEED OUT`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from homeward_carla_bridge.traffic import pin_to_one_core  # before anything that makes threads

FIX_EVERY = 5  # ticks between two GNSS fixes
SETTLE_TICKS, MOST_TICKS = 100, 25_000
TRAFFIC = 20
FIRST_FRAME = 250  # five seconds: later than any world runs by itself before the client has a word
Changes = dict[str, dict[str, Any]]
VERDICT = ("collisions", "red_lights_run", "lane_departures", "lights_passed", "frames_missing")


def parameters(port: int, seed: int, traffic: int) -> dict[str, dict[str, Any]]:
    """params/car.yaml and the simulator's overlay, with what lockstep changes."""
    from homeward_cli.environment import ROOT
    from homeward_runtime.params import read_file

    found: dict[str, dict[str, Any]] = {}
    for name in ("car.yaml", "overlays/simulator.yaml"):
        for pattern, values in read_file(ROOT / "params" / name):
            found.setdefault(pattern.rsplit("/", 1)[-1], {}).update(values)
    found["sensors"] |= {"carla_port": port, "tick": "lockstep", "seed": seed, "traffic": traffic, "traffic_port": port + 2,
                         "gnss_period_s": found["sensors"]["step_s"]}  # fmt: skip
    found["ecus"] |= {"carla_port": port, "bus_url": f"mem:{port}"}
    found["can_bridge"] |= {"bus_url": f"mem:{port}", "stepped": True}
    return found


class LockstepTrip:
    """Every node of the simulator composition but the cockpit, on one stepped clock."""

    def __init__(
        self, port: int, seed: int, traffic: int = TRAFFIC, shuffle: int | None = None, changed: Changes | None = None
    ) -> None:
        """`changed` are parameters by node that differ from the simulator's."""
        from homeward_can_bridge.node import CanBridgeNode
        from homeward_carla_bridge import client as link
        from homeward_carla_bridge.ecus_node import EcusNode
        from homeward_carla_bridge.sensors_node import SensorsNode
        from homeward_cli.bench.referee import Referee, Seen
        from homeward_localization.node import LocalizationNode
        from homeward_perception.ideal import IdealPerception
        from homeward_planner.controller import ControllerNode
        from homeward_planner.node import PlannerNode
        from homeward_runtime.lockstep import Lockstep

        self.log: list[str] = []
        values = parameters(port, seed, traffic)
        for node, changes in (changed or {}).items():
            values[node] |= changes
        self.world = Lockstep(values, shuffle=shuffle, log=self.log.append)
        self.sensors: Any = self.world.add(SensorsNode)
        client = link.connect("127.0.0.1", port, 10.0)
        start_at_the_same_frame(client, self.sensors.params.step_s)
        self.sensors.adopt(client)
        self.step_ns = round(self.sensors.params.step_s * 1e9)
        self.world.now_ns = round(self.sensors.world.get_snapshot().timestamp.elapsed_seconds * 1e9)
        self.ecus: Any = self.world.add(EcusNode)
        self.ecus.use(self.sensors.client)
        self.can_bridge: Any = self.world.add(CanBridgeNode)
        for node in (LocalizationNode, IdealPerception):
            self.world.add(node)
        self.planner: Any = self.world.add(PlannerNode)
        self.world.add(ControllerNode)
        self.referee = Referee(self.sensors.world, self.sensors.rig.ego.attributes["role_name"], None, 0.0, hashes=True)
        self.seen: list[Seen] = []
        self.ticks = 0

    def tick(self) -> None:
        """One step: the world, its sensors, the nodes, the control acknowledged before the next."""
        snapshot = self.sensors.tick()
        self.seen.append(self.referee.take(snapshot))
        for kind, data, receipt_ns in self.sensors.rig.wait_for(snapshot.frame, {"gnss", "imu"}):
            if kind != "gnss" or self.ticks % FIX_EVERY == 0:
                self.sensors.on_data(kind, data, receipt_ns)
        self.ecus.on_tick(snapshot)
        self.world.step(self.step_ns)
        self.ticks += 1

    def judged(self) -> Any:
        """The referee, with every frame so far judged; afterwards, so that judging costs the drive no time."""
        for seen in self.seen:
            self.referee.judge(seen)
        self.seen.clear()
        return self.referee

    def send(self, place: str) -> None:
        """Choose the goal and engage, as a person would. Raises RuntimeError when either is refused."""
        from homeward_interfaces.srv import DriveTo, SetEngaged

        outcome = self.planner.on_drive_to(DriveTo.Request(place=place)).outcome
        if outcome.outcome:
            raise RuntimeError(f"no way to {place}: {outcome.text}")
        self.tick()
        outcome = self.can_bridge.on_set_engaged(SetEngaged.Request(engaged=True)).outcome
        if outcome.outcome:
            raise RuntimeError(outcome.text)

    @property
    def arrived(self) -> bool:
        return self.planner.planner._mode.name == "ARRIVED"  # the state's message says the same, ten times a second

    @property
    def pokes(self) -> int:
        return int(self.sensors.watch.pokes) if self.sensors.watch is not None else 0

    def close(self) -> None:
        self.sensors.cleanup()


def start_at_the_same_frame(client: Any, step_s: float) -> None:
    """A world runs by itself until it is told not to, for a frame or two more on a busy machine. The clock's very rounding
    would differ then, and with it the last bit of everything that is computed from it.
    """
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, step_s
    world.apply_settings(settings)
    while world.get_snapshot().frame < FIRST_FRAME:
        world.tick(10.0)
    frame = world.get_snapshot().frame
    if frame > FIRST_FRAME:
        raise RuntimeError(f"the world is at frame {frame} already: it is not fresh, or the machine too busy")


def main() -> None:
    """Drive Home to Office once and write the figures."""
    port, seed, out = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    pin_to_one_core()
    trip = LockstepTrip(port, seed)
    for _ in range(SETTLE_TICKS):
        trip.tick()
    trip.judged()  # it has met every actor by now, whose controls belong to the hash
    trip.send("office")
    began, first = time.monotonic(), trip.ticks
    while not trip.arrived and trip.ticks < MOST_TICKS:
        trip.tick()
    wall_s, simulated_s = time.monotonic() - began, (trip.ticks - first) * trip.step_ns * 1e-9
    referee = trip.judged()
    verdict = referee.verdict()
    out.write_text(json.dumps({
        "arrived": trip.arrived, "ticks": trip.ticks, "wall_s": wall_s, "simulated_s": round(simulated_s, 2),
        "real_time_factor": simulated_s / wall_s, "callbacks": trip.world.callbacks, "pokes": trip.pokes,
        "hashes": referee.hashes, "traffic": TRAFFIC, "sensors": ["gnss", "imu"],
        "verdict": {name: verdict[name] for name in VERDICT},
    }))  # fmt: skip
    trip.close()


if __name__ == "__main__":
    main()
