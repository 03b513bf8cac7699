"""The doctor works before anything is built, so what it knows of the nodes is written down a second time: the same here."""

from __future__ import annotations

from homeward_can_bridge.node import CanBridgeNode
from homeward_cli import doctor
from homeward_planner.controller import ControllerNode


def test_it_looks_for_the_highest_priority_that_a_node_asks_for() -> None:
    assert max(ControllerNode.priority, CanBridgeNode.priority) == doctor.PRIORITY


def test_every_finding_that_is_not_good_has_a_remedy() -> None:
    findings = doctor.examine()
    assert {finding.what for finding in findings} >= {"Python", "ROS 2", "priority", "cores"}
    assert all(finding.remedy for finding in findings if finding.state != doctor.GOOD)
