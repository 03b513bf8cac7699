"""The referee of a drive: a separate CARLA client that reads the world and judges one vehicle. It changes nothing in
it.

`python -m homeward_cli.bench.referee --port 2000 --role ego --goal X Y --radius 3 --out verdict.json`, the goal in
the ROS map's frame (x east, y north). It ends when the car has arrived, the time is up or it is told to stop
(SIGTERM, SIGINT), and then writes its verdict. The offences are defined in `judging.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import queue
import signal
import sys
import time
from dataclasses import dataclass
from math import cos, radians, sin
from pathlib import Path
from typing import Any

import carla
import numpy as np

from homeward_cli.bench.judging import (
    OFF_ROAD_MARGIN_M,
    Arrival,
    Boxes,
    Collisions,
    Frames,
    Journey,
    LaneDepartures,
    LaneFix,
    RedLights,
    overlapping,
)
from homeward_cli.bench.referee_map import lane_fix, stop_lines

NEAR_M = 40.0
POLL_S = 0.2
BODIES = ("vehicle.", "walker.", "static.prop.")


@dataclass(frozen=True)
class Seen:
    """One frame as it was when it came: kinematics, what each light showed, and what each vehicle was told to do."""

    snapshot: Any
    lights: tuple[int, ...]
    controls: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Known:
    """An actor and its box: half sizes, and its middle in the actor's frame. Asking the client for a box asks the
    server.
    """

    actor: Any
    half: tuple[float, float, float]
    middle: tuple[float, float, float]
    turned_rad: float

    @staticmethod
    def of(actor: Any) -> Known:
        is_body = actor.type_id.startswith(BODIES)
        box = actor.bounding_box if is_body else carla.BoundingBox()
        half, middle = box.extent, box.location
        return Known(actor, (half.x, half.y, half.z), (middle.x, middle.y, middle.z), radians(box.rotation.yaw))


class Referee:
    """Judges the vehicle with one role name. `judge` takes the frames in their order."""

    def __init__(self, world: Any, role: str, goal: tuple[float, float] | None, radius_m: float, hashes: bool) -> None:
        self._world, self._map, self._role = world, world.get_map(), role
        self.lights = sorted(world.get_actors().filter("traffic.traffic_light*"), key=lambda light: light.id)
        self.frames, self.collisions, self.departures, self.journey = (
            Frames(),
            Collisions(),
            LaneDepartures(),
            Journey(),
        )
        self.red_lights = RedLights(stop_lines(self._map, self.lights))
        self.arrival = None if goal is None else Arrival(np.array((goal[0], -goal[1])), radius_m)
        self.ego: Known | None = None
        self.started_s: float | None = None
        self.now_s = 0.0
        self.hashes: list[str] | None = [] if hashes else None
        self._actors: dict[int, Known] = {}
        self._rear_m = 0.0

    def take(self, snapshot: Any) -> Seen:
        """Called by the client's thread while this frame is the present one: what the snapshot itself lacks."""
        controls = tuple(_control(actor) for actor in self._vehicles()) if self.hashes is not None else ()
        return Seen(snapshot, tuple(int(light.state) for light in self.lights), controls)

    def _vehicles(self) -> list[Any]:
        actors = [self._actors[number].actor for number in sorted(self._actors)]
        return [actor for actor in actors if actor.type_id.startswith("vehicle.")]

    def judge(self, seen: Seen) -> bool:
        """Judge one frame; True once the car has arrived."""
        snapshot = seen.snapshot
        self.frames.see(snapshot.frame)
        self.now_s = snapshot.timestamp.elapsed_seconds
        self._meet_new_actors(snapshot)
        here = snapshot.find(self.ego.actor.id) if self.ego is not None else None
        if self.ego is None or here is None:
            return False
        if self.started_s is None:
            self.started_s = self.now_s
        arrived = self._judge_ego(self.ego, snapshot, here, seen.lights)
        if self.hashes is not None:
            self.hashes.append(self._hash(seen))
        return arrived

    def _judge_ego(self, known: Known, snapshot: Any, here: Any, lights: tuple[int, ...]) -> bool:
        transform = here.get_transform()
        yaw = radians(transform.rotation.yaw)
        heading = np.array((cos(yaw), sin(yaw)))
        place = np.array((transform.location.x, transform.location.y))
        speed = here.get_velocity().length()
        ego = boxes_of([(known, transform)])
        others = [(self._actors[one.id], one.get_transform()) for one in snapshot if self._matters(one, place)]
        hit = overlapping_ids(ego, others)
        self.collisions.see(self.now_s, hit)
        red = np.array([state == int(carla.TrafficLightState.Red) for state in lights], np.bool_)
        self.red_lights.see(self.now_s, place + known.half[0] * heading, heading, red)
        self.departures.see(self.now_s, self._fix(transform, ego))
        self.journey.see(place, speed)
        return self.arrival is not None and self.arrival.see(self.now_s, place - self._rear_m * heading, speed)

    def _fix(self, transform: Any, ego: Boxes) -> LaneFix:
        return lane_fix(
            self._map, transform, float(ego.half[0, 0]), float(ego.half[0, 1]), ego.corners(OFF_ROAD_MARGIN_M)[0]
        )

    def _matters(self, one: Any, place: np.ndarray) -> bool:
        actor = self._actors.get(one.id)
        if actor is None or actor is self.ego or not any(actor.half):
            return False
        there = one.get_transform().location
        return bool(np.hypot(there.x - place[0], there.y - place[1]) < NEAR_M)

    def _meet_new_actors(self, snapshot: Any) -> None:
        present = {one.id for one in snapshot}
        for number in [number for number in self._actors if number not in present]:
            del self._actors[number]
        if all(number in self._actors for number in present):
            return
        for actor in self._world.get_actors(sorted(present - self._actors.keys())):
            self._actors[actor.id] = known = Known.of(actor)
            if actor.attributes.get("role_name") == self._role and actor.type_id.startswith("vehicle."):
                self.ego, self._rear_m = known, rear_axle_m(actor)

    def _hash(self, seen: Seen) -> str:
        digest = hashlib.sha256()
        for one in sorted(seen.snapshot, key=lambda actor: actor.id):
            digest.update(np.array((one.id, *_kinematics(one)), np.float64).tobytes())
        digest.update(repr((seen.lights, seen.controls, self._events())).encode())
        return digest.hexdigest()

    def _events(self) -> tuple[list[Any], ...]:
        return self.collisions.events, self.red_lights.events, self.departures.events

    def verdict(self) -> dict[str, Any]:
        """The findings as JSON can carry them; times in seconds of simulation."""
        start_s = self.started_s if self.started_s is not None else self.now_s
        arrived_s = self.arrival.at_s if self.arrival is not None else None
        return {
            "ego_seen": self.started_s is not None,
            "arrived": arrived_s is not None,
            "collisions": len(self.collisions.events),
            "red_lights_run": len(self.red_lights.events),
            "lane_departures": len(self.departures.events),
            "lights_passed": self.red_lights.passed,
            "distance_m": round(self.journey.distance_m, 2),
            "top_speed_mps": round(self.journey.top_speed_mps, 2),
            "duration_s": round((arrived_s if arrived_s is not None else self.now_s) - start_s, 3),
            "frames": self.frames.count,
            "frames_missing": self.frames.missing,
            "events": {
                "collisions": [[round(t - start_s, 2), self._name(actor)] for t, actor in self.collisions.events],
                "red_lights_run": [[round(t - start_s, 2), self.lights[n].id] for t, n in self.red_lights.events],
                "lane_departures": [[round(t - start_s, 2), kind] for t, kind in self.departures.events],
            },
        }

    def _name(self, number: int) -> str:
        known = self._actors.get(number)
        return f"{number} {known.actor.type_id if known is not None else ''}".strip()


def boxes_of(actors: list[tuple[Known, Any]]) -> Boxes:
    """Boxes of actors at transforms."""
    middle, yaw, half = np.zeros((len(actors), 3)), np.zeros(len(actors)), np.zeros((len(actors), 3))
    for number, (known, transform) in enumerate(actors):
        turn, here = radians(transform.rotation.yaw), transform.location
        c, s = cos(turn), sin(turn)
        x, y, z = known.middle
        middle[number] = here.x + c * x - s * y, here.y + s * x + c * y, here.z + z
        yaw[number], half[number] = turn + known.turned_rad, known.half
    return Boxes(middle, yaw, half)


def overlapping_ids(ego: Boxes, others: list[tuple[Known, Any]]) -> list[int]:
    """Ids of the actors that the ego's box overlaps."""
    touched = overlapping(ego, boxes_of(others))
    return [known.actor.id for (known, _), hit in zip(others, touched, strict=True) if hit]


def rear_axle_m(vehicle: Any) -> float:
    """How far the rear axle lies behind the actor's origin: the goal is meant for the middle of the rear axle."""
    try:
        wheels = [wheel.position for wheel in vehicle.get_physics_control().wheels]
    except RuntimeError:
        return 0.0
    transform = vehicle.get_transform()
    yaw, here = radians(transform.rotation.yaw), transform.location
    along = [(w.x / 100 - here.x) * cos(yaw) + (w.y / 100 - here.y) * sin(yaw) for w in wheels]
    return -min(along) if along and -min(along) < 10.0 else 0.0


def _kinematics(one: Any) -> tuple[float, ...]:
    transform, velocity, turning = one.get_transform(), one.get_velocity(), one.get_angular_velocity()
    place, rotation = transform.location, transform.rotation
    return (
        place.x, place.y, place.z, rotation.pitch, rotation.yaw, rotation.roll,
        velocity.x, velocity.y, velocity.z, turning.x, turning.y, turning.z,
    )  # fmt: skip


def _control(vehicle: Any) -> tuple[float, ...]:
    control = vehicle.get_control()
    return (
        vehicle.id,
        control.throttle,
        control.steer,
        control.brake,
        float(control.hand_brake),
        float(control.reverse),
    )


def main(arguments: list[str] | None = None) -> int:
    """Judge until the end and write the verdict. Exit code 0 if a verdict could be written."""
    options = _options(arguments)
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopped.append(received))
    client = carla.Client(options.host, options.port, worker_threads=1)
    client.set_timeout(options.connect_s)
    world = client.get_world()
    referee = Referee(world, options.role, options.goal, options.radius, bool(options.hashes))
    waiting: queue.Queue[Seen] = queue.Queue()
    callback = world.on_tick(lambda snapshot: waiting.put(referee.take(snapshot)))
    print("referee: watching", flush=True)
    _watch(referee, waiting, stopped, options.timeout_s)
    world.remove_on_tick(callback)
    if referee.hashes is not None:
        Path(options.hashes).write_text("\n".join(referee.hashes) + "\n")
    _write(Path(options.out), referee.verdict())
    return 0


def _watch(referee: Referee, waiting: queue.Queue[Seen], stopped: list[int], timeout_s: float) -> None:
    """Until it is over; frames that have already come are judged before a stop counts."""
    began_s = time.monotonic()
    while True:
        try:
            seen = waiting.get(timeout=POLL_S)
        except queue.Empty:
            if stopped or time.monotonic() - began_s > timeout_s:
                return
            continue
        if referee.judge(seen) or (stopped and waiting.empty()):
            return
        if referee.started_s is not None and referee.now_s - referee.started_s > timeout_s:
            return


def _write(path: Path, verdict: dict[str, Any]) -> None:
    """All or nothing: whoever waits for the file finds a whole one."""
    draft = path.with_suffix(path.suffix + ".draft")
    draft.write_text(json.dumps(verdict, indent=2) + "\n")
    draft.replace(path)
    print(f"referee: {json.dumps({key: value for key, value in verdict.items() if key != 'events'})}", flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="referee", description="Judge one vehicle of a CARLA world, and change nothing."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2000)
    parser.add_argument("--role", default="ego", help="role_name of the vehicle")
    parser.add_argument("--goal", type=float, nargs=2, metavar=("X", "Y"), help="in the ROS map's frame, metres")
    parser.add_argument("--radius", type=float, default=3.0, help="how near counts as arrived, metres")
    parser.add_argument("--timeout-s", type=float, default=3600.0, help="of simulation, and of waiting")
    parser.add_argument("--connect-s", type=float, default=30.0)
    parser.add_argument("--out", required=True, help="where the verdict goes, as JSON")
    parser.add_argument("--hashes", default="", help="where a hash a tick goes, to compare runs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the client's threads don't wait for one another; nothing is left to be done
