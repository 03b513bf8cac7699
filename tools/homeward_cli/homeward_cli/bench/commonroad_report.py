"""The page of ./homeward bench commonroad --report: what came of each scenario, with a picture, the failed ones first."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from homeward_cli.bench.commonroad_drive import LENGTH_M, WIDTH_M
from homeward_cli.bench.commonroad_picture import FAILED, GOAL, OURS, PEER, TEXT, THEIRS, Failure, State, picture
from homeward_cli.bench.commonroad_scenario import Recorded, Scenario, inside
from homeward_planner.plane import Floats
from homeward_planner.scene import Kind, Pose, Thing

WORDS = {
    "valid": "valid", "goal": "missed its goal", "collision": "collision", "off_road": "left the road",
    "infeasible": "infeasible motion", "refused": "refused",
}  # fmt: skip
BINS, LOW_MS, HIGH_MS = 48, 0.3, 30_000.0
STYLE = (
    f"body{{font:14px sans-serif;color:{TEXT};margin:2em;max-width:980px}}td,th{{padding:2px 10px;text-align:left}}"
    f"svg{{max-width:100%;height:auto}}.bad{{color:{FAILED};font-weight:bold}}tr:nth-child(even){{background:#f2f4f6}}"
)


@dataclass(frozen=True, eq=False)
class Case:
    """One scenario: what was driven and what the judge said. `scenario` is None where it could not be read (`note` says why)."""

    name: str
    verdict: str
    scenario: Scenario | None = None
    states: Sequence[State] = ()
    brake_only: str = ""
    peer: str = ""
    peer_states: Sequence[State] = ()
    note: str = ""
    start: str = "valid"

    @property
    def failed(self) -> bool:
        """Whether it counts against us: it could be judged, and isn't valid."""
        return self.verdict != "valid" and self.start == "valid"


def write(path: Path, page: str) -> None:
    """Raises RuntimeError with a sentence where it can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise RuntimeError(f"{path} can't be written: {error.strerror}") from None


def page_of(cases: Sequence[Case], figures: Mapping[str, Any], ours_ms: Sequence[float], peer_ms: Sequence[float] = ()) -> str:
    """One self-contained page: figures, times, a table, and a picture of each scenario."""
    ordered = sorted(cases, key=lambda case: (not case.failed, case.verdict == "valid", case.verdict, case.name))
    parts = [_legend(bool(peer_ms)), _figures(figures), "<h2>Time of a planning cycle</h2>", histogram(ours_ms, peer_ms)]
    parts += ["<h2>Scenarios</h2>", _table(ordered), *map(_chapter, ordered)]
    head = f"<meta charset='utf-8'/><title>CommonRoad scenarios</title><style>{STYLE}</style>"
    body = f"<body><h1>CommonRoad scenarios</h1>{''.join(parts)}</body>"
    return f"<!doctype html><html lang='en'><head>{head}</head>{body}</html>\n"


def failure_of(case: Case) -> Failure | None:
    """Where a drive failed, found again in the plane: the judge says only that it did. None where it can't be told."""
    if case.scenario is None or not case.states:
        return None
    if case.verdict == "collision":
        return next((found for row in case.states if (found := _hit(case.scenario, row)) is not None), None)
    if case.verdict == "off_road":
        return next((_at(row, "leaves the lanes") for row in case.states if not _on_lanes(case.scenario, row)), None)
    return _at(case.states[-1], "not in the goal") if case.verdict == "goal" else None


def _at(row: State, word: str) -> Failure:
    return Failure(int(row[0]), row[1], row[2], word)


def _hit(scenario: Scenario, row: State) -> Failure | None:
    mine = _corners(row[1], row[2], row[5], LENGTH_M, WIDTH_M)
    for other in scenario.traffic:
        state = other.states.get(0 if other.static else int(row[0]))
        if state is not None and overlap(mine, _other_corners(other, state)):
            return _at(row, f"hits {other.id}")
    return None


def _corners(x_m: float, y_m: float, yaw_rad: float, length_m: float, width_m: float) -> Floats:
    return Thing(0, Kind.CAR, Pose(x_m, y_m, yaw_rad), length_m, width_m, 0.0).outline()[[0, 2, 4, 6]]


def _other_corners(other: Recorded, state: tuple[float, float, float, float]) -> Floats:
    return _corners(*state[:3], other.length_m, other.width_m)


def overlap(one: Floats, other: Floats) -> bool:
    """Whether two boxes (4 × 2, corners in order) overlap: no side of either parts them."""
    for box in (one, other):
        for side in (box[1] - box[0], box[2] - box[1]):
            mine, its = one @ side, other @ side
            if mine.max() < its.min() or its.max() < mine.min():
                return False
    return True


def _on_lanes(scenario: Scenario, row: State) -> bool:
    """Whether each corner is on a lane. The judge's road is a little smoother: this is where to look, not the verdict."""
    outlines = [lane.outline_m for lane in scenario.graph.lanes if lane.outline_m is not None]
    corners = _corners(row[1], row[2], row[5], LENGTH_M, WIDTH_M)
    return all(any(inside(outline, float(x), float(y)) for outline in outlines) for x, y in corners)


# the page's parts


def _legend(peer: bool) -> str:
    said = [(OURS, "our car, a box each second with its time"), (THEIRS, "the others as recorded"), (GOAL, "the goal's place")]
    said += [(PEER, "the peer's way, dashed")] * peer + [(FAILED, "where it failed")]
    return "<p>" + " · ".join(f'<b style="color:{colour}">■</b> {words}' for colour, words in said) + "</p>"


def _figures(figures: Mapping[str, Any]) -> str:
    cells = ((html.escape(str(key)), html.escape(str(value))) for key, value in figures.items())
    rows = "".join(f"<tr><td>{key}</td><td>{value}</td></tr>" for key, value in cells)
    return f"<details><summary>All figures</summary><table>{rows}</table></details>"


def _table(cases: Sequence[Case]) -> str:
    peer = any(case.peer for case in cases)
    heads = ["scenario", "outcome", "braking alone", *(["peer"] * peer), "goal", "driven"]
    rows = "".join(_row(case, peer) for case in cases)
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{rows}</table>"


def _row(case: Case, peer: bool) -> str:
    name, look = html.escape(case.name, quote=True), ' class="bad"' if case.failed else ""
    link = f'<a href="#{name}">{name}</a>'
    cells = [f"<td>{link}</td><td{look}>{html.escape(_outcome(case))}</td>"]
    said = [_words(case.brake_only), *([_words(case.peer)] * peer), _goal(case), _driven(case)]
    return f"<tr>{''.join(cells)}{''.join(f'<td>{html.escape(one)}</td>' for one in said)}</tr>"


def _words(verdict: str) -> str:
    return WORDS.get(verdict, verdict) or "–"


def _outcome(case: Case) -> str:
    return _words(case.verdict) + ("" if case.start == "valid" else ": its start isn't valid, so it doesn't count")


def _goal(case: Case) -> str:
    return "–" if case.scenario is None else "a place" if case.scenario.task.has_place else "a time"


def _driven(case: Case) -> str:
    return f"{case.states[-1][0] * case.scenario.step_s:.1f} s" if case.scenario is not None and case.states else "–"


def picture_of(case: Case) -> str:
    """The picture of one scenario; without one where it could not be read, an empty text."""
    return picture(case.scenario, case.states, failure_of(case), case.peer_states) if case.scenario is not None else ""


def _chapter(case: Case) -> str:
    failure = failure_of(case)
    words = f"{_outcome(case)}. " + (f"{failure.word} at {_seconds(case, failure)}. " if failure is not None else "") + case.note
    drawn = picture_of(case)
    name = html.escape(case.name, quote=True)
    return f'<h3 id="{name}">{name}</h3><p>{html.escape(words)}</p>{drawn}'


def _seconds(case: Case, failure: Failure) -> str:
    assert case.scenario is not None
    return f"{failure.step * case.scenario.step_s:.1f} s"


def histogram(ours_ms: Sequence[float], peer_ms: Sequence[float] = ()) -> str:
    """How many cycles took how long, on a logarithmic scale, with the median and the 95th and 99th percentiles named."""
    wide, high = 900.0, 180.0
    edges = np.geomspace(LOW_MS, HIGH_MS, BINS + 1)
    parts = [f'<rect width="{wide:.0f}" height="{high + 40:.0f}" fill="#f8f9fa"/>']
    for row, (name, colour, times) in enumerate((("ours", OURS, ours_ms), ("peer", PEER, peer_ms))):
        if len(times):
            parts += _bars(np.clip(times, LOW_MS, HIGH_MS * 0.999), edges, colour, wide, high)
            said = ", ".join(f"p{share} {value:.1f} ms" for share, value in zip((50, 95, 99), np.percentile(times, (50, 95, 99))))
            words = f"{name}: {len(times)} cycles, {said}"
            place = f'x="{wide - 8:.0f}" y="{16 + 15 * row}" text-anchor="end"'
            parts.append(f'<text {place} font-size="12" fill="{colour}">{words}</text>')
    for mark in (1, 10, 50, 100, 1000, 10_000):
        x = wide * math.log(mark / LOW_MS) / math.log(HIGH_MS / LOW_MS)
        parts.append(f'<path d="M{x:.1f} 0 V{high + 6:.0f}" stroke="#c5cbd2" stroke-width="0.7"/>')
        parts.append(f'<text x="{x:.1f}" y="{high + 22:.0f}" font-size="11" text-anchor="middle" fill="{TEXT}">{mark} ms</text>')
    size = f'viewBox="0 0 {wide:.0f} {high + 40:.0f}" width="{wide:.0f}" height="{high + 40:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" {size}>{"".join(parts)}</svg>'


def _bars(times: Floats, edges: Floats, colour: str, wide: float, high: float) -> list[str]:
    counts, _ = np.histogram(times, edges)
    each, tallest = wide / BINS, max(int(counts.max()), 1)
    return [
        f'<rect x="{place * each:.1f}" y="{high - high * 0.8 * count / tallest:.1f}" width="{each - 1:.1f}" '
        f'height="{high * 0.8 * count / tallest:.1f}" fill="{colour}" fill-opacity="0.6"/>'
        for place, count in enumerate(counts)
        if count
    ]
