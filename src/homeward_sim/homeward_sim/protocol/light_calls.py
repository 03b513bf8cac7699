"""The client's calls about traffic lights."""

from typing import Any

from homeward_sim.engine import Engine
from homeward_sim.lights import GREEN, RED, UNKNOWN, YELLOW
from homeward_sim.protocol import values
from homeward_sim.protocol.rpc import VALUE, VOID, Method

HEAD_HEIGHT_M, HEAD_HALF_M = 4.5, (0.2, 0.2, 0.55)
LONGEST_PHASE_S = 86_400.0


class LightCalls:
    """Reads and sets the lights of the present episode."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def set_traffic_light_state(self, actor_id: Any, state: Any) -> None:
        world = self._engine.world
        shown = values.whole(state, "A light's state", RED, UNKNOWN)
        world.lights.set_state(world.light_index(values.whole(actor_id, "An actor")), shown)

    def set_traffic_light_green_time(self, actor_id: Any, seconds: Any) -> None:
        self._set_time(actor_id, GREEN, seconds)

    def set_traffic_light_yellow_time(self, actor_id: Any, seconds: Any) -> None:
        self._set_time(actor_id, YELLOW, seconds)

    def set_traffic_light_red_time(self, actor_id: Any, seconds: Any) -> None:
        self._set_time(actor_id, RED, seconds)

    def _set_time(self, actor_id: Any, phase: int, seconds: Any) -> None:
        world = self._engine.world
        index = world.light_index(values.whole(actor_id, "An actor"))
        world.lights.set_time(index, phase, values.real(seconds, "A phase's time", 0.0, LONGEST_PHASE_S))

    def freeze_traffic_light(self, actor_id: Any, frozen: Any) -> None:
        world = self._engine.world
        world.lights.freeze([world.light(actor_id).group], values.truth(frozen, "frozen"))

    def freeze_all_traffic_lights(self, frozen: Any) -> None:
        lights = self._engine.world.lights
        lights.freeze(range(len(lights.groups)), values.truth(frozen, "frozen"))

    def reset_traffic_light_group(self, actor_id: Any) -> None:
        world = self._engine.world
        world.lights.reset_group(world.light(actor_id).group)

    def reset_all_traffic_lights(self) -> None:
        self._engine.world.lights.reset()

    def get_group_traffic_lights(self, actor_id: Any) -> list[int]:
        """Ids of the lights of the same junction."""
        world = self._engine.world
        members = world.lights.groups[world.light(actor_id).group].members
        return [int(world.light_ids[index]) for index in members]

    def get_light_boxes(self, actor_id: Any) -> list[Any]:
        """The lamp housing, in the map's frame."""
        post = self._engine.world.light(actor_id).post
        place, rotation = post.wire()
        return [[[place[0], place[1], place[2] + HEAD_HEIGHT_M], list(HEAD_HALF_M), rotation]]


def light_methods(engine: Engine) -> dict[str, Method]:
    """The calls of this module by name."""
    calls = LightCalls(engine)
    reads = ("get_group_traffic_lights", "get_light_boxes")
    names = [name for name in dir(calls) if not name.startswith("_")]
    return {name: Method(getattr(calls, name), VALUE if name in reads else VOID) for name in names}
