"""From a map, a goal and what is around the car to a trajectory, and from a trajectory to drive commands."""
