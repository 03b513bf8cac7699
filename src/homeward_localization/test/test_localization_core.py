"""Localization on a made-up drive: exact odometry, a noisy receiver, jumps, silence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeward_localization.core import DEGRADED, GOOD, UNKNOWN, Localization, LocalizationParams, Located
from homeward_localization.odometry_filter import Pose2, advanced, composed, inverse
from homeward_runtime.geodesy import Origin, to_geodetic, to_local

ORIGIN = Origin(48.805, 9.12)
PARAMS = LocalizationParams(48.805, 9.12, 0.0, 0.01, 0.0005, 0.00002, 0.0, 0.05, 2.0, 1.0, 0.15, 0.5)
STEP_S, SPEED_MPS, TURN_RADPS, BIAS_RADPS, FIX_STD_M = 0.02, 8.0, 0.1, 0.004, 0.15
poses = st.builds(Pose2, st.floats(-500, 500), st.floats(-500, 500), st.floats(-3, 3))


def drive(localization: Localization, seconds: float, start: Pose2 = Pose2(10.0, -20.0, 0.5), begin_s: float = 0.0,
          fixes: bool = True, seed: int = 1) -> tuple[Located, Pose2]:  # fmt: skip
    """A circle with a biased gyroscope and a noisy receiver; the last answer and the truth."""
    noise, truth, located = np.random.default_rng(seed), start, None
    for tick in range(1, round(seconds / STEP_S) + 1):
        now_s = begin_s + tick * STEP_S
        truth = advanced(truth, SPEED_MPS, TURN_RADPS, STEP_S)
        localization.on_imu(now_s, TURN_RADPS + BIAS_RADPS, truth.yaw_rad + noise.normal(0, 0.03), 0.03)
        if fixes and tick % 5 == 0:
            place = to_geodetic(truth.x_m + noise.normal(0, FIX_STD_M), truth.y_m + noise.normal(0, FIX_STD_M), 3.0, ORIGIN)
            localization.on_fix(now_s, *place, FIX_STD_M)
        located = localization.on_vehicle(now_s, SPEED_MPS, TURN_RADPS)
    assert located is not None
    return located, truth


def test_the_pose_is_better_than_the_receiver() -> None:
    errors_m, turns_rad = [], []
    for seed in range(12):
        located, truth = drive(Localization(PARAMS), 20.0, seed=seed)
        assert located.status == GOOD and not located.faults
        errors_m.append(math.hypot(located.in_map.x_m - truth.x_m, located.in_map.y_m - truth.y_m))
        turns_rad.append(math.remainder(located.in_map.yaw_rad - truth.yaw_rad, math.tau))
    receiver_m = FIX_STD_M * math.sqrt(2)
    assert float(np.sqrt(np.mean(np.square(errors_m)))) < receiver_m / 2
    assert float(np.sqrt(np.mean(np.square(turns_rad)))) < 0.01


def test_nothing_is_known_before_a_fix() -> None:
    localization = Localization(PARAMS)
    located = localization.on_vehicle(0.02, 0.0, 0.0)
    assert located is not None and located.status == UNKNOWN
    assert [fault.code for fault in located.faults] == ["localization.no_fix"]


def test_without_fixes_it_goes_on_by_the_wheels_and_says_so() -> None:
    localization = Localization(PARAMS)
    _, truth = drive(localization, 20.0)
    located, truth = drive(localization, 10.0, truth, 20.0, fixes=False)
    assert located.status == DEGRADED and located.faults[0].code == "localization.fix_old"
    assert math.hypot(located.in_map.x_m - truth.x_m, located.in_map.y_m - truth.y_m) < 1.5


def test_a_jump_is_not_believed_until_it_lasts() -> None:
    localization = Localization(PARAMS)
    _, truth = drive(localization, 10.0)
    for index in range(30):
        localization.on_vehicle(10.1 + index * 0.1, 0.0, 0.0)
        localization.on_fix(10.1 + index * 0.1, *to_geodetic(truth.x_m + 40.0, truth.y_m, 3.0, ORIGIN), FIX_STD_M)
        believed = abs(localization.filter.pose.x_m - truth.x_m) > 20.0
        assert believed is (index >= 20)


@pytest.mark.parametrize("broken", [math.nan, math.inf, 1e9])
def test_numbers_that_make_no_sense_change_nothing(broken: float) -> None:
    localization = Localization(PARAMS)
    drive(localization, 5.0)
    before = localization.filter.pose
    localization.on_fix(5.1, broken, 9.12, 0.0, 0.1)
    localization.on_imu(5.1, math.nan, math.nan, 0.03)
    assert localization.on_vehicle(5.12, math.nan, 0.0) is None and localization.filter.pose == before


def test_a_state_that_is_not_newer_is_left_out() -> None:
    localization = Localization(PARAMS)
    assert localization.on_vehicle(1.0, 1.0, 0.0) is not None
    assert localization.on_vehicle(1.0, 1.0, 0.0) is None and localization.on_vehicle(0.9, 1.0, 0.0) is None


@given(poses)
def test_a_pose_and_its_inverse_cancel(pose: Pose2) -> None:
    nothing = composed(pose, inverse(pose))
    assert (nothing.x_m, nothing.y_m, nothing.yaw_rad) == pytest.approx((0.0, 0.0, 0.0), abs=1e-6)


@given(st.floats(-5000, 5000), st.floats(-5000, 5000), st.floats(-100, 1000))
def test_positions_survive_the_way_over_the_ellipsoid(east_m: float, north_m: float, up_m: float) -> None:
    back = to_local(*to_geodetic(east_m, north_m, up_m, ORIGIN), ORIGIN)
    assert back == pytest.approx((east_m, north_m, up_m), abs=1e-3)


def test_the_local_plane_is_the_published_one() -> None:
    """One arc second of latitude at 48.805 degrees: 30.89 m on WGS84; of longitude 20.4 m."""
    east, north, _ = to_local(48.805 + 1 / 3600, 9.12, 0.0, ORIGIN)
    assert north == pytest.approx(30.887, abs=0.01) and abs(east) < 1e-6
    east, _, _ = to_local(48.805, 9.12 + 1 / 3600, 0.0, ORIGIN)
    assert east == pytest.approx(20.42, abs=0.02)
