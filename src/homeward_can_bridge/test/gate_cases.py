"""A car, limits and a gate to try them on, for the tests of the command gate."""

from __future__ import annotations

from dataclasses import replace

from homeward_can_bridge.command_gate import (
    Actuation,
    Command,
    CommandGate,
    Limits,
    State,
)
from homeward_can_bridge.stop_plan import StopPlan
from homeward_can_bridge.vehicle import Gear, Power, Vehicle

LIMITS = Limits(
    command_timeout_s=0.125, vehicle_timeout_s=0.12, acceleration_max_mps2=3.0, deceleration_max_mps2=8.0,
    jerk_max_mps3=10.0, braking_jerk_max_mps3=40.0, steering_max_rad=0.6, steering_rate_max_radps=0.5,
    lateral_acceleration_max_mps2=4.0, lateral_jerk_max_mps3=10.0, stop_deceleration_mps2=2.5, wheelbase_m=2.9, reverse_speed_max_mps=2.0,
)  # fmt: skip
READY = Vehicle(power=Power.READY, gear=Gear.DRIVE, actuators_ready=True)
MOVING = replace(READY, speed_mps=10.0)
PLAN = StopPlan((0.0, 10.0, 20.0), (0.0, 0.02, 0.02), (10.0, 6.0, 0.0))
NOW_S = 100.0
DT_S = 0.02


def gate_with(command: Command, now_s: float = NOW_S) -> CommandGate:
    gate = CommandGate(LIMITS)
    gate.step(now_s, READY, 0.0)
    assert gate.offer(command, now_s) == ""
    return gate


def engaged_gate(vehicle: Vehicle = READY, command: Command = Command(1, 1.0, 0.0)) -> CommandGate:
    gate = gate_with(command)
    assert gate.engage(vehicle, 0.0, NOW_S) == ""
    return gate


def settled(gate: CommandGate, vehicle: Vehicle, command: Command, steps: int = 200) -> Actuation:
    """The actuation after the rate limits have let everything through."""
    for tick in range(1, steps + 1):
        now_s = NOW_S + tick * DT_S
        assert gate.offer(replace(command, sequence=command.sequence + tick), now_s) == ""
        actuation = gate.step(now_s, vehicle, 0.0)
    return actuation


def stopping_gate(command: Command = Command(1, 1.0, 0.0), vehicle: Vehicle = MOVING) -> CommandGate:
    """Stopping for stale commands at NOW_S."""
    gate = CommandGate(LIMITS)
    gate.step(NOW_S - 0.2, vehicle, 0.0)
    assert gate.offer(command, NOW_S - 0.2) == "" and gate.engage(vehicle, 0.0, NOW_S - 0.2) == ""
    gate.step(NOW_S, vehicle, 0.0)
    assert gate.state is State.STOPPING
    return gate
