"""What the pre-crash tests leave for people: a table, a picture of a draw, and a page of what was missed."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from homeward_cli.bench.precrash_drive import our_shape
from homeward_cli.bench.precrash_motion import STEP_S, Other
from homeward_cli.bench.precrash_roads import road
from homeward_planner.plane import Floats

if TYPE_CHECKING:
    from homeward_cli.bench.precrash import Result

BEGIN, END = "<!-- table: ./homeward bench precrash --markdown -->", "<!-- end of table -->"
HEADS = (
    ("scenario", "scenario"), ("drawn", "drawn"), ("avoidable", "avoidable"), ("avoided", "avoided of these"),
    ("beyond_the_gate", "only beyond the gate's limits"), ("unavoidable", "unavoidable"),
    ("unavoidable_avoided", "avoided all the same"), ("impact_speed_reduction_mps", "else: impact slower by [m/s], median"),
)  # fmt: skip
PIXELS, EDGE_M, WIDEST_M, EVERY_S = 7.0, 6.0, 22.0, 0.5
OURS, THEIRS, UNSEEN, ROAD, TEXT = "#1f7a5c", "#b3541e", "#c9b8a8", "#e7e9ec", "#30343b"


def table(rows: Sequence[Mapping[str, object]], total: Mapping[str, object]) -> str:
    """The figures as a Markdown table, the sum as its last row."""
    lines = [[head for _, head in HEADS], ["---", *["---:"] * (len(HEADS) - 1)]]
    for row in [*rows, {**total, "scenario": "**all**"}]:
        lines.append([_cell(row[key]) for key, _ in HEADS])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    return "–" if value is None else str(value).replace("_", " ")


def fill_in(page: Path, rows: Sequence[Mapping[str, object]], total: Mapping[str, object]) -> None:
    """Put the table between a page's two marks. Raises RuntimeError where they aren't."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        raise RuntimeError(f"{page} has no lines '{BEGIN}' and '{END}' to put the table between")
    page.write_text(f"{before}{BEGIN}\n\n{table(rows, total)}\n\n{END}{after}", encoding="utf-8")


def write(path: Path, results: Sequence[Result]) -> None:
    """A picture of the first draw (.svg), or a page of all that was missed. Raises RuntimeError where it can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(picture(results[0]) if path.suffix == ".svg" else page_of(results), encoding="utf-8")
    except OSError as error:
        raise RuntimeError(f"{path} can't be written: {error.strerror}") from None


def page_of(results: Sequence[Result]) -> str:
    """Each missed draw with its picture, and what the planner said and saw."""
    missed = [one for one in results if one.missed]
    parts = [f"<p>{len(missed)} of {len(results)} draws were avoidable and not avoided.</p>", *map(_chapter, missed)]
    style = f"body{{font:14px sans-serif;color:{TEXT};margin:2em}}td,th{{padding:1px 10px;text-align:left}}svg{{max-width:100%}}"
    title = "Pre-crash scenarios: what was missed"
    head = f"<meta charset='utf-8'><title>{title}</title><style>{style}</style>"
    return f"<!doctype html><html><head>{head}</head><body><h1>{title}</h1>{''.join(parts)}</body></html>\n"


def _chapter(one: Result) -> str:
    judged, driven = one.judgement, one.driven
    words = (
        f"{one.case.speed_mps:.1f} m/s; {one.case.told}. Known at {judged.known_s:.2f} s, a crash at {judged.crash_s:.2f} s if "
        f"the car went on. Possible: {judged.manoeuvre}. What happened: {driven.outcome}."
    )
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>" for cells in _story(one))
    heads = "".join(f"<th>{head}</th>" for head in ("s", "speed m/s", "acceleration m/s²", "y m", "sees", "reason", "faults"))
    return f"<h2>{one.name}, seed {one.seed}</h2><p>{html.escape(words)}</p>{picture(one)}<table><tr>{heads}</tr>{rows}</table>"


def _story(one: Result) -> Iterator[list[str]]:
    for moment in one.driven.moments:
        seen = " ".join(map(str, moment.seen))
        numbers = [f"{moment.time_s:.1f}", f"{moment.speed_mps:.2f}", f"{moment.acceleration_mps2:.2f}", f"{moment.y_m:.2f}"]
        yield [*numbers, seen, moment.reason, " ".join(moment.faults)]


def picture(one: Result) -> str:
    """From above, as SVG: our car (green), the others (brown, pale while out of sight), a box each half second with its time."""
    moments = one.driven.moments
    low, high = moments[0].x_m - EDGE_M, moments[-1].x_m + 5.0 * EDGE_M
    surface = road(one.case.road, one.case.speed_mps).surface_m
    half = min(max(abs(side) for part in surface for side in part[2:]) + 3.0, WIDEST_M)
    canvas = _Canvas(low, high, half)
    for from_x, to_x, from_y, to_y in surface:
        canvas.rectangle(max(from_x, low), min(to_x, high), max(from_y, -half), min(to_y, half))
    for wall in one.case.walls_m:
        canvas.line(wall)
    shape = our_shape()
    for number, other in enumerate(one.case.others):
        canvas.path(other, len(moments))
        for moment in moments[:: round(EVERY_S / 0.1)]:
            canvas.other(other, moment.time_s, number + 1 in moment.seen)
    for moment in [*moments[:: round(EVERY_S / 0.1)], moments[-1]]:
        ahead = (shape.front_m - shape.rear_m) / 2.0
        cos, sin = np.cos(moment.yaw_rad), np.sin(moment.yaw_rad)
        place = np.array([moment.x_m + ahead * cos, moment.y_m + ahead * sin, moment.yaw_rad])
        canvas.box(place, shape.front_m + shape.rear_m, shape.width_m, OURS, f"{moment.time_s:g}")
    words = f"{one.name.replace('_', ' ')}, seed {one.seed}: {one.case.speed_mps:.1f} m/s; {one.case.told}; {one.driven.outcome}"
    return canvas.done(words)


class _Canvas:
    """A piece of the plane as SVG, y up."""

    def __init__(self, low_m: float, high_m: float, half_m: float) -> None:
        self.low_m, self.half_m = low_m, half_m
        self.width, self.height = (high_m - low_m) * PIXELS, 2.0 * half_m * PIXELS
        self.parts: list[str] = []

    def at(self, x_m: float, y_m: float) -> tuple[float, float]:
        return (x_m - self.low_m) * PIXELS, (self.half_m - y_m) * PIXELS

    def rectangle(self, from_x: float, to_x: float, from_y: float, to_y: float) -> None:
        x, y = self.at(from_x, to_y)
        size = f'width="{(to_x - from_x) * PIXELS:.1f}" height="{(to_y - from_y) * PIXELS:.1f}"'
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{ROAD}"/>')

    def line(self, points_m: Floats, colour: str = TEXT) -> None:
        points = " ".join("{:.1f},{:.1f}".format(*self.at(*point)) for point in points_m)
        self.parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1"/>')

    def path(self, other: Other, cycles: int) -> None:
        steps = slice(0, max(round(cycles * 0.1 / STEP_S), 2), 5)
        self.line(np.stack([other.track.x_m[steps], other.track.y_m[steps]], axis=1), UNSEEN)

    def other(self, other: Other, time_s: float, seen: bool) -> None:
        step, track = round(time_s / STEP_S), other.track
        place = np.array([track.x_m[step], track.y_m[step], track.yaw_rad[step]])
        stands = bool(np.ptp(track.x_m) + np.ptp(track.y_m) < 0.01)
        self.box(place, *other.size_m, THEIRS if seen else UNSEEN, "" if stands else f"{time_s:g}")

    def box(self, place: Floats, length_m: float, width_m: float, colour: str, word: str) -> None:
        x, y = self.at(float(place[0]), float(place[1]))
        w, h = length_m * PIXELS, max(width_m * PIXELS, 2.0)
        turn = f'transform="rotate({-np.degrees(place[2]):.1f} {x:.1f} {y:.1f})"'
        look = f'fill="{colour}" fill-opacity="0.25" stroke="{colour}"'
        self.parts.append(f'<rect x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w:.1f}" height="{h:.1f}" {look} {turn}/>')
        if word:
            self.parts.append(f'<text x="{x:.1f}" y="{y + 3:.1f}" font-size="9" text-anchor="middle" fill="{TEXT}">{word}</text>')

    def done(self, words: str) -> str:
        size = f'viewBox="0 -18 {self.width:.0f} {self.height + 18:.0f}" width="{self.width:.0f}" height="{self.height + 18:.0f}"'
        title = f'<text x="4" y="-5" font-size="12" fill="{TEXT}">{html.escape(words)}</text>'
        page = f'<rect y="-18" width="{self.width:.0f}" height="{self.height + 18:.0f}" fill="white"/>'
        body = "".join(self.parts)
        return f'<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" {size}>{page}{body}{title}</svg>\n'
