"""WGS84 positions and the local east-north-up plane of a map's origin, exactly (through earth-centred coordinates)."""

from __future__ import annotations

import math
from dataclasses import dataclass

SEMI_MAJOR_M = 6378137.0
FLATTENING = 1 / 298.257223563
ECCENTRICITY2 = FLATTENING * (2 - FLATTENING)


@dataclass(frozen=True)
class Origin:
    """A map's origin: degrees and metres above the ellipsoid."""

    latitude_deg: float
    longitude_deg: float
    altitude_m: float = 0.0


def _earth_centred(latitude_deg: float, longitude_deg: float, altitude_m: float) -> tuple[float, float, float]:
    latitude, longitude = math.radians(latitude_deg), math.radians(longitude_deg)
    normal_m = SEMI_MAJOR_M / math.sqrt(1 - ECCENTRICITY2 * math.sin(latitude) ** 2)
    across_m = (normal_m + altitude_m) * math.cos(latitude)
    z_m = (normal_m * (1 - ECCENTRICITY2) + altitude_m) * math.sin(latitude)
    return across_m * math.cos(longitude), across_m * math.sin(longitude), z_m


def to_local(latitude_deg: float, longitude_deg: float, altitude_m: float, origin: Origin) -> tuple[float, float, float]:
    """East, north, up of the origin [m]."""
    here = _earth_centred(latitude_deg, longitude_deg, altitude_m)
    base = _earth_centred(origin.latitude_deg, origin.longitude_deg, origin.altitude_m)
    dx, dy, dz = (a - b for a, b in zip(here, base, strict=True))
    latitude, longitude = math.radians(origin.latitude_deg), math.radians(origin.longitude_deg)
    east = -math.sin(longitude) * dx + math.cos(longitude) * dy
    outward = math.cos(longitude) * dx + math.sin(longitude) * dy
    north = -math.sin(latitude) * outward + math.cos(latitude) * dz
    return east, north, math.cos(latitude) * outward + math.sin(latitude) * dz


def to_geodetic(east_m: float, north_m: float, up_m: float, origin: Origin) -> tuple[float, float, float]:
    """Latitude, longitude [deg] and altitude [m]; Bowring's iteration, to well under a millimetre."""
    latitude, longitude = math.radians(origin.latitude_deg), math.radians(origin.longitude_deg)
    base = _earth_centred(origin.latitude_deg, origin.longitude_deg, origin.altitude_m)
    outward = -math.sin(latitude) * north_m + math.cos(latitude) * up_m
    x = base[0] - math.sin(longitude) * east_m + math.cos(longitude) * outward
    y = base[1] + math.cos(longitude) * east_m + math.sin(longitude) * outward
    z = base[2] + math.cos(latitude) * north_m + math.sin(latitude) * up_m
    across = math.hypot(x, y)
    found = math.atan2(z, across * (1 - ECCENTRICITY2))
    for _ in range(6):
        normal = SEMI_MAJOR_M / math.sqrt(1 - ECCENTRICITY2 * math.sin(found) ** 2)
        found = math.atan2(z + ECCENTRICITY2 * normal * math.sin(found), across)
    normal = SEMI_MAJOR_M / math.sqrt(1 - ECCENTRICITY2 * math.sin(found) ** 2)
    return math.degrees(found), math.degrees(math.atan2(y, x)), across / math.cos(found) - normal
