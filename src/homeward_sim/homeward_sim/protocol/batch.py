"""Spawning, and `apply_batch`: many commands in one call, each with an answer of its own.

Commands are known by their number, as the 0.9.16 wheel sends them (tried out one by one: 6 is a transform, 7 a
walker's state, and there is no command for a location, so that everything after differs by one from older lists).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from homeward_sim.engine import Engine
from homeward_sim.protocol import values
from homeward_sim.protocol.actor_calls import ActorCalls
from homeward_sim.protocol.light_calls import LightCalls
from homeward_sim.protocol.values import BadArgument
from homeward_sim.spawning import Refused

SPAWN, DESTROY, DRIVE = 0, 1, 2
FUTURE_ACTOR = 0
"""The id by which `then` commands mean the actor that is being spawned."""
DEEPEST_THEN = 4


class Batch:
    """Runs commands in their order; one that fails doesn't stop the others."""

    def __init__(self, engine: Engine, token: Callable[[int], bytes]) -> None:
        self._engine, self._token = engine, token
        actors, lights = ActorCalls(engine, self.spawn, engine.world.wire_actor), LightCalls(engine)
        self._commands: dict[int, Callable[..., Any]] = {
            DESTROY: self._destroy,
            DRIVE: actors.apply_control_to_vehicle,
            4: actors.apply_control_to_walker,
            6: actors.set_actor_transform,
            7: self._walker_state,
            8: actors.set_actor_target_velocity,
            9: actors.set_actor_target_angular_velocity,
            10: actors.add_actor_impulse,
            11: actors.add_actor_force,
            12: actors.add_actor_angular_impulse,
            13: actors.add_actor_torque,
            14: actors.set_actor_simulate_physics,
            15: actors.set_actor_enable_gravity,
            16: actors.set_actor_autopilot,
            17: actors.show_vehicle_debug_telemetry,
            18: actors.set_vehicle_light_state,
            20: lights.set_traffic_light_state,
        }

    def spawn(self, description: Any, transform: Any, parent: int) -> int:
        """Spawn and return the new actor's id. Raises Refused or BadArgument."""
        pose = values.transform(transform)
        return self._engine.world.spawn(values.description(description), pose, parent).actor_id

    def apply(self, commands: Any, tick: Any = False) -> list[Any]:
        """One answer a command: `[[1, actor id]]`, or `[[0, [why]]]`. `tick` steps a synchronous world afterwards."""
        answers = self._drive_all(values.items(commands, "A batch"))
        if answers is None:
            answers = [self._answer(command) for command in commands]
        if tick is True and self._engine.is_synchronous:
            self._engine.tick()
        return answers

    def _drive_all(self, commands: list[Any]) -> list[Any] | None:
        """The usual batch, a traffic manager's: a control for each of many cars. None where it is anything else."""
        try:
            if any(command[0][0] != DRIVE for command in commands):
                return None
            ids = [command[0][1][0] for command in commands]
            controls = np.array([command[0][1][1] for command in commands], np.float64).reshape(-1, 7)
        except (TypeError, KeyError, ValueError, IndexError, OverflowError):
            return None
        if not np.isfinite(controls).all() or not self._engine.world.drive_all(ids, controls):
            return None
        return [[[1, actor_id]] for actor_id in ids]

    def _answer(self, command: Any) -> list[Any]:
        try:
            index, body = _read(command)
            return [[1, self._spawn_all(body, 0) if index == SPAWN else self._run(index, body)]]
        except (Refused, BadArgument) as error:
            return [[0, [str(error)]]]
        except (TypeError, KeyError, ValueError, OverflowError) as error:
            return [[0, [f"This command can't be read: {type(error).__name__}."]]]

    def _run(self, index: int, body: list[Any]) -> int:
        function = self._commands.get(index)
        if function is None:
            raise Refused(f"Command {index} is not part of this world; a real CARLA server has it.")
        actor_id = values.whole(body[0], "An actor")
        function(*body)
        return actor_id

    def _spawn_all(self, body: list[Any], depth: int) -> int:
        # description, transform, parent, kind of attachment, socket, and what is to follow; older clients send four
        description, transform, parent, then = *values.items(body, "A spawn command")[:3], body[-1]
        if depth >= DEEPEST_THEN:
            raise BadArgument(f"Commands may follow one another at most {DEEPEST_THEN} deep.")
        actor_id = self.spawn(description, transform, values.optional_id(parent, "A parent"))
        for command in values.items(then, "The commands that follow a spawn"):
            index, rest = _read(command)
            if index == SPAWN:
                parent = [True, actor_id] if rest[2] == [True, FUTURE_ACTOR] else rest[2]
                self._spawn_all([*rest[:2], parent, *rest[3:]], depth + 1)
            else:
                self._run(index, [actor_id, *rest[1:]] if rest[0] == FUTURE_ACTOR else rest)
        return actor_id

    def _destroy(self, actor_id: Any) -> None:
        if not self._engine.world.destroy(values.whole(actor_id, "An actor")):
            raise Refused(f"unable to destroy actor: {actor_id} not found")

    def _walker_state(self, actor_id: Any, transform: Any, speed: Any) -> None:
        world = self._engine.world
        world.place_walker(actor_id, values.transform(transform), values.real(speed, "A speed", 0.0, 1000.0))


def _read(command: Any) -> tuple[int, list[Any]]:
    """(number of the command, its fields): sent as `[[number, fields]]`."""
    inner = command[0] if isinstance(command, list) and len(command) == 1 else command
    index, body = values.items(inner, "A command", 2)
    fields = values.items(body, "A command's fields")
    if not fields:
        raise BadArgument("A command needs its fields.")
    return values.whole(index, "A command's number", 0, 100), fields
