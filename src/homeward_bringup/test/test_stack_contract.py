"""What the running nodes really offer is what the ledger says: no more, no less, by name, type and quality of service."""

from __future__ import annotations

import time
from typing import Any

import pytest
from rclpy.action import get_action_server_names_and_types_by_node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from homeward_runtime import ledger
from homeward_runtime.ledger import Kind
from homeward_runtime.rclpy_host import qos_profile

pytestmark = pytest.mark.stack
OF_EVERY_NODE = {"/rosout", "/parameter_events"}  # ROS's own
PLUMBING = {
    "describe_parameters", "get_parameter_types", "get_parameters", "list_parameters", "set_parameters",
    "set_parameters_atomically", "get_type_description", "change_state", "get_state", "get_available_states",
    "get_available_transitions", "get_transition_graph", "transition_event",
}  # fmt: skip
NODES = [*ledger.NODES, "ecus", "cockpit"]


def absolute(name: str) -> str:
    return name if name.startswith("/") else f"/{name}"


def of_ros(name: str, node: str) -> bool:
    """Parameter, lifecycle and action plumbing that rcl makes by itself."""
    return name in OF_EVERY_NODE or "/_action/" in name or (name.startswith(f"/{node}/") and name.split("/")[2] in PLUMBING)


def offered(observer: Any, node: str) -> dict[str, tuple[str, str]]:
    """name -> (kind, type) of all that a node offers, as the graph shows it."""
    ros = observer.node
    if node not in ros.get_node_names():
        return {}
    found = {name: ("topic", types[0]) for name, types in ros.get_publisher_names_and_types_by_node(node, "/")}
    found |= {name: ("service", types[0]) for name, types in ros.get_service_names_and_types_by_node(node, "/")}
    found = {name: what for name, what in found.items() if not of_ros(name, node)}
    actions = get_action_server_names_and_types_by_node(ros, node, "/")
    return found | {name: ("action", types[0]) for name, types in actions}


def promised(node: str) -> dict[str, tuple[str, str]]:
    rows = [row for row in ledger.owned_by(node) if row.kind is not Kind.INBOX]
    return {absolute(row.name): (row.kind.value, row.type) for row in rows}


def given_by_the_cockpit() -> set[str]:
    """Topics of other owners that the cockpit may publish."""
    return {absolute(row.name) for row in ledger.LEDGER if row.cockpit is ledger.Cockpit.PUBLISH}


@pytest.mark.parametrize("node", NODES)
def test_a_node_offers_what_the_ledger_says(observer: Any, node: str) -> None:
    wanted = promised(node)
    deadline = time.monotonic() + 45.0
    while (found := without_foreign(node, offered(observer, node))) != wanted and time.monotonic() < deadline:
        observer.executor.spin_once(timeout_sec=0.2)
    assert found == wanted, {"missing": wanted.keys() - found.keys(), "not in the ledger": found.keys() - wanted.keys()}


def without_foreign(node: str, found: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    foreign = given_by_the_cockpit() if node == "cockpit" else set()
    return {name: what for name, what in found.items() if name not in foreign}


@pytest.mark.parametrize("row", [row for row in ledger.LEDGER if row.kind is Kind.INBOX], ids=lambda row: row.name)
def test_an_inbox_has_its_owner_as_reader(observer: Any, row: ledger.Interface) -> None:
    def readers() -> set[str]:
        return {info.node_name for info in observer.node.get_subscriptions_info_by_topic(absolute(row.name))}

    observer.until(lambda: row.owner in readers(), 30.0, f"{row.owner} to read {row.name}")


@pytest.mark.parametrize("row", [row for row in ledger.LEDGER if row.kind is Kind.TOPIC], ids=lambda row: row.name)
def test_a_topic_has_the_quality_of_service_of_its_profile(observer: Any, row: ledger.Interface) -> None:
    infos = observer.until(lambda: observer.node.get_publishers_info_by_topic(absolute(row.name)), 30.0, row.name)
    wanted = qos_profile(row.profile)
    for info in infos:
        assert info.qos_profile.reliability == wanted.reliability or info.qos_profile.reliability == ReliabilityPolicy.UNKNOWN
        assert info.qos_profile.durability == wanted.durability or info.qos_profile.durability == DurabilityPolicy.UNKNOWN
        if row.profile.deadline_s:
            assert info.qos_profile.deadline.nanoseconds == wanted.deadline.nanoseconds


def test_the_parameters_in_force_say_where_they_come_from(observer: Any) -> None:
    observer.watch(ledger.PARAMS_IN_FORCE)
    message = observer.until(lambda: observer.latest.get(ledger.PARAMS_IN_FORCE.name), 30.0, "parameters in force")
    assert message.name and len(message.name) == len(message.value) == len(message.unit) == len(message.source)
    assert all(message.source)
