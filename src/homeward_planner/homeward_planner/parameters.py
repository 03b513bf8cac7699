"""The parameters of planner and controller; their values live in params/car.yaml."""

from __future__ import annotations

from dataclasses import dataclass

from homeward_runtime.params import param, preference


@dataclass(frozen=True)
class PlannerParams:
    """Section planner of params/car.yaml."""

    period_s: float = param("s", "between two plans", 0.02, 0.5)
    horizon_s: float = param("s", "how far ahead in time a trajectory reaches", 3.0, 15.0)
    look_ahead_m: float = param("m", "how far ahead along the way things are looked at", 30.0, 300.0)
    front_m: float = param("m", "from the rear axle to the front bumper", 1.0, 10.0)
    rear_m: float = param("m", "from the rear axle to the rear bumper", 0.2, 5.0)
    width_m: float = param("m", "the car's width without mirrors", 1.0, 3.0)
    wheelbase_m: float = param("m", "between the axles", 1.5, 6.0)
    steering_max_rad: float = param("rad", "largest angle of the front wheels", 0.1, 1.2)
    steering_rate_max_radps: float = param("rad/s", "fastest turn of the front wheels", 0.1, 2.0)
    side_margin_m: float = param("m", "room kept to either side of the car", 0.0, 1.5)
    speed_share: float = param("", "of the speed limit that is driven", 0.3, 1.0)
    acceleration_max_mps2: float = preference("m/s^2", "hardest speeding up", 0.3, 4.0)
    deceleration_comfort_mps2: float = param("m/s^2", "usual braking for what is foreseen", 0.5, 3.0)
    deceleration_hard_mps2: float = param("m/s^2", "hardest braking", 3.0, 9.0)
    deceleration_evading_mps2: float = param("m/s^2", "of braking and turning together, in need", 3.0, 10.0)
    lateral_acceleration_evading_mps2: float = param("m/s^2", "to the side, in need; within the command gate's", 1.0, 8.0)
    lateral_jerk_evading_mps3: float = param("m/s^3", "its change at most; the controller rounds it off", 1.0, 30.0)
    jerk_comfort_mps3: float = param("m/s^3", "usual change of acceleration", 0.5, 5.0)
    jerk_hard_mps3: float = param("m/s^3", "change of acceleration in need", 3.0, 50.0)
    lateral_acceleration_max_mps2: float = preference("m/s^2", "bends are driven no faster than this", 0.5, 4.0)
    headway_s: float = preference("s", "time gap to the car ahead", 0.8, 4.0)
    overtaking: bool = preference("", "whether to go round what stands in the lane; without it the car waits behind")
    standstill_gap_m: float = param("m", "gap to the car ahead when standing", 1.0, 10.0)
    stop_margin_m: float = param("m", "the bumper stops so far before a line", 0.2, 5.0)
    yellow_deceleration_mps2: float = param("m/s^2", "harder braking than this isn't done for a yellow light", 1.0, 6.0)
    light_memory_s: float = param("s", "how long a light's last colour is believed when it isn't seen", 0.2, 5.0)
    gap_s: float = param("s", "time left before and after crossing traffic", 0.5, 6.0)
    stop_sign_s: float = param("s", "how long to stand at a stop sign", 0.3, 5.0)
    blocked_after_s: float = param("s", "standing this long behind something that stands: the way is blocked", 5.0, 300.0)
    objects_timeout_s: float = param("s", "surroundings older than this are not known", 0.2, 3.0)
    off_route_m: float = param("m", "further from the route than this a new one is sought", 1.0, 10.0)
    arrival_m: float = param("m", "standing this close to the goal is having arrived", 0.1, 3.0)
    walking_pace_mps: float = param("m/s", "fastest forwards while parking", 0.3, 3.0)
    walking_pace_back_mps: float = param("m/s", "fastest backwards", 0.3, 2.0)
    manoeuvre_acceleration_mps2: float = param("m/s^2", "of speeding up and braking while parking", 0.1, 2.0)
    replan_after_s: float = param("s", "standing this long for something while parking: another way is looked for", 1.0, 60.0)


@dataclass(frozen=True)
class ControllerParams:
    """Section controller of params/car.yaml."""

    period_s: float = param("s", "between two drive commands", 0.005, 0.1)
    wheelbase_m: float = param("m", "between the axles", 1.5, 6.0)
    steering_max_rad: float = param("rad", "largest angle of the front wheels asked for", 0.1, 1.2)
    steering_rate_max_radps: float = param("rad/s", "fastest turn of the front wheels asked for", 0.1, 2.0)
    steering_delay_s: float = param("s", "from a steering command to the wheels having turned", 0.0, 0.5)
    acceleration_delay_s: float = param("s", "from asking for an acceleration to having it", 0.0, 0.5)
    mpc_horizon_s: float = param("s", "how far ahead the predictive controller looks", 0.5, 3.0)
    mpc_lateral_acceleration_max_mps2: float = param("m/s^2", "it turns the wheels no further than this allows", 1.0, 8.0)
    mpc_lateral_jerk_max_mps3: float = param("m/s^3", "nor faster than this allows", 1.0, 20.0)
    settling_s: float = param("s", "time in which an error to the side fades, at speed", 0.5, 5.0)
    settling_min_m: float = param("m", "way in which it fades at least", 2.0, 20.0)
    speed_gain_1ps: float = param("1/s", "acceleration asked for a speed error", 0.1, 5.0)
    position_gain_1ps2: float = param("1/s^2", "acceleration asked for being behind or ahead", 0.0, 2.0)
    slope_gain_1ps2: float = param("1/s^2", "how fast a lasting speed error is made up for", 0.0, 2.0)
    slope_limit_mps2: float = param("m/s^2", "how much of it at most (what a slope takes)", 0.0, 3.0)
    acceleration_max_mps2: float = param("m/s^2", "hardest speeding up asked for", 0.3, 5.0)
    deceleration_max_mps2: float = param("m/s^2", "hardest braking asked for", 3.0, 10.0)
    jerk_max_mps3: float = param("m/s^3", "fastest change of acceleration, unless braking hard", 1.0, 30.0)
    hold_mps2: float = param("m/s^2", "braking with which a standstill is held", 0.1, 3.0)
    stop_deceleration_mps2: float = param("m/s^2", "braking of stop plans, and without a trajectory", 1.0, 6.0)
    trajectory_timeout_s: float = param("s", "a trajectory older than this is not followed", 0.15, 2.0)
    localization_timeout_s: float = param("s", "a position older than this is none", 0.05, 1.0)
