"""Which class measures for which blueprint."""

from collections.abc import Callable

from homeward_sim.sensors import Sensor, View
from homeward_sim.sensors.events import Collision
from homeward_sim.sensors.inertial import Gnss, Imu
from homeward_sim.sensors.lidar import Lidar, SemanticLidar

SIMPLE: dict[str, Callable[[dict[str, str], int], Sensor]] = {
    "sensor.other.gnss": Gnss,
    "sensor.other.imu": Imu,
    "sensor.lidar.ray_cast": Lidar,
    "sensor.lidar.ray_cast_semantic": SemanticLidar,
}
CAMERAS = {
    "sensor.camera.rgb": "colour",
    "sensor.camera.depth": "depth",
    "sensor.camera.semantic_segmentation": "labels",
}


def build_sensor(blueprint: str, attributes: dict[str, str], world_seed: int, actor_id: int, view: View) -> Sensor:
    """The sensor of a blueprint. Raises ValueError for a bad attribute, RuntimeError where the machine lacks
    something.
    """
    if blueprint == "sensor.other.collision":
        return Collision()
    if blueprint in CAMERAS:
        from homeward_sim.sensors.camera import Camera  # needs OpenGL: only who spawns a camera pays for it

        return Camera(attributes, CAMERAS[blueprint], view)
    return SIMPLE[blueprint](attributes, noise_key(attributes, world_seed, actor_id))


def noise_key(attributes: dict[str, str], world_seed: int, actor_id: int) -> int:
    """The seed of one sensor's noise: the world's, the sensor's `noise_seed` and its actor id, well mixed (64 bits)."""
    try:
        own = int(float(attributes.get("noise_seed", "0")))
    except (ValueError, OverflowError):
        raise ValueError("noise_seed must be a whole number") from None
    mixed = 0x9E3779B97F4A7C15
    for part in (world_seed, own, actor_id):
        mixed = ((mixed ^ (part & 0xFFFFFFFFFFFFFFFF)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 31
    return mixed
