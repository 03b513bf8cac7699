"""ROS messages <-> the core's values."""

from __future__ import annotations

import dataclasses
from typing import Any

from builtin_interfaces.msg import Time

from homeward_can_bridge.command_gate import Command, CommandGate
from homeward_can_bridge.stop_plan import StopPlan
from homeward_can_bridge.vehicle import Vehicle
from homeward_interfaces.msg import CommandTiming, Engagement, VehicleState
from homeward_interfaces.msg import Outcome as OutcomeMessage
from homeward_runtime.frames import BASE_LINK
from homeward_runtime.outcome import Outcome

NOT_IN_MESSAGE = {"wheel_speed_mps", "command_refused"}
FIELDS = [field.name for field in dataclasses.fields(Vehicle) if field.name not in NOT_IN_MESSAGE]


def vehicle_message(vehicle: Vehicle, stamp: Time) -> VehicleState:
    message = VehicleState(wheel_speed_mps=list(vehicle.wheel_speed_mps))
    message.header.stamp, message.header.frame_id = stamp, BASE_LINK
    for name in FIELDS:
        setattr(message, name, getattr(vehicle, name))
    return message


def command_from_message(message: Any) -> Command:
    plan = StopPlan(
        tuple(map(float, message.stop_distance_m)), tuple(map(float, message.stop_curvature_per_m)),
        tuple(map(float, message.stop_speed_mps)),
    )  # fmt: skip
    return Command(
        message.sequence, message.acceleration_mps2, message.steering_rad, message.gear, message.indicators, plan,
        message.sensor_receipt_ns, message.brake_only,
    )  # fmt: skip


def engagement_message(gate: CommandGate, stamp: Time) -> Engagement:
    return Engagement(stamp=stamp, state=int(gate.state), reason=gate.reason, text=gate.text)


def outcome_message(outcome: Outcome) -> OutcomeMessage:
    return OutcomeMessage(outcome=int(outcome.ending), reason=outcome.reason, text=outcome.text)


def timing_message(command: Command, stamp: Time, sent_ns: int) -> CommandTiming:
    return CommandTiming(
        stamp=stamp, sequence=command.sequence, sensor_receipt_ns=command.sensor_receipt_ns, sent_ns=sent_ns
    )
