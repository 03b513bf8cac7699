"""One route of the town benchmark in lockstep: `python -m homeward_cli.bench.town_run PORT CORE ROUTE.json OUT.json`."""

from __future__ import annotations

import json
import sys
import time
from math import cos, hypot, radians, sin
from pathlib import Path
from typing import Any

import numpy as np

from homeward_carla_bridge.traffic import pin_to_one_core  # before anything that makes threads

SETTLE_TICKS = 100
STOP_LOOK_BACK_M, STOPPED_MPS = 6.0, 0.15
PROGRESS_WINDOW_M, OFF_ROUTE_M = 40.0, 12.0
DEPARTURE_COUNTS_S = 5.0
PACE_EVERY = 5  # ticks
ROUTE_ENDS = 0.99  # of its length: from there on the leaderboard's route is done; ours comes to a stop
AROUND_M = 80.0  # see town_pace
LINE_STEP_M = 1.0  # fine enough to be found on, however long the straight parts of a map
BEHIND = -0.5  # cosine: the other's middle lies this far behind ours


def main() -> None:
    """Drive it and write what the referee saw."""
    port, plan, out = int(sys.argv[1]), json.loads(Path(sys.argv[3]).read_text()), Path(sys.argv[4])
    pin_to_one_core(int(sys.argv[2]))
    drive = TownDrive(make_trip(port, plan), plan)
    figures = drive.drive()
    out.write_text(json.dumps(figures))
    drive.trip.close()


def make_trip(port: int, plan: dict[str, Any]) -> Any:
    """Our car at the route's start in the world at `port`, with its traffic; or, where the plan says `peer`, that one."""
    from homeward_cli.bench.town_trip import PeerTrip, TownTrip

    files = {"map_file": plan["map_file"], "places_file": plan["places_file"]}
    sensors = {"places_file": plan["places_file"], "start_place": "start"}
    changed = {"planner": files, "ecus": {"places_file": plan["places_file"]}, "sensors": sensors}
    return (PeerTrip if plan["peer"] else TownTrip)(port, plan, changed)


class TownDrive:
    """A route with its traffic and walkers, and what is noted on the way."""

    def __init__(self, trip: Any, plan: dict[str, Any]) -> None:
        from homeward_cli.bench.town_background import Background
        from homeward_cli.bench.town_pace import Pace
        from homeward_cli.bench.town_walkers import Ego, Walkers
        from homeward_planner.plane import resampled

        self.plan, self.trip = plan, trip
        self.dt_s = self.trip.step_ns * 1e-9
        self.line = resampled(np.array(plan["line_m"]), LINE_STEP_M)
        self.along = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(self.line, axis=0), axis=1))))
        self.ego_of = Ego
        self.walkers = Walkers(self.trip.sensors.client, self.trip.sensors.world, plan["seed"])
        self.crossers = sum(self.walkers.add_crosser(*place) for place in plan["crossings"])
        self.strollers = self.walkers.add_strollers(max(plan["walkers"] - self.crossers, 0))
        self.trip.sensors.world.tick(15.0)
        self.trip.sensors.look_around()
        self.ego = self.trip.sensors.rig.ego
        self.trail: list[tuple[float, float, float, float, float]] = []  # x, y, yaw, vx, vy
        self.gone_m = self.off_road_m = 0.0
        self.stops = 0
        self.pace = Pace(float(self.along[-1]))
        traffic = self.trip.sensors.traffic
        self.background = Background(traffic.manager, traffic.cars, self.line, self.along) if traffic is not None else None

    def drive(self) -> dict[str, Any]:
        """Until arrived or out of time."""
        for _ in range(SETTLE_TICKS):
            self.tick()
        self.trip.judged()
        self.trail.clear()
        began, first = time.monotonic(), self.trip.ticks
        self.trip.send("goal")
        ticks = round(self.plan["limit_s"] / self.dt_s)
        while not self.arrived and self.trip.ticks - first < ticks:
            self.tick()
            self._note()
            self.stops += self.trip.sent_on()
        simulated_s = (self.trip.ticks - first) * self.dt_s
        return self._figures(simulated_s, time.monotonic() - began)

    @property
    def arrived(self) -> bool:
        return bool(self.trip.arrived or (self.trip.goes_past and self.gone_m >= ROUTE_ENDS * self.along[-1]))

    def tick(self) -> None:
        snapshot = self.trip.sensors.world.get_snapshot().find(self.ego.id)
        transform, speed = snapshot.get_transform(), snapshot.get_velocity()
        place, yaw_rad = transform.location, radians(transform.rotation.yaw)
        self.walkers.control(self.dt_s, self.ego_of((place.x, place.y), (speed.x, speed.y), yaw_rad))
        self.trip.tick()

    def _note(self) -> None:
        """Where we are along the route, and how fast we and the traffic go."""
        seen = self.trip.seen[-1].snapshot
        here = seen.find(self.ego.id)
        transform, velocity = here.get_transform(), here.get_velocity()
        x, y = transform.location.x, transform.location.y
        self.trail.append((x, y, radians(transform.rotation.yaw), velocity.x, velocity.y))
        window = slice(*np.searchsorted(self.along, (self.gone_m - 5.0, self.gone_m + PROGRESS_WINDOW_M)))
        away = np.hypot(self.line[window, 0] - x, self.line[window, 1] + y)
        if len(away) and away.min() < OFF_ROUTE_M:
            self.gone_m = max(self.gone_m, float(self.along[window][int(away.argmin())]))
        if self.trip.ticks % PACE_EVERY == 0 and self.gone_m < ROUTE_ENDS * self.along[-1]:
            self.pace.note(self.gone_m, velocity.length(), self._traffic_mps(seen, transform.location))
        if self.trip.ticks % PACE_EVERY == 0 and self.background is not None:
            self.background.keep(seen, transform.location, self.gone_m, velocity.length())

    def _traffic_mps(self, seen: Any, here: Any) -> Any:
        """(n,) the speeds of the traffic around."""
        cars = self.trip.sensors.traffic.cars if self.trip.sensors.traffic else ()
        found = [one for one in map(seen.find, (car.id for car in cars)) if one is not None]
        return np.array([one.get_velocity().length() for one in found if one.get_transform().location.distance(here) < AROUND_M])

    # ---- what came of it --------------------------------------------------------------------------------------------

    def _figures(self, simulated_s: float, wall_s: float) -> dict[str, Any]:
        frames = list(self.trip.seen)
        referee = self.trip.judged()
        length_m, departures = float(self.along[-1]), referee.departures.events
        return {
            "arrived": self.arrived,
            "length_m": length_m,
            "gone_m": length_m if self.arrived else self.gone_m,
            "off_road_m": self._off_road_m(referee),
            "red_lights": len(referee.red_lights.events),
            "stop_signs": self._stop_signs(),
            "contacts": [self._contact(frames, departures, at_s, number) for at_s, number in referee.collisions.events],
            "speeds": self.pace.parts(),
            "held_s": {reason: round(held, 1) for reason, held in self.trip.held_s.items()},
            "pace": [[round(number, 2) for number in row] for row in self.pace.rows],
            "lane_departures": [[round(at, 2), kind] for at, kind in departures],
            "crossers": self.crossers,
            "strollers": self.strollers,
            "stops_by_the_gate": self.stops,
            "duration_s": round(simulated_s, 1),
            "real_time_factor": simulated_s / wall_s,
            "pokes": self.trip.pokes,
            "last_word": self.trip.mode,
            "trail_m": [[round(x, 2), round(-y, 2)] for x, y, *_ in self.trail[::25]],
        }

    def _contact(self, frames: list[Any], departures: list[Any], at_s: float, number: int) -> dict[str, Any]:
        """The geometry of a contact at its first frame; `frames` are those of the drive, one for each row of the trail."""
        times = [frame.snapshot.timestamp.elapsed_seconds for frame in frames]
        index = min(int(np.searchsorted(times, at_s - 1e-6)), len(self.trail) - 1)
        x, y, yaw, vx, vy = self.trail[index]
        earlier = max(index - 10, 0)
        ahead = cos(yaw), sin(yaw)
        gained = (vx - self.trail[earlier][3]) * ahead[0] + (vy - self.trail[earlier][4]) * ahead[1]
        other = frames[index].snapshot.find(number)
        there = other.get_transform().location if other is not None else None
        dx, dy = (there.x - x, there.y - y) if there is not None else ahead
        cosine = (dx * ahead[0] + dy * ahead[1]) / max(hypot(dx, dy), 1e-6)
        actor = self.trip.sensors.world.get_actor(number)
        return {
            "at_s": round(at_s, 2),
            "kind": actor.type_id if actor is not None else "static",
            "from_behind": cosine < BEHIND,
            "in_lane": not any(begun <= at_s <= begun + DEPARTURE_COUNTS_S for begun, _ in departures),
            "acceleration_mps2": round(gained / max((index - earlier) * self.dt_s, self.dt_s), 2),
            "at_m": [round(x, 1), round(-y, 1)],
            "other_m": [round(x + dx, 1), round(-y - dy, 1)],
            "speed_mps": round(hypot(vx, vy), 2),
        }

    def _off_road_m(self, referee: Any) -> float:
        """The way driven while off the lanes, by the referee's episodes (half a second each at least)."""
        speed = np.hypot([row[3] for row in self.trail], [row[4] for row in self.trail]).mean() if self.trail else 0.0
        return sum(2.0 * float(speed) for _, kind in referee.departures.events if kind in ("off_road", "wrong_way"))

    def _stop_signs(self) -> int:
        """Stop lines passed without having stood before them."""
        from homeward_cli.bench.referee_map import sign_lines

        lines = sign_lines(self.trip.sensors.carla_map, "206")
        trail = np.array(self.trail) if self.trail else np.zeros((0, 5))
        reach = 2.4  # from the actor's middle to the front bumper
        nose = trail[:, :2] + reach * np.stack([np.cos(trail[:, 2]), np.sin(trail[:, 2])], axis=1)
        speed = np.hypot(trail[:, 3], trail[:, 4])
        run = 0
        for index in range(len(lines.light)):
            away = nose - lines.middle[index]
            along = away @ lines.ahead[index]
            aside = np.abs(away[:, 1] * lines.ahead[index, 0] - away[:, 0] * lines.ahead[index, 1]) < lines.half_width[index]
            passed = np.flatnonzero((along[:-1] < 0.0) & (along[1:] >= 0.0) & (np.diff(along) < 5.0) & aside[1:])
            for at in passed:
                near = (along > -STOP_LOOK_BACK_M) & aside & (np.arange(len(along)) <= at)
                run += not (speed[near] < STOPPED_MPS).any()
        return run


if __name__ == "__main__":
    main()
