"""The town as data: kinds of street, junctions, streets, places. Change the town here.

The plan, north up (one letter a junction; the numbers are the columns and rows of the data below):

        .------ Hill Road ----- N1 ------ Ridge Way ------ N2 --.
        |  Home                 |                          |     |  Ridge Way
        P1--.                Church St                  School St|
        |   | Lake Lane         |                          |     |
        R---' --- Main St ----- J1 ----- The Avenue ------ J2 -- J3 --- East St ---.
        |                       |                          |     |                 |
     West St                 Mill St                  Market St  Office Street     |
        |                       |                          |     |                 |
        SW ------ South Row --- S1 -------- South Row ---- S2 -- S3                |
        |                                                        |                 |
        '----------------------- Toll Road --------------------- T1 -------------- '
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .plan_geometry import Point

LATITUDE_DEG = 48.805  # of the town's origin
LONGITUDE_DEG = 9.12


@dataclass(frozen=True)
class LaneSpec:
    """One lane of a street's side: its OpenDRIVE type and width."""

    kind: str
    width_m: float


@dataclass(frozen=True)
class Profile:
    """What a street is made of: the lanes of either side, from the middle outwards, and the mark in the middle."""

    lanes: tuple[LaneSpec, ...]
    centre_mark: str


SIDEWALK = LaneSpec("sidewalk", 2.5)
LANE = LaneSpec("driving", 3.5)
PROFILES = {
    "street": Profile((LANE, SIDEWALK), "broken"),
    "residential": Profile((LaneSpec("driving", 3.25), LaneSpec("parking", 2.2), SIDEWALK), "broken"),
    "avenue": Profile((LANE, LANE, SIDEWALK), "solid solid"),
    "toll": Profile((LaneSpec("driving", 3.75), LaneSpec("shoulder", 2.0)), "solid"),
    "car_park": Profile((LaneSpec("driving", 3.25), LaneSpec("parking", 5.0), SIDEWALK), "broken"),
}


@dataclass(frozen=True)
class Junction:
    """Where streets meet.

    `rule` is one of "signals", "right_first" (nothing is said: who comes from the right goes first), "yield" and "stop"
    (the streets named in `minor` give way), "all_stop", "roundabout". `reach_m` is how far from `at` the streets end.
    """

    name: str
    at: Point
    height_m: float
    reach_m: float
    rule: str
    minor: tuple[str, ...] = ()
    crosswalks: bool = False


@dataclass(frozen=True)
class Street:
    """A street between two junctions, by way of corners that are rounded.

    `summits` are (fraction of the length, height in metres) between the ends; the road is level there.
    """

    name: str
    start: str
    end: str
    profile: str
    speed_kmh: int
    corners: tuple[Point, ...] = ()
    radii_m: tuple[float, ...] = ()
    summits: tuple[tuple[float, float], ...] = ()
    storeys: tuple[int, int] = (1, 2)
    crosswalks_at: tuple[float, ...] = field(default=())


ROUNDABOUT_RADIUS_M = 22.0
ROUNDABOUT_LANE_M = 4.5

JUNCTIONS = (
    Junction("R", (-250.0, 0.0), 0.0, 40.0, "roundabout"),
    Junction("J1", (-110.0, 0.0), 0.0, 18.0, "signals", crosswalks=True),
    Junction("J2", (60.0, 0.0), 0.0, 18.0, "signals", crosswalks=True),
    Junction("J3", (210.0, 0.0), 0.0, 18.0, "signals", crosswalks=True),
    Junction("N1", (-110.0, 190.0), 7.0, 15.0, "right_first"),
    Junction("N2", (60.0, 190.0), 7.0, 15.0, "stop", ("School Street",)),
    Junction("P1", (-250.0, 105.0), 0.0, 16.0, "yield", ("Lake Lane",)),
    Junction("S1", (-110.0, -130.0), 0.0, 15.0, "yield", ("Mill Street",)),
    Junction("S2", (60.0, -130.0), 0.0, 15.0, "all_stop", crosswalks=True),
    Junction("S3", (210.0, -130.0), 0.0, 15.0, "stop", ("South Row 3",)),
    Junction("SW", (-250.0, -130.0), 0.0, 16.0, "yield", ("South Row 1",)),
    Junction("T1", (210.0, -235.0), 0.0, 18.0, "yield", ("Harbour Street",)),
)

STREETS = (
    Street("Main Street", "R", "J1", "street", 50, storeys=(2, 4)),
    Street("The Avenue West", "J1", "J2", "avenue", 50, storeys=(4, 8)),
    Street("The Avenue East", "J2", "J3", "avenue", 50, storeys=(4, 8)),
    Street("North Street", "R", "P1", "street", 30),
    Street("Hill Road", "P1", "N1", "residential", 30, ((-250.0, 190.0),), (30.0,)),
    Street("Ridge Way West", "N1", "N2", "residential", 30, summits=((0.5, 9.0),)),
    Street("Ridge Way East", "N2", "J3", "street", 30, ((210.0, 190.0),), (35.0,)),
    Street("Lake Lane", "R", "P1", "car_park", 30, ((-306.0, 0.0), (-306.0, 105.0)), (14.0, 14.0), storeys=(1, 1)),
    Street("Church Street", "J1", "N1", "street", 30, storeys=(1, 3)),
    Street("School Street", "J2", "N2", "street", 30, crosswalks_at=(0.5,)),
    Street("Mill Street", "J1", "S1", "street", 30, storeys=(2, 4)),
    Street("Market Street", "J2", "S2", "street", 30, storeys=(2, 5)),
    Street("Office Street", "J3", "S3", "street", 50, storeys=(4, 9)),
    Street("South Row 1", "SW", "S1", "street", 30),
    Street("South Row 2", "S1", "S2", "street", 30, storeys=(1, 3)),
    Street("South Row 3", "S2", "S3", "street", 30, storeys=(1, 3)),
    Street("West Street", "R", "SW", "street", 50),
    Street("Toll Road", "SW", "T1", "toll", 80, ((-250.0, -235.0),), (60.0,), storeys=(0, 0)),
    Street("Harbour Street", "S3", "T1", "street", 50, storeys=(1, 3)),
    Street("East Street", "J3", "T1", "street", 50, ((285.0, 0.0), (285.0, -235.0)), (35.0, 35.0), storeys=(1, 3)),
)


@dataclass(frozen=True)
class Place:
    """Somewhere to drive to: a street, how far along it, and the way the car faces (+1 along the street, -1
    against). It lies on the lane, or, where `left_m` is given, at a marked place that far left of the street's middle,
    the car turned to the left by `turn_rad` from the street's direction.
    """

    name: str
    label: str
    kind: str
    street: str
    along_m: float
    way: int
    left_m: float | None = None
    turn_rad: float = 0.0


GARAGE_LEFT_M = 15.3
BAY_ALONG_M = 75.241

PLACES = (
    Place("home", "Home", "home", "Hill Road", 155.0, -1),
    Place("charger", "Charger at home", "charger", "Hill Road", 147.0, -1),
    Place("office", "Office", "office", "Office Street", 62.0, 1),
    Place("school", "School", "school", "School Street", 95.0, 1),
    Place("shop", "Shop", "shop", "Market Street", 50.0, 1),
    Place("toll_road", "Toll road", "toll_station", "Toll Road", 240.0, 1),
    Place("car_park", "Car park", "car_park", "Lake Lane", 65.0, 1),
    Place("roundabout", "Roundabout", "junction", "Main Street", 30.0, -1),
    Place("hill", "Hilltop", "viewpoint", "Ridge Way West", 70.0, 1),
    Place("garage", "Garage at home", "garage", "Hill Road", 142.0, -1, GARAGE_LEFT_M, math.pi / 2.0),
    Place("bay", "Bay at the car park", "parking", "Lake Lane", BAY_ALONG_M, 1, -5.75, -math.pi / 2.0),
)


@dataclass(frozen=True)
class Surface:
    """Paved ground beside a street that cars manoeuvre on, or a marked place on it: sizes along the street first."""

    name: str
    kind: str  # OpenDRIVE's: patch or parkingSpace
    street: str
    along_m: float
    left_m: float
    length_m: float
    width_m: float


SURFACES = (
    Surface("Home drive", "patch", "Hill Road", 142.0, 7.7, 4.5, 9.4),
    Surface("Home garage", "parkingSpace", "Hill Road", 142.0, GARAGE_LEFT_M, 3.0, 6.0),
)


@dataclass(frozen=True)
class Landmark:
    """A building or thing that somebody chose: `left_m` from the street's middle to its centre, sizes along it
    first.
    """

    name: str
    kind: str
    street: str
    along_m: float
    left_m: float
    length_m: float
    width_m: float
    height_m: float


LANDMARKS = (
    Landmark("Home", "building", "Hill Road", 158.0, 17.0, 12.0, 9.0, 7.0),
    Landmark("Home garage, east wall", "building", "Hill Road", 143.6, GARAGE_LEFT_M, 0.2, 6.0, 3.0),
    Landmark("Home garage, west wall", "building", "Hill Road", 140.4, GARAGE_LEFT_M, 0.2, 6.0, 3.0),
    Landmark("Home garage, back wall", "building", "Hill Road", 142.0, GARAGE_LEFT_M + 3.1, 3.4, 0.2, 3.0),
    Landmark("Home charger", "pole", "Hill Road", 150.0, 8.6, 0.3, 0.3, 1.5),
    Landmark("Office", "building", "Office Street", 62.0, -22.0, 34.0, 22.0, 28.0),
    Landmark("School", "building", "School Street", 95.0, -21.0, 40.0, 18.0, 9.0),
    Landmark("Shop", "building", "Market Street", 50.0, -17.0, 26.0, 14.0, 6.0),
    Landmark("Toll office", "building", "Toll Road", 246.0, -14.0, 10.0, 6.0, 4.0),
    Landmark("Toll gantry, south post", "pole", "Toll Road", 250.0, -6.6, 0.4, 0.4, 6.0),
    Landmark("Toll gantry, north post", "pole", "Toll Road", 250.0, 6.6, 0.4, 0.4, 6.0),
    Landmark("Car park ticket machine", "pole", "Lake Lane", 65.0, -9.2, 0.4, 0.4, 1.6),
    Landmark("Church", "building", "Church Street", 80.0, -18.0, 22.0, 12.0, 18.0),
)
