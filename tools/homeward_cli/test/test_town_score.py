"""The driving score of the town benchmark: the published factors, and whose fault a contact is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homeward_cli.bench.town import figures_of
from homeward_cli.bench.town_score import Contact, Drive, slowness

GOOD = Drive(length_m=1000.0, gone_m=1000.0, off_road_m=0.0)
STRUCK = Contact(10.0, "vehicle.tesla.model3", from_behind=True, in_lane=True, acceleration_mps2=-1.0)


def test_a_drive_without_offence_scores_a_hundred() -> None:
    assert GOOD.score == 100.0 and GOOD.completion == 1.0 and GOOD.at_fault == 0


@pytest.mark.parametrize(
    "drive, score",
    [
        (replace(GOOD, gone_m=500.0), 50.0),
        (replace(GOOD, gone_m=1200.0), 100.0),
        (replace(GOOD, off_road_m=100.0), 90.0),
        (replace(GOOD, red_lights=2), 49.0),
        (replace(GOOD, stop_signs=1), 80.0),
        (replace(GOOD, contacts=[replace(STRUCK, kind="walker.pedestrian.0001")]), 50.0),
        (replace(GOOD, contacts=[STRUCK]), 60.0),
        (replace(GOOD, contacts=[replace(STRUCK, kind="static")]), 65.0),
        (replace(GOOD, contacts=[STRUCK], red_lights=1), 42.0),
        (replace(GOOD, speeds=[(5.0, 10.0), (10.0, 5.0), (3.0, None)]), 85.0),
    ],
)
def test_each_offence_costs_its_factor(drive: Drive, score: float) -> None:
    assert drive.score == pytest.approx(score)


@pytest.mark.parametrize(
    "contact, ours",
    [
        (STRUCK, False), (replace(STRUCK, from_behind=False), True), (replace(STRUCK, in_lane=False), True),
        (replace(STRUCK, acceleration_mps2=-4.0), True), (replace(STRUCK, acceleration_mps2=-3.9), False),
    ],
)  # fmt: skip
def test_only_being_struck_from_behind_while_driving_properly_is_not_our_fault(contact: Contact, ours: bool) -> None:
    assert contact.at_fault is ours


def test_slowness_is_in_proportion() -> None:
    assert slowness(10.0, 10.0) == slowness(12.0, 10.0) == slowness(0.0, 0.0) == 1.0
    assert slowness(0.0, 10.0) == pytest.approx(0.7) and slowness(5.0, 10.0) == pytest.approx(0.85)


def test_a_route_that_failed_counts_as_nothing_and_is_named() -> None:
    whole = {"score": 100.0, "completion": 1.0, "at_fault": 0, "contacts": [], "red_lights": 0, "stop_signs": 0, "crossers": 2,
             "pace_factor": 1.0, "real_time_factor": 3.0, "pokes": 0}  # fmt: skip
    figures = figures_of({1: whole, 2: {"failed": "it broke", "score": 0.0}})
    assert (figures["driving_score"], figures["route_completion"], figures["failed"]) == (50.0, 0.5, [2])
