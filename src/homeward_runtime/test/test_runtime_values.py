"""The small pure modules: angles, the ledger's own rules, the fault catalogue."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_runtime import faults, frames, ledger
from homeward_runtime.car_node import message_class
from homeward_runtime.ledger import Cockpit, Kind

ANGLES = st.floats(-50.0, 50.0)


@given(ANGLES)
def test_wrapped_angles_point_the_same_way(angle_rad: float) -> None:
    wrapped = frames.wrapped(angle_rad)
    assert -math.pi <= wrapped < math.pi
    assert math.cos(wrapped - angle_rad) == pytest.approx(1.0)


@given(ANGLES)
def test_a_heading_survives_the_quaternion(yaw_rad: float) -> None:
    back = frames.yaw_of(frames.quaternion_from_yaw(yaw_rad))
    assert math.cos(back - yaw_rad) == pytest.approx(1.0)
    assert frames.quaternion_from_euler(0.0, 0.0, yaw_rad) == pytest.approx(frames.quaternion_from_yaw(yaw_rad))


@pytest.mark.parametrize("broken", [(0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 2.0), (math.nan, 0.0, 0.0, 1.0)])
def test_what_is_no_rotation_is_refused(broken: frames.Quaternion) -> None:
    with pytest.raises(ValueError):
        frames.yaw_of(broken)


def test_every_interface_is_named_once_and_its_type_exists() -> None:
    assert len(ledger.BY_NAME) == len(ledger.LEDGER)
    for interface in ledger.LEDGER:
        kind = {Kind.SERVICE: "srv", Kind.ACTION: "action"}.get(interface.kind, "msg")
        assert interface.type.split("/")[1] == kind
        assert message_class(interface.type) is not None
        assert interface.doc


def test_the_cockpit_reads_topics_and_calls_services_and_never_commands_the_car_directly() -> None:
    for interface in ledger.LEDGER:
        allowed = {Kind.TOPIC: {Cockpit.NOTHING, Cockpit.READ}, Kind.INBOX: {Cockpit.NOTHING, Cockpit.PUBLISH}}
        assert interface.cockpit in allowed.get(interface.kind, {Cockpit.NOTHING, Cockpit.CALL})
    assert ledger.DRIVE_COMMAND.cockpit is Cockpit.NOTHING
    assert not any(i.cockpit is not Cockpit.NOTHING for i in ledger.LEDGER if i.name.startswith("sim/"))


def test_drive_commands_are_never_kept_for_late_joiners() -> None:
    assert not ledger.DRIVE_COMMAND.profile.latched and ledger.DRIVE_COMMAND.profile.depth == 1
    assert 0 < ledger.DRIVE_COMMAND.profile.lifespan_s <= 0.2


def test_faults_have_a_stable_code_a_sentence_and_a_remedy() -> None:
    for code, fault in faults.CATALOGUE.items():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", code)
        assert fault.text.endswith(".") and fault.remedy.endswith(".")
    with pytest.raises(KeyError):
        faults.fault("no.such_code")
