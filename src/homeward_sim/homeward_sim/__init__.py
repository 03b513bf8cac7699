"""A headless world that speaks CARLA's protocol: the unmodified `carla` client connects to it.

Every coordinate inside is CARLA's: x east, y south, z up (left-handed), metres; angles are radians inside and
degrees only on the wire, clockwise seen from above. ROS's `map` frame is (x, -y, z).
"""
