"""Who is in the world and what clients do to them: spawn, destroy, place, push, drive.

`Population` knows actors and their tables; `World` adds the map and time.
"""

from math import cos, hypot, isfinite, sin
from typing import Any

import numpy as np

from homeward_sim.actors import (
    CAR_KIND,
    LIGHT_KIND,
    NO_PARENT,
    ON_CAR,
    ON_OTHER,
    ON_WALKER,
    OTHER,
    OTHER_KIND,
    WALKER_KIND,
    Actor,
    RowTable,
    pose_of,
    put,
)
from homeward_sim.bodies import all_bodies
from homeward_sim.catalogue import CarModel
from homeward_sim.collision import Obstacles, is_free
from homeward_sim.dynamics import CAR, set_velocity, take_controls
from homeward_sim.geometry import Array, Pose, attached
from homeward_sim.lights import Light, TrafficLights
from homeward_sim.spawning import Refused, fill_row, make_actor
from homeward_sim.walkers import WALKER

FIRST_ACTOR_ID = 24
MOST_REMEMBERED = 10_000
MOST_ACTORS = 5_000
FASTEST_MPS = 150.0


class Population:
    """All actors of an episode, by id and in tables."""

    lights: TrafficLights
    obstacles: Obstacles

    def __init__(self) -> None:
        self.next_id = FIRST_ACTOR_ID

    def empty(self) -> None:
        """Nobody but the lights and the spectator."""
        self.actors: dict[int, Actor] = {}
        self.gone: dict[int, Actor] = {}
        self.cars, self.walkers, self.others = RowTable(CAR), RowTable(WALKER), RowTable(OTHER)
        self.spectator = self._enter([0, "spectator", []], Pose(z_m=10.0), 0)
        self.light_ids = np.array([self._enter_light(light) for light in self.lights.lights], np.uint32)

    # ---- finding ------------------------------------------------------------------------------------------------

    def actor(self, actor_id: int) -> Actor:
        """An actor that is there. Raises Refused with a sentence."""
        actor = self.actors.get(actor_id)
        if actor is None:
            gone = "is no longer there" if actor_id in self.gone else "doesn't exist"
            raise Refused(f"Actor {actor_id} {gone}.")
        return actor

    def row(self, actor_id: int) -> Any:
        """The row of an actor that moves. Raises Refused."""
        kind = self.actor(actor_id).kind
        table = {CAR_KIND: self.cars, WALKER_KIND: self.walkers, OTHER_KIND: self.others}.get(kind)
        if table is None:
            raise Refused(f"Actor {actor_id} is a traffic light and stays where it is.")
        return table.row(actor_id)

    def car(self, actor_id: int) -> Any:
        """The row of a vehicle. Raises Refused."""
        if self.actor(actor_id).kind != CAR_KIND:
            raise Refused(f"Actor {actor_id} is not a vehicle but {self.actors[actor_id].blueprint}.")
        return self.cars.row(actor_id)

    def walker(self, actor_id: int) -> Any:
        """The row of a walker. Raises Refused."""
        if self.actor(actor_id).kind != WALKER_KIND:
            raise Refused(f"Actor {actor_id} is not a walker but {self.actors[actor_id].blueprint}.")
        return self.walkers.row(actor_id)

    def light_index(self, actor_id: int) -> int:
        """The index of a traffic light. Raises Refused."""
        found = np.flatnonzero(self.light_ids == actor_id)
        if not len(found):
            raise Refused(f"Actor {actor_id} is not a traffic light.")
        return int(found[0])

    def light(self, actor_id: int) -> Light:
        """A traffic light. Raises Refused."""
        return self.lights.lights[self.light_index(actor_id)]

    def model(self, actor_id: int) -> CarModel:
        """The model of a vehicle, also of one that has just gone. Raises Refused."""
        actor = self.actors.get(actor_id) or self.gone.get(actor_id)
        if actor is None or actor.model is None:
            raise Refused(f"There is no vehicle {actor_id}.")
        return actor.model

    def pose(self, actor_id: int) -> Pose:
        """Where an actor is, or was when it went. Raises Refused for one that was never there."""
        if actor_id in self.gone:
            return self.gone[actor_id].last_pose
        if self.actor(actor_id).kind == LIGHT_KIND:
            return self.light(actor_id).post
        return pose_of(self.row(actor_id))

    def wire_actor(self, actor_id: int) -> list[Any]:
        """An actor as clients are told of it: id, parent, description, box, labels, and no stream's token."""
        actor = self.actors.get(actor_id) or self.gone.get(actor_id)
        if actor is None:
            raise Refused(f"There is no actor {actor_id}.")
        return [actor.actor_id, actor.parent, actor.description, actor.box.wire(), actor.labels, b""]

    # ---- coming and going ---------------------------------------------------------------------------------------

    def spawn(self, description: list[Any], pose: Pose, parent_id: int = 0) -> Actor:
        """A new actor at `pose` (relative to the parent, where there is one). Raises Refused with the reason."""
        if len(self.actors) >= MOST_ACTORS:
            raise Refused(f"The world is full: it holds {MOST_ACTORS} actors. Destroy some first.")
        if not all(isfinite(value) for value in pose.numbers()):
            raise Refused("The place to spawn at is not a number.")
        if parent_id:
            self.actor(parent_id)
        actor = self._enter(description, pose, parent_id)
        if actor.kind in (CAR_KIND, WALKER_KIND) and not self._has_room(actor.actor_id):
            self._leave(actor)
            raise Refused("Spawn failed because of collision at spawn position")
        self._settle(actor)
        return actor

    def _settle(self, actor: Actor) -> None:
        """Whatever else a new actor needs. Raises Refused, having taken the actor out again."""

    def destroy(self, actor_id: int) -> bool:
        """Take an actor out, and everything attached to it; False where it isn't there."""
        actor = self.actors.get(actor_id)
        if actor is None or actor.kind == LIGHT_KIND or actor is self.spectator:
            return False
        for child in [other for other in self.actors.values() if other.parent == actor_id]:
            self.destroy(child.actor_id)
        actor.last_pose = self.pose(actor_id)
        self._leave(actor)
        self.gone[actor_id] = actor
        if len(self.gone) > MOST_REMEMBERED:
            self.gone.pop(next(iter(self.gone)))
        return True

    def _enter(self, description: list[Any], pose: Pose, parent_id: int) -> Actor:
        actor = make_actor(self.next_id, description, parent_id)
        self.next_id += 1
        self.actors[actor.actor_id] = actor
        table = {CAR_KIND: self.cars, WALKER_KIND: self.walkers}.get(actor.kind, self.others)
        row = table.add(actor.actor_id)
        place = attached(self.pose(parent_id), pose) if parent_id else pose
        put(row, place)
        fill_row(actor, row)
        if actor.kind == OTHER_KIND and parent_id:
            self._attach(row, pose, parent_id)
        return actor

    def _attach(self, row: Any, relative: Pose, parent_id: int) -> None:
        names = ("rel_x", "rel_y", "rel_z", "rel_pitch", "rel_yaw", "rel_roll")
        values = (relative.x_m, relative.y_m, relative.z_m, relative.pitch_rad, relative.yaw_rad, relative.roll_rad)
        for name, value in zip(names, values, strict=True):
            row[name] = value
        self._relink()

    def _relink(self) -> None:
        """Set again in which row each attached actor's parent is, after rows have moved."""
        kinds = {
            CAR_KIND: (ON_CAR, self.cars),
            WALKER_KIND: (ON_WALKER, self.walkers),
            OTHER_KIND: (ON_OTHER, self.others),
        }
        for row in self.others.rows:
            parent = self.actors.get(self.actors[int(row["id"])].parent)
            number, table = kinds.get(parent.kind if parent else "", (NO_PARENT, None))
            row["parent_table"] = number
            row["parent_row"] = table.place(parent.actor_id) if table and parent else 0

    def _enter_light(self, light: Light) -> int:
        actor = make_actor(self.next_id, [0, "traffic.traffic_light", []], 0)
        actor.kind, actor.box = LIGHT_KIND, light.trigger
        self.actors[actor.actor_id] = actor
        self.next_id += 1
        return actor.actor_id

    def _leave(self, actor: Actor) -> None:
        del self.actors[actor.actor_id]
        table = {CAR_KIND: self.cars, WALKER_KIND: self.walkers}.get(actor.kind, self.others)
        table.remove(actor.actor_id)
        self._relink()

    def _has_room(self, actor_id: int) -> bool:
        bodies = all_bodies(self.cars.rows, self.walkers.rows, self.others.rows)
        mine = bodies["id"] == actor_id
        return bool(is_free(bodies[mine][0], bodies[~mine], self.obstacles))

    # ---- what clients do to them --------------------------------------------------------------------------------

    def move(self, actor_id: int, pose: Pose) -> None:
        """Put an actor somewhere; what is attached moves within its parent's frame. Speeds stay, as in CARLA."""
        row = self.row(actor_id)
        if self.actors[actor_id].kind == OTHER_KIND and row["parent_table"]:
            self._attach(row, pose, self.actors[actor_id].parent)
        else:
            put(row, pose)

    def set_velocity(self, actor_id: int, x_mps: float, y_mps: float, z_mps: float) -> None:
        """Give a vehicle or a walker this velocity in the map's frame."""
        if hypot(x_mps, y_mps, z_mps) > FASTEST_MPS:
            raise Refused(f"Nothing here goes faster than {FASTEST_MPS:g} m/s.")
        row, kind = self.row(actor_id), self.actors[actor_id].kind
        if kind == CAR_KIND:
            set_velocity(row, x_mps, y_mps)
            row["vz"] = z_mps
        elif kind == WALKER_KIND:
            row["knock_x"], row["knock_y"], row["vz"] = x_mps, y_mps, z_mps

    def push(self, actor_id: int, x_ns: float, y_ns: float, z_ns: float) -> None:
        """Give a vehicle or a walker this impulse in N·s in the map's frame."""
        row, kind = self.row(actor_id), self.actors[actor_id].kind
        if kind == OTHER_KIND:
            return
        mass = float(row["mass"])
        vx, vy = x_ns / mass, y_ns / mass
        if kind == CAR_KIND:
            c, s = cos(row["yaw"]), sin(row["yaw"])
            was_x, was_y = c * row["vx"] - s * row["vy"], s * row["vx"] + c * row["vy"]
            vx, vy = vx + float(was_x), vy + float(was_y)
        self.set_velocity(actor_id, vx, vy, float(row["vz"]) + z_ns / mass)

    def set_physics(self, actor_id: int, enabled: bool) -> None:
        """Whether the world moves a vehicle or walker; without, it stays where clients put it."""
        row = self.row(actor_id)
        row["physics"] = enabled
        if not enabled:
            for name in ("vx", "vy", "yaw_rate") if self.actors[actor_id].kind == CAR_KIND else ():
                row[name] = 0.0
            row["vz"] = row["world_vx"] = row["world_vy"] = 0.0

    def drive(self, actor_id: int, control: tuple[float, float, float, bool, bool, bool, int]) -> None:
        """Take a vehicle's pedals and wheel: throttle, steering, brake, hand brake, reverse, manual gears, gear."""
        car = self.car(actor_id)
        car["throttle"], car["steering"], car["brake"], car["hand_brake"], reverse, manual, gear = control
        car["reverse"] = reverse or (manual and gear < 0)
        car["manual_shift"] = manual
        car["gear"] = gear

    def drive_all(self, actor_ids: list[int], controls: Array) -> bool:
        """`drive` for many vehicles at once, from (n, 7) finite numbers; False, and nothing done, where one isn't
        there.
        """
        try:
            places = [self.cars.place(actor_id) for actor_id in actor_ids]
        except (KeyError, TypeError):
            return False
        take_controls(self.cars.rows, np.array(places, np.int64), controls)
        return True

    def walk(self, actor_id: int, direction: tuple[float, float, float], speed_mps: float, jump: bool) -> None:
        """Tell a walker where to go."""
        walker = self.walker(actor_id)
        walker["dir_x"], walker["dir_y"], walker["dir_z"] = direction
        walker["speed"], walker["jump"] = speed_mps, jump

    def place_walker(self, actor_id: int, pose: Pose, speed_mps: float) -> None:
        """Put a walker somewhere, going straight ahead."""
        walker = self.walker(actor_id)
        put(walker, pose)
        self.walk(actor_id, (cos(pose.yaw_rad), sin(pose.yaw_rad), 0.0), speed_mps, False)
