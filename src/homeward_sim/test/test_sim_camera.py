"""Pictures show what geometry says: depths, labels, colours, and what a traffic light shows. Skipped where EGL is
missing.
"""

from math import hypot, pi, tan
from typing import Any

import numpy as np
import pytest

from homeward_sim.geometry import Pose, rotation_matrix
from homeward_sim.lights import GREEN, RED
from homeward_sim.roads import RoadNetwork
from homeward_sim.sensors.mesh import block, ribbon, triangles
from homeward_sim.sensors.scenery import in_tiles, straightened
from homeward_sim.spawning import Refused
from homeward_sim.world import World

ROAD, SIDEWALK, BUILDING, TERRAIN, SKY, CAR, LIGHT = 1, 2, 3, 10, 11, 14, 7
WIDTH, HEIGHT = 160, 120


@pytest.fixture(scope="module")
def pictured(hometown: RoadNetwork) -> World:
    """A world with a camera car. Skips where no context can be made, and says why."""
    world = World(hometown, seed=7)
    world.spawn([1, "vehicle.lincoln.mkz_2020", []], world.spawn_points[0])
    world.step()
    try:
        world.spawn([1, "sensor.camera.rgb", [["image_size_x", 2, "8"], ["image_size_y", 2, "8"]]], Pose())
    except Refused as refusal:
        pytest.skip(str(refusal))
    return world


def picture(world: World, kind: str, pose: Pose, parent: int = 0, fov: float = 90.0) -> np.ndarray:
    attributes = [["image_size_x", 2, str(WIDTH)], ["image_size_y", 2, str(HEIGHT)], ["fov", 3, str(fov)]]
    camera = world.spawn([1, f"sensor.camera.{kind}", attributes], pose, parent)
    world.step()
    data = world.measure(camera.actor_id)
    world.destroy(camera.actor_id)
    assert data is not None
    head = np.frombuffer(data[:12], "<u4")
    assert head[:2].tolist() == [WIDTH, HEIGHT]
    return np.frombuffer(data[12:], np.uint8).reshape(HEIGHT, WIDTH, 4)


def metres(image: np.ndarray) -> np.ndarray:
    """CARLA's decoding: R + 256 G + 65536 B over 2^24 - 1, of a kilometre; the picture is BGRA."""
    blue, green, red = (image[..., i].astype(float) for i in range(3))
    return (red + 256 * green + 65536 * blue) / (256**3 - 1) * 1000


def car_pose(world: World) -> Pose:
    return world.pose(int(world.car_rows["id"][0]))


def test_depth_of_the_road_is_that_of_the_plane(pictured: World) -> None:
    """Below the horizon, depth along the axis is height over the slope of the row: f * h / (row - centre)."""
    place = pictured.spawn_points[7]
    place = Pose(place.x_m, place.y_m, pictured.ground_z(place.x_m, place.y_m, place.z_m), 0.0, place.yaw_rad, 0.0)
    image = picture(pictured, "depth", Pose(place.x_m, place.y_m, place.z_m + 20.0, -pi / 2, place.yaw_rad, 0.0))
    assert metres(image)[HEIGHT // 2, WIDTH // 2] == pytest.approx(20.0, abs=0.05), "straight down: the height"
    level = metres(picture(pictured, "depth", Pose(place.x_m, place.y_m, place.z_m + 2.0, 0.0, place.yaw_rad, 0.0)))
    focal = WIDTH / 2 / tan(pi / 4)
    for row in (90, 100, 115):
        expected = focal * 2.0 / (row + 0.5 - HEIGHT / 2)
        assert level[row, WIDTH // 2] == pytest.approx(expected, rel=0.05)


def test_the_first_row_is_the_sky_and_the_last_the_road(pictured: World) -> None:
    place = car_pose(pictured)
    image = picture(pictured, "semantic_segmentation", Pose(x_m=2.6, z_m=1.4), int(pictured.car_rows["id"][0]))
    labels = image[..., 2]
    assert set(labels[0].tolist()) <= {SKY, BUILDING}
    assert SKY in labels[0]
    assert set(labels[-1, WIDTH // 2 - 20 : WIDTH // 2 + 20].tolist()) == {ROAD}
    assert {SIDEWALK, TERRAIN, BUILDING} & set(labels.ravel().tolist())
    assert np.isfinite(place.x_m)


def test_a_car_ahead_is_in_the_middle_with_its_paint(pictured: World) -> None:
    own = car_pose(pictured)
    ahead = rotation_matrix(0, own.yaw_rad, 0)[:, 0]
    there = Pose(own.x_m + 12 * ahead[0], own.y_m + 12 * ahead[1], own.z_m + 0.2, 0, own.yaw_rad)
    other = pictured.spawn([1, "vehicle.audi.tt", [["color", 5, "20,220,30"]]], there)
    parent = int(pictured.car_rows["id"][0])
    labels = picture(pictured, "semantic_segmentation", Pose(x_m=2.6, z_m=1.2), parent)[..., 2]
    colours = picture(pictured, "rgb", Pose(x_m=2.6, z_m=1.2), parent)
    pictured.destroy(other.actor_id)
    seen = labels == CAR
    _, columns = np.nonzero(seen)
    assert abs(columns.mean() - WIDTH / 2) < 4
    blue, green, red = (int(np.median(colours[..., i][seen])) for i in range(3))
    assert green > 1.5 * max(blue, red)


def test_right_is_right(pictured: World) -> None:
    own = car_pose(pictured)
    forward, right = rotation_matrix(0, own.yaw_rad, 0)[:, 0], rotation_matrix(0, own.yaw_rad, 0)[:, 1]
    x, y = own.x_m + 10 * forward[0] + 3 * right[0], own.y_m + 10 * forward[1] + 3 * right[1]
    walker = pictured.spawn([1, "walker.pedestrian.0002", []], Pose(x, y, own.z_m + 1.0))
    labels = picture(pictured, "semantic_segmentation", Pose(x_m=2.6, z_m=1.2), int(pictured.car_rows["id"][0]))[..., 2]
    pictured.destroy(walker.actor_id)
    _, columns = np.nonzero(labels == 12)
    assert columns.mean() > WIDTH / 2 + 10


@pytest.mark.parametrize(("state", "channel"), [(RED, 2), (GREEN, 1)])
def test_a_light_glows_in_the_colour_that_it_shows(pictured: World, state: int, channel: int) -> None:
    lights = pictured.lights
    post = lights.lights[0].post
    heading = lights.lights[0].signal.lines[0].middle.yaw_rad
    back = rotation_matrix(0, heading, 0)[:, 0]
    eye = Pose(post.x_m - 6 * back[0], post.y_m - 6 * back[1], post.z_m + 4.2, 0.0, heading, 0.0)
    lights.set_state(0, state)
    glowing = picture(pictured, "rgb", eye, fov=30.0)
    labels = picture(pictured, "semantic_segmentation", eye, fov=30.0)[..., 2]
    assert (labels == LIGHT).sum() > 20
    brightest = glowing[labels == LIGHT].astype(int)
    lit = brightest[brightest[:, channel] > 240]
    assert len(lit) > 5
    assert (lit[:, channel] - lit[:, 3 - channel] > 100).all()


def test_the_same_world_gives_the_same_picture(pictured: World) -> None:
    own = car_pose(pictured)
    eye = Pose(own.x_m, own.y_m, own.z_m + 3.0, 0.0, own.yaw_rad + 0.4, 0.0)
    assert picture(pictured, "rgb", eye).tobytes() == picture(pictured, "rgb", eye).tobytes()


@pytest.mark.parametrize(
    ("name", "value"), [("image_size_x", "100000"), ("image_size_y", "0"), ("fov", "180"), ("fov", "wide")]
)
def test_a_camera_that_can_not_be_is_refused(pictured: World, name: str, value: str) -> None:
    with pytest.raises(Refused, match=name):
        pictured.spawn([1, "sensor.camera.rgb", [[name, 4, value]]], Pose())


def test_a_picture_too_large_to_send_is_refused(pictured: World) -> None:
    with pytest.raises(Refused, match="image_size_x times"):
        pictured.spawn([1, "sensor.camera.rgb", [["image_size_x", 2, "4096"], ["image_size_y", 2, "4096"]]], Pose())


def test_without_opengl_the_answer_names_the_packages(monkeypatch: pytest.MonkeyPatch, town: World) -> None:
    from homeward_sim.sensors import camera

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError("libEGL.so.1: cannot open shared object file")

    monkeypatch.setattr(camera, "_painter", None)
    monkeypatch.setattr("moderngl.create_context", fail)
    with pytest.raises(Refused, match=r"libegl1.*libgl1-mesa-dri"):
        town.spawn([1, "sensor.camera.rgb", []], Pose())
    assert not town.sensors


# ---- shapes ----------------------------------------------------------------------------------------------------


def test_a_block_faces_outwards_on_every_side() -> None:
    vertices = block((-1, -2, 0), (1, 2, 3), (1, 2, 3), CAR)
    middles = vertices["position"].reshape(-1, 3, 3).mean(axis=1)
    outwards = np.einsum("ij,ij->i", middles - (0, 0, 1.5), vertices["normal"][::3])
    assert (outwards > 0).all()


def test_a_ribbon_looks_up() -> None:
    left = np.array([(0.0, -1.0, 0.0), (5.0, -1.0, 0.0), (9.0, 0.0, 0.0)])
    assert (ribbon(left, left + (0.0, 2.0, 0.0), (0, 0, 0), ROAD)["normal"][:, 2] > 0.99).all()


def test_straight_strips_keep_few_points_and_bends_keep_their_shape() -> None:
    straight = np.stack((np.arange(100.0), np.zeros(100), np.zeros(100)), axis=1)
    assert len(straightened(straight, straight + (0, 3, 0))) < 10
    angle = np.linspace(0, 1.5, 60)
    bend = np.stack((20 * np.sin(angle), 20 * np.cos(angle), np.zeros(60)), axis=1)
    kept = straightened(bend, bend * 1.1)
    for first, last in zip(kept, kept[1:], strict=False):
        chord = bend[first] + np.linspace(0, 1, last - first + 1)[:, None] * (bend[last] - bend[first])
        assert np.abs(chord - bend[first : last + 1]).max() < 0.05


def test_tiles_hold_every_triangle_once() -> None:
    random = np.random.default_rng(1)
    vertices = triangles(random.uniform(-300, 300, (50, 1, 3)) + random.uniform(-1, 1, (50, 3, 3)), (1, 1, 1), ROAD)
    ordered, tiles = in_tiles(vertices)
    assert tiles[:, 4].sum() == len(vertices)
    assert sorted(map(bytes, ordered["position"])) == sorted(map(bytes, vertices["position"]))
    for x, y, reach, first, count in tiles:
        points = ordered["position"][int(first) : int(first + count)]
        assert max(hypot(px - x, py - y) for px, py, _ in points) <= reach + 1e-3
