"""Reading a URDF: its fixed joints as transforms. Pure."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import xacro


class UrdfError(ValueError):
    """A description that can't be used; says what is wrong."""


@dataclass(frozen=True)
class FixedFrame:
    """One fixed joint: metres, and roll, pitch, yaw in radians."""

    parent: str
    child: str
    xyz_m: tuple[float, float, float]
    rpy_rad: tuple[float, float, float]


def expanded(path: str) -> str:
    """The URDF of a xacro file. Raises UrdfError."""
    try:
        return str(xacro.process_file(path).toxml())
    except Exception as error:  # xacro raises whatever its expressions do
        raise UrdfError(f"{path}: {error}") from error


def fixed_frames(urdf: str) -> list[FixedFrame]:
    """Every fixed joint. Raises UrdfError for a joint without parent or child."""
    return [_frame(joint) for joint in ElementTree.fromstring(urdf).findall("joint") if joint.get("type") == "fixed"]


def _frame(joint: ElementTree.Element) -> FixedFrame:
    parent, child, origin = joint.find("parent"), joint.find("child"), joint.find("origin")
    if parent is None or child is None:
        raise UrdfError(f"the joint {joint.get('name')} lacks its parent or child")
    xyz = origin.get("xyz", "0 0 0") if origin is not None else "0 0 0"
    rpy = origin.get("rpy", "0 0 0") if origin is not None else "0 0 0"
    return FixedFrame(parent.get("link", ""), child.get("link", ""), _three(xyz), _three(rpy))


def _three(text: str) -> tuple[float, float, float]:
    numbers = [float(word) for word in text.split()]
    if len(numbers) != 3:
        raise UrdfError(f"'{text}' wants three numbers")
    return numbers[0], numbers[1], numbers[2]
