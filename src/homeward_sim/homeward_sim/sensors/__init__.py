"""What sensors measure. Each is a pure function of the world and of its own seed: the same world gives the same
bytes.
"""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from homeward_sim.actors import Actor
from homeward_sim.collision import Obstacles
from homeward_sim.geometry import Pose
from homeward_sim.ground import Ground
from homeward_sim.lights import TrafficLights
from homeward_sim.roads import RoadNetwork


class View(Protocol):
    """What a sensor may look at. The tables are arrays of CAR, WALKER and OTHER; `contacts` one of CONTACT, of this
    step.
    """

    network: RoadNetwork
    ground: Ground
    obstacles: Obstacles
    lights: TrafficLights
    contacts: NDArray[np.void]
    actors: dict[int, Actor]
    frame: int
    elapsed_s: float
    episode: int

    @property
    def car_rows(self) -> NDArray[np.void]: ...

    @property
    def walker_rows(self) -> NDArray[np.void]: ...

    @property
    def other_rows(self) -> NDArray[np.void]: ...

    def pose(self, actor_id: int) -> Pose: ...

    def wire_actor(self, actor_id: int) -> list[Any]: ...


class Sensor(Protocol):
    """One sensor. `measure` gives the data after the header, or None where there is nothing to tell."""

    period_s: float

    def measure(self, view: View, actor_id: int, parent_id: int, dt_s: float) -> bytes | None: ...


@runtime_checkable
class Sliced(Protocol):
    """A sensor that measures in slices: what it needs of the world is taken at once, the work is done bit by bit."""

    def begin(self, view: View, actor_id: int, parent_id: int, dt_s: float) -> Iterator[bytes | None]: ...


def number(attributes: dict[str, str], name: str, low: float, high: float) -> float:
    """A numeric attribute within its range. Raises ValueError with a sentence."""
    text = attributes.get(name, "")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} is {text[:40]!r}, which is not a number") from None
    if not low <= value <= high:
        raise ValueError(f"{name} is {text[:40]}; it must be between {low:g} and {high:g}")
    return value
