"""The rosbridge protocol: what is allowed, what is refused and how, throttling, JSON both ways, who may enter."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage

from homeward_hmi_bridge import access
from homeward_hmi_bridge.heartbeats import Heartbeats
from homeward_hmi_bridge.json_messages import MessageError, fill, to_json
from homeward_hmi_bridge.rosbridge import Call, Publish, Session, Subscribed
from homeward_interfaces.msg import LaneMap, LocalizationState, TrackedObject, TrackedObjects
from homeward_runtime import ledger
from homeward_runtime.ledger import Cockpit, Kind


def said(session: Session, **request: Any) -> tuple[list[Any], list[dict[str, Any]]]:
    actions, answers = session.take(json.dumps(request))
    return actions, [json.loads(answer) for answer in answers]


@pytest.mark.parametrize("row", ledger.LEDGER, ids=lambda row: row.name)
def test_exactly_what_the_ledger_allows_is_allowed(row: ledger.Interface) -> None:
    requests = {
        Cockpit.READ: {"op": "subscribe", "topic": row.name}, Cockpit.PUBLISH: {"op": "publish", "topic": row.name, "msg": {}},
        Cockpit.CALL: {"op": "send_action_goal", "action": row.name, "id": "1"} if row.kind is Kind.ACTION
        else {"op": "call_service", "service": row.name},
    }  # fmt: skip
    for right, request in requests.items():
        actions, answers = said(Session(), **request)
        allowed = right is row.cockpit
        assert bool(actions) is allowed and bool(answers) is not allowed


@pytest.mark.parametrize("name", ["vehicle/state", "/vehicle/state"])
def test_names_work_with_and_without_the_slash_and_come_back_as_they_were(name: str) -> None:
    actions, _ = said(Session(), op="subscribe", topic=name)
    assert isinstance(actions[0], Subscribed) and actions[0].subscription.topic == name


def test_the_throttle_thins_fifty_a_second_to_ten() -> None:
    session = Session()
    said(session, op="subscribe", topic="/vehicle/state", throttle_rate=100)
    sent = sum(session.due(ledger.VEHICLE_STATE, tick * 0.02) is not None for tick in range(500))
    assert 98 <= sent <= 102


def test_a_refused_call_gets_its_failed_response_with_its_id() -> None:
    _, answers = said(Session(), op="call_service", service="/planner/set_parameters", id="7", args={})
    assert [answer["op"] for answer in answers] == ["status", "service_response"]
    assert answers[1]["id"] == "7" and answers[1]["result"] is False


def test_a_wrong_type_is_refused_and_the_short_form_taken() -> None:
    assert said(Session(), op="subscribe", topic="/vehicle/state", type="std_msgs/String")[1][0]["level"] == "error"
    assert said(Session(), op="subscribe", topic="/vehicle/state", type="homeward_interfaces/VehicleState")[0]


def test_calls_and_publications_carry_their_values() -> None:
    actions, _ = said(Session(), op="call_service", service="/planner/drive_to", args={"place": "Office"}, id="a")
    assert actions == [Call(ledger.DRIVE_TO, {"place": "Office"}, "a", "/planner/drive_to")]
    actions, _ = said(Session(), op="publish", topic="/goal_pose", msg={"header": {}})
    assert actions == [Publish(ledger.GOAL_POSE, {"header": {}})]


@given(st.one_of(st.text(), st.binary(), st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
).map(json.dumps)))  # fmt: skip
def test_whatever_a_client_sends_gets_an_answer_and_ends_nothing(text: str | bytes) -> None:
    actions, answers = Session().take(text)
    assert actions or answers


operations = st.sampled_from(
    ["subscribe", "unsubscribe", "publish", "advertise", "call_service", "send_action_goal", "cancel_action_goal"]
)
anything = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just([]) | st.just({})


@given(
    operations,
    st.dictionaries(st.sampled_from(["topic", "service", "action", "id", "type", "throttle_rate", "args", "msg"]), anything),
)
def test_known_operations_with_odd_fields_end_nothing(operation: str, fields: dict[str, Any]) -> None:
    Session().take(json.dumps({"op": operation, **fields}))


def test_messages_become_json_as_rosbridge_writes_it() -> None:
    objects = TrackedObjects(objects=[TrackedObject(id=3, x_m=math.nan, kind=1)])
    values = to_json(objects)
    assert values["objects"][0]["id"] == 3 and values["objects"][0]["x_m"] is None
    assert to_json(CompressedImage(data=b"abc"))["data"] == base64.b64encode(b"abc").decode()
    assert to_json(LaneMap(x_m=[1.5, 2.5]))["x_m"] == [1.5, 2.5]
    json.dumps(values, allow_nan=False)


def test_json_becomes_messages_and_back() -> None:
    message = fill(LocalizationState(), {"x_m": 3, "header": {"frame_id": "map", "stamp": {"sec": 4}}, "status": 2})
    assert (message.x_m, message.header.frame_id, message.header.stamp.sec, message.status) == (3.0, "map", 4, 2)
    assert fill(TrackedObjects(), {"objects": [{"id": 1}]}).objects[0].id == 1


@pytest.mark.parametrize(
    "values, complaint",
    [
        ({"y": 1}, "no field 'y'"), ({"x_m": "far"}, "'x_m' is 'far', wants double"), ({"status": 300}, "'status' is 300"),
        ({"status": True}, "wants uint8"), ({"header": 3}, "'header' is 3"), ([], "wants an object"),
        ({"header": {"stamp": {"sec": 1.5}}}, "'header.stamp.sec' is 1.5"),
    ],
)  # fmt: skip
def test_json_that_does_not_fit_is_refused_with_its_place(values: Any, complaint: str) -> None:
    with pytest.raises(MessageError) as error:
        fill(LocalizationState(), values)
    assert complaint in str(error.value) or ("header" in complaint and "wants an object" in str(error.value))


@pytest.mark.parametrize(
    "peer, token, wanted, enters",
    [
        ("127.0.0.1", None, "", True), ("::1", None, "t", True), ("192.0.2.3", None, "t", False),
        ("192.0.2.3", "t", "t", True), ("192.0.2.3", "x", "t", False), ("192.0.2.3", "", "", False), (None, "t", "t", True),
        (None, None, "t", False), ("not an address", None, "t", False),
    ],
)  # fmt: skip
def test_who_may_enter(peer: str | None, token: str | None, wanted: str, enters: bool) -> None:
    assert access.may_enter(peer, token, wanted) is enters


@pytest.mark.parametrize(
    "origin, enters",
    [
        (None, True),
        ("http://127.0.0.1:8080", True),
        ("http://evil.example", False),
        ("null", False),
        ("http://127.0.0.1:9", False),
    ],
)
def test_only_our_own_page_may_speak(origin: str | None, enters: bool) -> None:
    assert access.same_origin(origin, "127.0.0.1:8080") is enters


def test_a_node_that_falls_silent_is_named() -> None:
    beats = Heartbeats(["planner", "controller"], 3.0)
    assert not beats.faults(0.0)
    beats.heard(["planner", "somebody"], 1.0)
    assert not beats.faults(3.9)
    beats.heard(["planner"], 9.0)
    assert beats.silent(10.0).keys() == {"controller"}
    beats.heard(["controller"], 10.0)
    assert beats.silent(12.5).keys() == {"planner"} and "planner" in beats.faults(12.5)[0].detail
