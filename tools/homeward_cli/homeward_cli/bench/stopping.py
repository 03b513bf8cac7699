"""What breaks, and where the car stands then: in the running simulator, with real processes, judged by the referee."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from homeward_cli.bench.stack_process import Stack, running_simulator
from homeward_cli.environment import ROOT

DESCRIPTION = "Controller or bridge killed, the driver brakes, a frame is damaged: does the car stop in its lane?"
READY_S, REACH_S, STOP_S, SETTLE_S = 90.0, 240.0, 30.0, 4.0
STANDING_MPS, HAZARD = 0.05, 3
PERIOD_S = 0.02
ROUNDABOUT, CURVE = (-250.0, 0.0), (-220.0, 160.0)  # Hometown's; the curve of 30 m around this centre leads down from home
Place = Callable[[Any, float], bool]
"""Whether the car is there: LocalizationState, speed in m/s."""


def run(say: Callable[[str], None]) -> dict[str, object]:
    """One drive from Home to the Office, with an interruption at each place; no other cars. Raises RuntimeError where the
    car never gets to one.
    """
    with running_simulator("traffic:=0") as stack:
        drive = Drive(stack, say)
        figures: dict[str, object] = {}
        for name, place, act in SCENARIOS:
            drive.on(name, place)
            say(f"{name}")
            figures[name] = act(drive)
            say(f"  {figures[name]}")
    stops = [one for one in figures.values() if isinstance(one, dict) and "lane_departures" in one]
    return {**figures, "lane_departures": sum(int(one["lane_departures"]) for one in stops),
            "collisions": sum(int(one["collisions"]) for one in stops)}  # fmt: skip


class Drive:
    """The observer's view of one drive, and a hand on the bus."""

    def __init__(self, stack: Stack, say: Callable[[str], None]) -> None:
        from homeward_cli.bench.trip_observer import TripObserver
        from homeward_cli.bench.vehicle_frames import VehicleFrames
        from homeward_runtime import ledger
        from homeward_runtime.can_bus import open_bus

        self.stack, self.say, self.observer, self.ledger = stack, say, TripObserver(), ledger
        say("waiting for the stack")
        self.observer.until_located(READY_S)
        self.observer.watch(ledger.LOCALIZATION)
        self.observer.spin(SETTLE_S)
        self.frames = VehicleFrames((ROOT / "vehicles/homeward/homeward.dbc").read_text())
        self.bus = open_bus("udp:")
        self.shown: dict[str, dict[str, float]] = {}
        self.timed_out = self.refused = False

    def listen(self) -> None:
        """What the car's own frames say, whether or not a bridge is there to pass it on."""
        for frame in self.bus.receive():
            name, signals = self.frames.read(frame)
            self.shown[name] = signals
            self.timed_out |= name == "Motion" and bool(signals["CommandTimeout"])
            self.refused |= name == "Motion" and bool(signals["CommandRefused"])

    @property
    def speed_mps(self) -> float:
        wheels = self.shown.get("WheelSpeeds", {})
        return (wheels["RearLeft"] + wheels["RearRight"]) / 2 / 3.6 if wheels else 0.0

    @property
    def odometer_m(self) -> float:
        return self.shown["Drivetrain"]["Odometer"]

    @property
    def engagement(self) -> Any:
        return self.observer.latest[self.ledger.ENGAGEMENT.name]

    def on(self, name: str, place: Place) -> None:
        """Send the car on to the office, until it is at the next place."""
        deadline, sent_s = time.monotonic() + REACH_S, -math.inf
        while not (self.engagement.state == 1 and place(self.observer.latest[self.ledger.LOCALIZATION.name], self.speed_mps)):
            if self.engagement.state != 1 and abs(self.speed_mps) < STANDING_MPS and time.monotonic() - sent_s > 2.0:
                sent_s = time.monotonic()
                self.observer.send("office")
            if time.monotonic() > deadline:
                where = self.observer.latest[self.ledger.LOCALIZATION.name]
                raise RuntimeError(
                    f"the car did not get to '{name}'; it is at {where.x_m:.0f}, {where.y_m:.0f}, {self.engagement.text}"
                )
            self.observer.executor.spin_once(timeout_sec=0.05)
            self.listen()

    def until(self, condition: Callable[[], bool], timeout_s: float) -> float | None:
        """Seconds until it holds; None when it doesn't in time."""
        began = time.monotonic()
        while not condition():
            self.listen()
            if time.monotonic() - began > timeout_s:
                return None
            self.observer.executor.spin_once(timeout_sec=0.01)
        return time.monotonic() - began

    def watched_stop(self, what_happens: Callable[[], None]) -> dict[str, object]:
        """Let it happen under the referee's eyes, and see the car to a standstill."""
        verdict = self.stack.folder / f"verdict_{time.monotonic_ns()}.json"
        command = [sys.executable, "-m", "homeward_cli.bench.referee", "--port", str(self.stack.port), "--role", "ego_vehicle"]
        referee = subprocess.Popen([*command, "--out", str(verdict)], stdout=subprocess.PIPE)
        assert referee.stdout is not None
        referee.stdout.readline()  # it watches from here on
        self.listen()
        speed_mps, odometer_m, self.timed_out = self.speed_mps, self.odometer_m, False
        what_happens()
        took_s = self.until(lambda: abs(self.speed_mps) < STANDING_MPS, STOP_S)
        hazard = self.shown["BodyStatus"]["Indicators"] == HAZARD
        self.observer.spin(0.5)
        referee.send_signal(signal.SIGTERM)
        referee.wait(20.0)
        judged = json.loads(verdict.read_text())
        return {
            "stopped": took_s is not None, "from_mps": round(speed_mps, 2), "time_s": took_s and round(took_s, 2),
            "distance_m": round(self.odometer_m - odometer_m, 2), "hazard_lights": hazard,
            "gate": self.engagement.reason, "ecus_timed_out": self.timed_out,
            "lane_departures": judged["lane_departures"], "collisions": judged["collisions"],
        }  # fmt: skip


def kill(node: str) -> Callable[[Drive], dict[str, object]]:
    return lambda drive: drive.watched_stop(lambda: drive.stack.kill(node))


def driver_brakes(drive: Drive) -> dict[str, object]:
    """From the frame in which the ECU tells of the pedal to the first actuator frame that is not enabled."""
    from homeward_runtime.can_bus import Frame
    from homeward_runtime.can_protection import Protection, Protector

    message = drive.frames.database.get_message_by_name("SimulatedDriver")
    foot = Protector(Protection(message.frame_id))
    told_s = released_s = None
    drive.bus.receive()
    drive.bus.send(
        Frame(
            message.frame_id, foot.protect(message.encode({"CRC": 0, "Counter": 0, "Steers": 0, "Brakes": 1, "Accelerates": 0}))
        )
    )
    began = time.monotonic()
    while released_s is None and time.monotonic() - began < 1.0:
        for frame in drive.bus.receive():
            name, found = drive.frames.read(frame)
            if name == "Motion" and found["DriverBrakes"] and told_s is None:
                told_s = time.monotonic()
            if name == "ActuatorCommand" and not found["Enabled"] and told_s is not None:
                released_s = time.monotonic()
        time.sleep(0.0005)
    drive.observer.spin(0.3)
    figures = drive.watched_stop(lambda: None)
    after_s = None if told_s is None or released_s is None else released_s - told_s
    in_time = after_s is not None and after_s <= PERIOD_S + 0.002
    return {"manual_after_ms": after_s and round(after_s * 1e3, 1), "within_a_period": in_time,
            "state": drive.engagement.state, **figures}  # fmt: skip


def corrupted(drive: Drive) -> dict[str, object]:
    """A damaged copy of the command frame between the good ones: the ECU says that it refused it, and follows the good ones."""
    from homeward_runtime.can_bus import Frame

    message = drive.frames.database.get_message_by_name("ActuatorCommand")
    full_lock = message.encode(
        {"CRC": 0, "Counter": 7, "Acceleration": 3.0, "SteeringAngle": 30.0, "Gear": 3, "Indicators": 0, "Enabled": 1,
         "BrakeOnly": 0}
    )
    drive.listen()
    drive.refused = False
    drive.bus.send(Frame(message.frame_id, full_lock))
    after_s = drive.until(lambda: drive.refused, 1.0)
    drive.observer.spin(1.0)
    drive.listen()
    return {"refused_by_the_ecu": after_s is not None, "after_ms": after_s and round(after_s * 1e3, 1),
            "still_driving": drive.engagement.state == 1 and drive.speed_mps > 1.0}  # fmt: skip


def _near(where: Any, centre: tuple[float, float]) -> float:
    return math.hypot(where.x_m - centre[0], where.y_m - centre[1])


def in_curve(where: Any, speed_mps: float) -> bool:
    """Ten metres into the curve of 30 m."""
    return 26.0 < _near(where, CURVE) < 34.0 and where.x_m < -228.0 and where.y_m > 165.0 and speed_mps > 4.0


def in_roundabout(where: Any, speed_mps: float) -> bool:
    return _near(where, ROUNDABOUT) < 24.0 and speed_mps > 3.0


def on_straight(where: Any, speed_mps: float) -> bool:
    """On Main Street or the Avenue, at speed, clear of the junctions."""
    return abs(where.y_m) < 8.0 and abs(where.yaw_rad) < 0.05 and speed_mps > 9.0


SCENARIOS: tuple[tuple[str, Place, Callable[[Drive], dict[str, object]]], ...] = (
    ("controller_killed_in_a_30_m_curve", in_curve, kill("controller")),
    ("controller_killed_in_the_roundabout", in_roundabout, kill("controller")),
    ("controller_killed_on_a_straight", on_straight, kill("controller")),
    ("a_corrupted_command_frame", on_straight, corrupted),
    ("the_driver_brakes", on_straight, driver_brakes),
    ("the_bridge_killed_on_a_straight", on_straight, kill("can_bridge")),
)
