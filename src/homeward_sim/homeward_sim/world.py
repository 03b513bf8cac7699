"""The world: actors, their motion, and time. No sockets and no clock; a step happens when somebody asks for one.

`World.step` is the story of a tick: cars and walkers move, what touches collides, the lights change, each car
learns which light it stands before, and what is attached follows.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from homeward_sim import sensors
from homeward_sim.actors import Actor, follow
from homeward_sim.bodies import all_bodies, scatter_bodies
from homeward_sim.collision import CONTACT, resolve
from homeward_sim.dynamics import step_cars
from homeward_sim.ground import cell_at, height_at
from homeward_sim.lights import TrafficLights, build_lights, govern
from homeward_sim.limits import note_limits
from homeward_sim.population import Population
from homeward_sim.roads import RoadNetwork
from homeward_sim.sensors.build import build_sensor
from homeward_sim.site_plan import plan_site
from homeward_sim.spawning import Refused
from homeward_sim.walkers import step_walkers

DEFAULT_STEP_S = 0.02
SHORTEST_STEP_S, LONGEST_STEP_S = 1e-4, 0.5
MOST_CONTACTS = 256


class World(Population):
    """One episode after another on one map after another. `frame` and `elapsed_s` never go back."""

    def __init__(self, network: RoadNetwork, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        self.frame = 1
        self.elapsed_s = 0.0
        self.step_s = DEFAULT_STEP_S
        self.episode = 0
        self.map_changed = False
        self.load(network)

    def load(self, network: RoadNetwork) -> None:
        """Start a new episode on this map: nobody in it but the lights and the spectator."""
        self.network = network
        plan = plan_site(network)
        self.ground, self.obstacles, self.spawn_points = plan.ground, plan.obstacles, plan.spawn_points
        self.lights: TrafficLights = build_lights(network, lambda x, y, z: height_at(self.ground, x, y, z))
        self.clear()

    def clear(self) -> None:
        """Start a new episode on the same map."""
        self.sensors: dict[int, sensors.Sensor] = {}
        self.sensor_due_s: dict[int, float] = {}
        self.sensor_gap_s: dict[int, float] = {}
        self._contact_store = np.zeros(MOST_CONTACTS, CONTACT)
        self.contacts = self._contact_store[:0]
        self.episode += 1
        self.map_changed = True
        self.lights.reset()
        self.empty()

    # ---- time ---------------------------------------------------------------------------------------------------

    def step(self, dt_s: float | None = None) -> int:
        """Let one step pass and return the number of the new frame."""
        dt = self.step_s if dt_s is None else dt_s
        self.frame += 1
        self.elapsed_s += dt
        cars, walkers = self.cars.rows, self.walkers.rows
        step_cars(cars, self.ground, dt)
        if len(walkers):
            step_walkers(walkers, self.ground, dt)
        self._collide(cars, walkers)
        self.lights.step(dt)
        govern(cars, self.lights.lines, self.lights.states, self.light_ids)
        note_limits(cars, self.ground)
        follow(self.others.rows, cars, walkers)
        self.map_changed = False
        return self.frame

    def _collide(self, cars: NDArray[np.void], walkers: NDArray[np.void]) -> None:
        bodies = all_bodies(cars, walkers, self.others.rows)
        count = resolve(bodies, self.obstacles, self._contact_store)
        self.contacts = self._contact_store[:count]
        if count:
            scatter_bodies(bodies, cars, walkers, self.others.rows)

    # ---- what a sensor sees (sensors.View) ----------------------------------------------------------------------

    @property
    def car_rows(self) -> NDArray[np.void]:
        return self.cars.rows

    @property
    def walker_rows(self) -> NDArray[np.void]:
        return self.walkers.rows

    @property
    def other_rows(self) -> NDArray[np.void]:
        return self.others.rows

    def ground_z(self, x_m: float, y_m: float, about_z_m: float) -> float:
        """The ground's height at a place; where roads cross above one another, of the one nearest to `about_z_m`."""
        return float(height_at(self.ground, x_m, y_m, about_z_m))

    def ground_label(self, x_m: float, y_m: float) -> int:
        """What the ground is made of, as CARLA's semantic label."""
        return int(self.ground.label[cell_at(self.ground, x_m, y_m)])

    # ---- sensors ------------------------------------------------------------------------------------------------

    def measure(self, sensor_id: int) -> bytes | None:
        """What a sensor measures at this frame; None where it has nothing to tell."""
        return list(self.begin(sensor_id))[-1]

    def begin(self, sensor_id: int) -> Iterator[bytes | None]:
        """Begin a measurement of this frame; the last item is the data. A LiDAR takes more than one."""
        sensor, parent = self.sensors[sensor_id], self.actors[sensor_id].parent
        gap_s = self.sensor_gap_s.get(sensor_id, max(sensor.period_s, self.step_s))
        if isinstance(sensor, sensors.Sliced):
            return sensor.begin(self, sensor_id, parent, gap_s)
        return iter((sensor.measure(self, sensor_id, parent, gap_s),))

    def is_due(self, sensor_id: int) -> bool:
        """Whether a sensor's period has passed. To be asked once a frame: it also sets the next time."""
        period_s, due_s = self.sensors[sensor_id].period_s, self.sensor_due_s[sensor_id]
        if self.elapsed_s < due_s - 1e-6:
            return False
        self.sensor_gap_s[sensor_id] = max(period_s, self.step_s)
        self.sensor_due_s[sensor_id] = max(due_s + period_s, self.elapsed_s + period_s - self.step_s / 2)
        return True

    def _settle(self, actor: Actor) -> None:
        """Switch a new sensor on."""
        if not actor.is_sensor:
            return
        try:
            sensor = build_sensor(actor.blueprint, actor.attributes, self.seed, actor.actor_id, self)
        except (ValueError, RuntimeError) as error:
            self._leave(actor)
            raise Refused(f"{actor.blueprint} can't be spawned: {error}.") from None
        self.sensors[actor.actor_id] = sensor
        self.sensor_due_s[actor.actor_id] = self.elapsed_s

    def _leave(self, actor: Actor) -> None:
        super()._leave(actor)
        for memory in (self.sensors, self.sensor_due_s, self.sensor_gap_s):
            memory.pop(actor.actor_id, None)
