"""Reading what a client sent: every argument is checked for its shape, its type and its range before anything uses
it.
"""

from math import isfinite, radians
from typing import Any

from homeward_sim.geometry import Pose, pose_from_degrees

LONGEST_TEXT = 256
MOST_ATTRIBUTES = 64
FARTHEST_M = 1e7


class BadArgument(Exception):
    """A client sent something that can't be read; the message says what."""


def whole(value: Any, what: str, low: int = 0, high: int = 0xFFFFFFFF) -> int:
    """An integer between `low` and `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadArgument(f"{what} must be a whole number between {low} and {high}, not {_short(value)}.")
    return value


def real(value: Any, what: str, low: float = -FARTHEST_M, high: float = FARTHEST_M) -> float:
    """A finite number between `low` and `high`."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not isfinite(value)
        or not low <= value <= high
    ):
        raise BadArgument(f"{what} must be a number between {low:g} and {high:g}, not {_short(value)}.")
    return float(value)


def truth(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise BadArgument(f"{what} must be true or false, not {_short(value)}.")
    return value


def text(value: Any, what: str, longest: int = LONGEST_TEXT) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise BadArgument(f"{what} must be a text of at most {longest} characters, not {_short(value)}.")
    return value


def items(value: Any, what: str, count: int | None = None) -> list[Any]:
    """A list, of `count` items where that is given."""
    if not isinstance(value, list) or (count is not None and len(value) != count):
        wanted = "a list" if count is None else f"a list of {count}"
        raise BadArgument(f"{what} must be {wanted}, not {_short(value)}.")
    return value


def vector(value: Any, what: str) -> tuple[float, float, float]:
    """Three finite numbers."""
    x, y, z = items(value, what, 3)
    return real(x, what), real(y, what), real(z, what)


def transform(value: Any, what: str = "A transform") -> Pose:
    """`[[x, y, z], [pitch, yaw, roll]]` in metres and degrees."""
    place, rotation = items(value, what, 2)
    return pose_from_degrees(*vector(place, f"{what}'s location"), *vector(rotation, f"{what}'s rotation"))


def optional_id(value: Any, what: str) -> int:
    """`[false]` or `[true, id]`; 0 for none."""
    pair = items(value, what)
    if len(pair) == 2 and pair[0] is True:
        return whole(pair[1], what)
    if pair and pair[0] is False:
        return 0
    raise BadArgument(f"{what} must be an actor or none, not {_short(value)}.")


def description(value: Any) -> list[Any]:
    """An actor's description: `[number, blueprint, [[attribute, type, value], …]]`."""
    number, name, attributes = items(value, "An actor's description", 3)
    whole(number, "A blueprint's number")
    text(name, "A blueprint's name")
    if len(items(attributes, "A list of attributes")) > MOST_ATTRIBUTES:
        raise BadArgument(f"An actor has at most {MOST_ATTRIBUTES} attributes, not {len(attributes)}.")
    for attribute in attributes:
        key, kind, content = items(attribute, "An attribute", 3)
        text(key, "An attribute's name")
        whole(kind, "An attribute's type", 0, 5)
        text(content, f"The attribute {key}")
    return [number, name, attributes]


def vehicle_control(value: Any) -> tuple[float, float, float, bool, bool, bool, int]:
    """Throttle and brake 0..1, steering -1..1, hand brake, reverse, manual gears, gear. Beyond the range counts as
    its end.
    """
    throttle, steer, brake, hand_brake, reverse, manual, gear = items(value, "A vehicle control", 7)
    if not (isfinite(throttle) and isfinite(steer) and isfinite(brake)):
        raise BadArgument("A vehicle control must be finite.")
    return (
        min(max(throttle, 0.0), 1.0),
        min(max(steer, -1.0), 1.0),
        min(max(brake, 0.0), 1.0),
        bool(hand_brake),
        bool(reverse),
        bool(manual),
        whole(gear, "A gear", -100, 100),
    )


def walker_control(value: Any) -> tuple[tuple[float, float, float], float, bool]:
    """Direction, speed in m/s, and whether to jump."""
    direction, speed, jump = items(value, "A walker control", 3)
    return vector(direction, "A walker's direction"), real(speed, "A walker's speed", 0.0, 1000.0), bool(jump)


def settings(value: Any) -> list[Any]:
    """Episode settings as sent; the parts that this world uses are checked."""
    fields = items(value, "Episode settings", 11)
    truth(fields[0], "synchronous_mode")
    step = items(fields[2], "fixed_delta_seconds")
    if step and step[0] is True:
        real(step[1] if len(step) == 2 else None, "fixed_delta_seconds", 0.0, 0.5)
    elif step != [False]:
        raise BadArgument("fixed_delta_seconds must be a number or none.")
    return fields


def degrees_per_second(value: Any, what: str) -> tuple[float, float, float]:
    """Turn rates, sent in degrees a second, in rad/s."""
    x, y, z = vector(value, what)
    return radians(x), radians(y), radians(z)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
