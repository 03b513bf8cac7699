"""Conversion in a process of its own: carla.Map ends the process, without an exception, on some malformed maps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from homeward_cli.environment import ROOT

from .conversion import Conversion, Summary, convert_here
from .conversion_error import MapConversionError
from .diagnosis import first_fault
from .opendrive import REMEDY, read

PROJECTOR_FILE = "map_projector_info.yaml"
LONGEST_S = 300.0
WORLD = str(ROOT / "src" / "homeward_sim")  # the sources: a map is converted before anything is built


def convert(xodr_text: str, name: str) -> Conversion:
    """Convert an OpenDRIVE map. Raises MapConversionError with a sentence and a remedy; never ends the process.

    The same text always gives the same file. Coordinates stay as they are; the origin is the georeference's lat_0,
    lon_0, stored in the file's `<MetaInfo>` (see `osm.py`).
    """
    network = read(xodr_text)
    with tempfile.TemporaryDirectory(prefix="map_convert_") as folder:
        source, result = Path(folder) / "source.xodr", Path(folder) / "result.json"
        source.write_text(xodr_text, encoding="utf-8", errors="surrogatepass")
        if not _child_survives([str(source), str(result), name]):
            fault = first_fault(network, xodr_text) or "it is malformed"
            raise MapConversionError(f"CARLA's map library crashed on the map: {fault}.", REMEDY)
        answer: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    if "sentence" in answer:
        raise MapConversionError(answer["sentence"], answer["remedy"])
    summary = answer.pop("summary")
    return Conversion(summary=Summary(**{**summary, "remarks": tuple(summary["remarks"])}), **answer)


def convert_file(source: Path, target: Path, say: Callable[[str], None]) -> Summary:
    """Convert a file to a Lanelet2 .osm, with Autoware's map_projector_info.yaml beside it.

    Raises MapConversionError.
    """
    try:
        text = source.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MapConversionError(f"There is no file {source}.", "Give the path of an OpenDRIVE (.xodr) file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise MapConversionError(f"{source} can't be read ({error}).", "Give an OpenDRIVE file in UTF-8.") from None
    say(f"reading {source.name}")
    converted = convert(text, source.stem)
    _write(target, converted, say)
    for remark in converted.summary.remarks:
        say(remark)
    return converted.summary


def child(source: Path, result: Path, name: str) -> None:
    """What the child does: convert, and write the outcome as JSON."""
    try:
        answer = asdict(convert_here(source.read_text(encoding="utf-8", errors="surrogatepass"), name))
    except MapConversionError as error:
        answer = {"sentence": error.sentence, "remedy": error.remedy}
    result.write_text(json.dumps(answer), encoding="utf-8")


def _child_survives(arguments: list[str]) -> bool:
    """Run the child; False where it crashed. Raises MapConversionError where it failed otherwise or takes too long."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), WORLD])}
    command = [sys.executable, "-m", f"{__package__}", *arguments]
    try:
        finished = subprocess.run(command, env=environment, capture_output=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        raise MapConversionError(f"The map is not converted after {LONGEST_S:.0f} s.", REMEDY) from None
    if finished.returncode > 0:
        words = finished.stderr.decode(errors="replace").strip().splitlines()
        raise MapConversionError(f"The conversion failed ({words[-1] if words else 'no word why'}).", REMEDY)
    return finished.returncode == 0


def _write(target: Path, converted: Conversion, say: Callable[[str], None]) -> None:
    beside = target.parent / PROJECTOR_FILE
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if beside.exists() and beside.read_text(encoding="utf-8") != converted.projector_info:
            say(f"{beside.name} told another map's origin and is replaced: Autoware wants a folder for each map")
        target.write_text(converted.osm, encoding="utf-8", newline="\n")
        beside.write_text(converted.projector_info, encoding="utf-8", newline="\n")
    except OSError as error:
        raise MapConversionError(f"{target} can't be written ({error}).", "Name a file in a folder of yours.") from None
