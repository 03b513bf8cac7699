"""Every call of the client, by name: the episode, maps, sensors' tokens, and what is known but not here."""

from collections.abc import Callable
from typing import Any

from homeward_sim.engine import Engine
from homeward_sim.maps import available_maps
from homeward_sim.protocol import values
from homeward_sim.protocol.actor_calls import actor_methods
from homeward_sim.protocol.batch import Batch
from homeward_sim.protocol.blueprints import definitions
from homeward_sim.protocol.light_calls import light_methods
from homeward_sim.protocol.messages import WORLD_STREAM, stream_token
from homeward_sim.protocol.rpc import BARE, MOST_BYTES, VALUE, VOID, Method
from homeward_sim.spawning import Refused

VERSION = "0.9.16"
FIRST_WEATHER = [0.0] * 12 + [0.0331, 0.0]

NOT_HERE_VALUE = (
    "start_recorder", "show_recorder_file_info", "show_recorder_collisions", "show_recorder_actors_blocked",
    "replay_file", "request_file", "get_bones_transform", "cast_ray", "get_ackermann_controller_settings",
    "get_weather_parameters_list",
)  # fmt: skip
NOT_HERE_VOID = (
    "apply_color_texture_to_objects", "apply_float_color_texture_to_objects", "load_map_layer", "unload_map_layer",
    "stop_recorder", "stop_replayer", "set_replayer_time_factor", "set_replayer_ignore_hero",
    "set_replayer_ignore_spectator", "enable_carsim", "use_carsim_road", "enable_chrono_physics",
    "restore_physx_physics", "set_bones_transform", "blend_pose", "get_pose_from_animation",
    "apply_bone_control_to_walker", "apply_ackermann_control_to_vehicle", "apply_ackermann_controller_settings",
    "update_day_night_cycle", "update_lights_state", "set_wheel_steer_direction", "enable_environment_objects",
    "apply_physics_control", "console_command", "send", "enable_sensor_for_ros", "disable_sensor_for_ros",
)  # fmt: skip


def not_here(name: str) -> Callable[..., Any]:
    """A call that CARLA has and this world hasn't."""

    def refuse(*_: Any) -> Any:
        raise Refused(f"{name} is not part of this world; a real CARLA server has it.")

    return refuse


class Calls:
    """The calls about the episode as a whole. `token_wanted(stream)` hears which streams a client is about to join."""

    def __init__(self, engine: Engine, stream_port: int, address: bytes, token_wanted: Callable[[int], None]) -> None:
        self.engine = engine
        self._stream_port, self._address = stream_port, address
        self._token_wanted = token_wanted
        self._weather: list[Any] = list(FIRST_WEATHER)
        self.traffic_managers: dict[int, list[Any]] = {}
        self.batch = Batch(engine, self.token)

    def methods(self) -> dict[str, Method]:
        """All calls by name."""
        table = {name: Method(not_here(name), VALUE) for name in NOT_HERE_VALUE}
        table |= {name: Method(not_here(name), VOID) for name in NOT_HERE_VOID}
        table |= actor_methods(self.engine, self.batch.spawn, self.wire_actor)
        table |= light_methods(self.engine)
        table |= {name: Method(getattr(self, name), VALUE) for name in EPISODE_VALUES}
        table |= {name: Method(getattr(self, name), VOID) for name in EPISODE_VOIDS}
        table["apply_batch"] = Method(self.batch.apply, BARE)
        return table

    # ---- the connection and the episode -------------------------------------------------------------------------

    def version(self) -> str:
        return VERSION

    def get_episode_info(self) -> list[Any]:
        return [self.engine.world.episode, [self.token(WORLD_STREAM)]]

    def get_sensor_token(self, stream: Any) -> list[Any]:
        number = values.whole(stream, "A stream's id")
        self._token_wanted(number)
        return [self.token(number)]

    def token(self, stream: int) -> bytes:
        return stream_token(stream, self._stream_port, self._address)

    def get_episode_settings(self) -> list[Any]:
        return self.engine.settings

    def set_episode_settings(self, settings: Any) -> int:
        return self.engine.apply_settings(values.settings(settings))

    def tick_cue(self) -> int:
        """One step in synchronous mode; in asynchronous mode the world runs by itself and this tells where it is."""
        return self.engine.tick() if self.engine.is_synchronous else self.engine.world.frame

    def load_new_episode(self, name: Any, reset_settings: Any = True, layers: Any = 0) -> None:
        self.engine.load_map(values.text(name, "A map's name"), bool(reset_settings))

    def copy_opendrive_to_file(self, opendrive: Any, parameters: Any = None) -> None:
        self.engine.take_map(values.text(opendrive, "An OpenDRIVE map", MOST_BYTES))

    # ---- the map ------------------------------------------------------------------------------------------------

    def get_map_info(self) -> list[Any]:
        world = self.engine.world
        return [f"Carla/Maps/{world.network.name}", [pose.wire() for pose in world.spawn_points]]

    def get_map_data(self) -> str:
        return self.engine.world.network.text

    def get_available_maps(self) -> list[str]:
        names = {*available_maps(), self.engine.world.network.name}
        return [f"/Game/Carla/Maps/{name}" for name in sorted(names)]

    def get_required_files(self, folder: Any = "") -> list[str]:
        return []

    def get_navigation_mesh(self) -> bytes:
        return b""

    def get_actor_definitions(self) -> list[Any]:
        return definitions()

    def get_names_of_all_objects(self) -> list[str]:
        return []

    def get_environment_objects(self, label: Any = 0xFF) -> list[Any]:
        boxes = self.get_all_level_BBs(label)
        return [
            [[place, rotation], [place, extent, rotation], number, f"Building_{number}", BUILDINGS]
            for number, (place, extent, rotation) in enumerate(boxes, start=1)
        ]

    def get_all_level_BBs(self, label: Any = 0xFF) -> list[Any]:
        """Boxes of what stands beside the road: this world has buildings."""
        if values.whole(label, "A label", 0, 255) not in (BUILDINGS, ANY_LABEL):
            return []
        return [_wire_building(box) for box in self.engine.world.obstacles.boxes]

    def project_point(self, place: Any, direction: Any, distance_m: Any) -> list[Any]:
        """Where a straight way down meets the ground; other directions are not looked into."""
        x, y, z = values.vector(place, "A location")
        down = values.vector(direction, "A direction")[2]
        ground_z = self.engine.world.ground_z(x, y, z)
        found = down < 0.0 and 0.0 <= z - ground_z <= values.real(distance_m, "A distance")
        return [found, [[x, y, ground_z], self.engine.world.ground_label(x, y)]]

    # ---- small things -------------------------------------------------------------------------------------------

    def get_weather_parameters(self) -> list[Any]:
        return self._weather

    def set_weather_parameters(self, weather: Any) -> None:
        """Kept and told again; this world's weather is always fair."""
        self._weather = [values.real(value, "A weather parameter") for value in values.items(weather, "Weather", 14)]

    def is_weather_enabled(self) -> bool:
        return False

    def query_lights_state(self, client: Any = "") -> list[Any]:
        return []

    def draw_debug_shape(self, shape: Any) -> None:
        """Nobody looks."""

    # ---- traffic managers: the world only remembers where they are ----------------------------------------------

    def is_traffic_manager_running(self, port: Any) -> bool:
        return port in self.traffic_managers

    def get_traffic_manager_running(self, port: Any) -> list[Any]:
        return self.traffic_managers.get(port, ["", 0])

    def add_traffic_manager_running(self, where: Any) -> bool:
        host, port = values.items(where, "A traffic manager's address", 2)
        number = values.whole(port, "A port", 1, 65535)
        if number in self.traffic_managers:
            return False
        self.traffic_managers[number] = [values.text(host, "A host"), number]
        return True

    def destroy_traffic_manager(self, port: Any) -> bool:
        return self.traffic_managers.pop(port, None) is not None

    def wire_actor(self, actor_id: int) -> list[Any]:
        """An actor with its stream's token, where it is a sensor."""
        world = self.engine.world
        wire = world.wire_actor(actor_id)
        actor = world.actors.get(actor_id)
        if actor is not None and actor.is_sensor:
            wire[5] = self.token(actor_id)
        return wire


BUILDINGS, ANY_LABEL = 3, 255


def _wire_building(box: Any) -> list[Any]:
    half = [float(box["half_length"]), float(box["half_width"]), float(box["height"]) / 2]
    place = [float(box["x"]), float(box["y"]), float(box["z"]) + half[2]]
    return [place, half, [0.0, float(box["yaw"]) * 57.29577951308232, 0.0]]


EPISODE_VALUES = (
    "version", "get_episode_info", "get_sensor_token", "get_episode_settings", "set_episode_settings", "tick_cue",
    "get_map_info", "get_map_data", "get_available_maps", "get_required_files", "get_navigation_mesh",
    "get_actor_definitions", "get_names_of_all_objects", "get_environment_objects", "get_all_level_BBs",
    "project_point", "get_weather_parameters", "is_weather_enabled", "query_lights_state",
    "is_traffic_manager_running", "get_traffic_manager_running", "add_traffic_manager_running",
    "destroy_traffic_manager",
)  # fmt: skip
EPISODE_VOIDS = ("load_new_episode", "copy_opendrive_to_file", "set_weather_parameters", "draw_debug_shape")
