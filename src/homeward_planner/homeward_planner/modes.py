"""Who drives, in what way, and why it changed: manual, cruise (along the lane) and pilot (along the route). Pure.

The command gate alone knows who drives; here is kept what Homeward is asked to do once, or while, it drives. The mode is
made of both, so that there is always one driver: the person in MANUAL and BRAKING, Homeward in CRUISE and PILOT, the gate in
STOPPING. Homeward never lets go of the car by itself: where it can't go on it asks the driver, and stands still in the end.

TABLE holds every transition: by the gate's state, what was asked for, and what happens.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

ANSWER_S = 3.0  # what the gate hasn't answered by then it is told to forget


class Gate(enum.IntEnum):
    """Who drives, as homeward_interfaces/Engagement numbers it."""

    MANUAL = 0
    ENGAGED = 1
    STOPPING = 2
    BRAKING = 3


class Mode(enum.IntEnum):
    """As homeward_interfaces/DriveMode numbers them."""

    MANUAL = 0
    CRUISE = 1
    PILOT = 2
    STOPPING = 3
    BRAKING = 4


class Driver(enum.Enum):
    """Who turns the wheel and has the pedals."""

    PERSON = "person"
    HOMEWARD = "homeward"
    GATE = "gate"


class Wanted(enum.Enum):
    """What Homeward does when the gate lets it drive."""

    NOTHING = "nothing"
    CRUISE = "cruise"
    PILOT = "pilot"


class Event(enum.Enum):
    """What can happen."""

    ASK_MANUAL = "ask_manual"  # the driver's wishes
    ASK_CRUISE = "ask_cruise"
    ASK_PILOT = "ask_pilot"
    ENGAGED = "engaged"  # what the gate has come to
    TAKEN_OVER = "taken_over"
    STOPPING = "stopping"
    BRAKING = "braking"
    REFUSED = "refused"  # what the gate answered, or never did
    UNANSWERED = "unanswered"


class Act(enum.Enum):
    """What the gate is to be told."""

    NONE = "none"
    ENGAGE = "engage"
    RELEASE = "release"


@dataclass(frozen=True)
class Step:
    """A transition: what is wanted from then on, what the gate is told."""

    wanted: Wanted
    act: Act = Act.NONE


KEEPS = "keeps"  # in a row: what was wanted stays wanted
_DRIVEN, _IDLE = (Gate.ENGAGED,), (Gate.MANUAL, Gate.STOPPING)
_Row = tuple[Iterable[Gate], Iterable[Wanted], Event, Wanted | str, Act]
_ROWS: tuple[_Row, ...] = (
    # gate is now, wanted was, event: wanted will be, the gate is told
    (_DRIVEN, Wanted, Event.ASK_MANUAL, KEEPS, Act.RELEASE),  # it ends when the gate has let go: TAKEN_OVER
    ((*_IDLE, Gate.BRAKING), Wanted, Event.ASK_MANUAL, Wanted.NOTHING, Act.RELEASE),
    (_IDLE, Wanted, Event.ASK_CRUISE, Wanted.CRUISE, Act.ENGAGE),
    (_IDLE, Wanted, Event.ASK_PILOT, Wanted.PILOT, Act.ENGAGE),
    (_DRIVEN, Wanted, Event.ASK_CRUISE, Wanted.CRUISE, Act.NONE),
    (_DRIVEN, Wanted, Event.ASK_PILOT, Wanted.PILOT, Act.NONE),
    ((Gate.BRAKING,), Wanted, Event.ASK_CRUISE, Wanted.NOTHING, Act.NONE),
    ((Gate.BRAKING,), Wanted, Event.ASK_PILOT, Wanted.NOTHING, Act.NONE),
    (Gate, (Wanted.NOTHING,), Event.ENGAGED, Wanted.PILOT, Act.NONE),  # somebody engaged at the gate itself
    (Gate, (Wanted.CRUISE, Wanted.PILOT), Event.ENGAGED, KEEPS, Act.NONE),
    (Gate, Wanted, Event.TAKEN_OVER, Wanted.NOTHING, Act.NONE),
    (Gate, Wanted, Event.STOPPING, Wanted.NOTHING, Act.NONE),
    (Gate, Wanted, Event.BRAKING, Wanted.NOTHING, Act.NONE),
    (_DRIVEN, Wanted, Event.REFUSED, KEEPS, Act.NONE),
    ((*_IDLE, Gate.BRAKING), Wanted, Event.REFUSED, Wanted.NOTHING, Act.NONE),
    (_DRIVEN, Wanted, Event.UNANSWERED, KEEPS, Act.NONE),
    ((*_IDLE, Gate.BRAKING), Wanted, Event.UNANSWERED, Wanted.NOTHING, Act.RELEASE),  # it may still come to engage
)


def _table() -> Mapping[tuple[Gate, Wanted, Event], Step]:
    found: dict[tuple[Gate, Wanted, Event], Step] = {}
    for gates, wants, event, then, act in _ROWS:
        for gate, wanted in product(gates, wants):
            assert (gate, wanted, event) not in found, f"two rows for {gate}, {wanted}, {event}"
            found[gate, wanted, event] = Step(wanted if isinstance(then, str) else then, act)
    return MappingProxyType(found)


TABLE = _table()
_HAPPENS = {
    Gate.MANUAL: Event.TAKEN_OVER, Gate.ENGAGED: Event.ENGAGED,
    Gate.STOPPING: Event.STOPPING, Gate.BRAKING: Event.BRAKING,
}  # fmt: skip
_ASKS = {Mode.MANUAL: Event.ASK_MANUAL, Mode.CRUISE: Event.ASK_CRUISE, Mode.PILOT: Event.ASK_PILOT}
_MODES = {Gate.MANUAL: Mode.MANUAL, Gate.STOPPING: Mode.STOPPING, Gate.BRAKING: Mode.BRAKING}
_DRIVERS = {Mode.MANUAL: Driver.PERSON, Mode.BRAKING: Driver.PERSON, Mode.STOPPING: Driver.GATE}
TEXTS = {
    "unanswered": "Not engaged: the command gate did not answer.",
    "cruise": "Cruise: Homeward keeps lane and distance.",
    "pilot": "Pilot: Homeward drives along the route.",
}


@dataclass(frozen=True)
class Readiness:
    """What Homeward needs in order to drive."""

    position: bool
    surroundings: bool
    goal: bool


NOT_NOW = {
    "no_such_mode": "Not engaged: there is no such mode to ask for.",
    "braking": "Not engaged: the car is braking in an emergency.",
    "no_localization": "Not engaged: no localization, the car does not know where it is.",
    "no_objects": "Not engaged: nothing is known of the surroundings.",
    "no_goal": "Not engaged: there is no goal. Choose one, or cruise along the lane.",
    "goal_set": "Not engaged: there is a goal. Forget it first, or let the car drive there.",
}


def hindrance(mode: int, gate: Gate, ready: Readiness) -> str:
    """Why a mode can't be had now, as a key of NOT_NOW; empty where nothing forbids it. MANUAL can always be had."""
    if mode == Mode.MANUAL:
        return ""
    if mode not in (Mode.CRUISE, Mode.PILOT):
        return "no_such_mode"
    hindrances = {
        "braking": gate is Gate.BRAKING, "no_localization": not ready.position, "no_objects": not ready.surroundings,
        "no_goal": mode == Mode.PILOT and not ready.goal, "goal_set": mode == Mode.CRUISE and ready.goal,
    }  # fmt: skip
    return next((code for code, holds in hindrances.items() if holds), "")


class Modes:
    """Feed it what the gate says and what the driver wishes; it says the mode, the reason, and what the gate is to be told."""

    def __init__(self) -> None:
        self.gate, self.wanted = Gate.MANUAL, Wanted.NOTHING
        self.reason, self.text = "started", "The driver has the car."
        self._asked_s: float | None = None

    @property
    def mode(self) -> Mode:
        """The mode in force."""
        if self.gate is not Gate.ENGAGED:
            return _MODES[self.gate]
        return Mode.CRUISE if self.wanted is Wanted.CRUISE else Mode.PILOT

    @property
    def driver(self) -> Driver:
        """Who drives; there is always one."""
        return _DRIVERS.get(self.mode, Driver.HOMEWARD)

    @property
    def pending(self) -> bool:
        """Whether a mode was asked for and the gate hasn't answered."""
        return self._asked_s is not None

    def ask(self, mode: Mode, now_s: float) -> Act:
        """The driver wishes MANUAL, CRUISE or PILOT. Raises KeyError for the others: nobody can wish them."""
        act = self._happens(_ASKS[mode])
        if act is Act.ENGAGE:
            self._asked_s = now_s
        elif act is Act.RELEASE:
            self._asked_s = None
        elif self.gate is Gate.ENGAGED:
            self._tell(self.wanted.value, TEXTS[self.wanted.value])
        return act

    def heard(self, gate: Gate, reason: str, text: str) -> Act:
        """What the gate says of itself, each time it does."""
        if gate is self.gate:
            return Act.NONE
        self.gate, self._asked_s = gate, None
        act = self._happens(_HAPPENS[gate])
        if gate is Gate.ENGAGED:
            reason, text = self.wanted.value, TEXTS[self.wanted.value]
        self._tell(reason, text)
        return act

    def refused(self, reason: str, text: str) -> Act:
        """The gate refused to engage, with a reason."""
        if self._asked_s is None:
            return Act.NONE
        self._asked_s = None
        act = self._happens(Event.REFUSED)
        if self.gate is not Gate.ENGAGED:
            self._tell(reason, text)
        return act

    def tick(self, now_s: float) -> Act:
        """Time passes; an unanswered wish ends."""
        if self._asked_s is None or 0.0 <= now_s - self._asked_s < ANSWER_S:
            return Act.NONE
        self._asked_s = None
        if self.gate is not Gate.ENGAGED:
            self._tell("unanswered", TEXTS["unanswered"])
        return self._happens(Event.UNANSWERED)

    def _happens(self, event: Event) -> Act:
        step = TABLE[self.gate, self.wanted, event]
        self.wanted = step.wanted
        return step.act

    def _tell(self, reason: str, text: str) -> None:
        self.reason, self.text = reason, text
