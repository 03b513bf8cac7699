"""What can be spawned that has a body: vehicles by their published dimensions, walkers, and things on the road.

Lengths, widths (without mirrors), heights and wheelbases are the makers' published figures in metres, masses their
kerb weights in kg, powers in kW. The yaw inertia follows from mass and axles with the ratio of the BMW 320i in
Althoff's vehicle models.
"""

from dataclasses import dataclass
from math import radians

INERTIA_RATIO = 1791.5995300122856 / (1093.2952334674046 * 1.1561957064 * 1.4227170936)
"""Yaw inertia over mass times the two axles' distances, for vehicle 2 of the vehicle models."""
CENTRE_HEIGHT_RATIO = 0.61373004 / 1.42
DRAG_COEFFICIENT, AIR_DENSITY_KGPM3 = 0.32, 1.2
STEER_RATE_RADPS = 0.8
"""How fast road wheels turn: about two turns of the steering wheel a second."""


@dataclass(frozen=True)
class CarModel:
    """One vehicle blueprint. SI units, power in kW."""

    blueprint: str
    make: str
    label: str
    kind: str
    length_m: float
    width_m: float
    height_m: float
    wheelbase_m: float
    mass_kg: float
    power_kw: float
    generation: int = 1
    special: str = ""
    wheels: int = 4
    steer_limit_deg: float = 35.0
    wheel_radius_m: float = 0.33
    front_share: float = 0.52
    electric: bool = False

    @property
    def to_front_axle_m(self) -> float:
        """From the centre of gravity."""
        return self.wheelbase_m * (1 - self.front_share)

    @property
    def to_rear_axle_m(self) -> float:
        return self.wheelbase_m * self.front_share

    @property
    def centre_of_gravity_m(self) -> float:
        """Ahead of the middle between the axles, which is taken for the middle of the body."""
        return self.wheelbase_m / 2 - self.to_front_axle_m

    @property
    def inertia_kgm2(self) -> float:
        return INERTIA_RATIO * self.mass_kg * self.to_front_axle_m * self.to_rear_axle_m

    @property
    def centre_height_m(self) -> float:
        return min(CENTRE_HEIGHT_RATIO * self.height_m, 0.9)

    @property
    def steer_limit_rad(self) -> float:
        return radians(self.steer_limit_deg)

    @property
    def label_id(self) -> int:
        """CARLA's semantic label."""
        return SEMANTIC_LABEL[self.kind]


SEMANTIC_LABEL = {"car": 14, "truck": 15, "van": 14, "bus": 16, "motorcycle": 18, "bicycle": 19}
PEDESTRIAN_LABEL, STATIC_LABEL = 12, 20

CARS: tuple[CarModel, ...] = (
    CarModel("vehicle.audi.a2", "audi", "A2", "car", 3.826, 1.673, 1.553, 2.405, 990, 55),
    CarModel("vehicle.audi.etron", "audi", "e-tron", "car", 4.901, 1.935, 1.629, 2.928, 2490, 300, electric=True),
    CarModel("vehicle.audi.tt", "audi", "TT", "car", 4.187, 1.832, 1.353, 2.505, 1335, 169),
    CarModel("vehicle.bmw.grandtourer", "bmw", "2 Gran Tourer", "car", 4.556, 1.800, 1.608, 2.780, 1475, 110),
    CarModel("vehicle.chevrolet.impala", "chevrolet", "Impala", "car", 5.113, 1.854, 1.496, 2.837, 1718, 227),
    CarModel("vehicle.citroen.c3", "citroen", "C3", "car", 3.996, 1.749, 1.474, 2.540, 1051, 61),
    CarModel("vehicle.dodge.charger_2020", "dodge", "Charger", "car", 5.040, 1.905, 1.479, 3.052, 1823, 218, 2),
    CarModel("vehicle.ford.mustang", "ford", "Mustang", "car", 4.784, 1.916, 1.381, 2.720, 1720, 331),
    CarModel("vehicle.jeep.wrangler_rubicon", "jeep", "Wrangler", "car", 4.334, 1.894, 1.858, 2.460, 1927, 200),
    CarModel("vehicle.lincoln.mkz_2017", "lincoln", "MKZ", "car", 4.925, 1.864, 1.476, 2.850, 1700, 180),
    CarModel("vehicle.lincoln.mkz_2020", "lincoln", "MKZ", "car", 4.925, 1.864, 1.476, 2.850, 1712, 183, 2),
    CarModel("vehicle.mercedes.coupe", "mercedes", "E Coupé", "car", 4.698, 1.786, 1.397, 2.760, 1655, 150),
    CarModel("vehicle.mercedes.sprinter", "mercedes", "Sprinter", "van",
             5.932, 2.020, 2.638, 3.665, 2160, 120, 2, "", 4),
    CarModel("vehicle.mini.cooper_s", "mini", "Cooper S", "car", 3.850, 1.727, 1.414, 2.495, 1235, 141),
    CarModel("vehicle.nissan.micra", "nissan", "Micra", "car", 3.719, 1.660, 1.540, 2.430, 945, 59),
    CarModel("vehicle.nissan.patrol", "nissan", "Patrol", "car", 5.045, 1.930, 1.855, 2.970, 2430, 118),
    CarModel("vehicle.seat.leon", "seat", "León", "car", 4.315, 1.768, 1.458, 2.578, 1310, 92),
    CarModel("vehicle.tesla.model3", "tesla", "Model 3", "car",
             4.694, 1.849, 1.443, 2.875, 1760, 239, 2, electric=True),
    CarModel("vehicle.toyota.prius", "toyota", "Prius", "car", 4.460, 1.745, 1.490, 2.700, 1370, 100, electric=True),
    CarModel("vehicle.volkswagen.t2", "volkswagen", "T2", "van", 4.505, 1.720, 1.955, 2.400, 1310, 51),
    CarModel("vehicle.mitsubishi.fusorosa", "mitsubishi", "Fuso Rosa", "bus",
             6.990, 2.010, 2.645, 3.995, 3700, 129, 2, "", 4, 42),
    CarModel("vehicle.yamaha.yzf", "yamaha", "YZF-R6", "motorcycle",
             2.040, 0.695, 1.150, 1.375, 265, 87, 1, "", 2, 40, 0.30),
    CarModel("vehicle.kawasaki.ninja", "kawasaki", "Ninja 400", "motorcycle",
             1.990, 0.710, 1.120, 1.370, 243, 33, 1, "", 2, 40, 0.3),
    CarModel("vehicle.harley-davidson.low_rider", "harley-davidson", "Low Rider", "motorcycle",
             2.355, 0.860, 1.160, 1.630, 375, 65, 1, "", 2, 38, 0.33),
    CarModel("vehicle.vespa.zx125", "vespa", "Primavera", "motorcycle",
             1.852, 0.680, 1.120, 1.334, 205, 8, 1, "", 2, 42, 0.23),
    CarModel("vehicle.bh.crossbike", "bh", "cross bicycle", "bicycle",
             1.800, 0.620, 1.700, 1.080, 88, 0.6, 1, "", 2, 45, 0.35),
    CarModel("vehicle.gazelle.omafiets", "gazelle", "Omafiets", "bicycle",
             1.880, 0.620, 1.750, 1.150, 95, 0.5, 1, "", 2, 45, 0.35),
)  # fmt: skip
"""Two-wheelers include their rider, in mass and in height where the rider is the taller one."""


def pull_mps2(model: CarModel) -> float:
    """What the drive can give at low speed: from its power, within what driven tyres hold."""
    if model.kind == "bicycle":
        return 1.0
    return min(5.5, 1.6 + model.power_kw * 1000 / model.mass_kg / 25)


def brake_limit_mps2(model: CarModel) -> float:
    """Full braking on a dry road."""
    return {"bicycle": 4.5, "truck": 6.5, "bus": 6.5, "motorcycle": 8.0}.get(model.kind, 9.0)


@dataclass(frozen=True)
class WalkerModel:
    """One pedestrian blueprint; the box is a body with swinging arms."""

    blueprint: str
    age: str
    gender: str
    height_m: float
    half_width_m: float = 0.25
    mass_kg: float = 75.0


WALKERS: tuple[WalkerModel, ...] = tuple(
    WalkerModel(f"walker.pedestrian.{number:04d}", age, gender, height_m, 0.25 if age != "child" else 0.18, mass_kg)
    for number, (age, gender, height_m, mass_kg) in enumerate(
        (
            ("adult", "female", 1.66, 65.0),
            ("adult", "male", 1.79, 80.0),
            ("adult", "female", 1.70, 68.0),
            ("adult", "male", 1.83, 85.0),
            ("adult", "female", 1.62, 60.0),
            ("adult", "male", 1.75, 78.0),
            ("elderly", "female", 1.58, 64.0),
            ("elderly", "male", 1.72, 79.0),
            ("child", "female", 1.22, 24.0),
            ("child", "male", 1.28, 27.0),
            ("teenager", "female", 1.60, 54.0),
            ("teenager", "male", 1.68, 60.0),
        ),
        start=1,
    )
)


@dataclass(frozen=True)
class PropModel:
    """A thing that stands where it is put."""

    blueprint: str
    length_m: float
    width_m: float
    height_m: float
    size: str


PROPS: tuple[PropModel, ...] = (
    PropModel("static.prop.trafficcone01", 0.36, 0.36, 0.75, "small"),
    PropModel("static.prop.constructioncone", 0.36, 0.36, 0.70, "small"),
    PropModel("static.prop.streetbarrier", 1.20, 0.35, 1.05, "medium"),
    PropModel("static.prop.warningconstruction", 1.00, 0.60, 1.40, "medium"),
    PropModel("static.prop.container", 6.06, 2.44, 2.59, "big"),
    PropModel("static.prop.trashcan01", 0.60, 0.60, 1.05, "small"),
    PropModel("static.prop.bench01", 1.60, 0.55, 0.85, "medium"),
)
