"""Where a Lanelet2 file's coordinates begin, and how its nodes are laid out in the plane.

Three conventions are understood, in this order:

- `local_x`, `local_y` on every node (Autoware's maps): they are the map frame, whatever the projection;
- `<MetaInfo projector_type=... origin_latitude=...>` inside the file (`./homeward map convert` writes it);
- Autoware's `map_projector_info.yaml` beside the file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import yaml

PROJECTOR_FILE = "map_projector_info.yaml"
LOCAL_CARTESIAN, LOCAL_CARTESIAN_UTM = "LocalCartesian", "LocalCartesianUTM"
PROJECTORS = (LOCAL_CARTESIAN, LOCAL_CARTESIAN_UTM)


class MapError(Exception):
    """A map that can't be used: what is wrong with it, and what to do."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence} {remedy}")
        self.sentence = sentence
        self.remedy = remedy


@dataclass(frozen=True)
class Layout:
    """How to place a file's nodes. `local_m` (x, y by node id) is empty where the projection places them."""

    projector: str
    latitude_deg: float
    longitude_deg: float
    altitude_m: float
    local_m: dict[int, tuple[float, float]]


def layout_of(root: Element, path: Path) -> Layout:
    """The layout of a parsed file. Raises MapError where it doesn't say where its origin is."""
    local = _local_coordinates(root, path)
    meta = root.find("MetaInfo")
    if meta is not None and meta.get("origin_latitude") is not None:
        told: dict[str, Any] = {
            "projector_type": meta.get("projector_type"),
            "map_origin": {name: meta.get(f"origin_{name}", "0") for name in ("latitude", "longitude", "altitude")},
        }
        return _layout(told, local, path)
    beside = path.parent / PROJECTOR_FILE
    if beside.exists():
        return _layout(_projector_file(beside), local, beside)
    if local:
        latitude, longitude = _first_node(root)
        return Layout(LOCAL_CARTESIAN, latitude, longitude, 0.0, local)
    raise MapError(
        f"{path.name} does not say where its origin is.",
        f"Put a {PROJECTOR_FILE} beside it, or local_x and local_y on its nodes.",
    )


def parse(path: Path) -> Element:
    """Parse a file. Raises MapError where it isn't OSM."""
    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise MapError(f"There is no map {path}.", "Give map:= the path of a Lanelet2 (.osm) file.") from None
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise MapError(f"{path.name} can't be read as XML ({error}).", "Give a Lanelet2 (.osm) file.") from None
    if root.tag != "osm":
        raise MapError(f"{path.name} begins with <{root.tag}>, not <osm>.", "Convert it: ./homeward map convert.")
    return root


def _local_coordinates(root: Element, path: Path) -> dict[int, tuple[float, float]]:
    """x, y by node id; empty unless every node has them. Raises MapError for nodes that are no nodes."""
    found: dict[int, tuple[float, float]] = {}
    complete = True
    for node in root.iter("node"):
        tags = {tag.get("k"): tag.get("v", "") for tag in node.iter("tag")}
        number = _number(node.get("id"), "a node's id", path)
        for name in ("lat", "lon"):
            _number(node.get(name), f"{name} of node {number:.0f}", path)
        if "local_x" in tags and "local_y" in tags:
            x, y = (_number(tags[name], f"{name} of node {number:.0f}", path) for name in ("local_x", "local_y"))
            found[int(number)] = (x, y)
        else:
            complete = False
    return found if complete else {}


def _number(text: object, what: str, path: Path) -> float:
    try:
        value = float(str(text))
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > 2.0**62:
        raise MapError(f"{path.name} holds {text!r} for {what}, which is no number.", "Export the map again.")
    return value


def _projector_file(path: Path) -> dict[str, Any]:
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MapError(f"{path.name} can't be read ({error}).", "See Autoware's map_projection_loader.") from None
    if not isinstance(told, dict):
        raise MapError(f"{path.name} holds no mapping.", "See Autoware's map_projection_loader.")
    return told


def _layout(told: dict[str, Any], local: dict[int, tuple[float, float]], path: Path) -> Layout:
    projector = str(told.get("projector_type"))
    origin = told.get("map_origin")
    origin = origin if isinstance(origin, dict) else {}
    latitude, longitude, altitude = (
        _number(origin.get(name, 0.0), f"the origin's {name}", path) for name in ("latitude", "longitude", "altitude")
    )
    if abs(latitude) > 90.0 or abs(longitude) > 180.0:
        raise MapError(f"{path.name} puts the origin at {latitude}, {longitude} degrees.", "Correct it.")
    if projector not in PROJECTORS and not local:
        raise MapError(
            f"{path.name} names the projector {projector!r}; without local_x and local_y only "
            f"{' and '.join(PROJECTORS)} are understood.",
            "Export the map with local coordinates.",
        )
    kind = projector if projector in PROJECTORS else LOCAL_CARTESIAN
    return Layout(kind, latitude, longitude, altitude, local)


def _first_node(root: Element) -> tuple[float, float]:
    """With local coordinates alone the origin only serves to show the map on a globe: take the first node's place."""
    node = root.find("node")
    return (0.0, 0.0) if node is None else (float(node.get("lat", "0")), float(node.get("lon", "0")))
