"""Every interface of Homeward, once: name, type, profile, owner, who may call it, what the cockpit may do with it.

The order is the order in which lockstep delivers what has the same stamp. Tables in the docs, the contract test and
the cockpit's allow-list are made from here.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from homeward_runtime.qos import COMMAND, LATCHED, SENSOR, STATE, Profile


class Kind(enum.Enum):
    """What an interface is, seen from its owner."""

    TOPIC = "topic"  # the owner publishes
    INBOX = "inbox"  # the owner subscribes, anybody publishes
    SERVICE = "service"
    ACTION = "action"


class Cockpit(enum.Enum):
    """What the dashboard's web page may do with it."""

    NOTHING = ""
    READ = "read"
    CALL = "call"
    PUBLISH = "publish"


EVERY_NODE = "*"


@dataclass(frozen=True)
class Interface:
    """One row. `name` is relative to the car's namespace unless it begins with a slash."""

    name: str
    type: str  # package/msg/Name, package/srv/Name or package/action/Name
    owner: str  # the node's name; EVERY_NODE for what each node has
    kind: Kind = Kind.TOPIC
    profile: Profile = STATE
    rate_hz: float = 0.0  # 0: on change or on demand
    cockpit: Cockpit = Cockpit.NOTHING
    doc: str = ""
    simulator_only: bool = False


_S, _A, _I = Kind.SERVICE, Kind.ACTION, Kind.INBOX
_READ, _CALL = Cockpit.READ, Cockpit.CALL
_OURS = "homeward_interfaces"

# the world and the sensors
CLOCK = Interface("/clock", "rosgraph_msgs/msg/Clock", "sensors", rate_hz=50, doc="simulated time", simulator_only=True)
TRUTH_EGO = Interface("sim/truth/ego", "nav_msgs/msg/Odometry", "sensors", rate_hz=10, simulator_only=True, doc="where the ego really is")
TRUTH_OBJECTS = Interface("sim/truth/objects", f"{_OURS}/msg/TrackedObjects", "sensors", rate_hz=10, simulator_only=True, doc="every other actor of the world")
TRUTH_LIGHTS = Interface("sim/truth/traffic_lights", f"{_OURS}/msg/TrafficLights", "sensors", rate_hz=10, simulator_only=True, doc="every traffic light's state")
IMU = Interface("sensing/imu", "sensor_msgs/msg/Imu", "sensors", profile=SENSOR, rate_hz=50, doc="acceleration and yaw rate in base_link")
GNSS = Interface("sensing/gnss", "sensor_msgs/msg/NavSatFix", "sensors", profile=SENSOR, rate_hz=10, doc="position fix")
LIDAR = Interface("sensing/lidar/points", "sensor_msgs/msg/PointCloud2", "sensors", profile=SENSOR, rate_hz=10, doc="one full turn")
CAMERA = Interface("sensing/front/image/compressed", "sensor_msgs/msg/CompressedImage", "sensors", profile=SENSOR, rate_hz=10, cockpit=_READ, doc="JPEG")
CAMERA_INFO = Interface("sensing/front/camera_info", "sensor_msgs/msg/CameraInfo", "sensors", profile=SENSOR, rate_hz=10, doc="intrinsics")
COLLISION = Interface("sim/truth/collision", "std_msgs/msg/String", "sensors", simulator_only=True, doc="what the ego hit")

# the vehicle
VEHICLE_STATE = Interface("vehicle/state", f"{_OURS}/msg/VehicleState", "can_bridge", rate_hz=50, cockpit=_READ, doc="what the car's bus says of the car")
ENGAGEMENT = Interface("vehicle/engagement", f"{_OURS}/msg/Engagement", "can_bridge", profile=LATCHED, cockpit=_READ, doc="who drives, and why")
COMMAND_TIMING = Interface("vehicle/command_timing", f"{_OURS}/msg/CommandTiming", "can_bridge", profile=SENSOR, rate_hz=50, doc="age of the newest sensor message when a CAN frame went out")
SET_ENGAGED = Interface("vehicle/set_engaged", f"{_OURS}/srv/SetEngaged", "can_bridge", _S, cockpit=_CALL, doc="engage, or give the wheel back")
BODY = Interface("vehicle/body", f"{_OURS}/srv/BodyCommand", "can_bridge", _S, cockpit=_CALL, doc="locks, lights, horn, climate, charging")

# whose it is
KEY_REQUEST = Interface("key/request", f"{_OURS}/srv/KeyRequest", "key_auth", _S, cockpit=_CALL, doc="pairing, the list of keys, revoking, the log")
KEY_EVENTS = Interface("key/events", f"{_OURS}/msg/KeyEvent", "key_auth", cockpit=_READ, doc="what happens with keys")
KEY_PRESENCE = Interface("key/presence", f"{_OURS}/msg/KeyPresence", "key_auth", profile=LATCHED, cockpit=_READ, doc="whose key is with the car, and what it may")
KEY_RANGE = Interface("sim/key_range", f"{_OURS}/msg/KeyRange", "key_auth", _I, simulator_only=True, doc="where a key is: the twin of ranging hardware")

# where the car is
LOCALIZATION = Interface("localization/state", f"{_OURS}/msg/LocalizationState", "localization", rate_hz=50, cockpit=_READ, doc="pose in map and how good it is")
ODOMETRY = Interface("localization/odometry", "nav_msgs/msg/Odometry", "localization", rate_hz=50, doc="odom -> base_link from wheels and IMU")
TF = Interface("/tf", "tf2_msgs/msg/TFMessage", "localization", rate_hz=50, doc="odom -> base_link, map -> odom")
INITIAL_POSE = Interface("initialpose", "geometry_msgs/msg/PoseWithCovarianceStamped", "localization", _I, doc="RViz's 2D Pose Estimate")
TF_STATIC = Interface("/tf_static", "tf2_msgs/msg/TFMessage", "description", profile=LATCHED, doc="the car's fixed frames")
ROBOT_DESCRIPTION = Interface("robot_description", "std_msgs/msg/String", "description", profile=LATCHED, doc="URDF")

# what is around it
OBJECTS = Interface("perception/objects", f"{_OURS}/msg/TrackedObjects", "perception", rate_hz=10, cockpit=_READ, doc="what is around the car")
TRAFFIC_LIGHTS = Interface("perception/traffic_lights", f"{_OURS}/msg/TrafficLights", "perception", rate_hz=10, cockpit=_READ, doc="the traffic lights in sight")

# where it goes
ROUTE = Interface("planner/route", "nav_msgs/msg/Path", "planner", profile=LATCHED, cockpit=_READ, doc="the way to the goal")
PLANNER_STATE = Interface("planner/state", f"{_OURS}/msg/PlannerState", "planner", rate_hz=10, cockpit=_READ, doc="what the planner does and why")
DRIVE_MODE = Interface("planner/drive_mode", f"{_OURS}/msg/DriveMode", "planner", profile=LATCHED, cockpit=_READ, doc="manual, cruise or pilot, why, and what the driver is warned of")
SET_MODE = Interface("planner/set_mode", f"{_OURS}/srv/SetMode", "planner", _S, cockpit=_CALL, doc="choose manual, cruise or pilot; the latter two engage")
TRAJECTORY = Interface("planner/trajectory", f"{_OURS}/msg/Trajectory", "planner", rate_hz=10, cockpit=_READ, doc="where to be when")
PLANNING_TIME = Interface("planner/planning_time", "std_msgs/msg/Float32", "planner", profile=SENSOR, rate_hz=10, doc="how long a plan took [s]; told while somebody looks")
TRACKING_ERROR = Interface("controller/tracking_error", "geometry_msgs/msg/PointStamped", "controller", rate_hz=50, doc="x: further along [m], y: to the left [m], z: turned left [rad] of where the trajectory has the car")
CONTROL_TIME = Interface("controller/step_time", "std_msgs/msg/Float32", "controller", profile=SENSOR, rate_hz=50, doc="how long a step of the predictive controller took [s]; told while somebody looks")
PLACES = Interface("planner/places", f"{_OURS}/msg/Places", "planner", profile=LATCHED, cockpit=_READ, doc="the places of this map")
LANE_MAP = Interface("planner/lane_map", f"{_OURS}/msg/LaneMap", "planner", profile=LATCHED, cockpit=_READ, doc="the map's lines, for drawing")
MARKERS = Interface("planner/markers", "visualization_msgs/msg/MarkerArray", "planner", profile=LATCHED, doc="the map for RViz")
SCENE_MARKERS = Interface("planner/scene_markers", "visualization_msgs/msg/MarkerArray", "planner", rate_hz=10, doc="route, objects, what is expected of them, candidates, trajectory and the reason in words, for RViz; made while somebody looks")
DRIVE_TO = Interface("planner/drive_to", f"{_OURS}/srv/DriveTo", "planner", _S, cockpit=_CALL, doc="send the car to a place by name")
CANCEL_DRIVE = Interface("planner/cancel", "std_srvs/srv/Trigger", "planner", _S, cockpit=_CALL, doc="forget the goal; the car comes to a standstill")
NAVIGATE = Interface("navigate_to_pose", "nav2_msgs/action/NavigateToPose", "planner", _A, cockpit=_CALL, doc="Nav2's action")
NAVIGATE_THROUGH = Interface("navigate_through_poses", "nav2_msgs/action/NavigateThroughPoses", "planner", _A, doc="Nav2's action")
COMPUTE_PATH = Interface("compute_path_to_pose", "nav2_msgs/action/ComputePathToPose", "planner", _A, doc="Nav2's action")
COMPUTE_PATH_THROUGH = Interface("compute_path_through_poses", "nav2_msgs/action/ComputePathThroughPoses", "planner", _A, doc="Nav2's action")
GOAL_POSE = Interface("goal_pose", "geometry_msgs/msg/PoseStamped", "planner", _I, cockpit=Cockpit.PUBLISH, doc="RViz's 2D Goal Pose")
DRIVE_COMMAND = Interface("vehicle/drive_command", f"{_OURS}/msg/DriveCommand", "controller", profile=COMMAND, rate_hz=50, doc="what the controller asks of the actuators")

# what every node says of itself
DIAGNOSTICS = Interface("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", EVERY_NODE, rate_hz=1, cockpit=_READ, doc="faults by stable code")
PARAMS_IN_FORCE = Interface("params_in_force", f"{_OURS}/msg/ParamsInForce", EVERY_NODE, profile=LATCHED, cockpit=_READ, doc="the parameters a node runs with, and where each came from")

LEDGER: tuple[Interface, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Interface))
BY_NAME = {interface.name: interface for interface in LEDGER}
NODES = tuple(dict.fromkeys(interface.owner for interface in LEDGER if interface.owner != EVERY_NODE))


def owned_by(node: str) -> list[Interface]:
    """What a node of this name offers, what every node offers included."""
    return [interface for interface in LEDGER if interface.owner in (node, EVERY_NODE)]
