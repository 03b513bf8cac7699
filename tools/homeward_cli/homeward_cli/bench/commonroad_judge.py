"""The judge of ./homeward bench commonroad: runs in an environment of its own and imports nothing of the project.

Reads one JSON object a line: {"file", "kind", "states": [[step, x, y, steering, speed, yaw], ...]}; writes one a line:
{"file", "kind", "verdict"}: valid, goal, collision, off_road, infeasible, or error with its words. For kind "start" it
says whether the task's first state is free of collisions and on the road.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from commonroad.common.file_reader import CommonRoadFileReader
from commonroad.common.solution import (
    CostFunction,
    PlanningProblemSolution,
    Solution,
    VehicleModel,
    VehicleType,
)
from commonroad.scenario.state import KSState
from commonroad.scenario.trajectory import Trajectory
from commonroad_dc.feasibility import solution_checker


def solution(scenario, problem, rows):
    """The states as a solution of the task."""
    states = [
        KSState(time_step=int(step), position=np.array([x, y]), steering_angle=steering, velocity=speed, orientation=yaw)
        for step, x, y, steering, speed, yaw in rows
    ]
    driven = Trajectory(initial_time_step=states[0].time_step, state_list=states)
    one = PlanningProblemSolution(problem.planning_problem_id, VehicleModel.KS, VehicleType.BMW_320i, CostFunction.JB1, driven)
    return Solution(scenario.scenario_id, [one])


def verdict(scenario, problems, told):
    """What the checker says of a solution, in a word."""
    try:
        valid, _ = solution_checker.valid_solution(scenario, problems, told)
    except solution_checker.CollisionException as error:
        return "off_road" if "boundar" in str(error) else "collision"
    except solution_checker.GoalNotReachedException:
        return hit(scenario, problems, told) or "goal"
    return "valid" if valid else "infeasible"


def hit(scenario, problems, told):
    """A drive that misses its goal may have collided as well: that counts as the worse."""
    for check, name in ((solution_checker.obstacle_collision, "collision"), (solution_checker.boundary_collision, "off_road")):
        try:
            check(scenario, problems, told)
        except solution_checker.CollisionException:
            return name
    return None


def start_is_free(scenario, problems, problem):
    first = problem.initial_state
    row = [first.time_step, *first.position, 0.0, first.velocity, first.orientation]
    return hit(scenario, problems, solution(scenario, problem, [row, [row[0] + 1, *row[1:]]][:1])) or "valid"


def main() -> None:
    known = {}
    for line in sys.stdin:
        drive = json.loads(line)
        try:
            if drive["file"] not in known:
                known = {drive["file"]: CommonRoadFileReader(drive["file"]).open()}
            scenario, problems = known[drive["file"]]
            problem = next(iter(problems.planning_problem_dict.values()))
            if drive["kind"] == "start":
                said = start_is_free(scenario, problems, problem)
            else:
                said = verdict(scenario, problems, solution(scenario, problem, drive["states"]))
        except Exception as error:  # whatever it is, it is no verdict: it is told as it is
            said = f"error: {type(error).__name__}: {error}"
        print(json.dumps({"file": drive["file"], "kind": drive["kind"], "verdict": said}), flush=True)


if __name__ == "__main__":
    main()
