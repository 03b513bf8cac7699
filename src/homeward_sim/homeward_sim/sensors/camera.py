"""Cameras: OpenGL on EGL, without a display; Mesa's software driver where there is no GPU.

One context draws for all cameras. The scenery goes to the driver once a map, the shapes of actors once a model; a
picture sends only where they are. Frames come out as the client wants them, BGRA with the first row at the top:
the projection turns the picture upside down instead of anybody copying it.
"""

from dataclasses import dataclass
from math import isfinite, radians, tan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeward_sim.geometry import Pose, pose_matrix
from homeward_sim.sensors import View, number
from homeward_sim.sensors.figures import figure
from homeward_sim.sensors.mesh import VERTEX
from homeward_sim.sensors.scenery import DARK_LAMP, LAMP_COLOURS, in_tiles, lamps, scenery
from homeward_sim.sensors.shaders import PROGRAM_OF, PROGRAMS

LARGEST_SIDE, MOST_PIXELS = 4096, 8_500_000
NEAR_M, FAR_M = 0.12, 1000.0
FARTHEST_ACTOR_M = 250.0
IMAGE_HEADER = np.dtype([("width", "<u4"), ("height", "<u4"), ("field", "<f4")])
LAYOUT = (("position", "3f", 12), ("normal", "3f", 12), ("colour", "3f1", 3), ("label", "1f1", 1), ("role", "1f", 4))
"""VERTEX for the driver: name, format, bytes."""
SKY_LABEL = 11
EMPTY = {"colour": (0.93, 0.80, 0.66, 1.0), "depth": (1.0, 1.0, 1.0, 1.0), "labels": (0.0, 0.0, SKY_LABEL / 255, 1.0)}
"""What a pixel is where nothing is, by mode."""
REACH_M = {"lines": 160.0, "posts": 200.0, "buildings": 500.0}
"""Layers that are too small to see further away."""
DEFAULT_PAINT = (0.25, 0.35, 0.55)
REMEDY = "cameras need OpenGL through EGL; on Debian or Ubuntu install libegl1 and libgl1-mesa-dri"


class Camera:
    """One camera: `mode` is colour, depth (metres up to 1000, 24 bits over B, G, R as CARLA codes them) or labels."""

    def __init__(self, attributes: dict[str, str], mode: str, view: View) -> None:
        self.period_s = number(attributes, "sensor_tick", 0.0, 3600.0)
        self.width = int(number(attributes, "image_size_x", 1, LARGEST_SIDE))
        self.height = int(number(attributes, "image_size_y", 1, LARGEST_SIDE))
        if self.width * self.height > MOST_PIXELS:
            raise ValueError(f"image_size_x times image_size_y must be at most {MOST_PIXELS}")
        self.field_deg = number(attributes, "fov", 1.0, 175.0)
        self.mode = mode
        header = np.array((self.width, self.height, self.field_deg), IMAGE_HEADER)
        self._header = header.tobytes()
        self._painter = painter()
        self._painter.prepare(view)

    def measure(self, view: View, actor_id: int, parent_id: int, dt_s: float) -> bytes:
        pixels = self._painter.paint(view, view.pose(actor_id), self)
        return self._header + pixels


_painter: "Painter | None" = None


def painter() -> "Painter":
    """The one that paints for every camera of this process. Raises RuntimeError with the remedy."""
    global _painter
    if _painter is None:
        _painter = Painter()
    return _painter


class Painter:
    """An OpenGL context and what it keeps: programs, the scenery of the present map, shapes, and targets by size."""

    def __init__(self) -> None:
        self._gl = _context()
        self._programs = {
            name: self._gl.program(vertex_shader=corners, fragment_shader=pixels)
            for name, (corners, pixels) in PROGRAMS.items()
        }
        self._targets: dict[tuple[int, int], Any] = {}
        self._shapes: dict[tuple[str, str], Any] = {}
        self._layers: list[Layer] = []
        self._map: Any = None
        self._lamp_states = b""

    def prepare(self, view: View) -> None:
        """Send the scenery of this map to the driver, unless it is there."""
        if self._map is view.network:
            return
        for layer in self._layers:
            layer.buffer.release()
        self._layers = [
            self._layer(name, *in_tiles(vertices)) for name, vertices in scenery(view).items() if len(vertices)
        ]
        self._lamp_vertices, self._lamp_states = lamps(view.lights), b""
        self._lamps = self._layer("lamps", self._lamp_vertices, np.zeros((0, 5)))
        self._map = view.network

    def _layer(self, name: str, vertices: NDArray[np.void], tiles: NDArray[np.float64]) -> "Layer":
        buffer = self._gl.buffer(vertices.tobytes() or bytes(VERTEX.itemsize), dynamic=name == "lamps")
        arrays = {
            mode: self._array(self._programs[others.get(name, mode)], buffer) for mode, others in PROGRAM_OF.items()
        }
        return Layer(name, buffer, tiles, arrays)

    def _array(self, program: Any, buffer: Any) -> Any:
        """Tie a buffer of VERTEX to a program, which may not use all of it."""
        used = [name for name, _, _ in LAYOUT if name in program]
        layout = " ".join(form if name in program else f"{size}x" for name, form, size in LAYOUT)
        return self._gl.vertex_array(program, [(buffer, layout, *used)])

    def paint(self, view: View, pose: Pose, camera: Camera) -> bytes:
        """One picture, width x height x 4 bytes. What hides much is drawn first: a hidden pixel costs little."""
        self.prepare(view)
        target = self._target(camera.width, camera.height)
        target.use()
        target.clear(*EMPTY[camera.mode], depth=1.0)
        projection = _projection(pose, camera).T.astype("f4").tobytes()
        for name in {camera.mode, *PROGRAM_OF[camera.mode].values()}:
            self._programs[name]["projection"].write(projection)
        self._paint_actors(view, camera.mode, pose)
        for name in {camera.mode, *PROGRAM_OF[camera.mode].values()}:
            _still(self._programs[name])
        self._paint_lamps(view, camera.mode)
        for layer in self._layers:
            for first, count in visible_tiles(layer.tiles, pose, camera.field_deg, REACH_M.get(layer.name, FAR_M)):
                layer.arrays[camera.mode].render(vertices=count, first=first)
        pixels: bytes = target.read(components=4, alignment=1)
        return pixels

    def _target(self, width: int, height: int) -> Any:
        if (width, height) not in self._targets:
            if len(self._targets) >= 16:
                self._targets.pop(next(iter(self._targets))).release()
            colour = self._gl.renderbuffer((width, height), 4)
            self._targets[width, height] = self._gl.framebuffer(colour, self._gl.depth_renderbuffer((width, height)))
        return self._targets[width, height]

    def _paint_lamps(self, view: View, mode: str) -> None:
        if not len(self._lamp_vertices):
            return
        states = view.lights.states.tobytes()
        if states != self._lamp_states:
            self._lamp_states = states
            _light_up(self._lamp_vertices, view.lights.states)
            self._lamps.buffer.write(self._lamp_vertices.tobytes())
        self._lamps.arrays[mode].render()

    def _paint_actors(self, view: View, mode: str, pose: Pose) -> None:
        for rows in (view.car_rows, view.walker_rows, view.other_rows):
            if not len(rows):
                continue
            near = (rows["x"] - pose.x_m) ** 2 + (rows["y"] - pose.y_m) ** 2 < FARTHEST_ACTOR_M**2
            for row in rows[near & (rows["height"] > 0.0)]:
                self._paint_actor(view, mode, row)

    def _paint_actor(self, view: View, mode: str, row: Any) -> None:
        actor, program = view.actors[int(row["id"])], self._programs[mode]
        place = Pose(*(float(row[name]) for name in ("x", "y", "z", "pitch", "yaw", "roll")))
        program["model"].write(pose_matrix(place).T.astype("f4").tobytes())
        if "paint" in program:
            program["paint"] = paint_of(actor.attributes.get("color", ""), actor.actor_id)
            program["brake"] = float(row["brake"] > 0.01) if "brake" in row.dtype.names else 0.0
        self._shape(actor, mode).render()

    def _shape(self, actor: Any, mode: str) -> Any:
        key = (actor.blueprint, mode)
        if key not in self._shapes:
            buffer = self._gl.buffer(figure(actor).tobytes() or bytes(VERTEX.itemsize))
            self._shapes[key] = self._array(self._programs[mode], buffer)
        return self._shapes[key]


@dataclass
class Layer:
    """A part of the scenery at the driver: its vertices, their tiles, and how each mode draws them."""

    name: str
    buffer: Any
    tiles: NDArray[np.float64]
    arrays: dict[str, Any]


def _context() -> Any:
    try:
        import moderngl

        options: Any = {"standalone": True, "backend": "egl"}
        context = moderngl.create_context(**options)
    except Exception as error:  # moderngl raises plain Exceptions, OSErrors and ImportErrors here
        raise RuntimeError(f"{REMEDY} ({error})") from None
    context.enable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
    context.front_face = "ccw"
    return context


def _still(program: Any) -> None:
    program["model"].write(np.eye(4, dtype="f4").tobytes())
    if "paint" in program:
        program["paint"], program["brake"] = DEFAULT_PAINT, 0.0


def _projection(pose: Pose, camera: Camera) -> NDArray[np.float64]:
    """From the map's frame to the picture: x to the right, y downwards (the first row is the top one), z into the
    depth.
    """
    to_camera = np.linalg.inv(pose_matrix(pose))
    scale = 1.0 / tan(radians(camera.field_deg) / 2)
    aspect = camera.width / camera.height
    depth = (FAR_M + NEAR_M) / (FAR_M - NEAR_M), -2 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
    lens = np.array(
        (
            (0.0, scale, 0.0, 0.0),
            (0.0, 0.0, -scale * aspect, 0.0),
            (depth[0], 0.0, 0.0, depth[1]),
            (1.0, 0.0, 0.0, 0.0),
        )
    )
    projection: NDArray[np.float64] = lens @ to_camera
    return projection


def visible_tiles(tiles: NDArray[np.float64], pose: Pose, field_deg: float, reach_m: float) -> list[tuple[int, int]]:
    """(first vertex, count) of the runs of tiles that may be in the picture: within reach and not behind."""
    if not len(tiles):
        return []
    matrix = pose_matrix(pose)
    forward = matrix[:2, 0] / max(float(np.linalg.norm(matrix[:2, 0])), 1e-9)
    offset = tiles[:, :2] - (pose.x_m, pose.y_m)
    ahead, aside = offset @ forward, np.abs(offset @ (-forward[1], forward[0]))
    widening = tan(radians(min(field_deg, 170.0)) / 2) if abs(pose.pitch_rad) < 0.5 else 20.0
    seen = (ahead > -tiles[:, 2]) & (aside - tiles[:, 2] * (1 + widening) < np.maximum(ahead, 0.0) * widening)
    seen &= np.hypot(*offset.T) < reach_m + tiles[:, 2]
    runs: list[tuple[int, int]] = []
    for first, count in tiles[seen][:, 3:5].astype(int).tolist():
        if runs and runs[-1][0] + runs[-1][1] == first:
            runs[-1] = (runs[-1][0], runs[-1][1] + count)
        else:
            runs.append((first, count))
    return runs


def _light_up(vertices: NDArray[np.void], states: NDArray[np.uint8]) -> None:
    """Colour the lamps' vertices: nine each lamp, three lamps (red, yellow, green) each light."""
    colours = np.full((len(states), 3, 9, 3), DARK_LAMP, np.uint8)
    for lamp, state in enumerate((0, 1, 2)):
        colours[states == state, lamp] = LAMP_COLOURS[state]
    vertices["colour"] = colours.reshape(-1, 3)


def paint_of(colour: str, actor_id: int) -> tuple[float, float, float]:
    """A `red,green,blue` attribute as shares; walkers, who have none, get a shirt by their id."""
    parts = colour.split(",")
    try:
        red, green, blue = (float(part) / 255 for part in parts)
    except ValueError:
        return (0.25 + 0.5 * (actor_id % 5) / 4, 0.25 + 0.5 * (actor_id % 3) / 2, 0.25 + 0.5 * (actor_id % 7) / 6)
    return (red, green, blue) if all(map(isfinite, (red, green, blue))) else DEFAULT_PAINT
