"""From a client's description to an actor: which blueprint, which attributes, which body."""

from typing import Any

from homeward_sim.actors import CAR_KIND, OTHER_KIND, WALKER_KIND, Actor
from homeward_sim.catalogue import (
    AIR_DENSITY_KGPM3,
    CARS,
    DRAG_COEFFICIENT,
    PEDESTRIAN_LABEL,
    PROPS,
    STATIC_LABEL,
    STEER_RATE_RADPS,
    WALKERS,
    brake_limit_mps2,
    pull_mps2,
)
from homeward_sim.geometry import Box, Pose
from homeward_sim.lights import GREEN
from homeward_sim.limits import FIRST_LIMIT_KMH
from homeward_sim.protocol.blueprints import LIBRARY

CARS_BY_NAME = {model.blueprint: model for model in CARS}
WALKERS_BY_NAME = {model.blueprint: model for model in WALKERS}
PROPS_BY_NAME = {model.blueprint: model for model in PROPS}
OF_THE_WORLD = ("spectator", "traffic.traffic_light")
NOTHING = Box(Pose(), (0.0, 0.0, 0.0))


class Refused(Exception):
    """A client asked for something that can't be; the message says why."""


def make_actor(actor_id: int, description: list[Any], parent_id: int) -> Actor:
    """An actor as its description says; attributes that it leaves out have the blueprint's defaults."""
    name = str(description[1])
    if name not in LIBRARY and name not in OF_THE_WORLD:
        raise Refused(f"This world has no blueprint {name[:80]!r}. get_blueprint_library() lists what it has.")
    defaults = LIBRARY[name].defaults() if name in LIBRARY else {}
    attributes = {**defaults, **{str(key): str(value) for key, _, value in description[2]}}
    kind, box, labels = _body(name)
    return Actor(
        actor_id,
        name,
        kind,
        description,
        box,
        labels,
        parent_id,
        attributes,
        CARS_BY_NAME.get(name),
        is_sensor=name.startswith("sensor.") and name != "sensor.other.lane_invasion",
    )


def _body(name: str) -> tuple[str, Box, bytes]:
    """Kind, bounding box and semantic labels of a blueprint."""
    if name in CARS_BY_NAME:
        car = CARS_BY_NAME[name]
        extent = (car.length_m / 2, car.width_m / 2, car.height_m / 2)
        return CAR_KIND, Box(Pose(z_m=car.height_m / 2), extent), bytes([car.label_id])
    if name in WALKERS_BY_NAME:
        walker = WALKERS_BY_NAME[name]
        body = (walker.half_width_m, walker.half_width_m, walker.height_m / 2)
        return WALKER_KIND, Box(Pose(), body), bytes([PEDESTRIAN_LABEL])
    if name in PROPS_BY_NAME:
        prop = PROPS_BY_NAME[name]
        size = (prop.length_m / 2, prop.width_m / 2, prop.height_m / 2)
        return OTHER_KIND, Box(Pose(z_m=prop.height_m / 2), size), bytes([STATIC_LABEL])
    return OTHER_KIND, NOTHING, b""


def fill_row(actor: Actor, row: Any) -> None:
    """Give a new row its body."""
    row["label"] = actor.labels[0] if actor.labels else 0
    if actor.kind == CAR_KIND:
        _fill_car(actor, row)
    elif actor.kind == WALKER_KIND:
        model = WALKERS_BY_NAME[actor.blueprint]
        row["half_length"] = row["half_width"] = model.half_width_m
        row["height"], row["mass"], row["physics"] = model.height_m, model.mass_kg, 1
    else:
        row["half_length"], row["half_width"], half_height = actor.box.extent_m
        row["height"] = 2 * half_height


def _fill_car(actor: Actor, row: Any) -> None:
    model = actor.model
    assert model is not None
    row["to_front_axle"], row["to_rear_axle"] = model.to_front_axle_m, model.to_rear_axle_m
    row["centre_of_gravity"], row["centre_height"] = model.centre_of_gravity_m, model.centre_height_m
    row["mass"], row["inertia"], row["power"] = model.mass_kg, model.inertia_kgm2, model.power_kw * 1000
    row["pull"], row["brake_limit"] = pull_mps2(model), brake_limit_mps2(model)
    frontal_m2 = 0.85 * model.width_m * model.height_m
    row["drag"] = 0.5 * AIR_DENSITY_KGPM3 * DRAG_COEFFICIENT * frontal_m2 / model.mass_kg
    row["steer_limit"], row["steer_rate"] = model.steer_limit_rad, STEER_RATE_RADPS
    row["half_length"], row["half_width"], row["height"] = model.length_m / 2, model.width_m / 2, model.height_m
    row["physics"], row["gravity"], row["light_state"] = 1, 1, GREEN
    row["limit_kmh"] = row["posted_kmh"] = FIRST_LIMIT_KMH
