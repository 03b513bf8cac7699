"""Writes a town as OpenDRIVE 1.4."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from .layout import LATITUDE_DEG, LONGITUDE_DEG
from .model import JunctionArea, Lane, Mark, Road, RoadLink, Signal, SignalReference, Thing, Town
from .plan_geometry import Piece

GEO_REFERENCE = (
    f"+proj=tmerc +lat_0={LATITUDE_DEG} +lon_0={LONGITUDE_DEG} +k=1 +x_0=0 +y_0=0 "
    "+datum=WGS84 +units=m +vunits=m +no_defs"
)


def to_xml(town: Town) -> str:
    """The text of the file."""
    root = Element("OpenDRIVE")
    _header(root, town)
    for road in town.roads:
        _road(root, road)
    for controller in town.controllers:
        element = _sub(root, "controller", name=controller.name, id=controller.id, sequence=controller.sequence)
        for signal in controller.signals:
            _sub(element, "control", signalId=signal, type="0")
    for area in town.junctions:
        _junction(root, area)
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def number(value: float) -> str:
    """A number to twelve digits (a nanometre in places), free of the last bits in which machines may differ."""
    return f"{round(value, 13) + 0.0:.12g}"


def _sub(parent: Element, tag: str, **attributes: object) -> Element:
    texts = {name: number(value) if isinstance(value, float) else str(value) for name, value in attributes.items()}
    return SubElement(parent, tag, texts)


def _header(root: Element, town: Town) -> None:
    ends = [road.path.pose_at(share * road.length_m) for road in town.roads for share in (0.0, 0.5, 1.0)]
    xs, ys = [pose.x_m for pose in ends], [pose.y_m for pose in ends]
    header = _sub(
        root, "header", revMajor=1, revMinor=4, name="hometown", version="1.00", date="2026-01-01T00:00:00",
        north=max(ys), south=min(ys), east=max(xs), west=min(xs), vendor="Homeward",
    )  # fmt: skip
    _sub(header, "geoReference").text = GEO_REFERENCE


def _road(root: Element, road: Road) -> None:
    element = _sub(root, "road", name=road.name, length=road.length_m, id=road.id, junction=road.junction)
    links = _sub(element, "link")
    _road_link(links, "predecessor", road.predecessor)
    _road_link(links, "successor", road.successor)
    kind = _sub(element, "type", s=0.0, type="town")
    _sub(kind, "speed", max=road.speed_kmh, unit="km/h")
    _plan_view(element, road)
    profile = _sub(element, "elevationProfile")
    for cubic in road.heights:
        _sub(profile, "elevation", s=cubic.from_m, a=cubic.a, b=cubic.b, c=cubic.c, d=cubic.d)
    _sub(_sub(element, "lateralProfile"), "superelevation", s=0.0, a=0.0, b=0.0, c=0.0, d=0.0)
    _lanes(element, road)
    _things(element, road)
    _signals(element, road)


def _road_link(links: Element, tag: str, link: RoadLink | None) -> None:
    if link is None:
        return
    contact = {"contactPoint": link.contact} if link.contact else {}
    _sub(links, tag, elementType=link.kind, elementId=link.id, **contact)


def _plan_view(element: Element, road: Road) -> None:
    plan, s_m = _sub(element, "planView"), 0.0
    for piece in road.path.pieces:
        _geometry(plan, piece, s_m)
        s_m += piece.length_m


def _geometry(plan: Element, piece: Piece, s_m: float) -> None:
    start = piece.start
    geometry = _sub(plan, "geometry", s=s_m, x=start.x_m, y=start.y_m, hdg=start.heading_rad, length=piece.length_m)
    if piece.curvature_1pm == 0.0:
        _sub(geometry, "line")
    else:
        _sub(geometry, "arc", curvature=piece.curvature_1pm)


def _lanes(element: Element, road: Road) -> None:
    lanes = _sub(element, "lanes")
    start, end = road.offset_m
    _sub(lanes, "laneOffset", s=0.0, a=start, b=(end - start) / road.length_m, c=0.0, d=0.0)
    section = _sub(lanes, "laneSection", s=0.0)
    _side(section, "left", sorted(road.side(1), key=lambda lane: -lane.id), road)
    centre = _sub(_sub(section, "center"), "lane", id=0, type="none", level="false")
    _mark(centre, road.centre_mark)
    _side(section, "right", road.side(-1), road)


def _side(section: Element, tag: str, lanes: list[Lane], road: Road) -> None:
    if not lanes:
        return
    side = _sub(section, tag)
    for lane in lanes:
        element = _sub(side, "lane", id=lane.id, type=lane.kind, level="false")
        link = _sub(element, "link")
        if lane.predecessor is not None:
            _sub(link, "predecessor", id=lane.predecessor)
        if lane.successor is not None:
            _sub(link, "successor", id=lane.successor)
        growth = (lane.end_width_m - lane.width_m) / road.length_m
        _sub(element, "width", sOffset=0.0, a=lane.width_m, b=growth, c=0.0, d=0.0)
        for mark in lane.marks:
            _mark(element, mark)


def _mark(element: Element, mark: Mark) -> None:
    _sub(
        element, "roadMark", sOffset=mark.from_m, type=mark.kind, weight="standard", color="white", width=0.12,
        laneChange=mark.lane_change,
    )  # fmt: skip


def _things(element: Element, road: Road) -> None:
    if not road.things:
        return
    things = _sub(element, "objects")
    for thing in road.things:
        _thing(things, thing)


def _thing(things: Element, thing: Thing) -> None:
    element = _sub(
        things, "object", id=thing.id, name=thing.name, type=thing.kind, s=thing.s_m, t=thing.t_m,
        zOffset=thing.above_road_m, hdg=thing.heading_rad, pitch=0.0, roll=0.0, orientation="none",
        length=thing.length_m, width=thing.width_m, height=thing.height_m,
    )  # fmt: skip
    if thing.outline:
        outline = _sub(element, "outline")
        for u, v in thing.outline:
            _sub(outline, "cornerLocal", u=u, v=v, z=0.0)


def _signals(element: Element, road: Road) -> None:
    if not (road.signals or road.references):
        return
    signals = _sub(element, "signals")
    for signal in road.signals:
        _signal(signals, signal)
    for reference in road.references:
        _reference(signals, reference)


def _signal(signals: Element, signal: Signal) -> None:
    unit = {"unit": signal.unit} if signal.unit else {}
    element = _sub(
        signals, "signal", name=signal.name, id=signal.id, s=signal.s_m, t=signal.t_m,
        zOffset=signal.height_above_road_m, hOffset=3.141592654 if signal.positive else 0.0, roll=0.0, pitch=0.0,
        orientation="+" if signal.positive else "-", dynamic="yes" if signal.dynamic else "no", country="OpenDRIVE",
        type=signal.type, subtype="-1", value=signal.value, text="", height=signal.size_m[0], width=signal.size_m[1],
        **unit,
    )  # fmt: skip
    _sub(element, "validity", fromLane=signal.lanes[0], toLane=signal.lanes[1])


def _reference(signals: Element, reference: SignalReference) -> None:
    element = _sub(
        signals,
        "signalReference",
        id=reference.id,
        s=reference.s_m,
        t=0.0,
        orientation="+" if reference.positive else "-",
    )
    _sub(element, "validity", fromLane=reference.lanes[0], toLane=reference.lanes[1])


def _junction(root: Element, area: JunctionArea) -> None:
    element = _sub(root, "junction", id=area.id, name=area.name)
    for place, connection in enumerate(area.connections):
        link = _sub(
            element, "connection", id=place, incomingRoad=connection.incoming, connectingRoad=connection.connecting,
            contactPoint="start",
        )  # fmt: skip
        for source, target in connection.lanes:
            _sub(link, "laneLink", **{"from": source, "to": target})
    for high, low in area.priorities:
        _sub(element, "priority", high=high, low=low)
    for controller in area.controllers:
        _sub(element, "controller", id=controller, type="0", sequence=area.controllers.index(controller))
