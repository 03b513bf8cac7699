"""How well and how fast ways into and out of marked places are found and driven: seeded starts among parked cars and walls.

Each case is planned and then driven by the controller's law on a kinematic car whose actuators lag, until it stands. The
referee is a check of its own: boxes against boxes, at every step of the drive.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from homeward_cli.environment import ROOT

DESCRIPTION = "Parking and driving out: seeded bays, kerbsides and a garage; success, time to plan, where the car ends."
KINDS = ("bay_forwards", "bay_backwards", "along", "garage")
SEEDS = 15
STEP_S, PLAN_EVERY, LONGEST_S = 0.02, 5, 120.0
STEERING_LAG_S, DRIVE_LAG_S = 0.08, 0.15
OUT_AHEAD_M = 12.0
Params = TypeVar("Params")


def run(say: Callable[[str], None]) -> dict[str, object]:
    """Milliseconds of a plan, shares of successes, metres and degrees off at the end."""
    from homeward_planner.parameters import ControllerParams, PlannerParams
    from homeward_planner.parking import warm_up

    planner, controller = _section("planner", PlannerParams), _section("controller", ControllerParams)
    warm_up(planner)
    tried: dict[str, list[Tried]] = {}
    for kind in KINDS:
        tried[kind] = [one for seed in range(SEEDS) for one in _both_ways(kind, seed, planner, controller)]
        say(f"{kind}: {sum(one.reached for one in tried[kind])} of {len(tried[kind])}")
    every = [one for some in tried.values() for one in some]
    took = np.array([one.planned_ms for one in every])
    reached = [one for one in every if one.reached]
    ends_m, ends_deg = np.array([one.off_m for one in reached]), np.array([one.off_deg for one in reached])
    return {
        "manoeuvres": len(every), "planned": sum(one.found for one in every), "reached": len(reached),
        "success_share": round(len(reached) / len(every), 3), "touched": sum(one.touched for one in every),
        "by_kind": {kind: f"{sum(one.reached for one in some)}/{len(some)}" for kind, some in tried.items()},
        "p50_ms": round(float(np.percentile(took, 50)), 1), "p95_ms": round(float(np.percentile(took, 95)), 1),
        "max_ms": round(float(took.max()), 1),
        "cusps_mean": round(float(np.mean([one.cusps for one in reached])), 2),
        "duration_p50_s": round(float(np.percentile([one.drive_s for one in reached], 50)), 1),
        "end_p95_m": round(float(np.percentile(ends_m, 95)), 3), "end_max_m": round(float(ends_m.max()), 3),
        "end_p95_deg": round(float(np.percentile(ends_deg, 95)), 2), "end_max_deg": round(float(ends_deg.max()), 2),
    }  # fmt: skip


@dataclass(frozen=True)
class Tried:
    """What became of one manoeuvre."""

    found: bool
    planned_ms: float
    reached: bool = False
    touched: bool = False
    cusps: int = 0
    drive_s: float = 0.0
    off_m: float = math.nan
    off_deg: float = math.nan


def _both_ways(kind: str, seed: int, planner: Any, controller: Any) -> list[Tried]:
    """Into the place, and from its middle out to the lane."""
    from homeward_cli.bench.parking_scenes import scene
    from homeward_planner.scene import Pose

    case = scene(kind, seed)
    lane = case.graph.lanes[1 if kind == "along" else 0].line
    beside_m = float(lane.project(np.array([[case.goal.x_m, 0.0]]))[0][0])
    out_to = Pose(*lane.pose_at(beside_m + OUT_AHEAD_M))
    return [
        _tried(case.graph, case.start, case.goal, case.things, False, planner, controller),
        _tried(case.graph, case.goal, out_to, case.things, True, planner, controller),
    ]


def _tried(graph: Any, start: Any, goal: Any, things: Any, leaves: bool, planner: Any, controller: Any) -> Tried:
    from homeward_planner.parking import Parking
    from homeward_planner.route import Refusal

    parking = Parking(planner, graph)
    began = time.perf_counter()
    way = parking.plan(start, goal, things, leaves)
    planned_ms = (time.perf_counter() - began) * 1e3
    if isinstance(way, Refusal):
        return Tried(False, planned_ms)
    parking.begin(goal, leaves)
    reached, touched, pose, now_s = _driven(parking, start, graph, things, controller)
    off_m = math.hypot(pose.x_m - goal.x_m, pose.y_m - goal.y_m)
    off_deg = math.degrees(abs(math.remainder(pose.yaw_rad - goal.yaw_rad, math.tau)))
    return Tried(True, planned_ms, reached and not touched, touched, len(way) - 1, now_s, off_m, off_deg)


def _driven(parking: Any, start: Any, graph: Any, things: Any, controller: Any) -> tuple[bool, bool, Any, float]:
    """Whether the car got there, whether it touched something, where it stands, and after how long."""
    from homeward_planner.scene import Ego, Pose
    from homeward_planner.tracking import Tracker
    from homeward_planner.trajectory import REVERSE

    tracker, pose, speed, steering, acceleration, gear = Tracker(controller), start, 0.0, 0.0, 0.0, 3
    trajectory, touched = None, False
    for step in range(round(LONGEST_S / STEP_S)):
        now_s, ego = step * STEP_S, Ego(pose, speed)
        if step % PLAN_EVERY == 0:
            found = parking.step(now_s, ego, things)
            if found.reached or found.given_up:
                return bool(found.reached), touched, pose, now_s
            trajectory = found.trajectory
        demand = tracker.step(now_s, ego, trajectory)
        acceleration += (demand.acceleration_mps2 - acceleration) * STEP_S / DRIVE_LAG_S
        steering += min(max((demand.steering_rad - steering) / STEERING_LAG_S, -1.0), 1.0) * STEP_S
        gear = demand.gear if abs(speed) < 0.05 else gear
        sign = -1.0 if gear == REVERSE else 1.0
        speed = sign * max(sign * speed + (acceleration if gear == demand.gear else -3.0) * STEP_S, 0.0)
        yaw = pose.yaw_rad + speed * math.tan(steering) / controller.wheelbase_m * STEP_S
        middle = (pose.yaw_rad + yaw) / 2.0
        pose = Pose(pose.x_m + speed * math.cos(middle) * STEP_S, pose.y_m + speed * math.sin(middle) * STEP_S, yaw)
        touched = touched or (step % PLAN_EVERY == 0 and _touches(pose, graph, things))
    return False, touched, pose, LONGEST_S


def _touches(pose: Any, graph: Any, things: Any) -> bool:
    from homeward_cli.bench.parking_scenes import CENTRE_M, LENGTH_M, WIDTH_M, rectangle

    x, y = pose.x_m + CENTRE_M * math.cos(pose.yaw_rad), pose.y_m + CENTRE_M * math.sin(pose.yaw_rad)
    mine = rectangle(x, y, LENGTH_M, WIDTH_M, pose.yaw_rad)
    solid = [*graph.buildings_m, *(thing.outline()[[0, 2, 4, 6]] for thing in things)]
    return any(_overlap(mine, other) for other in solid)


def _overlap(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two rectangles overlap: no side of either separates them."""
    for box in (one, other):
        for side in (box[1] - box[0], box[2] - box[1]):
            a, b = one @ side, other @ side
            if a.max() < b.min() or b.max() < a.min():
                return False
    return True


def _section(node: str, kind: type[Params]) -> Params:
    from homeward_runtime.params import build, read_file

    values = dict(read_file(ROOT / "params/car.yaml"))[f"/**/{node}"]
    wanted = {one.name: values[one.name] for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return build(kind, wanted, node)
