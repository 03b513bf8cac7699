"""The way through several poses, as Nav2's compute_path_through_poses asks for it."""

from __future__ import annotations

import math

import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped

from homeward_planner import convert
from homeward_planner.core import Planner
from homeward_planner.navigation import PATH_CODES, THROUGH_CODES, way_through
from homeward_planner.route import Refusal
from homeward_planner.scene import Pose

START, FAR = Pose(-195.0, -1.75, 0.0), Pose(5000.0, 5000.0, 0.0)


@pytest.fixture(scope="module")
def find_way(hometown, planner_params):
    return Planner(planner_params, hometown).find_way


def test_each_way_begins_where_the_one_before_ends(find_way, places) -> None:
    poses = [places[name] for name in ("school", "shop", "office")]
    ways = way_through(find_way, START, poses)
    points = [(one.pose.position.x, one.pose.position.y) for one in convert.joined_path_message(ways, Time()).poses]
    assert max(math.dist(a, b) for a, b in zip(points, points[1:], strict=False)) < 2.6, "no gap"
    turns = [math.atan2(b[1] - a[1], b[0] - a[0]) for a, b in zip(points, points[1:], strict=False) if math.dist(a, b) > 0.2]
    assert max(abs(math.remainder(b - a, math.tau)) for a, b in zip(turns, turns[1:], strict=False)) < 1.0, "no step back"
    for pose in poses:
        assert min(math.dist(point, (pose.x_m, pose.y_m)) for point in points) < 1.5


@pytest.mark.parametrize(
    ("poses", "code", "begins"),
    [
        ([], "no_goal", "There is no pose"),
        (["school", FAR, "office"], "goal_outside_map", "Pose 2 of 3: "),
        (["school", "office", FAR], "goal_outside_map", "Pose 3 of 3: "),
        ([Pose(math.nan, 0.0, 0.0), "office"], "not_finite", "Pose 1 of 2: "),
    ],
)
def test_the_pose_that_can_not_be_reached_is_named(find_way, places, poses, code: str, begins: str) -> None:
    found = way_through(find_way, START, [places[one] if isinstance(one, str) else one for one in poses])
    assert isinstance(found, Refusal) and found.code == code
    assert found.text.startswith(begins) and found.text.endswith(".")


def test_a_start_off_the_map_is_no_poses_fault(find_way, places) -> None:
    found = way_through(find_way, FAR, [places["school"], places["office"]])
    assert isinstance(found, Refusal) and found.code == "start_outside_map" and "Pose" not in found.text


def test_the_codes_through_poses_are_the_others_and_a_hundred() -> None:
    assert {name: code + 100 for name, code in PATH_CODES.items()}.items() <= THROUGH_CODES.items()
    assert THROUGH_CODES["no_goal"] == 309


def test_what_is_wrong_with_a_pose_is_said_with_its_number() -> None:
    good, bad = PoseStamped(), PoseStamped()
    bad.pose.orientation.w = 0.0
    with pytest.raises(ValueError, match=r"^Pose 2 of 2: The goal's orientation is no rotation\.$"):
        convert.poses_from_goals([good, bad])
    assert convert.poses_from_goals([good]) == [Pose(0.0, 0.0, 0.0)]
