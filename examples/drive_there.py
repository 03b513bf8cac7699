#!/usr/bin/env python3
"""Sends the car somewhere with nav2_simple_commander: `python3 examples/drive_there.py X Y YAW` (metres, radians, map frame).

It needs a full ROS 2 with nav2_simple_commander, sourced, and a running stack. It never engages: press Engage in the
cockpit. Without nav2_simple_commander: `ros2 service call /planner/drive_to homeward_interfaces/srv/DriveTo "{place: Office}"`.
"""

import math
import sys

try:
    from nav2_simple_commander.robot_navigator import BasicNavigator, TaskResult
except ImportError:
    sys.exit("nav2_simple_commander is not installed here: sudo apt install ros-jazzy-nav2-simple-commander")
import rclpy
from geometry_msgs.msg import PoseStamped


def goal_at(x_m: float, y_m: float, yaw_rad: float) -> PoseStamped:
    """A pose in map."""
    goal = PoseStamped()
    goal.header.frame_id = "map"
    goal.pose.position.x, goal.pose.position.y = x_m, y_m
    goal.pose.orientation.z, goal.pose.orientation.w = math.sin(yaw_rad / 2), math.cos(yaw_rad / 2)
    return goal


def main() -> None:
    """Drive there and say how it went."""
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    rclpy.init()
    navigator = BasicNavigator()
    navigator.waitUntilNav2Active(navigator="planner", localizer="localization")
    navigator.goToPose(goal_at(*map(float, sys.argv[1:])))
    while not navigator.isTaskComplete():
        feedback = navigator.getFeedback()
        if feedback is not None:
            print(f"{feedback.distance_remaining:.0f} m to go", end="\r", flush=True)
    result = navigator.getResult()
    print("\narrived" if result == TaskResult.SUCCEEDED else f"\nended: {result}")
    sys.exit(0 if result == TaskResult.SUCCEEDED else 1)


if __name__ == "__main__":
    main()
