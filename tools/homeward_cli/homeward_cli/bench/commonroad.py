"""CommonRoad scenarios in closed loop, judged by commonroad-drivability-checker from an environment of its own."""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from homeward_cli.bench import commonroad_drive, commonroad_peer_drives, commonroad_report
from homeward_cli.bench.commonroad_environment import judge_python, peer_python
from homeward_cli.bench.commonroad_scenario import read
from homeward_planner.commonroad_map import ScenarioError

DESCRIPTION = (
    "CommonRoad scenarios in closed loop under the CommonRoad judge: bench commonroad DIR [--limit N] [--jobs N] [--peer]"
    " [--report FILE.html]."
)
JUDGE = Path(__file__).with_name("commonroad_judge.py")
Say = Callable[[str], None]


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """What this benchmark takes."""
    parser = argparse.ArgumentParser(prog="./homeward bench commonroad", description=DESCRIPTION)
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object on the last line")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a folder with scenarios (XML, version 2020a), or one file")
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N scenarios, by name")
    parser.add_argument("--jobs", type=_positive, default=1, metavar="N", help="drive so many at once, each on one core")
    parser.add_argument("--verdicts", action="store_true", help="say each scenario's verdict as well")
    parser.add_argument("--report", type=Path, metavar="FILE.html",
                        help="a page with pictures of each scenario goes there; into FILE.svg the first one's alone")  # fmt: skip
    parser.add_argument("--peer", action="store_true", help="drive commonroad-reactive-planner as well, under the same judge")
    parser.add_argument("--peer-prediction", choices=commonroad_peer_drives.PREDICTIONS, default="recorded",
                        help="what the peer expects of the others: as recorded, its default (it knows their future), or on "
                        "as they move now")  # fmt: skip
    return parser.parse_args(list(arguments))


def run(say: Say, arguments: Sequence[str]) -> dict[str, Any]:
    """The figures. Raises RuntimeError where there is nothing to drive, or the judge can't judge."""
    wanted = options(arguments)
    files = scenarios(wanted.folder)[: wanted.limit]
    python, peer = judge_python(say), peer_python(say) if wanted.peer else None
    drives, refused = _drive_all(files, wanted.jobs, say)
    theirs, failed = (
        commonroad_peer_drives.drive_all(peer, files, wanted.jobs, wanted.peer_prediction, say) if peer is not None else ([], [])
    )
    verdicts = judge(python, [*drives, *theirs, *({"file": str(one), "kind": "start"} for one in files)])
    found = figures(drives, refused, verdicts, say if wanted.verdicts else None)
    if peer is not None:
        places = _places(drives, verdicts)
        found |= commonroad_peer_drives.figures(theirs, failed, wanted.peer_prediction, verdicts, places, found["p95_ms"])
    if wanted.report is not None:
        report(wanted.report, [*drives, *theirs], refused, verdicts, found)
        say(f"the pictures are in {wanted.report}")
    return found


def report(
    path: Path, drives: list[dict[str, Any]], refused: list[dict[str, Any]], verdicts: dict[tuple[str, str], str],
    found: dict[str, Any],
) -> None:
    """Write the page. Raises RuntimeError where it can't be written."""
    states = {(row["file"], row["kind"]): row["states"] for row in drives}
    cases = [
        commonroad_report.Case(
            Path(file).stem, verdicts[file, "ours"], read(Path(file)), states[file, "ours"],
            verdicts.get((file, "brake_only"), ""), verdicts.get((file, "peer"), ""), states.get((file, "peer"), ()),
            start=verdicts.get((file, "start"), "valid"),
        )
        for file, kind in states if kind == "ours"
    ]  # fmt: skip
    cases += [commonroad_report.Case(Path(row["file"]).stem, "refused", note=row["refused"]) for row in refused]
    if path.suffix == ".svg":
        commonroad_report.write(path, commonroad_report.picture_of(cases[0]))
        return
    ours, peer = ([ms for row in drives if row["kind"] == kind for ms in row["cycle_ms"]] for kind in ("ours", "peer"))
    commonroad_report.write(path, commonroad_report.page_of(cases, found, ours, peer))


def scenarios(folder: Path) -> list[Path]:
    """The scenario files of a folder by name, or the one file. Raises RuntimeError where there are none."""
    files = [folder] if folder.is_file() else sorted(folder.glob("*.xml"))
    if not files:
        raise RuntimeError(f"there are no scenarios in {folder}: name a folder with CommonRoad's XML files")
    return [file.resolve() for file in files]


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def drive_one(file: Path) -> list[dict[str, Any]]:
    """Our drive and the floor's, for the judge; what can't be read is told in words."""
    try:
        rows = []
        for kind, drive in (("ours", commonroad_drive.drive), ("brake_only", commonroad_drive.brake_only)):
            driven = drive(file)
            rows.append({"file": str(file), "kind": kind, "states": driven.states, "cycle_ms": driven.cycle_ms})
        return [row | {"has_place": read(file).task.has_place} for row in rows]
    except ScenarioError as error:
        return [{"file": str(file), "refused": str(error)}]


def _drive_all(files: list[Path], jobs: int, say: Say) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The drives, and the files refused."""
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for place, found in enumerate(pool.map(drive_one, files), start=1):
            rows += found
            if place % 10 == 0 or place == len(files):
                say(f"driven: {place} of {len(files)}")
    refused = [row for row in rows if "refused" in row]
    for row in refused:
        say(f"refused: {Path(row['file']).name}: {row['refused']}")
    return [row for row in rows if "states" in row], refused


def judge(python: Path, drives: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """The verdict by file and kind. Raises RuntimeError where the judge ends before it has judged all."""
    ordered = sorted(drives, key=lambda drive: (drive["file"], drive["kind"]))
    told = "\n".join(json.dumps({key: drive.get(key) for key in ("file", "kind", "states")}) for drive in ordered)
    # isolated: else this folder's commonroad.py and the sourced environment would stand before its own packages
    done = subprocess.run([str(python), "-I", str(JUDGE)], input=told, capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"file"')]
    if len(rows) < len(ordered):
        where = Path(ordered[len(rows)]["file"]).name
        raise RuntimeError(f"the judge ended at {where} (exit code {done.returncode}): {done.stderr.strip()[-600:]}")
    return {(row["file"], row["kind"]): row["verdict"] for row in rows}


def _places(drives: list[dict[str, Any]], verdicts: dict[tuple[str, str], str]) -> list[str]:
    """The judgeable scenarios whose goal is a place."""
    return [row["file"] for row in drives
            if row["kind"] == "ours" and row["has_place"] and verdicts.get((row["file"], "start")) == "valid"]  # fmt: skip


def figures(
    drives: list[dict[str, Any]], refused: list[dict[str, Any]], verdicts: dict[tuple[str, str], str], say: Say | None
) -> dict[str, Any]:
    """Counts over the scenarios whose start is valid; times over all cycles. Raises RuntimeError where the judge failed."""
    errors = [f"{Path(file).name}: {said}" for (file, _), said in verdicts.items() if said.startswith("error")]
    if errors:
        raise RuntimeError(f"the judge could not judge {len(errors)} drives, the first: {errors[0]}")
    ours = {row["file"]: row for row in drives if row["kind"] == "ours"}
    judgeable = [file for (file, kind), said in verdicts.items() if kind == "start" and said == "valid"]
    said = [verdicts.get((file, "ours"), "refused") for file in judgeable]
    places = _places(drives, verdicts)
    if say is not None:
        for file, word in sorted(zip(judgeable, said, strict=True), key=lambda pair: (pair[1], pair[0])):
            beside = f", peer: {verdicts[file, 'peer']}" if (file, "peer") in verdicts else ""
            say(f"{word:10} {Path(file).stem} (brake only: {verdicts.get((file, 'brake_only'), 'refused')}{beside})")
    times = [time for row in ours.values() for time in row["cycle_ms"]]
    p50, p95, p99 = np.percentile(times, [50, 95, 99]) if times else [float("nan")] * 3
    return {
        "scenarios": len(ours) + len(refused),
        "refused": len(refused),
        "judgeable": len(judgeable),
        "valid": said.count("valid"),
        "place_goals": len(places),
        "place_goals_reached": sum(verdicts[file, "ours"] == "valid" for file in places),
        "collisions": said.count("collision"),
        "off_road": said.count("off_road"),
        "goals_missed": said.count("goal"),
        "infeasible": said.count("infeasible"),
        "brake_only_valid": sum(verdicts.get((file, "brake_only")) == "valid" for file in judgeable),
        "cycles": len(times),
        "p50_ms": round(float(p50), 2),
        "p95_ms": round(float(p95), 2),
        "p99_ms": round(float(p99), 2),
    }
