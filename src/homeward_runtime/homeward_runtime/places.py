"""The places of a map: names that people use, and where the car stops there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import yaml


class PlacesError(ValueError):
    """A places file that can't be used; says which entry and why."""


@dataclass(frozen=True)
class Place:
    """base_link's pose in the map frame [m, rad] when the car has arrived."""

    name: str
    label: str
    kind: str
    x_m: float
    y_m: float
    yaw_rad: float


def read_places(text: str) -> list[Place]:
    """The places of a places.yaml. Raises PlacesError."""
    try:
        tree = yaml.safe_load(text)
        rows = tree["places"] if tree else []
        places = [_place(row) for row in rows]
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise PlacesError(f"the places file can't be read: {error!r}") from error
    names = [place.name for place in places]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise PlacesError(f"the places file names {', '.join(sorted(twice))} twice")
    return places


def _place(row: dict[str, object]) -> Place:
    numbers = {key: row[key] for key in ("x_m", "y_m", "yaw_rad")}
    for key, value in numbers.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise PlacesError(f"the place {row.get('name')}: {key} is {value!r}, wants a number")
    texts = {key: str(row[key]) for key in ("name", "label", "kind")}
    return Place(**texts, **{key: float(value) for key, value in numbers.items()})  # type: ignore[arg-type]


def find_place(places: list[Place], wanted: str) -> Place | None:
    """By name or label, upper or lower case."""
    lowered = wanted.strip().lower()
    return next((place for place in places if lowered in (place.name.lower(), place.label.lower())), None)
