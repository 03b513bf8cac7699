"""Lanelet2's OSM file: nodes, ways, relations with ids in one sequence, written the same way every time.

Where a point lies is stored twice, as Autoware's maps have it: latitude, longitude and `ele` for the projection
"LocalCartesian" (WGS84, origin in `<MetaInfo>` and in map_projector_info.yaml), and `local_x`, `local_y` for readers
that don't project. Reading with lanelet2's `LocalCartesianProjector(Origin(latitude, longitude))` gives x, y, z back
to under a tenth of a millimetre. `ele` holds the height over the ellipsoid, so it exceeds z by the earth's curvature:
8 mm at 320 m.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from xml.sax.saxutils import quoteattr

import lanelet2

from .geometry import Points

Tags = dict[str, str]


@dataclass(frozen=True)
class Node:
    """A point in local coordinates, metres."""

    id: int
    x_m: float
    y_m: float
    z_m: float


@dataclass(frozen=True)
class Way:
    """A line through nodes."""

    id: int
    nodes: tuple[int, ...]
    tags: Tags


@dataclass
class Relation:
    """A lanelet or a rule; members are (type, id, role)."""

    id: int
    tags: Tags
    members: list[tuple[str, int, str]] = field(default_factory=list)


@dataclass
class Document:
    """A map being written. Ids count up in the order in which things are added."""

    latitude_deg: float
    longitude_deg: float
    nodes: list[Node] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: count(1))

    def add_node(self, point: Points) -> int:
        """Add a point (x, y, z) and return its id."""
        node = Node(next(self.ids), *(round(float(value), 4) + 0.0 for value in point))
        self.nodes.append(node)
        return node.id

    def add_way(self, nodes: list[int], **tags: str) -> int:
        """Add a line and return its id."""
        way = Way(next(self.ids), tuple(nodes), tags)
        self.ways.append(way)
        return way.id

    def add_line(self, points: Points, **tags: str) -> int:
        """Add a line through points of its own (N × 3) and return its id."""
        return self.add_way([self.add_node(point) for point in points], **tags)

    def add_relation(self, **tags: str) -> Relation:
        """Add a relation without members."""
        relation = Relation(next(self.ids), tags)
        self.relations.append(relation)
        return relation

    def to_xml(self) -> str:
        """The file's text."""
        lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<osm version="0.6" generator="homeward map convert">']
        lines.append(
            '  <MetaInfo format_version="1.0" map_version="1" projector_type="LocalCartesian" '
            f'origin_latitude="{self.latitude_deg!r}" origin_longitude="{self.longitude_deg!r}" origin_altitude="0.0"/>'
        )
        lines += self._node_lines()
        for way in self.ways:
            lines.append(f'<way id="{way.id}" version="1">')
            lines += [f'<nd ref="{node}"/>' for node in way.nodes]
            lines += [*_tag_lines(way.tags), "</way>"]
        for relation in self.relations:
            lines.append(f'<relation id="{relation.id}" version="1">')
            lines += [f'<member type="{kind}" ref="{ref}" role="{role}"/>' for kind, ref, role in relation.members]
            lines += [*_tag_lines(relation.tags), "</relation>"]
        return "\n".join([*lines, "</osm>", ""])

    def _node_lines(self) -> Iterator[str]:
        origin = lanelet2.io.Origin(self.latitude_deg, self.longitude_deg, 0.0)
        projector: Any = lanelet2.projection.LocalCartesianProjector(origin)  # the wheel's stubs lack GPSPoint.alt
        for node in self.nodes:
            there = projector.reverse(lanelet2.core.BasicPoint3d(node.x_m, node.y_m, node.z_m))
            yield (
                f'<node id="{node.id}" version="1" lat="{there.lat:.10f}" lon="{there.lon:.10f}">'
                f'<tag k="ele" v="{_short(there.alt)}"/><tag k="local_x" v="{_short(node.x_m)}"/>'
                f'<tag k="local_y" v="{_short(node.y_m)}"/></node>'
            )


def projector_info(latitude_deg: float, longitude_deg: float) -> str:
    """The text of Autoware's map_projector_info.yaml."""
    return (
        "projector_type: LocalCartesian\nvertical_datum: WGS84\nmap_origin:\n"
        f"  latitude: {latitude_deg!r}\n  longitude: {longitude_deg!r}\n  altitude: 0.0\n"
    )


def _short(value_m: float) -> str:
    """Metres to a tenth of a millimetre, without needless zeros."""
    text = f"{value_m:.4f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _tag_lines(tags: Tags) -> Iterator[str]:
    for key, value in tags.items():
        yield f"<tag k={quoteattr(key)} v={quoteattr(value)}/>"
