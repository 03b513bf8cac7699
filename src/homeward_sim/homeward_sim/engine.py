"""What drives the world: settings, ticks, and who is told what. Still no sockets: it hands ready messages to a
`publish`.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeward_sim.actors import write_plain
from homeward_sim.maps import read_map, try_map
from homeward_sim.opendrive import MapError
from homeward_sim.protocol.messages import (
    LIGHT_ROW,
    LIGHTS_CHANGED,
    MAP_CHANGED,
    OTHER_ROW,
    VEHICLE_ROW,
    WALKER_ROW,
    WORLD_STREAM,
    FrameHead,
    sensor_message,
    state_frame,
    write_cars,
)
from homeward_sim.roads import RoadNetwork
from homeward_sim.sensors import Sliced
from homeward_sim.spawning import Refused
from homeward_sim.world import DEFAULT_STEP_S, LONGEST_STEP_S, SHORTEST_STEP_S, World

LOG = logging.getLogger("homeward_sim")
FIRST_SETTINGS: list[Any] = [False, False, [False], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True]
SENT_MAP = "OpenDriveMap"

Publish = Callable[[int, bytes], None]
Header = tuple[str, int, float, tuple[float, float, float, float, float, float]]
"""What stands before a measurement: blueprint, frame, elapsed seconds, pose."""


class Job(NamedTuple):
    """A measurement under way."""

    sensor_id: int
    header: Header
    slices: Iterator[bytes | None]


class Engine:
    """One world, its clients' settings, and the frames it sends.

    `publish(stream, message)` takes what is to be sent; `has_listener(stream)` says whether anybody would get it,
    so that no sensor works for nobody.
    """

    def __init__(self, world: World, publish: Publish, has_listener: Callable[[int], bool]) -> None:
        self.world = world
        self.settings = list(FIRST_SETTINGS)
        self._publish = publish
        self._has_listener = has_listener
        self._sensors_wait = False
        self._jobs: deque[Job] = deque()
        self._sent_map = ""
        self._texts: dict[str, str] = {world.network.name: world.network.text}
        self._light_rows = np.zeros(0, LIGHT_ROW)
        self._light_changes = -1

    @property
    def is_synchronous(self) -> bool:
        return bool(self.settings[0])

    # ---- ticks --------------------------------------------------------------------------------------------------

    def tick(self) -> int:
        """One step; its state goes out at once, its sensors with the next `flush_sensors`."""
        self.finish_work()
        frame = self.world.step()
        self._publish(WORLD_STREAM, self.state_message())
        self._sensors_wait = True
        return frame

    def flush_sensors(self) -> None:
        """Begin what the last tick's sensors measure, now that its caller has the answer; most are done at once."""
        if not self._sensors_wait:
            return
        self._sensors_wait = False
        world = self.world
        for sensor_id in list(world.sensors):
            if world.is_due(sensor_id) and self._has_listener(sensor_id):
                actor, pose = world.actors[sensor_id], world.pose(sensor_id).numbers()
                header = (actor.blueprint, world.frame, world.elapsed_s, pose)
                try:
                    job = Job(sensor_id, header, world.begin(sensor_id))
                except Exception:  # one sensor's fault must not stop the world
                    LOG.exception("Sensor %d failed and is silent for this frame", sensor_id)
                    continue
                if isinstance(world.sensors[sensor_id], Sliced):
                    self._jobs.append(job)
                else:
                    self._advance(job)

    @property
    def has_work(self) -> bool:
        """Whether a measurement has been begun and not finished."""
        return bool(self._jobs)

    def work(self) -> None:
        """Do one slice of the oldest measurement that is under way."""
        if self._jobs and self._advance(self._jobs[0]):
            self._jobs.popleft()

    def finish_work(self) -> None:
        """Finish every measurement that is under way."""
        while self._jobs:
            self.work()

    def _advance(self, job: "Job") -> bool:
        """One slice; True when the job is done, and its data sent."""
        try:
            data = next(job.slices, b"")
        except Exception:
            LOG.exception("Sensor %d failed and is silent for this frame", job.sensor_id)
            return True
        if data is None:
            return not isinstance(self.world.sensors.get(job.sensor_id), Sliced)
        if data:
            self._publish(job.sensor_id, sensor_message(*job.header, data))
        return True

    def state_message(self) -> bytes:
        """The state of the episode as it is now."""
        world = self.world
        cars, others = np.zeros(len(world.car_rows), VEHICLE_ROW), np.zeros(len(world.other_rows), OTHER_ROW)
        write_cars(world.car_rows, cars)
        write_plain(world.other_rows, others)
        flags = (MAP_CHANGED if world.map_changed else 0) | (LIGHTS_CHANGED if self._lights_changed() else 0)
        head = FrameHead(world.episode, world.frame, world.elapsed_s, world.elapsed_s, world.step_s, flags)
        return state_frame(head, self._lights_now(), cars, self._walkers_now(), others)

    def _lights_changed(self) -> bool:
        return self._light_changes != self.world.lights.changes

    def _lights_now(self) -> NDArray[np.void]:
        lights = self.world.lights
        if self._lights_changed() or len(self._light_rows) != len(lights.lights):
            self._light_rows = _light_rows(self.world)
            self._light_changes = lights.changes
        self._light_rows["shows"], self._light_rows["elapsed"] = lights.states, lights.since_s
        return self._light_rows

    def _walkers_now(self) -> NDArray[np.void]:
        walkers = self.world.walker_rows
        rows = np.zeros(len(walkers), WALKER_ROW)
        if len(walkers):
            write_plain(walkers, rows)
            for here, there in (("vx", "world_vx"), ("vy", "world_vy"), ("vz", "vz"), ("ax", "ax"), ("ay", "ay")):
                rows[here] = walkers[there]
            for name in ("dir_x", "dir_y", "dir_z", "speed", "jump"):
                rows[name] = walkers[name]
        return rows

    # ---- settings and episodes ----------------------------------------------------------------------------------

    def apply_settings(self, settings: list[Any]) -> int:
        """Take over checked episode settings and return the present frame."""
        self.settings = settings
        step = settings[2]
        wanted_s = float(step[1]) if step[0] is True and step[1] > 0.0 else DEFAULT_STEP_S
        self.world.step_s = min(max(wanted_s, SHORTEST_STEP_S), LONGEST_STEP_S)
        return self.world.frame

    def take_map(self, text: str) -> None:
        """Keep an OpenDRIVE text for the next `load_map("OpenDriveMap")`."""
        self._sent_map = text

    def load_map(self, name: str, reset_settings: bool) -> None:
        """A new episode on a map by its name (the last part counts; an empty one means the present map). Raises
        Refused.
        """
        world = self.world
        plain = name.rsplit("/", 1)[-1].removesuffix("_Opt") or world.network.name
        if plain == SENT_MAP and not self._sent_map:
            raise Refused("No OpenDRIVE map was sent. Use generate_opendrive_world, which sends one.")
        text = self._sent_map if plain == SENT_MAP else self._text_of(plain)
        if plain == world.network.name and text == world.network.text:
            world.clear()
        else:
            self._change_map(plain, text)
        if reset_settings:
            self.apply_settings(list(FIRST_SETTINGS))
        self._sensors_wait = False
        self._jobs.clear()
        self._light_changes = -1
        world.frame += 1
        world.elapsed_s += world.step_s
        self._publish(WORLD_STREAM, self.state_message())

    def _text_of(self, plain: str) -> str:
        if plain in self._texts:
            return self._texts[plain]
        if "." in plain:
            raise Refused(f"A map is loaded by its name, not as a file: {plain[:80]!r}.")
        try:
            return read_map(plain)[1]
        except MapError as error:
            raise Refused(str(error)) from None

    def _change_map(self, name: str, text: str) -> None:
        try:
            try_map(text)
            network = RoadNetwork(name, text)
        except MapError as error:
            raise Refused(str(error)) from None
        self._texts = {self.world.network.name: self.world.network.text, name: text}
        self.world.load(network)


def _light_rows(world: World) -> NDArray[np.void]:
    """Rows of all lights but for what changes every frame."""
    lights = world.lights
    rows = np.zeros(len(lights.lights), LIGHT_ROW)
    rows["id"], rows["state"] = world.light_ids, 1
    for index, light in enumerate(lights.lights):
        row = rows[index]
        for name, value in zip(("x", "y", "z", "pitch", "yaw", "roll"), light.post.numbers(), strict=True):
            row[name] = value
        row["sign"] = light.signal.signal_id.encode()[:31]
        row["green"], row["yellow"], row["red"] = lights.times_s[index]
        row["frozen"] = lights.frozen[light.group]
        group = lights.groups[light.group].members
        row["pole"] = group.index(index)
    return rows
