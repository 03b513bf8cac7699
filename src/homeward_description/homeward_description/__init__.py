"""The car's shape: URDF, robot_description and the fixed frames."""
