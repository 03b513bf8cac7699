"""Who drives a town's route in lockstep: our car, or for comparison one of the traffic's own on the same way.

The peer is a car of CARLA's TrafficManager, the leaderboard's own traffic: placed where ours would start, in the same
town with the same seed, told the way by `set_path`, and left to drive at the limit like everybody else.
"""

from __future__ import annotations

from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from homeward_cli.bench.lockstep_run import LockstepTrip, parameters, start_at_the_same_frame

PATH_STEP_M, BEYOND_M = 2.0, 8.0
UP_M = 0.5


class TownTrip(LockstepTrip):
    """Our car. `held_s` tells for how long each reason held it back."""

    goes_past = False  # it stops at the goal

    def __init__(self, port: int, plan: dict[str, Any], changed: dict[str, dict[str, Any]]) -> None:
        from homeward_runtime import ledger

        super().__init__(port, plan["seed"], plan["vehicles"], changed=changed)
        self.held_s: dict[str, float] = {}
        self.world.watch(ledger.PLANNER_STATE, self._on_planner_state)

    @property
    def mode(self) -> str:
        return str(self.planner.planner._mode.name)

    def sent_on(self) -> bool:
        """As a person would after a stop by the gate: engages again; whether that was needed and done."""
        from homeward_interfaces.srv import SetEngaged

        if self.can_bridge.core.gate.state.name == "ENGAGED":
            return False
        return not self.can_bridge.on_set_engaged(SetEngaged.Request(engaged=True)).outcome.outcome

    def _on_planner_state(self, message: Any) -> None:
        if message.reason:
            self.held_s[message.reason] = self.held_s.get(message.reason, 0.0) + self.planner.params.period_s


class PeerTrip:
    """TrafficManager's car on our way; what TownDrive asks of a trip, and no more."""

    goes_past = True
    arrived, mode = False, "AUTOPILOT"

    def __init__(self, port: int, plan: dict[str, Any], changed: dict[str, dict[str, Any]]) -> None:
        from homeward_carla_bridge import client as link
        from homeward_carla_bridge.sensors_node import SensorsNode
        from homeward_cli.bench.referee import Referee, Seen
        from homeward_planner.plane import resampled
        from homeward_runtime.lockstep import Lockstep

        values = parameters(port, plan["seed"], plan["vehicles"])
        values["sensors"] |= changed["sensors"]
        self.world = Lockstep(values, log=lambda _line: None)
        self.sensors: Any = self.world.add(SensorsNode)
        client = link.connect("127.0.0.1", port, 10.0)
        start_at_the_same_frame(client, self.sensors.params.step_s)
        self.sensors.adopt(client)
        self.step_ns = round(self.sensors.params.step_s * 1e9)
        ego = self.sensors.rig.ego
        self.referee = Referee(self.sensors.world, ego.attributes["role_name"], None, 0.0, hashes=False)
        self.seen: list[Seen] = []
        self.ticks = 0
        self.held_s: dict[str, float] = {}
        self.path = exits(self.sensors.carla_map, resampled(np.array(plan["line_m"]), PATH_STEP_M))

    def tick(self) -> None:
        self.seen.append(self.referee.take(self.sensors.tick()))
        self.ticks += 1

    def judged(self) -> Any:
        for seen in self.seen:
            self.referee.judge(seen)
        self.seen.clear()
        return self.referee

    def send(self, _place: str) -> None:
        """Hands the car to the TrafficManager."""
        traffic, ego = self.sensors.traffic, self.sensors.rig.ego
        if traffic is None:
            raise RuntimeError("a peer needs traffic: its manager drives it")
        ego.set_autopilot(True, traffic.port)
        traffic.manager.auto_lane_change(ego, False)
        traffic.manager.set_path(ego, self.path)

    def sent_on(self) -> bool:
        return False

    @property
    def pokes(self) -> int:
        return int(self.sensors.watch.pokes) if self.sensors.watch is not None else 0

    def close(self) -> None:
        self.sensors.cleanup()


def exits(carla_map: Any, line_m: NDArray[np.float64]) -> list[Any]:
    """Places BEYOND_M after each junction on the way, and its end: the TrafficManager chooses among the lanes through a
    junction the one that leads to the next of them, so that one before or inside a junction would lead it astray.

    `line_m` (n, 2) in steps of PATH_STEP_M.
    """
    places = [carla.Location(x, -y, UP_M) for x, y in line_m.tolist()]
    inside = [carla_map.get_waypoint(place).is_junction for place in places]
    beyond = round(BEYOND_M / PATH_STEP_M)
    left = [index for index in range(1, len(places)) if inside[index - 1] and not inside[index]]
    return [places[min(index + beyond, len(places) - 1)] for index in left] + places[-1:]
