"""What cars, walkers and props look like: a few hulls each, by kind and size, in the actor's own frame."""

import numpy as np
from numpy.typing import NDArray

from homeward_sim.actors import Actor
from homeward_sim.catalogue import CarModel
from homeward_sim.sensors.mesh import BRAKE_LAMP, FIXED, GLOWING, PAINT, block, joined

GLASS, TYRE, CHROME, SKIN = (38, 48, 58), (22, 22, 24), (150, 152, 155), (205, 165, 140)
TROUSERS, FRONT_LAMP, TAIL_LAMP = (52, 58, 78), (245, 245, 230), (120, 16, 16)
CONE, BARRIER = (226, 88, 28), (214, 60, 44)
RIDER_LABEL = 13
WHITE = (255, 255, 255)


def figure(actor: Actor) -> NDArray[np.void]:
    """Vertices of an actor's shape; none for what has no body."""
    label = actor.labels[0] if actor.labels else 0
    if actor.model is not None:
        return _two_wheeler(actor.model, label) if actor.model.wheels == 2 else _car(actor.model, label)
    if actor.blueprint.startswith("walker."):
        return _person(actor.box.extent_m[2] * 2, label, -actor.box.extent_m[2])
    if actor.blueprint.startswith("static.prop."):
        return _prop(actor, label)
    return joined(())


def _car(model: CarModel, label: int) -> NDArray[np.void]:
    """Lower body, cabin with glass, wheels, lamps. Vans and buses have a cabin as long as they are."""
    length, width, height = model.length_m / 2, model.width_m / 2, model.height_m
    is_tall = model.kind in ("van", "bus")
    belt = height * (0.5 if is_tall else 0.6)
    clearance, radius = 0.17, model.wheel_radius_m
    front, rear = (0.92, -0.98) if is_tall else (0.42, -0.78)
    cabin_low, cabin_high = (rear * length, -width * 0.93, belt), (front * length, width * 0.93, height)
    roof_low = (rear * length + 0.35, -width * 0.85, height - 0.06)
    roof_high = (front * length - (0.25 if is_tall else 0.6), width * 0.85, height + 0.01)
    parts = [
        block((-length, -width, clearance), (length, width, belt), WHITE, label, PAINT, 0.06),
        block(cabin_low, cabin_high, GLASS, label, FIXED, 0.2 if is_tall else 0.5),
        block(roof_low, roof_high, WHITE, label, PAINT),
    ]
    for along in (model.wheelbase_m / 2, -model.wheelbase_m / 2):
        for side in (-1, 1):
            inner, outer = sorted((side * (width - 0.2), side * (width + 0.015)))
            parts.append(
                block((along - radius, inner, 0.0), (along + radius, outer, 2 * radius), TYRE, label, FIXED, 0.09)
            )
    for side in (-1, 1):
        inner, outer = sorted((side * width * 0.55, side * width * 0.95))
        parts.append(
            block((length - 0.05, inner, belt * 0.6), (length + 0.02, outer, belt * 0.8), FRONT_LAMP, label, GLOWING)
        )
        parts.append(
            block(
                (-length - 0.02, inner, belt * 0.62), (-length + 0.05, outer, belt * 0.85), TAIL_LAMP, label, BRAKE_LAMP
            )
        )
    return joined(parts)


def _two_wheeler(model: CarModel, label: int) -> NDArray[np.void]:
    length, radius = model.length_m / 2, model.wheel_radius_m
    seat = 0.8 if model.kind == "motorcycle" else 0.95
    parts = [
        block((-length * 0.7, -0.12, radius), (length * 0.7, 0.12, seat), WHITE, label, PAINT, 0.2),
        block((length * 0.35, -model.width_m / 2, seat), (length * 0.45, model.width_m / 2, seat + 0.1), CHROME, label),
        block((-length, -0.06, radius), (-length * 0.7, 0.06, seat - 0.15), TAIL_LAMP, label, BRAKE_LAMP),
    ]
    for along in (model.wheelbase_m / 2, -model.wheelbase_m / 2):
        parts.append(block((along - radius, -0.05, 0.0), (along + radius, 0.05, 2 * radius), TYRE, label, FIXED, 0.08))
    rider_top = max(model.height_m, seat + 0.85)
    parts.append(block((-0.3, -0.22, seat), (0.1, 0.22, rider_top - 0.28), TROUSERS, RIDER_LABEL, FIXED, 0.08))
    parts.append(block((-0.12, -0.12, rider_top - 0.28), (0.14, 0.12, rider_top), SKIN, RIDER_LABEL, FIXED, 0.04))
    return joined(parts)


def _person(height: float, label: int, foot: float) -> NDArray[np.void]:
    hip, shoulder, width = foot + 0.48 * height, foot + 0.82 * height, 0.13 * height
    return joined(
        (
            block((-0.07, -width * 0.75, foot), (0.09, -0.02, hip), TROUSERS, label),
            block((-0.09, 0.02, foot), (0.07, width * 0.75, hip), TROUSERS, label),
            block((-0.11, -width, hip), (0.11, width, shoulder), WHITE, label, PAINT, 0.02),
            block((-0.09, -0.08, shoulder), (0.1, 0.08, foot + height), SKIN, label, FIXED, 0.02),
        )
    )


def _prop(actor: Actor, label: int) -> NDArray[np.void]:
    x, y, half = actor.box.extent_m
    colour = CONE if "cone" in actor.blueprint else BARRIER if "barrier" in actor.blueprint else CHROME
    return block((-x, -y, 0.0), (x, y, 2 * half), colour, label, FIXED, 0.35 * x if "cone" in actor.blueprint else 0.0)
