"""A CommonRoad drive from above, as SVG: lanes, goal, our way with time marks, the others as recorded, where it failed."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeward_cli.bench.commonroad_drive import LENGTH_M, WIDTH_M
from homeward_cli.bench.commonroad_scenario import Recorded, Scenario
from homeward_planner.plane import Floats

State = Sequence[float]  # time step, centre x and y, steering, speed, yaw: as the judge gets them

WIDTH_PX, TALLEST_PX, EDGE_M, LEAST_M = 900.0, 620.0, 18.0, 50.0
MARK_S = 1.0
OURS, THEIRS, PEER, GOAL, FAILED = "#1f7a5c", "#b3541e", "#6a4fb3", "#d9a400", "#c1121f"
LANE, LANE_EDGE, TEXT = "#eceef1", "#b9c0c8", "#30343b"


@dataclass(frozen=True)
class Failure:
    """When and where a drive failed, with a word for it: "hits 17", "leaves the lanes", "not in the goal"."""

    step: int
    x_m: float
    y_m: float
    word: str


def picture(scenario: Scenario, states: Sequence[State], failure: Failure | None, peer: Sequence[State] = ()) -> str:
    """The whole picture. `states` may be empty: then the task's start is in the middle."""
    canvas = _Canvas(*_view(scenario, states))
    for lane in scenario.graph.lanes:
        if lane.outline_m is not None:
            canvas.area(lane.outline_m, LANE, LANE_EDGE)
    for goal in scenario.task.goals:
        for area in goal.areas_m:
            canvas.area(area, GOAL, GOAL, 0.3)
    every, last = max(round(MARK_S / scenario.step_s), 1), int(states[-1][0]) if states else 0
    for other in scenario.traffic:
        _other(canvas, other, every, last, scenario.step_s)
    canvas.line([(row[1], row[2]) for row in peer], PEER, dashed=True)
    canvas.line([(row[1], row[2]) for row in states], OURS, 2.0)
    for row in states:
        if int(row[0]) % every == 0 or row is states[-1]:
            canvas.box((row[1], row[2], row[5]), LENGTH_M, WIDTH_M, OURS, f"{row[0] * scenario.step_s:g}")
    if failure is not None:
        canvas.cross(failure.x_m, failure.y_m, f"{failure.word}, {failure.step * scenario.step_s:.1f} s")
    return canvas.done()


def _view(scenario: Scenario, states: Sequence[State]) -> tuple[float, float, float, float]:
    """What is shown: all of our way and the goal's places that aren't far from it, with a margin: west, south, east, north."""
    places = [np.array([[row[1], row[2]] for row in states])] if states else []
    places.append(np.array([[scenario.task.pose.x_m, scenario.task.pose.y_m]]))
    places += [area for goal in scenario.task.goals for area in goal.areas_m]
    all_m = np.concatenate(places)
    low, high = all_m.min(axis=0) - EDGE_M, all_m.max(axis=0) + EDGE_M
    missing = np.maximum(LEAST_M - (high - low), 0.0) / 2.0
    (west, south), (east, north) = low - missing, high + missing
    return float(west), float(south), float(east), float(north)


def _other(canvas: _Canvas, other: Recorded, every: int, last: int, step_s: float) -> None:
    steps = sorted(step for step in other.states if step <= last) if not other.static else [0]
    canvas.line([other.states[step][:2] for step in steps], THEIRS)
    for step in steps:
        if step % every == 0 or other.static:
            word = "" if other.static else f"{step * step_s:g}"
            canvas.box(other.states[step][:3], other.length_m, other.width_m, THEIRS, word)


class _Canvas:
    """A piece of the plane as SVG, y up; what lies outside is left out."""

    def __init__(self, west: float, south: float, east: float, north: float) -> None:
        self.west, self.south, self.east, self.north = west, south, east, north
        self.scale = min(WIDTH_PX / (east - west), TALLEST_PX / (north - south))
        self.parts: list[str] = []

    def seen(self, points_m: Floats) -> bool:
        x, y = points_m.T
        return bool(x.max() > self.west and x.min() < self.east and y.max() > self.south and y.min() < self.north)

    def at(self, x_m: float, y_m: float) -> str:
        return f"{(x_m - self.west) * self.scale:.1f},{(self.north - y_m) * self.scale:.1f}"

    def area(self, points_m: Floats, fill: str, edge: str, opacity: float = 1.0) -> None:
        if self.seen(points_m):
            points = " ".join(self.at(float(x), float(y)) for x, y in points_m)
            look = f'fill="{fill}" fill-opacity="{opacity}" stroke="{edge}" stroke-width="0.7"'
            self.parts.append(f'<polygon points="{points}" {look}/>')

    def line(self, points_m: Sequence[Sequence[float]], colour: str, width: float = 1.0, dashed: bool = False) -> None:
        if len(points_m) > 1 and self.seen(np.array([point[:2] for point in points_m])):
            points = " ".join(self.at(x, y) for x, y, *_ in points_m)
            dash = ' stroke-dasharray="5 4"' if dashed else ""
            self.parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>')

    def box(self, place: Sequence[float], length_m: float, width_m: float, colour: str, word: str) -> None:
        x_m, y_m, yaw = place
        if not self.seen(np.array([[x_m - length_m, y_m - length_m], [x_m + length_m, y_m + length_m]])):
            return
        x, y = (float(one) for one in self.at(x_m, y_m).split(","))
        w, h = length_m * self.scale, max(width_m * self.scale, 2.0)
        turn = f'transform="rotate({-math.degrees(yaw):.1f} {x:.1f} {y:.1f})"'
        look = f'fill="{colour}" fill-opacity="0.22" stroke="{colour}"'
        self.parts.append(f'<rect x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w:.1f}" height="{h:.1f}" {look} {turn}/>')
        if word:
            self.text(x, y + 3.0, word, TEXT)

    def text(self, x: float, y: float, word: str, colour: str, anchor: str = "middle") -> None:
        said = html.escape(word)
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="9" text-anchor="{anchor}" fill="{colour}">{said}</text>')

    def cross(self, x_m: float, y_m: float, word: str) -> None:
        x, y = (float(one) for one in self.at(x_m, y_m).split(","))
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="11" fill="none" stroke="{FAILED}" stroke-width="2.5"/>')
        self.text(x + 14.0, y - 8.0, word, FAILED, "start")

    def scale_bar(self, height: float) -> None:
        self.parts.append(f'<path d="M8 {height - 8:.0f} h{10.0 * self.scale:.1f}" stroke="{TEXT}" stroke-width="2"/>')
        self.text(12.0 + 10.0 * self.scale, height - 5.0, "10 m", TEXT, "start")

    def done(self) -> str:
        width, height = (self.east - self.west) * self.scale, (self.north - self.south) * self.scale
        self.scale_bar(height)
        size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
        page = f'<rect width="{width:.0f}" height="{height:.0f}" fill="#f8f9fa"/>'
        return f'<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" {size}>{page}{"".join(self.parts)}</svg>'
