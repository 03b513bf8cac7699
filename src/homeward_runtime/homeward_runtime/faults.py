"""The catalogue of faults: a stable code, a severity, a sentence for the driver, a remedy. One place for all of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace


class Severity(enum.IntEnum):
    """The levels of diagnostic_msgs/msg/DiagnosticStatus."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong now. `detail` is for the engineer and may change from one occurrence to the next."""

    code: str
    severity: Severity
    text: str
    remedy: str
    detail: str = ""


W, E = Severity.WARNING, Severity.ERROR
_ROWS = (
    # code, severity, a sentence for the driver, a remedy
    ("can.bus_silent", E, "The car's computer hears nothing from the car.", "Check the CAN connection and the bus speed."),
    ("can.frame_missing", E, "Part of the car's own data is missing.", "Check the ECU that sends the frame named in the detail."),
    ("can.frame_malformed", W, "The car sent data that makes no sense; it was ignored.", "Check the DBC against the car, and the wiring."),
    ("can.frame_corrupted", W, "Damaged data came from the car; it was not used.", "Check the wiring and the termination of the bus."),
    ("can.frame_repeated", W, "The car repeated old data; it was not used.", "Check the ECU named in the detail, and whether two senders share the bus."),
    ("can.frame_lost", W, "Some of the car's data was lost.", "Check the load of the bus and of the computer."),
    ("can.frames_dropped", W, "The computer can't keep up with the car's data.", "Close other programs on the vehicle computer."),
    ("can.error_frames", W, "There are errors on the car's bus.", "Check the wiring, the termination and the bit rate."),
    ("can.bus_off", E, "The car's bus went away; it is opened again.", "Check the wiring, the termination and the bit rate."),
    ("can.command_refused", W, "The car's ECU refused a command frame.", "Check the wiring, and that one bridge alone sends commands."),
    ("can.actuators_unready", E, "The car's actuators can't follow; the car is stopping.", "Look at the car's own warnings."),
    ("can.power_lost", E, "The car is no longer ready to drive; it is stopping.", "Start the car again."),
    ("can.door_open", E, "A door opened; the car is stopping.", "Close all doors, then engage again."),
    ("can.send_failed", E, "Commands don't reach the car.", "Check the CAN interface (ip -details link show)."),
    ("can.command_stale", E, "Driving commands stopped coming; the car is stopping.", "See which of planner and controller died or fell behind."),
    ("can.vehicle_silent", E, "The car's own data stopped coming; the car is stopping.", "Check the CAN connection, and whether the computer is too busy."),
    ("can.command_invalid", E, "A driving command made no sense and was refused.", "Report it with the recording of the drive."),
    ("localization.no_fix", E, "The car doesn't know where it is.", "Wait for satellite reception, or set the pose in RViz."),
    ("localization.fix_old", W, "Satellite reception is lost; the car goes by its wheels.", "Wait for reception."),
    ("localization.fix_rejected", W, "A satellite position jumped and was not believed.", "Check the antenna."),
    ("localization.vehicle_silent", E, "The wheels' speed is missing.", "See the CAN bridge's faults."),
    ("perception.world_silent", E, "Nothing is seen of the surroundings.", "See whether the simulator or the sensors run."),
    ("planner.no_map", E, "There is no map.", "Give map:=FILE.osm; the message in the log says what is wrong with the file."),
    ("planner.no_localization", W, "Waiting for the car's position.", "See localization's faults."),
    ("planner.no_objects", E, "The surroundings are not known, so the car doesn't drive.", "See perception's faults."),
    ("planner.off_road", W, "The car is not on a road of the map.", "Drive it onto a road."),
    ("planner.blocked", W, "The way is blocked.", "Take over, or choose another goal."),
    ("planner.unsure_position", W, "The car is not sure where it is and drives slower.", "See localization's faults."),
    ("planner.late", W, "The car will be there too late.", "Tell who waits; nothing that is safe makes it faster."),
    ("planner.no_room", W, "There is no room to park, or to drive out.", "Take over, or choose another place."),
    ("planner.slow", W, "Planning takes too long.", "Close other programs on the vehicle computer."),
    ("planner.failed", E, "Planning failed; the car is stopping.", "Report it with the recording of the drive."),
    ("controller.trajectory_stale", E, "The plan stopped coming; the car is braking.", "See whether the planner died."),
    ("controller.no_localization", E, "Position lost while driving; the car is braking.", "See localization's faults."),
    ("controller.failed", E, "Steering failed; the car is stopping.", "Report it with the recording of the drive."),
    ("controller.mpc_failed", W, "The car steers by its simpler law for a moment.", "If it lasts, report it with the recording of the drive."),
    ("localization.moved", W, "The car's position was wrong and was set anew from the satellites.", "Check the antenna and the pose that was set."),
    ("sim.world_lost", E, "The simulated world went away.", "Start it again: ./homeward run."),
    ("sim.tick_late", W, "The simulation can't keep up with real time.", "Close other programs, or use fewer cars: traffic:=5."),
    ("sim.traffic_poked", W, "The traffic manager hung and was woken.", "Nothing to do; it goes on."),
    ("ecu.command_refused", W, "The car's ECUs got a damaged command and did not follow it.", "See the CAN bridge's faults."),
    ("ecu.command_timeout", W, "The car's ECUs hear no commands and hold the brake.", "See the CAN bridge's faults."),
    ("key.radio", W, "Phones and watches can't reach the car.", "Check the Bluetooth adapter; the detail says what it answers."),
    ("key.store", E, "The list of keys can't be read or written.", "Check the disk; restore the file named in the detail from a copy."),
    ("key.no_secret", E, "Keys can't open the car: the secret shared with the CAN bridge is missing.", "Give key_auth and can_bridge the same key_file."),
    ("hmi.node_silent", E, "A part of the system is not running.", "The launch output says why it died; it is started again if possible."),
)  # fmt: skip

CATALOGUE = {code: Fault(code, severity, text, remedy) for code, severity, text, remedy in _ROWS}


def fault(code: str, detail: str = "") -> Fault:
    """The fault of this code. KeyError for a code that is not in the catalogue: add it there."""
    return replace(CATALOGUE[code], detail=detail)
