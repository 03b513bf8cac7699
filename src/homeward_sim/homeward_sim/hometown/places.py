"""places.yaml: where one can drive to, each on the centre of a lane and facing along it."""

from __future__ import annotations

import math

import lanelet2

from .layout import LATITUDE_DEG, LONGITUDE_DEG, PLACES, Place
from .model import Town
from .plan_geometry import Pose, wrapped

MIDDLE_AHEAD_M = 1.4  # of a car's rear axle: in a marked place the car's middle is the place's

HEADING = """\
# Places of Hometown. x_m, y_m, yaw_rad: where the car's rear axle stops, on the lane's centre, facing along it, in the
# map's frame; of a garage or a bay, in its middle. latitude, longitude: WGS84 degrees. Written by
# `python -m homeward_sim.hometown`: change hometown/layout.py instead.
places:
"""


def to_yaml(town: Town) -> str:
    """The text of the file."""
    return HEADING + "".join(_entry(town, place) for place in PLACES)


def stopping_pose(town: Town, place: Place) -> tuple[Pose, float]:
    """The pose of the rear axle at a place, and the height of the road there."""
    road = town.road(place.street)
    if place.left_m is not None:
        middle = road.path.pose_at(place.along_m, place.left_m).turned(place.turn_rad)
        return middle.moved(-MIDDLE_AHEAD_M), road.height_at(place.along_m)
    lane = road.driving(-place.way)[-1]
    pose = road.path.pose_at(place.along_m, road.centre_m(lane))
    return (pose if place.way > 0 else pose.turned(math.pi)), road.height_at(place.along_m)


def _entry(town: Town, place: Place) -> str:
    pose, height = stopping_pose(town, place)
    projector = lanelet2.projection.LocalCartesianProjector(lanelet2.io.Origin(LATITUDE_DEG, LONGITUDE_DEG, 0.0))
    there = projector.reverse(lanelet2.core.BasicPoint3d(pose.x_m, pose.y_m, height))
    return (
        f"  - name: {place.name}\n"
        f"    label: {place.label}\n"
        f"    kind: {place.kind}\n"
        f"    x_m: {pose.x_m:.3f}\n"
        f"    y_m: {pose.y_m:.3f}\n"
        f"    yaw_rad: {wrapped(pose.heading_rad):.6f}\n"
        f"    latitude: {there.lat:.8f}\n"
        f"    longitude: {there.lon:.8f}\n"
    )
