"""The peer of ./homeward bench commonroad --peer: commonroad-reactive-planner in closed loop over one scenario.

Runs in an environment of its own and imports nothing of the project: `python -I commonroad_peer.py FILE PREDICTION`. Its last
line is a JSON object: {"states": [[step, x, y, steering, speed, yaw], ...], "cycle_ms": [...], "without_plan": cycles}, x and y
of the car's centre, or {"failed": "why"}.

The planner's defaults are kept, but that it plans at each step and on one core, as the project's own planner does, and that
the car is the same: one steering rate and one acceleration, held for the step, towards the plan's next state, the kinematic
single-track model integrated. PREDICTION "recorded" is what the planner does by itself: it knows the others' whole recorded
motion. With "constant_velocity" it expects them to go on as they move now, which it is told anew at each step.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from copy import deepcopy

import numpy as np
from commonroad.common.file_reader import CommonRoadFileReader
from commonroad.prediction.prediction import TrajectoryPrediction
from commonroad.scenario.obstacle import DynamicObstacle
from commonroad.scenario.state import InitialState, KSState
from commonroad.scenario.trajectory import Trajectory
from commonroad_dc.boundary.boundary import create_road_boundary_obstacle
from commonroad_rp.reactive_planner import ReactivePlanner
from commonroad_rp.state import ReactivePlannerState
from commonroad_rp.utility.config import PlanningConfiguration, ReactivePlannerConfiguration
from commonroad_rp.utility.utils_coordinate_system import create_coordinate_system, create_initial_ref_path

BRAKE_MPS2 = 8.0  # without a plan the car brakes as the project's own does: steering held
PARTS = 10


def configuration(scenario, problem):
    """The planner's defaults (BMW 320i), at the scenario's step."""
    told = ReactivePlannerConfiguration(planning=PlanningConfiguration(dt=scenario.dt, replanning_frequency=1))
    told.debug.multiproc, told.debug.logging_level, told.debug.show_evaluation_plots = False, "ERROR", False
    told.update(scenario=scenario, planning_problem=problem)
    return told


def expected(one, step, ahead, step_s):
    """A thing as it goes on at constant speed and heading from how it is at a step; None where it isn't there."""
    now = one.state_at_time(step)
    if now is None:
        return None
    speed, yaw = now.velocity, now.orientation
    way = np.array([math.cos(yaw), math.sin(yaw)]) * speed * step_s
    states = [
        KSState(time_step=step + k, position=now.position + way * k, velocity=speed, orientation=yaw, steering_angle=0.0)
        for k in range(1, ahead + 1)
    ]
    first = InitialState(time_step=step, position=now.position, velocity=speed, orientation=yaw, yaw_rate=0.0, slip_angle=0.0)
    told = TrajectoryPrediction(Trajectory(step + 1, states), one.obstacle_shape)
    return DynamicObstacle(one.obstacle_id, one.obstacle_type, one.obstacle_shape, first, told)


def expect(planner, scenario, edge, step):
    """Tell the planner what to expect of the others: nothing of what was recorded later than this step."""
    seen = deepcopy(scenario)
    others = [expected(one, step, planner.N, scenario.dt) for one in scenario.dynamic_obstacles]
    seen.remove_obstacle(seen.dynamic_obstacles)
    seen.add_objects([one for one in others if one is not None])
    planner.set_collision_checker(scenario=seen, road_boundary_obstacle=edge)


def driven(state, rate, acceleration, vehicle, step_s):
    """A step on with both inputs held: the kinematic single-track model, at the rear axle, by the midpoint rule."""
    part = step_s / PARTS
    (x, y), steering, speed, yaw = state.position, state.steering_angle, state.velocity, state.orientation
    for _ in range(PARTS):
        middle = speed + acceleration * part / 2.0
        turn = middle / vehicle.wheelbase * math.tan(steering + rate * part / 2.0) * part
        x, y = x + middle * part * math.cos(yaw + turn / 2.0), y + middle * part * math.sin(yaw + turn / 2.0)
        steering, speed, yaw = steering + rate * part, speed + acceleration * part, yaw + turn
    return ReactivePlannerState(
        time_step=state.time_step + 1, position=np.array([x, y]), orientation=yaw, velocity=max(speed, 0.0),
        acceleration=acceleration, steering_angle=steering, yaw_rate=speed / vehicle.wheelbase * math.tan(steering),
    )  # fmt: skip


def inputs(state, found, vehicle, step_s):
    """Steering rate and acceleration to the plan's next state, within the model's limits; without a plan, braking."""
    if found is None:
        return 0.0, -min(BRAKE_MPS2, state.velocity / step_s)
    wanted = found[0].state_list[1]
    rate = (wanted.steering_angle - state.steering_angle) / step_s
    highest = vehicle.a_max * min(1.0, vehicle.v_switch / max(state.velocity, vehicle.v_switch))
    acceleration = min((wanted.velocity - state.velocity) / step_s, highest)
    rate = min(max(rate, vehicle.v_delta_min), vehicle.v_delta_max)
    return rate, max(acceleration, -vehicle.a_max, -state.velocity / step_s)


def after(state, found, vehicle, step_s):
    """The car a step on, as the plan would have it."""
    return driven(state, *inputs(state, found, vehicle, step_s), vehicle, step_s)


def cycle(planner):
    """One plan, or None where the planner has none (it says so by an error as well, off its reference path for one)."""
    try:
        planner.set_desired_velocity(current_speed=planner.x_0.velocity)
        return planner.plan()
    except Exception as error:  # one cycle without a plan is no reason to end the drive: the car brakes
        print(f"step {planner.x_0.time_step}: {type(error).__name__}: {error}", file=sys.stderr)
        return None


def drive(file, prediction):
    """From the start until the goal is met, or its time is over."""
    scenario, problems = CommonRoadFileReader(file).open()
    problem = next(iter(problems.planning_problem_dict.values()))
    edge = create_road_boundary_obstacle(scenario)[1] if prediction == "constant_velocity" else None
    planner = ReactivePlanner(configuration(scenario, problem))
    reference = create_initial_ref_path(scenario.lanelet_network, problem)
    planner.set_reference_path(coordinate_system=create_coordinate_system(reference))
    last = max(int(getattr(goal.time_step, "end", goal.time_step)) for goal in problem.goal.state_list)
    rows, times, without = [row(planner)], [], 0
    while planner.x_0.time_step < last and not planner.goal_reached():
        began = time.perf_counter()
        if prediction == "constant_velocity":
            expect(planner, scenario, edge, planner.x_0.time_step)
        found = cycle(planner)
        times.append((time.perf_counter() - began) * 1000.0)
        without += found is None
        planner.x_0, planner.x_0_cl = after(planner.x_0, found, planner.vehicle_params, scenario.dt), None
        rows.append(row(planner))
    return {"states": rows, "cycle_ms": times, "without_plan": without}


def row(planner):
    """The planner's state for the judge: at the car's centre."""
    state = ReactivePlannerState.shift_state_to_center(planner.x_0, planner.vehicle_params.wb_rear_axle)
    values = (*state.position, state.steering_angle, state.velocity, state.orientation)
    return [int(state.time_step), *map(float, values)]


def main():
    """Drive, and tell it; an error is told as well, in place of the drive."""
    try:
        told = drive(sys.argv[1], sys.argv[2])
    except Exception as error:
        told = {"failed": f"{type(error).__name__}: {error}"}
    print("\n" + json.dumps(told), flush=True)
    os._exit(0)  # the collision checker's wheel else writes hundreds of lines at its end


if __name__ == "__main__":
    main()
