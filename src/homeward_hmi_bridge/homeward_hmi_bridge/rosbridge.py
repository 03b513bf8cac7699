"""The rosbridge protocol (version 2) as a pure state machine, one session a client.

Text in; what to do, and what to send, out. What the ledger doesn't allow is refused with a status message.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from homeward_runtime.ledger import LEDGER, Cockpit, Interface, Kind

LONGEST_TEXT = 1 << 20
MOST_SUBSCRIPTIONS = 100
FRACTION = "fragments and binary encodings are not served"


class Refusal(ValueError):
    """A request that is not served; the text goes to the client."""


@dataclass
class Subscription:
    """One topic of one client; `due_s` is when it may be sent again."""

    interface: Interface
    period_s: float
    due_s: float = 0.0
    topic: str = ""


@dataclass(frozen=True)
class Call:
    """A service call or an action goal that passed the ledger; `values` is JSON that the node turns into a message."""

    interface: Interface
    values: Any
    identifier: str | None
    name: str
    feedback: bool = False


@dataclass(frozen=True)
class Cancel:
    """Cancel an action goal."""

    identifier: str


@dataclass(frozen=True)
class Publish:
    """A message for a topic that the cockpit may publish."""

    interface: Interface
    values: Any


@dataclass(frozen=True)
class Subscribed:
    """A new subscription: what is latched may be sent at once."""

    subscription: Subscription


Action = Call | Cancel | Publish | Subscribed


def by_topic(name: Any) -> Interface | None:
    """The ledger's row for a name as clients write it: with or without the leading slash."""
    return _BY_NAME.get(name.lstrip("/")) if isinstance(name, str) else None


_BY_NAME = {interface.name.lstrip("/"): interface for interface in LEDGER}


@dataclass
class Session:
    """One client's subscriptions and advertised topics."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    advertised: set[str] = field(default_factory=set)

    def take(self, text: str | bytes) -> tuple[list[Action], list[str]]:
        """One message from the client: what to do, and what to send back."""
        identifier: Any = None
        try:
            request = parsed(text)
            identifier = request.get("id")
            operation = OPERATIONS.get(str(request.get("op")))
            if operation is None:
                raise Refusal(f"there is no operation '{request.get('op')}' here; {FRACTION}")
            return operation(self, request), []
        except Refusal as refusal:
            answers = [status("error", str(refusal), identifier)]
            return [], answers + _failed_reply(text, str(refusal))

    def due(self, interface: Interface, now_s: float) -> Subscription | None:
        """The subscription to send this topic's message for now, if its throttle allows."""
        subscription = self.subscriptions.get(interface.name)
        if subscription is None or now_s < subscription.due_s:
            return None
        # on the period's grid, so that a 20 ms throttle of 50 Hz doesn't beat
        subscription.due_s = max(subscription.due_s + subscription.period_s, now_s - subscription.period_s / 2)
        return subscription

    def on_subscribe(self, request: dict[str, Any]) -> list[Action]:
        interface = _allowed(request.get("topic"), Kind.TOPIC, Cockpit.READ, "subscribe to")
        _check_type(interface, request.get("type"))
        if len(self.subscriptions) >= MOST_SUBSCRIPTIONS:
            raise Refusal(f"a client may hold {MOST_SUBSCRIPTIONS} subscriptions")
        if request.get("compression") not in (None, "none"):
            raise Refusal(FRACTION)
        period_s = _number(request, "throttle_rate") / 1000.0
        old = self.subscriptions.get(interface.name)
        period_s = min(period_s, old.period_s) if old else period_s
        subscription = Subscription(interface, period_s, topic=str(request["topic"]))
        self.subscriptions[interface.name] = subscription
        return [Subscribed(subscription)]

    def on_unsubscribe(self, request: dict[str, Any]) -> list[Action]:
        interface = by_topic(request.get("topic"))
        if interface is not None:
            self.subscriptions.pop(interface.name, None)
        return []

    def on_advertise(self, request: dict[str, Any]) -> list[Action]:
        interface = _allowed(request.get("topic"), Kind.INBOX, Cockpit.PUBLISH, "publish")
        _check_type(interface, request.get("type"))
        self.advertised.add(interface.name)
        return []

    def on_unadvertise(self, request: dict[str, Any]) -> list[Action]:
        interface = by_topic(request.get("topic"))
        if interface is not None:
            self.advertised.discard(interface.name)
        return []

    def on_publish(self, request: dict[str, Any]) -> list[Action]:
        interface = _allowed(request.get("topic"), Kind.INBOX, Cockpit.PUBLISH, "publish")
        return [Publish(interface, request.get("msg", {}))]

    def on_call_service(self, request: dict[str, Any]) -> list[Action]:
        interface = _allowed(request.get("service"), Kind.SERVICE, Cockpit.CALL, "call")
        _check_type(interface, request.get("type"))
        return [Call(interface, request.get("args", {}), _identifier(request), str(request["service"]))]

    def on_send_action_goal(self, request: dict[str, Any]) -> list[Action]:
        interface = _allowed(request.get("action"), Kind.ACTION, Cockpit.CALL, "send goals to")
        _check_type(interface, request.get("action_type"))
        if _identifier(request) is None:
            raise Refusal("a goal needs an id, or its result could not be told apart")
        wants_feedback = request.get("feedback") is True
        return [Call(interface, request.get("args", {}), _identifier(request), str(request["action"]), wants_feedback)]

    def on_cancel_action_goal(self, request: dict[str, Any]) -> list[Action]:
        identifier = _identifier(request)
        return [Cancel(identifier)] if identifier is not None else []

    def on_status(self, request: dict[str, Any]) -> list[Action]:
        return []  # a client's complaint: nothing to do

    def on_set_level(self, request: dict[str, Any]) -> list[Action]:
        return []


OPERATIONS: dict[str, Callable[[Session, dict[str, Any]], list[Action]]] = {
    name.removeprefix("on_"): method for name, method in vars(Session).items() if name.startswith("on_")
}
OPERATIONS["set_level"] = Session.on_set_level


def parsed(text: str | bytes) -> dict[str, Any]:
    """A JSON object. Raises Refusal."""
    if isinstance(text, bytes) or len(text) > LONGEST_TEXT:
        raise Refusal("a message must be JSON text of at most 1 MiB")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal("the message is not JSON") from error
    if not isinstance(value, dict):
        raise Refusal("the message is not a JSON object")
    return value


def _allowed(name: Any, kind: Kind, right: Cockpit, verb: str) -> Interface:
    interface = by_topic(name)
    if interface is None or interface.kind is not kind:
        raise Refusal(f"there is no {kind.value} '{name}'")
    if interface.cockpit is not right:
        raise Refusal(f"the cockpit may not {verb} '{name}'")
    return interface


def _check_type(interface: Interface, wanted: Any) -> None:
    """Clients may leave the type out, and may leave /msg/ out of it."""
    package, _, name = interface.type.split("/")
    if wanted not in (None, "", interface.type, f"{package}/{name}"):
        raise Refusal(f"'{interface.name}' is of type {interface.type}, not {wanted}")


def _number(request: dict[str, Any], key: str) -> float:
    value = request.get(key, 0)
    if type(value) not in (int, float) or not 0 <= value <= 3_600_000:
        raise Refusal(f"{key} is {value!r}, wants milliseconds")
    return float(value)


def _identifier(request: dict[str, Any]) -> str | None:
    value = request.get("id")
    if value is not None and (not isinstance(value, str) or len(value) > 200):
        raise Refusal("an id is a text of at most 200 characters")
    return value


def _failed_reply(text: str | bytes, why: str) -> list[str]:
    """A refused call gets its failed response too: clients wait for it."""
    try:
        request = parsed(text)
    except Refusal:
        return []
    if request.get("op") == "call_service":
        return [service_response(request.get("service"), request.get("id"), why, False)]
    if request.get("op") == "send_action_goal":
        return [action_result(request.get("action"), request.get("id"), why, ABORTED, False)]
    return []


ABORTED, CANCELED, SUCCEEDED = 6, 5, 4  # action_msgs/msg/GoalStatus


def status(level: str, text: str, identifier: Any = None) -> str:
    return _dumped({"op": "status", "level": level, "msg": text}, identifier)


def publication(topic: str, values: Any) -> str:
    return json.dumps({"op": "publish", "topic": topic, "msg": values}, allow_nan=False)


def service_response(service: Any, identifier: Any, values: Any, result: bool) -> str:
    return _dumped({"op": "service_response", "service": service, "values": values, "result": result}, identifier)


def action_feedback(action: Any, identifier: Any, values: Any) -> str:
    return _dumped({"op": "action_feedback", "action": action, "values": values}, identifier)


def action_result(action: Any, identifier: Any, values: Any, ending: int, result: bool) -> str:
    message = {"op": "action_result", "action": action, "values": values, "status": ending, "result": result}
    return _dumped(message, identifier)


def _dumped(message: dict[str, Any], identifier: Any) -> str:
    if isinstance(identifier, str):
        message["id"] = identifier
    return json.dumps(message, allow_nan=False)
