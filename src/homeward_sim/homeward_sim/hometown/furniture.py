"""What rules the traffic: lights and their controllers, signs, stop lines, crosswalks, speed limits, priorities.

Signals follow CARLA's files: a light stands at the junction's edge and rules no lane there; a reference on the same
road, before the crosswalk, names the lanes and is the stop line. Orientation "+" marks what rules lanes with positive
ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from .junctions import STRAIGHT_ON_RAD, Arm, Way
from .layout import Junction
from .model import Controller, JunctionArea, Road, Signal, SignalReference, Thing

TRAFFIC_LIGHT, YIELD_SIGN, STOP_SIGN, SPEED_SIGN = "1000001", "205", "206", "274"
CROSSWALK_MIDDLE_M = 3.5  # before the junction
CROSSWALK_DEPTH_M = 3.0
LINE_BEFORE_CROSSWALK_M = 6.5
LINE_BEFORE_JUNCTION_M = 1.0
STOP_LINE_DEPTH_M = 0.4
POLE_BESIDE_LANES_M = 0.9
SPEED_SIGN_AFTER_M = 8.0


class Furnisher:
    """Puts signals and markings on roads; hands out ids that never repeat."""

    def __init__(self, first_id: int) -> None:
        self.ids: Iterator[int] = count(first_id)
        self.controllers: list[Controller] = []

    def furnish(self, junction: Junction, area: JunctionArea, arms: list[Arm], ways: list[Way]) -> None:
        """Everything at one junction."""
        line_m = LINE_BEFORE_CROSSWALK_M if junction.crosswalks else LINE_BEFORE_JUNCTION_M
        for arm in arms if junction.crosswalks else []:
            self.crosswalk(arm.road, arm.along(CROSSWALK_MIDDLE_M))
        for turn, arm in enumerate(arms):
            if junction.rule == "signals":
                self._light(area, arm, line_m, turn)
            elif gives_way(junction, arm):
                self._sign(arm, line_m, YIELD_SIGN if junction.rule == "yield" else STOP_SIGN)
        area.priorities += _priorities(junction, ways)

    def yield_sign(self, arm: Arm) -> None:
        """A yield sign and its line, as at a roundabout."""
        self._sign(arm, LINE_BEFORE_JUNCTION_M, YIELD_SIGN)

    def speed_signs(self, road: Road) -> None:
        """The road's limit, once for either way."""
        for sign, along_m in ((-1, SPEED_SIGN_AFTER_M), (1, road.length_m - SPEED_SIGN_AFTER_M)):
            name = f"Speed_{road.speed_kmh}"
            road.signals.append(
                self._post(road, sign, along_m, name, SPEED_SIGN, value=str(road.speed_kmh), lanes=_lanes(road, sign))
            )

    def crosswalk(self, road: Road, along_m: float) -> None:
        """A crosswalk from kerb to kerb."""
        kinds = ("driving", "parking")
        left, right = road.edge_m(1, kinds), -road.edge_m(-1, kinds)
        half, across = CROSSWALK_DEPTH_M / 2.0, (left - right) / 2.0
        corners = ((half, across), (half, -across), (-half, -across), (-half, across), (half, across))
        middle = (left + right) / 2.0
        road.things.append(
            Thing(
                next(self.ids),
                "Crosswalk",
                "crosswalk",
                along_m,
                middle,
                CROSSWALK_DEPTH_M,
                left - right,
                0.0,
                outline=corners,
            )
        )

    def _light(self, area: JunctionArea, arm: Arm, line_m: float, turn: int) -> None:
        """One light an arm, green one arm after another, so no two streams that cross ever go together."""
        road, sign = arm.road, arm.incoming_sign
        light = self._post(road, sign, arm.along(0.2), "Signal_3Light_Post01", TRAFFIC_LIGHT, dynamic=True)
        road.signals.append(light)
        road.references.append(SignalReference(light.id, arm.along(line_m), sign > 0, _lanes(road, sign)))
        self._stop_line(arm, line_m)
        controller = Controller(next(self.ids), f"{area.name} {turn}", turn, (light.id,))
        self.controllers.append(controller)
        area.controllers.append(controller.id)

    def _sign(self, arm: Arm, line_m: float, kind: str) -> None:
        name = "Sign_Yield" if kind == YIELD_SIGN else "Sign_Stop"
        lanes = _lanes(arm.road, arm.incoming_sign)
        arm.road.signals.append(self._post(arm.road, arm.incoming_sign, arm.along(line_m), name, kind, lanes=lanes))
        self._stop_line(arm, line_m)

    def _stop_line(self, arm: Arm, line_m: float) -> None:
        sign, edge = arm.incoming_sign, arm.road.edge_m(arm.incoming_sign)
        s_m, t_m = arm.along(line_m - STOP_LINE_DEPTH_M / 2.0), sign * edge / 2.0
        arm.road.things.append(Thing(next(self.ids), "StopLine", "roadMark", s_m, t_m, STOP_LINE_DEPTH_M, edge, 0.0))

    def _post(
        self,
        road: Road,
        sign: int,
        along_m: float,
        name: str,
        kind: str,
        *,
        lanes: tuple[int, int] = (0, 0),
        value: str = "-1",
        dynamic: bool = False,
    ) -> Signal:
        """A signal on a post at the kerb, on the side of the lanes that it faces."""
        edge = road.edge_m(sign, ("driving", "parking", "shoulder"))
        return Signal(
            id=next(self.ids),
            name=name,
            type=kind,
            s_m=along_m,
            t_m=sign * (edge + POLE_BESIDE_LANES_M),
            positive=sign > 0,
            lanes=lanes,
            height_above_road_m=2.8 if dynamic else 2.2,
            dynamic=dynamic,
            value=value,
            unit="km/h" if kind == SPEED_SIGN else "",
            size_m=(1.0, 0.4) if dynamic else (0.8, 0.8),
        )


def gives_way(junction: Junction, arm: Arm) -> bool:
    """Whether a sign tells this arm to give way."""
    return junction.rule == "all_stop" or arm.road.name in junction.minor


def _lanes(road: Road, sign: int) -> tuple[int, int]:
    ids = [lane.id for lane in road.driving(sign)]
    return min(ids), max(ids)


def _priorities(junction: Junction, ways: list[Way]) -> list[tuple[int, int]]:
    """(who goes first, who waits): ways of arms with a sign wait for those without."""
    if junction.rule not in ("yield", "stop"):
        return []
    major = [way for way in ways if not gives_way(junction, way.source)]
    minor = [way for way in ways if gives_way(junction, way.source)]
    return [(high.road.id, low.road.id) for high in major for low in minor if _meet(high, low)]


def _meet(high: Way, low: Way) -> bool:
    """Whether two ways through a junction from different arms touch: they end in one arm, or cross."""
    if high.target is low.target:
        return True
    return not (_turns_right(high) or _turns_right(low))


def _turns_right(way: Way) -> bool:
    return way.turn_rad < -STRAIGHT_ON_RAD
