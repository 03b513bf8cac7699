"""What a map becomes before anybody is on it: ground, houses, places to start from. Worked out once a map."""

from dataclasses import dataclass
from functools import lru_cache

from homeward_sim.buildings import raise_buildings
from homeward_sim.collision import Obstacles, index_obstacles
from homeward_sim.geometry import Pose
from homeward_sim.ground import Ground, survey
from homeward_sim.limits import advise
from homeward_sim.roads import RoadNetwork


@dataclass(frozen=True)
class SitePlan:
    """Everything about a map that never changes, and that worlds on it share."""

    ground: Ground
    obstacles: Obstacles
    spawn_points: tuple[Pose, ...]


@lru_cache(maxsize=2)
def plan_site(network: RoadNetwork) -> SitePlan:
    """The plan of a road network."""
    ground = survey(network.strips, advise(network.strips))
    obstacles = index_obstacles(raise_buildings(network, ground))
    return SitePlan(ground, obstacles, tuple(network.spawn_points()))
