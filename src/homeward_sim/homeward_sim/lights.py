"""Traffic lights: which belong together, whose turn it is, and which light a car stands before.

A junction's lights form a group. Its turns come from the map's controllers where it has some, else one for each
approach; a turn whose lights would send crossing paths off at once is split until none does. Within a turn: green,
yellow, then red for all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import cos, inf, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeward_sim.geometry import Box, Pose
from homeward_sim.jit import compiled
from homeward_sim.roads import RoadNetwork, Signal, StopLine

RED, YELLOW, GREEN, OFF, UNKNOWN = 0, 1, 2, 3, 4
"""As `carla.TrafficLightState` numbers them."""
PHASES = (GREEN, YELLOW, RED)
GREEN_S, YELLOW_S, ALL_RED_S = 10.0, 3.0, 2.0
SHORTEST_PHASE_S = 0.1
PATH_STEP_M, LONGEST_PATH_M = 1.0, 80.0
CONFLICT_M = 2.0
"""Paths through a junction that come this close to one another can't be green together."""
ZONE_BEHIND_M, ZONE_AHEAD_M = -1.5, 9.0
COMFORTABLE_MPS2, ZONE_MARGIN_M = 6.0, 4.0
TRIGGER_DEPTH_M, TRIGGER_HEIGHT_M = 2.0, 3.0

LINE = np.dtype(
    [
        ("x", "f8"),
        ("y", "f8"),
        ("z", "f8"),
        ("ahead_x", "f8"),
        ("ahead_y", "f8"),
        ("half_width", "f8"),
        ("light", "i8"),
    ],
    align=True,
)
"""A stop line: its middle, the direction of travel, half the lane's width, and the index of its light."""


@dataclass(frozen=True)
class Light:
    """One traffic light as an actor: where it stands, and the group and turn it belongs to."""

    signal: Signal
    post: Pose
    trigger: Box
    group: int
    turn: int


@dataclass
class Group:
    """The lights of one junction and whose turn it is. `turns` holds indices of lights."""

    turns: list[list[int]]
    turn: int = 0
    phase: int = GREEN

    @property
    def members(self) -> list[int]:
        return sorted(index for turn in self.turns for index in turn)


class TrafficLights:
    """All lights of a map and how they change.

    In the order of `lights`: `states` (n,) what each shows, `since_s` (n,) for how long, `times_s` (n, 3) how long
    it is to stay green, yellow, and red for all. `changes` counts what a client may want to know besides states
    and time.
    """

    def __init__(self, lights: list[Light], groups: list[Group], lines: NDArray[np.void]) -> None:
        self.lights, self.groups, self.lines = lights, groups, lines
        self.states = np.zeros(len(lights), np.uint8)
        self.since_s = np.zeros(len(lights))
        self.times_s = np.tile(np.array((GREEN_S, YELLOW_S, ALL_RED_S)), (len(lights), 1))
        self.frozen = np.zeros(len(groups), np.bool_)
        self.changes = 0
        self._clock_s, self._next_change_s = 0.0, inf
        self._began_s, self._change_s = np.zeros(len(groups)), np.full(len(groups), inf)
        self.reset()

    def reset(self) -> None:
        """Every group to the green of its first turn, thawed."""
        for number in range(len(self.groups)):
            self.reset_group(number)

    def reset_group(self, number: int) -> None:
        group = self.groups[number]
        group.turn, group.phase = 0, GREEN
        self.frozen[number] = False
        self.since_s[group.members] = 0.0
        self._begin_phase(number)
        self.changes += 1

    def step(self, dt: float) -> None:
        """Let `dt` seconds pass."""
        self._clock_s += dt
        self.since_s += dt
        while self._clock_s >= self._next_change_s - 1e-9:
            self._next_phase(int(np.argmin(self._change_s)))

    def set_state(self, index: int, state: int) -> None:
        """Show this on one light until its group's next change."""
        self.states[index], self.since_s[index] = state, 0.0

    def set_time(self, index: int, phase: int, seconds: float) -> None:
        """How long a light is to stay green, yellow or red for all; the first light of a turn decides for the turn."""
        self.times_s[index, PHASES.index(phase)] = seconds
        self._schedule(self.lights[index].group)
        self.changes += 1

    def freeze(self, numbers: Iterable[int], frozen: bool) -> None:
        """Stop or start the clocks of these groups."""
        for number in numbers:
            if frozen and not self.frozen[number]:
                self._began_s[number] -= self._clock_s  # from now on: minus how long the phase has lasted
            elif self.frozen[number] and not frozen:
                self._began_s[number] += self._clock_s
            self.frozen[number] = frozen
            self._schedule(number)
        self.changes += 1

    def _length_s(self, group: Group) -> float:
        wanted_s = float(self.times_s[group.turns[group.turn][0], PHASES.index(group.phase)])
        return max(wanted_s, SHORTEST_PHASE_S)

    def _begin_phase(self, number: int) -> None:
        self._began_s[number] = self._clock_s
        self._schedule(number)
        self._show(self.groups[number])

    def _schedule(self, number: int) -> None:
        """Set when a group changes next: never while it is frozen."""
        length_s = self._length_s(self.groups[number])
        self._change_s[number] = inf if self.frozen[number] else self._began_s[number] + length_s
        self._next_change_s = float(self._change_s.min())

    def _next_phase(self, number: int) -> None:
        group = self.groups[number]
        if group.phase == RED:
            group.turn, group.phase = (group.turn + 1) % len(group.turns), GREEN
        else:
            group.phase = YELLOW if group.phase == GREEN else RED
        self._begin_phase(number)

    def _show(self, group: Group) -> None:
        for number, turn in enumerate(group.turns):
            state = group.phase if number == group.turn else RED
            for index in turn:
                if self.states[index] != state:
                    self.set_state(index, state)


def build_lights(network: RoadNetwork, ground_z: Any) -> TrafficLights:
    """The traffic lights of a map; `ground_z(x, y, z)` gives the ground's height at a post."""
    signals = network.signals
    paths = [[path for line in signal.lines for path in _paths(network.map, line)] for signal in signals]
    lights: list[Light] = []
    groups: list[Group] = []
    indices = {signal.signal_id: index for index, signal in enumerate(signals)}
    for members in _by_junction(signals):
        turns = list(_turns(network, members, indices, paths))
        groups.append(Group(turns))
    place = {index: (number, turn) for number, group in enumerate(groups) for turn, those in enumerate(group.turns)
             for index in those}  # fmt: skip
    for index, signal in enumerate(signals):
        foot_m = float(ground_z(signal.post.x_m, signal.post.y_m, _line_height(signal)))
        post = Pose(signal.post.x_m, signal.post.y_m, foot_m, 0.0, signal.post.yaw_rad, 0.0)
        lights.append(Light(signal, post, _trigger(signal, post), *place[index]))
    return TrafficLights(lights, groups, _line_table(signals))


def _line_height(signal: Signal) -> float:
    return signal.lines[0].middle.z_m if signal.lines else signal.post.z_m


def _line_table(signals: tuple[Signal, ...]) -> NDArray[np.void]:
    rows = [
        (
            line.middle.x_m,
            line.middle.y_m,
            line.middle.z_m,
            cos(line.middle.yaw_rad),
            sin(line.middle.yaw_rad),
            line.half_width_m,
            index,
        )
        for index, signal in enumerate(signals)
        for line in signal.lines
    ]
    return np.array(rows, LINE)


def _by_junction(signals: tuple[Signal, ...]) -> Iterator[list[int]]:
    """Indices of lights by the junction they guard; a light without a junction is alone."""
    groups: dict[int, list[int]] = {}
    for index, signal in enumerate(signals):
        junction_id = signal.lines[0].junction_id if signal.lines else -1
        groups.setdefault(junction_id if junction_id >= 0 else -2 - index, []).append(index)
    yield from groups.values()


def _turns(
    network: RoadNetwork, members: list[int], indices: dict[str, int], paths: list[list[NDArray[np.float64]]]
) -> Iterator[list[int]]:
    left = set(members)
    for turn in _controller_turns(network, members, indices):
        turn = [index for index in turn if index in left]
        left -= set(turn)
        yield from _without_conflicts(turn, paths)
    approaches: dict[int, list[int]] = {}
    for index in sorted(left):
        lines = network.signals[index].lines
        approaches.setdefault(lines[0].road_id if lines else -1 - index, []).append(index)
    for turn in approaches.values():
        yield from _without_conflicts(turn, paths)


def _controller_turns(network: RoadNetwork, members: list[int], indices: dict[str, int]) -> Iterator[list[int]]:
    """The turns that the map's controllers name for the junction of these lights, in the map's order."""
    controllers = network.site.controllers
    junctions = {line.junction_id for index in members for line in network.signals[index].lines}
    order = [name for junction in sorted(junctions) for name in network.site.junction_controllers.get(junction, ())]
    order += [name for name in sorted(controllers) if name not in order]
    for name in order:
        yield sorted({indices[signal] for signal in controllers.get(name, ()) if indices.get(signal) in members})


def _without_conflicts(turn: list[int], paths: list[list[NDArray[np.float64]]]) -> Iterator[list[int]]:
    """Split a turn, first come first served, so that no two of its lights send crossing paths off together."""
    parts: list[list[int]] = []
    for index in turn:
        for part in parts:
            if not any(conflict(paths[index], paths[other]) for other in part):
                part.append(index)
                break
        else:
            parts.append([index])
    yield from parts


def conflict(ours: list[NDArray[np.float64]], theirs: list[NDArray[np.float64]]) -> bool:
    """Whether any path of one light meets any of another, beyond starting from the same line."""
    return any(_meet(a, b) for a in ours for b in theirs)


def _meet(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether two paths come within CONFLICT_M. Neighbouring lanes that run side by side stay further apart."""
    distances = np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
    return bool((distances < CONFLICT_M).any())


def _paths(road_map: Any, line: StopLine) -> list[NDArray[np.float64]]:
    """The ways through the junction from a stop line, each (n, 2) points inside the junction."""
    start = road_map.get_waypoint_xodr(line.road_id, line.lane_id, line.s_m)
    if start is None or line.junction_id < 0:
        return []
    done: list[NDArray[np.float64]] = []
    open_ends = [([_point(start)], start)]
    while open_ends and len(done) < 16:
        points, waypoint = open_ends.pop()
        ahead = waypoint.next(PATH_STEP_M)
        entered = any(inside for _, _, inside in points)
        if not ahead or (entered and not ahead[0].is_junction) or len(points) * PATH_STEP_M > LONGEST_PATH_M:
            done.append(np.array([(x, y) for x, y, inside in points if inside]).reshape(-1, 2))
            continue
        open_ends.extend(([*points, _point(choice)], choice) for choice in ahead)
    return [path for path in done if len(path)]


def _point(waypoint: Any) -> tuple[float, float, bool]:
    place = waypoint.transform.location
    return place.x, place.y, bool(waypoint.is_junction)


def _trigger(signal: Signal, post: Pose) -> Box:
    """The volume across the lanes before the lines, in the frame of the post, as the client's agents look for it."""
    if not signal.lines:
        return Box(Pose(), (0.5, 0.5, 0.5))
    first = signal.lines[0].middle
    ahead = np.array((cos(first.yaw_rad), sin(first.yaw_rad)))
    right = np.array((-ahead[1], ahead[0]))
    middles = np.array([(line.middle.x_m, line.middle.y_m) for line in signal.lines])
    across: NDArray[np.float64] = middles @ right
    reach = [line.half_width_m for line in signal.lines]
    low, high = float(np.min(across - reach)), float(np.max(across + reach))
    centre = right * (low + high) / 2 + ahead * (float(np.min(middles @ ahead)) - TRIGGER_DEPTH_M)
    dx, dy = float(centre[0]) - post.x_m, float(centre[1]) - post.y_m
    c, s = cos(post.yaw_rad), sin(post.yaw_rad)
    local = Pose(c * dx + s * dy, c * dy - s * dx, TRIGGER_HEIGHT_M, 0.0, first.yaw_rad - post.yaw_rad, 0.0)
    return Box(local, (TRIGGER_DEPTH_M, (high - low) / 2 * 0.9, TRIGGER_HEIGHT_M))


@compiled
def govern(cars: NDArray[np.void], lines: NDArray[np.void], states: NDArray[np.uint8], ids: NDArray[np.uint32]) -> None:
    """Tell each car which light it stands before. The zone before a line grows with what the car needs to stop there.

    `ids` are the actor ids of the lights. Elsewhere a car's light state is green, as CARLA leaves it.
    """
    for i in range(len(cars)):
        car = cars[i]
        speed = max(0.0, car.vx)
        zone = max(ZONE_AHEAD_M, speed * speed / (2 * COMFORTABLE_MPS2) + ZONE_MARGIN_M)
        c, s = cos(car.yaw), sin(car.yaw)
        nose_x, nose_y = car.x + c * car.half_length, car.y + s * car.half_length
        car.at_light, car.light_state, car.light_id = 0, GREEN, 0
        for k in range(len(lines)):
            line = lines[k]
            dx, dy = line.x - nose_x, line.y - nose_y
            if abs(dx) > zone + 5.0 or abs(dy) > zone + 5.0 or abs(line.z - car.z) > 3.0:
                continue
            ahead = dx * line.ahead_x + dy * line.ahead_y
            aside = dx * line.ahead_y - dy * line.ahead_x
            along = c * line.ahead_x + s * line.ahead_y
            if ZONE_BEHIND_M <= ahead <= zone and abs(aside) < line.half_width and along > 0.5:
                car.at_light, car.light_state, car.light_id = 1, states[line.light], ids[line.light]
                break


def crossing_greens(lights: TrafficLights, network: RoadNetwork) -> list[tuple[str, str]]:
    """Pairs of signal ids that show green now although their paths meet: there should be none unless a client forced
    them.
    """
    green = [lights.lights[index].signal for index in np.flatnonzero(lights.states == GREEN)]
    paths = [[path for line in signal.lines for path in _paths(network.map, line)] for signal in green]
    return [
        (green[i].signal_id, green[j].signal_id)
        for i in range(len(green))
        for j in range(i + 1, len(green))
        if conflict(paths[i], paths[j])
    ]
