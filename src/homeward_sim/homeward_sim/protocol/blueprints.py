"""The blueprint library as the client sees it: every id, its attributes, their types and defaults."""

from collections.abc import Iterator
from dataclasses import dataclass

from homeward_sim.catalogue import CARS, PROPS, WALKERS, CarModel, PropModel, WalkerModel

BOOL, INT, FLOAT, STRING, COLOUR = 1, 2, 3, 4, 5
"""As `carla.ActorAttributeType` numbers them in 0.9.16."""
COLOURS = ("17,37,103", "180,44,43", "200,200,202", "30,30,32", "90,110,80")


@dataclass(frozen=True)
class Attribute:
    """One attribute of a blueprint; `value` is its default."""

    name: str
    kind: int
    value: str
    recommended: tuple[str, ...] = ()
    modifiable: bool = True
    restricted: bool = False

    def wire(self) -> list[object]:
        return [self.name, self.kind, self.value, list(self.recommended), self.modifiable, self.restricted]


@dataclass(frozen=True)
class Blueprint:
    """Something that can be spawned."""

    name: str
    attributes: tuple[Attribute, ...]

    def wire(self, number: int) -> list[object]:
        """As `get_actor_definitions` lists it; tags are the parts of its name."""
        tags = self.name.replace(".", ",")
        return [number, self.name, tags, [attribute.wire() for attribute in self.attributes]]

    def defaults(self) -> dict[str, str]:
        return {attribute.name: attribute.value for attribute in self.attributes}


def _fixed(name: str, kind: int, value: object) -> Attribute:
    return Attribute(name, kind, _text(value), (), False)


def _free(name: str, kind: int, value: object) -> Attribute:
    return Attribute(name, kind, _text(value))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _floats(values: dict[str, float]) -> tuple[Attribute, ...]:
    return tuple(_free(name, FLOAT, value) for name, value in values.items())


# ---- vehicles, walkers, props ----------------------------------------------------------------------------------


def _vehicle(model: CarModel) -> Blueprint:
    base = {"motorcycle": "motorcycle", "bicycle": "bicycle"}.get(model.kind, model.kind)
    return Blueprint(
        model.blueprint,
        (
            Attribute("role_name", STRING, "autopilot", ("autopilot", "scenario", "ego_vehicle")),
            _free("ros_name", STRING, model.blueprint),
            Attribute("color", COLOUR, COLOURS[0], COLOURS),
            _free("sticky_control", BOOL, True),
            _free("terramechanics", BOOL, False),
            _fixed("object_type", STRING, ""),
            _fixed("base_type", STRING, base),
            _fixed("special_type", STRING, model.special or ("electric" if model.electric else "")),
            _fixed("has_lights", BOOL, model.kind != "bicycle"),
            _fixed("has_dynamic_doors", BOOL, model.wheels == 4),
            _fixed("number_of_wheels", INT, model.wheels),
            _fixed("generation", INT, model.generation),
            _fixed("make", STRING, model.make),
            _fixed("model", STRING, model.label),
        ),
    )


def _walker(model: WalkerModel) -> Blueprint:
    return Blueprint(
        model.blueprint,
        (
            Attribute("role_name", STRING, "pedestrian", ("pedestrian",)),
            _free("ros_name", STRING, model.blueprint),
            Attribute("speed", FLOAT, "0.0", ("0.0", "1.4", "2.5")),
            _free("is_invincible", BOOL, True),
            _free("can_use_wheelchair", BOOL, False),
            _fixed("gender", STRING, model.gender),
            _fixed("age", STRING, model.age),
            _fixed("generation", INT, 2),
        ),
    )


def _prop(model: PropModel) -> Blueprint:
    return Blueprint(
        model.blueprint,
        (
            _free("role_name", STRING, "prop"),
            _fixed("size", STRING, model.size),
            _free("ros_name", STRING, model.blueprint),
        ),
    )


# ---- sensors ---------------------------------------------------------------------------------------------------


def _sensor(name: str, *attributes: Attribute) -> Blueprint:
    shared = (
        _free("role_name", STRING, "front"),
        _free("ros_name", STRING, name),
        _free("sensor_tick", FLOAT, 0.0),
    )
    return Blueprint(name, shared + attributes)


CAMERA = (
    _free("image_size_x", INT, 800),
    _free("image_size_y", INT, 600),
    _free("fov", FLOAT, 90.0),
    *_floats(
        {
            "lens_circle_falloff": 5.0,
            "lens_circle_multiplier": 0.0,
            "lens_k": -1.0,
            "lens_kcube": 0.0,
            "lens_x_size": 0.08,
            "lens_y_size": 0.08,
        }
    ),
)
COLOUR_CAMERA = (
    _free("enable_postprocess_effects", BOOL, True),
    Attribute("exposure_mode", STRING, "histogram", ("manual", "histogram")),
    *_floats(
        {
            "gamma": 2.2,
            "shutter_speed": 200.0,
            "iso": 100.0,
            "fstop": 1.4,
            "motion_blur_intensity": 0.45,
            "exposure_compensation": 0.0,
            "chromatic_aberration_intensity": 0.0,
            "chromatic_aberration_offset": 0.0,
        }
    ),
)
LIDAR = (
    _free("channels", INT, 32),
    _free("points_per_second", INT, 56000),
    *_floats(
        {"range": 10.0, "rotation_frequency": 10.0, "upper_fov": 10.0, "lower_fov": -30.0, "horizontal_fov": 360.0}
    ),
)
LIDAR_NOISE = (
    *_floats(
        {
            "atmosphere_attenuation_rate": 0.004,
            "dropoff_general_rate": 0.45,
            "dropoff_intensity_limit": 0.8,
            "dropoff_zero_intensity": 0.4,
            "noise_stddev": 0.0,
        }
    ),
    _free("noise_seed", INT, 0),
)
GNSS_NOISE = (
    *_floats({f"noise_{axis}_{kind}": 0.0 for axis in ("alt", "lat", "lon") for kind in ("bias", "stddev")}),
    _free("noise_seed", INT, 0),
)
IMU_NOISE = (
    *_floats(
        {
            f"noise_{name}_{axis}": 0.0
            for name in ("accel_stddev", "gyro_stddev", "gyro_bias")
            for axis in ("x", "y", "z")
        }
    ),
    _free("noise_seed", INT, 0),
)


def _library() -> Iterator[Blueprint]:
    yield from (_vehicle(model) for model in CARS)
    yield from (_walker(model) for model in WALKERS)
    yield from (_prop(model) for model in PROPS)
    yield _sensor("sensor.camera.rgb", *CAMERA, *COLOUR_CAMERA)
    yield _sensor("sensor.camera.depth", *CAMERA)
    yield _sensor("sensor.camera.semantic_segmentation", *CAMERA)
    yield _sensor("sensor.lidar.ray_cast", *LIDAR, *LIDAR_NOISE)
    yield _sensor("sensor.lidar.ray_cast_semantic", *LIDAR)
    yield _sensor("sensor.other.gnss", *GNSS_NOISE)
    yield _sensor("sensor.other.imu", *IMU_NOISE)
    yield _sensor("sensor.other.collision")
    yield _sensor("sensor.other.lane_invasion")


LIBRARY: dict[str, Blueprint] = {blueprint.name: blueprint for blueprint in _library()}


def definitions() -> list[list[object]]:
    """The answer to `get_actor_definitions`."""
    return [blueprint.wire(number) for number, blueprint in enumerate(LIBRARY.values(), start=1)]
