"""Cockpit shell: moves data between ROS and the web server's clients. It decides nothing about the car."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from homeward_hmi_bridge import access, rosbridge
from homeward_hmi_bridge.heartbeats import Heartbeats
from homeward_hmi_bridge.json_messages import MessageError, fill, to_json
from homeward_hmi_bridge.rosbridge import Call, Cancel, Publish, Subscribed
from homeward_hmi_bridge.server import Client, CockpitServer
from homeward_runtime import ledger, rclpy_host
from homeward_runtime.aio import AsyncioSide
from homeward_runtime.car_node import CallFailed, CarNode, Publisher, message_class
from homeward_runtime.ledger import Cockpit, Interface, Kind
from homeward_runtime.params import param

ENDINGS = {"succeed": rosbridge.SUCCEEDED, "canceled": rosbridge.CANCELED}
START_S = 10.0


@dataclass(frozen=True)
class CockpitParams:
    """Section cockpit of params/car.yaml."""

    host: str = param("", "address to listen on; any but 127.0.0.1 asks other machines for the token")
    port: int = param("", "port to listen on; 0 takes a free one", 0, 65535)
    token_file: str = param("", "where the token is kept; ~ is the home folder")
    watched_nodes: tuple[str, ...] = param("", "nodes whose silence is told to the driver")
    silence_s: float = param("s", "a node that says nothing for longer is silent", 1.5, 60.0)
    call_deadline_s: float = param("s", "a service call unanswered for longer is unknown", 0.5, 30.0)


class CockpitNode(CarNode):
    """rosbridge clients <-> what the ledger lets the cockpit see and call."""

    name = "cockpit"

    def configure(self) -> None:
        self.params = self.load_params(CockpitParams)
        self.latest: dict[str, Any] = {}
        self.goals: dict[tuple[Client, str], Callable[[], None]] = {}
        self.heartbeats = Heartbeats(self.params.watched_nodes, self.params.silence_s)
        self.inboxes: dict[str, Publisher] = {}
        for interface in ledger.LEDGER:
            if interface.cockpit is Cockpit.READ:
                self.subscribe_to(interface, partial(self.on_message, interface))
            elif interface.cockpit is Cockpit.PUBLISH:
                self.inboxes[interface.name] = self.publish_to(interface)
        self.run_every(0.5, self.on_watchdog, steady=True)
        self.side = AsyncioSide(self)
        self.open_server()

    def open_server(self) -> None:
        """Listen, and say where. A taken port is a sentence with the remedy."""
        params, outside = self.params, not access.is_this_machine(self.params.host)
        token = token_of(Path(params.token_file).expanduser()) if outside else ""
        self.server = CockpitServer(self, Path(__file__).parent / "web_dist", token)
        try:
            port = self.side.to_asyncio(self.server.start(params.host, params.port)).result(START_S)
        except OSError as error:
            raise RuntimeError(f"the dashboard can't listen on {params.host}:{params.port} ({error.strerror}). "
                               "End what listens there, or choose another: dashboard_port:=8081") from error  # fmt: skip
        self.port = port
        self.log(f"dashboard at http://{params.host}:{port}/{f'?token={token}' if token else ''}")

    def cleanup(self) -> None:
        if hasattr(self, "server"):
            self.side.to_asyncio(self.server.stop()).result(5.0)
        if hasattr(self, "side"):
            self.side.close()

    # from ROS to the clients
    def on_message(self, interface: Interface, message: Any) -> None:
        self.latest[interface.name] = message
        if interface is ledger.DIAGNOSTICS:
            self.heartbeats.heard([status.name for status in message.status], self.monotonic_ns() * 1e-9)
        elif interface is ledger.PARAMS_IN_FORCE:
            self.latest[f"{interface.name} {message.node}"] = message
        if self.server.clients:
            self.spread(interface, message)

    def spread(self, interface: Interface, message: Any) -> None:
        """To each client whose throttle allows; the JSON is made once, and only if somebody wants it."""
        now_s, values = self.monotonic_ns() * 1e-9, None
        for client in list(self.server.clients):
            subscription = client.session.due(interface, now_s)
            if subscription is not None:
                values = values or to_json(message)
                self.send(client, rosbridge.publication(subscription.topic, values))

    def send(self, client: Client, text: str) -> None:
        self.side.call_in_asyncio(client.send, text)

    def on_watchdog(self) -> None:
        self.report(self.heartbeats.faults(self.monotonic_ns() * 1e-9))

    # from the clients to ROS: called on the loop's thread, carried over to the node's
    def perform(self, client: Client, actions: list[rosbridge.Action]) -> None:
        for action in actions:
            self.side.to_node(partial(self.act, client, action))

    def gone(self, client: Client) -> None:
        self.side.to_node(partial(self.forget, client))

    def forget(self, client: Client) -> None:
        """A goal outlives the page that sent it: the car goes on when a tab is closed."""
        self.goals = {key: cancel for key, cancel in self.goals.items() if key[0] is not client}

    def act(self, client: Client, action: rosbridge.Action) -> None:
        match action:
            case Subscribed(subscription):
                self.send_latest(client, subscription)
            case Publish(interface, values):
                self.guarded(client, lambda: self.inboxes[interface.name].publish(
                    fill(message_class(interface.type)(), values)))  # fmt: skip
            case Cancel(identifier):
                self.goals.get((client, identifier), lambda: None)()
            case Call(interface) if interface.kind is Kind.SERVICE:
                self.guarded(client, lambda: self.call_service(client, action))
            case Call():
                self.guarded(client, lambda: self.send_action_goal(client, action))

    def guarded(self, client: Client, work: Callable[[], None]) -> None:
        try:
            work()
        except MessageError as error:
            self.send(client, rosbridge.status("error", str(error)))

    def send_latest(self, client: Client, subscription: rosbridge.Subscription) -> None:
        name = subscription.interface.name
        keys = [key for key in self.latest if key == name or key.startswith(f"{name} ")]
        if subscription.interface.profile.latched:
            for key in keys[-1:] if len(keys) == 1 else keys[1:]:
                self.send(client, rosbridge.publication(subscription.topic, to_json(self.latest[key])))

    def call_service(self, client: Client, call: Call) -> None:
        def on_reply(response: Any) -> None:
            if isinstance(response, CallFailed):
                text = {"refused": "nobody serves it", "unknown": "no answer came: it may have happened"}
                answer = rosbridge.service_response(call.name, call.identifier, text[response.ending], False)
            else:
                answer = rosbridge.service_response(call.name, call.identifier, to_json(response), True)
            self.send(client, answer)

        try:
            request = fill(message_class(call.interface.type).Request(), call.values)
        except MessageError as error:
            self.send(client, rosbridge.service_response(call.name, call.identifier, str(error), False))
            return
        self.call(call.interface, request, on_reply, self.params.call_deadline_s)

    def send_action_goal(self, client: Client, call: Call) -> None:
        def on_feedback(message: Any) -> None:
            if call.feedback:
                self.send(client, rosbridge.action_feedback(call.name, call.identifier, to_json(message)))

        def on_done(how: str, result: Any) -> None:
            self.goals.pop((client, str(call.identifier)), None)
            values = to_json(result) if result is not None else "nobody serves it"
            ending = ENDINGS.get(how, rosbridge.ABORTED)
            self.send(client, rosbridge.action_result(call.name, call.identifier, values, ending, how == "succeed"))

        try:
            goal = fill(message_class(call.interface.type).Goal(), call.values)
        except MessageError as error:
            answer = rosbridge.action_result(call.name, call.identifier, str(error), rosbridge.ABORTED, False)
            self.send(client, answer)
            return
        self.goals[(client, str(call.identifier))] = self.send_goal(call.interface, goal, on_feedback, on_done)


def token_of(path: Path) -> str:
    """The token kept in a file that only its owner reads; made at the first use."""
    if path.exists():
        return path.read_text().strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(access.TOKEN_BYTES)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token)
    return token


def main() -> None:
    sys.exit(rclpy_host.main(CockpitNode))
