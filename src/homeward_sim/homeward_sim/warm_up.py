"""Compile (or load from the cache) what the world needs, before the first client waits for it."""

from homeward_sim.roads import RoadNetwork
from homeward_sim.world import World

LIDAR = [0, "sensor.lidar.ray_cast", [["points_per_second", 2, "1600"]]]
CAR, WALKER = [0, "vehicle.tesla.model3", []], [0, "walker.pedestrian.0001", []]


def warm_up(network: RoadNetwork) -> None:
    """Run a small world of its own for two steps, with one of everything that is compiled."""
    world = World(network)
    pose = world.spawn_points[0]
    car = world.spawn(CAR, pose)
    world.spawn(WALKER, world.spawn_points[-1])
    lidar = world.spawn(LIDAR, type(pose)(z_m=2.0), car.actor_id)
    for _ in range(2):
        world.step()
    world.measure(lidar.actor_id)
    world.set_velocity(car.actor_id, 1.0, 0.0, 0.0)
