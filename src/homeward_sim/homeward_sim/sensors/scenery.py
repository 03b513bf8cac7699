"""What doesn't move: roads with their markings, terrain, houses, and the posts of traffic lights."""

from collections.abc import Iterator
from math import cos, hypot, pi, sin
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from homeward_sim.ground import LABEL_OF_KIND, OTHER_GROUND, TERRAIN, Ground, height_at
from homeward_sim.lights import GREEN, RED, YELLOW, TrafficLights
from homeward_sim.roads import LaneStrip, RoadNetwork
from homeward_sim.sensors import View
from homeward_sim.sensors.mesh import GLOWING, Colour, block, joined, placed, ribbon, triangles

ROAD_LINES, BUILDINGS, POLES, TRAFFIC_LIGHT = 24, 3, 6, 7
KIND_COLOURS: dict[str, Colour] = {"driving": (78, 79, 82), "sidewalk": (158, 154, 148), "shoulder": (96, 96, 94)}
OTHER_COLOUR, GRASS, WHITE_LINE, YELLOW_LINE = (92, 94, 88), (98, 122, 74), (232, 232, 228), (224, 186, 60)
FACADES: tuple[Colour, ...] = ((186, 170, 150), (170, 132, 112), (200, 192, 178), (150, 156, 162), (178, 150, 120))
LINE_WIDTH_M, LIFT_M = 0.14, 0.012
DASH_M, GAP_M = 3.0, 4.5
STRAIGHT_M = 0.02
TERRAIN_CELL_M, TERRAIN_DROP_M, HORIZON_M = 10.0, 0.15, 900.0
LAMP_RADIUS_M, HEAD_HEIGHT_M = 0.14, 4.2
LAMP_COLOURS: dict[int, Colour] = {RED: (255, 40, 30), YELLOW: (255, 190, 20), GREEN: (40, 255, 120)}
DARK_LAMP: Colour = (26, 26, 26)
POST_COLOUR: Colour = (70, 74, 76)
TILE_M = 80.0


def scenery(view: View) -> dict[str, NDArray[np.void]]:
    """All vertices that stay, as VERTEX, in the layers and the order in which they are to be drawn: what hides the
    rest first.
    """
    network, lights = view.network, view.lights
    return {
        "buildings": joined(_house(box, number) for number, box in enumerate(view.obstacles.boxes)),
        "posts": joined(_post(lights, index) for index in range(len(lights.lights))),
        "lines": joined((*_markings(network), *_stop_lines(lights), *_crosswalks(network, view.ground))),
        "roads": joined(_surface(strip) for strip in network.strips),
        "terrain": terrain(view.ground),
    }


def in_tiles(vertices: NDArray[np.void]) -> tuple[NDArray[np.void], NDArray[np.float64]]:
    """Vertices ordered by square tile, and the tiles (n, 5): middle x and y, reach in metres, first vertex, count."""
    middles = vertices["position"].reshape(-1, 3, 3).mean(axis=1)
    keys = np.floor(middles[:, :2] / TILE_M).astype(np.int64)
    order = np.lexsort((keys[:, 0], keys[:, 1]))
    faces = vertices.reshape(-1, 3)[order]
    edges = np.flatnonzero(np.any(np.diff(keys[order], axis=0) != 0, axis=1)) + 1
    tiles = []
    for first, last in zip([0, *edges], [*edges, len(faces)], strict=True):
        points = faces[first:last]["position"].reshape(-1, 3)[:, :2]
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        reach = float(np.linalg.norm(points - middle, axis=1).max())
        tiles.append((middle[0], middle[1], reach, 3 * first, 3 * (last - first)))
    return faces.reshape(-1), np.array(tiles)


# ---- ground ----------------------------------------------------------------------------------------------------


def terrain(ground: Ground) -> NDArray[np.void]:
    """A coarse surface under everything, and a plain around it as far as the eye reaches."""
    rows, columns = ground.low_m.shape
    step = max(1, round(TERRAIN_CELL_M / ground.cell_m))
    rows_at, columns_at = np.arange(0, rows, step), np.arange(0, columns, step)
    x, y = ground.x0_m + columns_at * ground.cell_m, ground.y0_m + rows_at * ground.cell_m
    if ground.is_flat:
        x, y, rows_at, columns_at = x[[0, -1]], y[[0, -1]], rows_at[[0, -1]], columns_at[[0, -1]]
    z = ground.low_m[np.ix_(rows_at, columns_at)].astype(np.float64) - TERRAIN_DROP_M
    x, y = (
        np.concatenate(([x[0] - HORIZON_M], x, [x[-1] + HORIZON_M])),
        np.concatenate(([y[0] - HORIZON_M], y, [y[-1] + HORIZON_M])),
    )
    z = np.pad(z, 1, mode="edge")
    grid = np.stack((*np.meshgrid(x, y), z), axis=-1)
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]
    corners = np.stack((a, b, c, b, d, c), axis=2).reshape(-1, 3, 3)
    return triangles(corners, GRASS, TERRAIN)


def _surface(strip: LaneStrip) -> NDArray[np.void]:
    keep = straightened(strip.left, strip.right)
    colour = KIND_COLOURS.get(strip.kind, OTHER_COLOUR)
    return ribbon(strip.left[keep], strip.right[keep], colour, LABEL_OF_KIND.get(strip.kind, OTHER_GROUND))


def straightened(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices that suffice to draw a strip to within STRAIGHT_M, found by leaving points out while the rest stays
    close.
    """
    kept = [0]
    last = len(left) - 1
    while kept[-1] < last:
        start, reach = kept[-1], 1
        while start + 2 * reach <= last and _is_straight(left, right, start, start + 2 * reach):
            reach *= 2
        kept.append(min(start + reach, last))
    return np.array(kept)


def _is_straight(left: NDArray[np.float64], right: NDArray[np.float64], first: int, last: int) -> bool:
    share = np.linspace(0.0, 1.0, last - first + 1)[:, None]
    for edge in (left, right):
        chord = edge[first] + share * (edge[last] - edge[first])
        if np.abs(edge[first : last + 1] - chord).max() > STRAIGHT_M:
            return False
    return True


# ---- markings --------------------------------------------------------------------------------------------------


def _markings(network: RoadNetwork) -> Iterator[NDArray[np.void]]:
    """Lines between lanes outside junctions: the right edge of each driving lane, and the left one next to the
    middle.
    """
    for strip in network.strips:
        if strip.kind != "driving" or strip.in_junction:
            continue
        yield from _line(network, strip, strip.right, "right_lane_marking", -1.0)
        if abs(strip.lane_id) == 1 and strip.lane_id < 0:
            yield from _line(network, strip, strip.left, "left_lane_marking", 1.0)


def _line(
    network: RoadNetwork, strip: LaneStrip, edge: NDArray[np.float64], which: str, inwards: float
) -> Iterator[NDArray[np.void]]:
    middle = (strip.left[len(edge) // 2] + strip.right[len(edge) // 2]) / 2
    waypoint = network.map.get_waypoint(carla.Location(*map(float, middle)))
    marking: Any = getattr(waypoint, which)
    if marking.type in (carla.LaneMarkingType.NONE, carla.LaneMarkingType.Curb, carla.LaneMarkingType.Grass):
        return
    across = strip.right - strip.left
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    colour = YELLOW_LINE if marking.color == carla.LaneMarkingColor.Yellow else WHITE_LINE
    a = edge + across * (inwards * LINE_WIDTH_M / 2) + (0.0, 0.0, LIFT_M)
    b = edge - across * (inwards * LINE_WIDTH_M / 2) + (0.0, 0.0, LIFT_M)
    left, right = (a, b) if inwards < 0 else (b, a)
    if "Broken" in str(marking.type):
        yield from _dashes(left, right, colour)
    else:
        keep = straightened(left, right)
        yield ribbon(left[keep], right[keep], colour, ROAD_LINES)


def _dashes(left: NDArray[np.float64], right: NDArray[np.float64], colour: Colour) -> Iterator[NDArray[np.void]]:
    along = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(left, axis=0), axis=1))))
    for start in np.arange(GAP_M / 2, along[-1] - DASH_M, DASH_M + GAP_M):
        stations = np.linspace(start, start + DASH_M, 3)
        edges = [np.stack([np.interp(stations, along, e[:, i]) for i in range(3)], axis=1) for e in (left, right)]
        yield ribbon(edges[0], edges[1], colour, ROAD_LINES)


def _stop_lines(lights: TrafficLights) -> Iterator[NDArray[np.void]]:
    for line in lights.lines:
        ahead = np.array((line["ahead_x"], line["ahead_y"], 0.0))
        right = np.array((-line["ahead_y"], line["ahead_x"], 0.0)) * (line["half_width"] - 0.1)
        middle = np.array((line["x"], line["y"], line["z"] + LIFT_M))
        left_edge = np.array((middle - right - 0.4 * ahead, middle - right))
        yield ribbon(left_edge, left_edge + 2 * right, WHITE_LINE, ROAD_LINES)


def _crosswalks(network: RoadNetwork, ground: Ground) -> Iterator[NDArray[np.void]]:
    """Stripes across each crosswalk. `carla.Map` gives closed rings of corners, one after another."""
    ring: list[Any] = []
    for place in network.map.get_crosswalks():
        ring.append(place)
        if len(ring) > 2 and hypot(place.x - ring[0].x, place.y - ring[0].y) < 0.01:
            if len(ring) >= 5:
                yield from _stripes(np.array([(p.x, p.y, p.z) for p in ring[:4]]), ground)
            ring = []


def _stripes(corners: NDArray[np.float64], ground: Ground) -> Iterator[NDArray[np.void]]:
    one, other = corners[1] - corners[0], corners[3] - corners[0]
    along, across = (one, other) if np.linalg.norm(one) > np.linalg.norm(other) else (other, one)
    count = max(1, int(np.linalg.norm(along) // 1.0))
    for number in range(count):
        start, end = corners[0] + along * (number + 0.25) / count, corners[0] + along * (number + 0.75) / count
        edges = np.array((start, start + across)), np.array((end, end + across))
        for edge in edges:
            edge[:, 2] = [height_at(ground, x, y, z) + LIFT_M for x, y, z in edge]
        band = ribbon(edges[0], edges[1], WHITE_LINE, ROAD_LINES)
        yield band if band["normal"][0, 2] > 0 else ribbon(edges[1], edges[0], WHITE_LINE, ROAD_LINES)


# ---- what stands beside the road -------------------------------------------------------------------------------


def _house(box: Any, number: int) -> NDArray[np.void]:
    half = (float(box["half_length"]), float(box["half_width"]))
    height = float(box["height"])
    shape = block((-half[0], -half[1], 0.0), (half[0], half[1], height), FACADES[number % len(FACADES)], BUILDINGS)
    return placed(shape, float(box["x"]), float(box["y"]), float(box["z"]), float(box["yaw"]))


def _post(lights: TrafficLights, index: int) -> NDArray[np.void]:
    post = lights.lights[index].post
    shape = joined(
        (
            block((-0.07, -0.07, 0.0), (0.07, 0.07, HEAD_HEIGHT_M), POST_COLOUR, POLES),
            block((-0.12, -0.2, HEAD_HEIGHT_M - 0.65), (0.12, 0.2, HEAD_HEIGHT_M + 0.65), (30, 32, 32), TRAFFIC_LIGHT),
        )
    )
    return placed(shape, post.x_m, post.y_m, post.z_m, facing(lights, index))


def facing(lights: TrafficLights, index: int) -> float:
    """The direction in which a light's lamps look: against the traffic that it stops."""
    lines = lights.lights[index].signal.lines
    yaw_rad = lines[0].middle.yaw_rad if lines else lights.lights[index].post.yaw_rad
    return yaw_rad + pi


def lamps(lights: TrafficLights) -> NDArray[np.void]:
    """The three lamps of every light, lit as they are now: 9 vertices each lamp, red first."""
    parts = [_lamps_of(lights, index) for index in range(len(lights.lights))]
    return joined(parts)


def _lamps_of(lights: TrafficLights, index: int) -> NDArray[np.void]:
    post = lights.lights[index].post
    ring = [(0.13, LAMP_RADIUS_M * cos(a), LAMP_RADIUS_M * sin(a)) for a in (0.5, 1.9, 3.3, 4.7, 6.1)]
    fan = np.array([(ring[0], ring[i], ring[i + 1]) for i in (1, 2, 3)])
    parts = []
    for number, state in enumerate((RED, YELLOW, GREEN)):
        disc = fan + (0.0, 0.0, HEAD_HEIGHT_M + 0.42 - 0.42 * number)
        colour = LAMP_COLOURS[state] if lights.states[index] == state else DARK_LAMP
        part = triangles(disc, colour, TRAFFIC_LIGHT, GLOWING)
        if part["normal"][0, 0] < 0:
            part = triangles(disc[:, ::-1], colour, TRAFFIC_LIGHT, GLOWING)
        parts.append(placed(part, post.x_m, post.y_m, post.z_m, facing(lights, index)))
    return joined(parts)
