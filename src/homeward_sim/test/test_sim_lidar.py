"""LiDAR rays meet what geometry says they meet."""

import struct
from math import atan, pi, radians
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_sim.geometry import Pose, rotation_matrix
from homeward_sim.ground import ROAD, Ground
from homeward_sim.sensors.rays import HIT, TARGET, cast, sort_boxes

CAR_LABEL, BUILDING_LABEL = 14, 3


def plane(slope: float = 0.0) -> Ground:
    shape = (201, 201)
    height = np.tile((np.arange(201) * 2.0 - 200.0) * slope, (201, 1)).astype(np.float32)
    kinds = np.full(shape, ROAD, np.uint8)
    return Ground(-200.0, -200.0, 2.0, height, height, kinds, kinds, kinds, slope == 0.0)


def box(x: float, y: float, yaw: float = 0.0, **values: float) -> np.ndarray:
    rows = np.zeros(1, TARGET)
    rows["x"], rows["y"], rows["yaw"] = x, y, yaw
    rows["half_length"], rows["half_width"], rows["height"], rows["id"], rows["label"] = 2.0, 1.0, 1.5, 5, CAR_LABEL
    for name, value in values.items():
        rows[name] = value
    return rows


def shoot(
    boxes: np.ndarray,
    elevations_deg: Any,
    azimuths_deg: Any,
    pose: Pose,
    ground: Ground | None = None,
    range_m: float = 80.0,
) -> np.ndarray:
    hits = np.zeros((len(elevations_deg), len(azimuths_deg)), HIT)
    rotation = rotation_matrix(pose.pitch_rad, pose.yaw_rad, pose.roll_rad)
    origin = np.array((pose.x_m, pose.y_m, pose.z_m))
    elevations = np.radians(elevations_deg)
    fan = np.stack((np.cos(elevations), np.sin(elevations)), axis=1)
    place = ((0, len(azimuths_deg)), np.radians(azimuths_deg), fan, origin, rotation, range_m)
    cast(hits, *place, boxes, *sort_boxes(boxes, origin), ground or plane())
    return hits


NOTHING = np.zeros(0, TARGET)
MAST = Pose(z_m=2.0)


def test_rays_downwards_meet_the_ground_where_the_sensors_height_says() -> None:
    hits = shoot(NOTHING, [-45.0, -10.0, 5.0], [0.0, 90.0, 200.0], MAST)
    assert hits["distance"][0] == pytest.approx(2.0 * 2**0.5)
    assert hits["z"][:2] == pytest.approx(-2.0)
    assert (hits["label"][:2] == ROAD).all()
    assert (hits["distance"][2] == 0.0).all(), "above the horizon there is nothing"
    assert hits["cosine"][0] == pytest.approx(2**-0.5)


def test_range_ends_what_is_seen() -> None:
    assert (shoot(NOTHING, [-1.0], [0.0], MAST, range_m=50.0)["distance"] == 0.0).all()


def test_a_cars_near_face_is_met_and_the_ground_behind_it_is_not() -> None:
    hits = shoot(box(10.0, 0.0), [-5.0], [0.0, 45.0], MAST)
    assert hits["x"][0, 0] == pytest.approx(8.0)
    assert (hits["id"][0, 0], hits["label"][0, 0]) == (5, CAR_LABEL)
    assert hits["label"][0, 1] == ROAD


def test_a_roof_is_met_from_above() -> None:
    hit = shoot(box(5.0, 0.0), [-5.0], [0.0], Pose(z_m=2.0))[0, 0]
    assert hit["z"] == pytest.approx(-0.5, abs=1e-3)
    assert hit["id"] == 5


def test_the_nearer_of_two_is_seen() -> None:
    boxes = np.concatenate((box(20.0, 0.0, id=1), box(10.0, 0.0, id=2), box(30.0, 0.0, id=3, height=20.0)))
    hits = shoot(boxes, [-5.0, 3.0], [0.0], MAST)
    assert hits["id"][:, 0].tolist() == [2, 3], "the low ray meets the first car, the high one the house behind"


def test_left_is_minus_y_and_azimuth_goes_clockwise() -> None:
    hits = shoot(box(0.0, 10.0, pi / 2), [-6.0], [90.0], MAST)
    assert hits["y"][0, 0] == pytest.approx(8.0)


@given(
    st.floats(-30, 30), st.floats(-30, 30), st.floats(-pi, pi), st.floats(-pi, pi),
    st.floats(-0.2, 0.2), st.floats(-0.2, 0.2),
)  # fmt: skip
def test_every_hit_lies_on_a_surface_however_the_sensor_is_tilted(
    x: float, y: float, yaw: float, own_yaw: float, pitch: float, roll: float
) -> None:
    pose = Pose(1.0, -2.0, 3.0, pitch, own_yaw, roll)
    boxes = np.concatenate((box(x, y, yaw), box(y, -x, -yaw, height=4.0)))
    hits = shoot(boxes, np.linspace(-25, 10, 12), np.arange(0, 360, 7.0), pose)
    seen = hits[hits["distance"] > 0.0]
    local = np.stack([seen[name] for name in ("x", "y", "z")], axis=1).astype(float)
    world = local @ rotation_matrix(pitch, own_yaw, roll).T + (1.0, -2.0, 3.0)
    for point, hit in zip(world, seen, strict=True):
        assert on_ground(point) if hit["id"] == 0 else any(on_box(point, one) for one in boxes)
    assert np.linalg.norm(local, axis=1) == pytest.approx(seen["distance"], rel=1e-4)


def on_ground(point: np.ndarray) -> bool:
    return abs(float(point[2])) < 1e-3


def on_box(point: np.ndarray, one: Any) -> bool:
    c, s = np.cos(one["yaw"]), np.sin(one["yaw"])
    dx, dy = point[0] - one["x"], point[1] - one["y"]
    u, v, w = abs(c * dx + s * dy), abs(c * dy - s * dx), point[2] - one["z"]
    inside = u < one["half_length"] + 1e-2 and v < one["half_width"] + 1e-2 and -1e-2 < w < one["height"] + 1e-2
    on_a_face = min(abs(u - one["half_length"]), abs(v - one["half_width"]), abs(w - one["height"]), abs(w)) < 1e-2
    return bool(inside and on_a_face)


def test_no_box_is_missed_whose_side_is_in_the_way() -> None:
    """A ring of cars all around: every level ray meets one, whatever the sensor's tilt and heading."""
    ring = np.concatenate(
        [box(15 * np.cos(a), 15 * np.sin(a), a + pi / 2, half_length=3.0) for a in np.arange(0, 2 * pi, 0.35)]
    )
    for yaw in np.arange(-3.0, 3.0, 0.7):
        hits = shoot(ring, [-3.0], np.arange(0.0, 360.0, 1.0), Pose(z_m=1.2, yaw_rad=yaw, pitch_rad=0.02))
        assert (hits["id"] == 5).all()


def test_on_a_slope_rays_meet_the_slope() -> None:
    slope = 0.06
    ground = plane(slope)
    pose = Pose(0.0, 0.0, 2.0, atan(slope), 0.0, 0.0)
    hits = shoot(NOTHING, [-20.0, -8.0], [0.0, 90.0, 180.0], pose, ground)
    local = np.stack([hits[name] for name in ("x", "y", "z")], axis=-1).reshape(-1, 3).astype(float)
    world = local @ rotation_matrix(pose.pitch_rad, 0.0, 0.0).T + (0.0, 0.0, 2.0)
    assert world[:, 2] == pytest.approx(world[:, 0] * slope, abs=0.05)
    assert (hits["distance"] > 0).all()


# ---- the sensor ------------------------------------------------------------------------------------------------


def spawn_lidar(town: Any, kind: str = "ray_cast", **attributes: str) -> Any:
    car = town.spawn([1, "vehicle.tesla.model3", []], town.spawn_points[0])
    town.step()
    wanted = [[name, 4, value] for name, value in attributes.items()]
    return town.spawn([1, f"sensor.lidar.{kind}", wanted], Pose(z_m=2.0), car.actor_id)


def parts(data: bytes) -> tuple[float, np.ndarray, np.ndarray]:
    angle, channels = struct.unpack_from("<fI", data)
    counts = np.frombuffer(data, "<u4", channels, 8)
    return angle, counts, np.frombuffer(data, "<f4", -1, 8 + 4 * channels)


def test_a_measurement_is_a_sector_and_the_turn_goes_on(town: Any) -> None:
    lidar = spawn_lidar(town, channels="16", points_per_second="32000", rotation_frequency="10", range="60")
    angles = []
    for _ in range(10):
        town.step()
        angle, counts, points = parts(town.measure(lidar.actor_id))
        assert counts.sum() * 4 == len(points)
        assert counts.max() <= 32000 * town.step_s / 16
        angles.append(angle)
    assert np.diff(np.unwrap(angles)) == pytest.approx(2 * pi * 10 * town.step_s)


def test_a_slower_sensor_tick_covers_the_whole_time_between(town: Any) -> None:
    lidar = spawn_lidar(
        town, "ray_cast_semantic", channels="8", points_per_second="16000", rotation_frequency="10", sensor_tick="0.1"
    )
    sizes = []
    for _ in range(11):
        town.step()
        if town.is_due(lidar.actor_id):
            sizes.append(len(town.measure(lidar.actor_id)))
    assert len(sizes) == 3
    points = np.frombuffer(town.measure(lidar.actor_id)[8 + 4 * 8 :], "<f4")
    assert sizes[-1] > 100 * 24
    assert len(points) >= 0


def test_points_are_dropped_as_the_blueprint_says_and_the_same_ones_for_the_same_seed(town: Any) -> None:
    full = {"channels": "16", "points_per_second": "64000", "range": "60", "dropoff_zero_intensity": "0.0"}
    whole = spawn_lidar(town, dropoff_general_rate="0.0", **full)
    parent = whole.parent
    thinned = town.spawn(
        [1, "sensor.lidar.ray_cast", [[k, 4, v] for k, v in {**full, "dropoff_general_rate": "0.45"}.items()]],
        Pose(z_m=2.0),
        parent,
    )
    town.step()
    counts = [parts(town.measure(one.actor_id))[1].sum() for one in (whole, thinned)]
    assert counts[1] / counts[0] == pytest.approx(0.55, abs=0.06)


def test_intensity_fades_with_distance(town: Any) -> None:
    lidar = spawn_lidar(
        town, dropoff_general_rate="0", dropoff_zero_intensity="0", range="60", atmosphere_attenuation_rate="0.01"
    )
    town.step()
    _, _, flat = parts(town.measure(lidar.actor_id))
    points = flat.reshape(-1, 4)
    distance = np.linalg.norm(points[:, :3], axis=1)
    assert points[:, 3] == pytest.approx(np.exp(-0.01 * distance), rel=1e-3)


def test_it_sees_cars_walkers_houses_and_ground_but_not_its_own_car(town: Any) -> None:
    lidar = spawn_lidar(
        town,
        "ray_cast_semantic",
        channels="32",
        points_per_second="640000",
        rotation_frequency="50",
        range="100",
        upper_fov="15",
    )
    own = town.pose(lidar.parent)
    ahead = rotation_matrix(0, own.yaw_rad, 0)[:, 0]
    town.spawn(
        [1, "vehicle.audi.tt", []],
        Pose(own.x_m + 12 * ahead[0], own.y_m + 12 * ahead[1], own.z_m + 0.2, 0, own.yaw_rad),
    )
    side = rotation_matrix(0, own.yaw_rad, 0)[:, 1]
    town.spawn([1, "walker.pedestrian.0001", []], Pose(own.x_m + 4 * side[0], own.y_m + 4 * side[1], own.z_m + 1.0))
    town.step()
    data = town.measure(lidar.actor_id)
    rows = np.frombuffer(data[8 + 4 * 32 :], [("xyz", "<f4", 3), ("cosine", "<f4"), ("id", "<u4"), ("label", "<u4")])
    labels = set(rows["label"].tolist())
    assert {ROAD, CAR_LABEL, 12, BUILDING_LABEL} <= labels
    assert lidar.parent not in rows["id"]
    assert ((rows["cosine"] >= 0) & (rows["cosine"] <= 1.0001)).all()


@pytest.mark.parametrize(
    ("name", "value"), [("channels", "0"), ("range", "nan"), ("points_per_second", "-5"), ("upper_fov", "x")]
)
def test_attributes_that_make_no_sense_are_refused_with_a_sentence(town: Any, name: str, value: str) -> None:
    from homeward_sim.spawning import Refused

    with pytest.raises(Refused, match=name):
        spawn_lidar(town, **{name: value})
    assert radians(180) == pi


def test_a_measurement_in_slices_is_of_the_moment_when_it_began(town: Any) -> None:
    """The world may go on between slices: the data is what one go would have given."""
    dense = {"channels": "32", "points_per_second": "640000", "range": "80", "noise_stddev": "0.01"}
    lidar = spawn_lidar(town, **dense)
    town.step()
    at_one_go = town.measure(lidar.actor_id)
    slices = town.begin(lidar.actor_id)
    assert next(slices) is None
    town.cars.rows["x"] += 15.0
    town.destroy(lidar.parent)
    assert list(slices)[-1] == at_one_go
