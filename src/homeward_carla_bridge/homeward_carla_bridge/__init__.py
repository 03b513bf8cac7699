"""A CARLA client in two nodes: sensors to ROS, and a car's ECUs on the CAN bus."""
