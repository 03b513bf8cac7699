"""The client's calls about one actor: spawn and destroy, place and speed, pedals and lights."""

from collections.abc import Callable
from math import degrees, radians
from typing import Any

from homeward_sim.actors import CAR_KIND, WALKER_KIND
from homeward_sim.engine import Engine
from homeward_sim.geometry import Pose
from homeward_sim.protocol import values
from homeward_sim.protocol.rpc import VALUE, VOID, Method
from homeward_sim.protocol.vehicle_facts import physics_control, telemetry
from homeward_sim.spawning import Refused

WireActor = Callable[[int], list[Any]]
Spawn = Callable[[Any, Any, int], int]


class ActorCalls:
    """Reads and changes actors of the present episode. Some calls are let go for actors just destroyed."""

    def __init__(self, engine: Engine, spawn: Spawn, wire_actor: WireActor) -> None:
        self._engine, self._spawn, self._wire_actor = engine, spawn, wire_actor

    # ---- who is there -------------------------------------------------------------------------------------------

    def get_spectator(self) -> list[Any]:
        return self._wire_actor(self._engine.world.spectator.actor_id)

    def get_actors_by_id(self, actor_ids: Any) -> list[Any]:
        actors = self._engine.world.actors
        return [
            self._wire_actor(actor_id) for actor_id in values.items(actor_ids, "A list of ids") if actor_id in actors
        ]

    def spawn_actor(self, description: Any, transform: Any) -> list[Any]:
        return self._wire_actor(self._spawn(description, transform, 0))

    def spawn_actor_with_parent(
        self, description: Any, transform: Any, parent: Any, attachment: Any = 0, socket: Any = ""
    ) -> list[Any]:
        """Every kind of attachment is a rigid one here."""
        return self._wire_actor(self._spawn(description, transform, values.whole(parent, "A parent")))

    def destroy_actor(self, actor_id: Any) -> bool:
        return self._engine.world.destroy(values.whole(actor_id, "An actor"))

    def get_actor_bounding_box(self, actor_id: Any) -> list[Any]:
        """Also of an actor that has just gone: the client asks in threads that an error would end."""
        world = self._engine.world
        actor = world.actors.get(actor_id) or world.gone.get(actor_id)
        if actor is None:
            raise Refused(f"There is no actor {actor_id!r}.")
        return actor.box.wire()

    # ---- place and motion ---------------------------------------------------------------------------------------

    def set_actor_transform(self, actor_id: Any, transform: Any) -> None:
        self._engine.world.move(actor_id, values.transform(transform))

    def set_actor_location(self, actor_id: Any, location: Any) -> None:
        x, y, z = values.vector(location, "A location")
        pose = self._engine.world.pose(actor_id)
        self._engine.world.move(actor_id, Pose(x, y, z, pose.pitch_rad, pose.yaw_rad, pose.roll_rad))

    def set_actor_target_velocity(self, actor_id: Any, velocity: Any) -> None:
        x, y, z = values.vector(velocity, "A velocity")
        self._engine.world.set_velocity(actor_id, x, y, z)

    def set_actor_target_angular_velocity(self, actor_id: Any, velocity: Any) -> None:
        self._engine.world.car(actor_id)["yaw_rate"] = values.degrees_per_second(velocity, "An angular velocity")[2]

    def enable_actor_constant_velocity(self, actor_id: Any, velocity: Any) -> None:
        car = self._engine.world.car(actor_id)
        car["cruise_x"], car["cruise_y"], car["cruise_z"] = values.vector(velocity, "A velocity")
        car["cruise"] = 1

    def disable_actor_constant_velocity(self, actor_id: Any) -> None:
        self._engine.world.car(actor_id)["cruise"] = 0

    def add_actor_impulse(self, actor_id: Any, impulse: Any) -> None:
        """N·s, in the map's frame, at the centre of gravity."""
        x, y, z = values.vector(impulse, "An impulse")
        self._engine.world.push(actor_id, x, y, z)

    def add_actor_impulse_at_location(self, actor_id: Any, impulse: Any, location: Any) -> None:
        self.add_actor_impulse(actor_id, impulse)

    def add_actor_force(self, actor_id: Any, force: Any) -> None:
        """N for the length of one step."""
        x, y, z = values.vector(force, "A force")
        dt = self._engine.world.step_s
        self._engine.world.push(actor_id, x * dt, y * dt, z * dt)

    def add_actor_force_at_location(self, actor_id: Any, force: Any, location: Any) -> None:
        self.add_actor_force(actor_id, force)

    def add_actor_angular_impulse(self, actor_id: Any, impulse: Any) -> None:
        """kg·m²/s times degrees, as CARLA has it; only the turn about the vertical counts."""
        car = self._engine.world.car(actor_id)
        car["yaw_rate"] += radians(values.vector(impulse, "An angular impulse")[2]) / float(car["inertia"])

    def add_actor_torque(self, actor_id: Any, torque: Any) -> None:
        car = self._engine.world.car(actor_id)
        push = radians(values.vector(torque, "A torque")[2]) * self._engine.world.step_s
        car["yaw_rate"] += push / float(car["inertia"])

    def set_actor_simulate_physics(self, actor_id: Any, enabled: Any) -> None:
        world = self._engine.world
        if actor_id in world.gone:
            return  # a traffic manager's thread may not have heard yet, and an error would end it
        if world.actor(actor_id).kind in (CAR_KIND, WALKER_KIND):
            world.set_physics(actor_id, values.truth(enabled, "enabled"))

    def set_actor_collisions(self, actor_id: Any, enabled: Any) -> None:
        raise Refused("Collisions can't be switched off in this world.")

    def set_actor_enable_gravity(self, actor_id: Any, enabled: Any) -> None:
        self._engine.world.car(actor_id)["gravity"] = values.truth(enabled, "enabled")

    def set_actor_dead(self, actor_id: Any) -> None:
        self.set_actor_simulate_physics(actor_id, False)

    def set_actor_autopilot(self, actor_id: Any, enabled: Any = True) -> None:
        """The client's traffic manager drives; the world has nothing to do with it."""

    # ---- vehicles and walkers -----------------------------------------------------------------------------------

    def apply_control_to_vehicle(self, actor_id: Any, control: Any) -> None:
        self._engine.world.drive(actor_id, values.vehicle_control(control))

    def apply_control_to_walker(self, actor_id: Any, control: Any) -> None:
        direction, speed, jump = values.walker_control(control)
        self._engine.world.walk(actor_id, direction, speed, jump)

    def set_vehicle_light_state(self, actor_id: Any, flags: Any) -> None:
        actor = self._engine.world.actor(actor_id)
        actor.light_flags = values.whole(flags[0] if isinstance(flags, list) and flags else flags, "Light flags")

    def get_vehicle_light_state(self, actor_id: Any) -> list[int]:
        world = self._engine.world
        actor = world.actors.get(actor_id) or world.gone.get(actor_id) or world.actor(actor_id)
        return [actor.light_flags]

    def get_vehicle_light_states(self) -> list[list[int]]:
        actors = self._engine.world.actors
        cars = self._engine.world.car_rows["id"].tolist()
        return [[actor_id, actors[actor_id].light_flags] for actor_id in cars]

    def open_vehicle_door(self, actor_id: Any, door: Any) -> None:
        """Doors are not drawn; the call is taken so that whoever opens one may go on."""
        self._engine.world.car(actor_id)

    def close_vehicle_door(self, actor_id: Any, door: Any) -> None:
        self._engine.world.car(actor_id)

    def get_wheel_steer_angle(self, actor_id: Any, wheel: Any) -> float:
        """Degrees; 0 for the rear wheels."""
        car = self._engine.world.car(actor_id)
        return degrees(float(car["steer"])) if values.whole(wheel, "A wheel", 0, 3) < 2 else 0.0

    def get_physics_control(self, actor_id: Any) -> list[Any]:
        world = self._engine.world
        return physics_control(world.model(actor_id), world.pose(actor_id))

    def get_telemetry_data(self, actor_id: Any) -> list[Any]:
        world = self._engine.world
        return telemetry(world.car(actor_id), world.model(actor_id))

    def show_vehicle_debug_telemetry(self, actor_id: Any, enabled: Any = True) -> None:
        """Nobody looks."""


READS = (
    "get_spectator", "get_actors_by_id", "spawn_actor", "spawn_actor_with_parent", "destroy_actor",
    "get_actor_bounding_box", "get_vehicle_light_state", "get_vehicle_light_states", "get_wheel_steer_angle",
    "get_physics_control", "get_telemetry_data",
)  # fmt: skip


def actor_methods(engine: Engine, spawn: Spawn, wire_actor: WireActor) -> dict[str, Method]:
    """The calls of this module by name."""
    calls = ActorCalls(engine, spawn, wire_actor)
    names = [name for name in dir(calls) if not name.startswith("_")]
    return {name: Method(getattr(calls, name), VALUE if name in READS else VOID) for name in names}
