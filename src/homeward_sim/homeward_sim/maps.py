"""Finding maps by name or path, and trying a stranger's map in a process of its own before this one reads it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from homeward_sim.opendrive import MapError, read_site

SUFFIX = ".xodr"
TRIAL_S = 60.0
TRIAL = """
import sys, carla
road_map = carla.Map("trial", sys.stdin.buffer.read().decode("utf-8", "surrogateescape"))
road_map.generate_waypoints(5.0), road_map.get_topology(), road_map.get_all_landmarks(), road_map.get_crosswalks()
"""


def map_folders() -> list[Path]:
    """Where maps are looked for: HOMEWARD_MAP_PATH, the repository's or the installed maps/, HOMEWARD_DATA/maps."""
    named = [Path(folder) for folder in os.environ.get("HOMEWARD_MAP_PATH", "").split(os.pathsep) if folder]
    own = [parent / "maps" for parent in Path(__file__).resolve().parents[2:5]]
    shares = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    installed = [prefix / "share" / "homeward_bringup" / "maps" for prefix in shares]
    data = [Path(folder) / "maps" for folder in (os.environ.get("HOMEWARD_DATA", ""),) if folder]
    return [folder for folder in (*named, *own, *installed, *data) if folder.is_dir()]


def available_maps() -> dict[str, Path]:
    """Map files by name; the first folder that has a name wins."""
    found: dict[str, Path] = {}
    for folder in map_folders():
        for path in sorted((*folder.glob("*" + SUFFIX), *folder.glob("*/*" + SUFFIX))):
            found.setdefault(path.stem, path)
    return found


def read_map(name_or_path: str) -> tuple[str, str]:
    """(name, OpenDRIVE text) of a map. Raises MapError with the remedy."""
    path = Path(name_or_path)
    if path.suffix == SUFFIX or path.is_file():
        return path.stem, _read(path)
    maps = available_maps()
    if name_or_path not in maps:
        known = ", ".join(sorted(maps)) or "none"
        raise MapError(
            f"There is no map named {name_or_path[:80]!r}. Known maps: {known}. "
            f"Give one of them, the path of a {SUFFIX} file, or set HOMEWARD_MAP_PATH to a folder of such files."
        )
    return name_or_path, _read(maps[name_or_path])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise MapError(f"The map {path} can't be read: {error.strerror}. Check the path.") from None


class Trial:
    """A short-lived process that reads a map first: what would end that one doesn't end this one."""

    def __init__(self, text: str) -> None:
        read_site(text)
        try:
            with tempfile.TemporaryFile() as file:
                file.write(text.encode("utf-8", "surrogateescape"))
                file.seek(0)
                self._process = subprocess.Popen(
                    [sys.executable, "-c", TRIAL], stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
        except OSError as error:
            raise MapError(f"The map could not be tried out: {error}.") from None

    def finish(self) -> None:
        """Wait for the outcome. Raises MapError where the map can't be read."""
        try:
            code = self._process.wait(TRIAL_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code != 0:
            raise MapError(
                "carla.Map can't read this OpenDRIVE map. Check it with an OpenDRIVE viewer and export it again."
            )


def try_map(text: str) -> None:
    """Try a map out in a process of its own. Raises MapError with the remedy."""
    Trial(text).finish()
