"""What is here, what is missing, how to mend it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from homeward_cli import workspace
from homeward_cli.environment import MIDDLEWARE, ROOT, VENV, Paths, uses_installed_ros
from homeward_cli.launch_check import port_is_free

GOOD, WARNING, MISSING = "good", "warning", "missing"
PRIORITY = 20  # the highest that a node asks for (CarNode.priority); the doctor works before anything is built


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `remedy` is empty when it is good."""

    what: str
    state: str  # good, warning (something will not work) or missing (nothing will)
    found: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Every check, in the order in which one would mend things."""
    return [finding for check in CHECKS for finding in check()]


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info[:2] in ((3, 11), (3, 12))
    yield Finding("Python", GOOD if good else WARNING, version, "" if good else "Homeward is tested on 3.11 and 3.12")


def _ros() -> Iterator[Finding]:
    if uses_installed_ros():
        yield Finding("ROS 2", GOOD, f"{os.environ['ROS_DISTRO']}, installed and sourced")
        return
    try:
        yield Finding("ROS 2", GOOD, f"Jazzy from wheels, rclpy {importlib.metadata.version('ros-rclpy')}")
    except importlib.metadata.PackageNotFoundError:
        yield Finding("ROS 2", MISSING, "neither installed nor in the environment", "./homeward setup")


def _compilers() -> Iterator[Finding]:
    for tool in ("gcc", "g++", "git"):
        path = shutil.which(tool)
        package = "git" if tool == "git" else "build-essential"
        yield Finding(tool, GOOD if path else MISSING, path or "not found", "" if path else f"sudo apt install {package}")


def _node() -> Iterator[Finding]:
    node = shutil.which("node")
    yield Finding("Node.js", GOOD, node or "not here; a wheel is used to build the dashboard")


def _workspace() -> Iterator[Finding]:
    if not (Paths().install / ".built.json").exists():
        yield Finding("workspace", MISSING, "not built", "./homeward setup")
        return
    import json

    known = json.loads((Paths().install / ".built.json").read_text())
    stale = [package.name for package in workspace.stale(workspace.packages(), known)]
    text = f"built in {Paths().install}" if not stale else f"out of date: {', '.join(stale)}"
    yield Finding("workspace", WARNING if stale else GOOD, text, "./homeward setup" if stale else "")


def _egl() -> Iterator[Finding]:
    script = "import moderngl; c = moderngl.create_context(standalone=True, backend='egl'); print(c.info['GL_RENDERER'])"
    try:
        result = subprocess.run([str(VENV / "bin" / "python"), "-c", script], capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        yield Finding("EGL (camera pictures)", WARNING, "does not answer", "check the graphics driver")
        return
    if result.returncode == 0:
        yield Finding("EGL (camera pictures)", GOOD, result.stdout.strip())
    else:
        yield Finding("EGL (camera pictures)", WARNING, "not usable", "sudo apt install libegl1 libgl1-mesa-dri")


def _middleware() -> Iterator[Finding]:
    for name, value in MIDDLEWARE.items():
        found = os.environ.get(name)
        if found is None or found == value:
            yield Finding(name, GOOD, value + ("" if found else " (set by ./homeward)"))
        else:
            yield Finding(name, WARNING, f"set to {found}", f"unset {name}: every participant must agree, here on {value}")


def _shared_memory() -> Iterator[Finding]:
    free = shutil.disk_usage("/dev/shm").free / 2**20 if Path("/dev/shm").exists() else 0.0
    remedy = "" if free > 256 else "give it more: mount -o remount,size=1G /dev/shm (containers: ipc: host or shm_size)"
    yield Finding("shared memory", GOOD if free > 256 else WARNING, f"{free:.0f} MB free in /dev/shm", remedy)


def _buffers() -> Iterator[Finding]:
    path = Path("/proc/sys/net/core/rmem_max")
    if path.exists():
        size = int(path.read_text())
        # Fast DDS asks for 8 MB sockets and gets what the kernel allows; only data from other computers needs more.
        yield Finding(
            "socket buffers", GOOD, f"up to {size // 1024} KiB (with a second computer: sysctl net.core.rmem_max=8388608)"
        )


def _priority() -> Iterator[Finding]:
    text = "real-time, so that a busy computer doesn't make commands late"
    if not _may_go_first():
        text = f"ordinary (on the vehicle: LimitRTPRIO={PRIORITY} in the systemd unit, or rtprio in /etc/security/limits.d)"
    yield Finding("priority", GOOD, text)


def _may_go_first() -> bool:
    """Tried on this very process: neither being root nor the limits tell for sure (containers)."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except OSError:
        return False
    return True


def _ports() -> Iterator[Finding]:
    for port, what in ((2000, "the world"), (2001, "the world's streams"), (8080, "the dashboard")):
        free = port_is_free(port)
        remedy = "" if free else f"another program (or another run) listens there; end it, or choose another port ({what})"
        yield Finding(f"port {port} ({what})", GOOD if free else WARNING, "free" if free else "taken", remedy)


def _clock() -> Iterator[Finding]:
    tool = shutil.which("timedatectl")
    if tool is None:
        yield Finding("clock", GOOD, "no timedatectl here; keys and GNSS want a synchronised clock on the vehicle")
        return
    result = subprocess.run([tool, "show", "-p", "NTPSynchronized", "--value"], capture_output=True, text=True)
    synchronised = result.stdout.strip() == "yes"
    remedy = "" if synchronised else "on the vehicle: sudo apt install chrony (keys expire by the wall clock)"
    yield Finding("clock", GOOD if synchronised else WARNING, "synchronised" if synchronised else "not synchronised", remedy)


def _can() -> Iterator[Finding]:
    interfaces = [path.name for path in Path("/sys/class/net").glob("*can*")]
    has_can = hasattr(socket, "AF_CAN") and _can_socket_opens()
    text = f"SocketCAN with {', '.join(interfaces) or 'no interface up'}" if has_can else "no SocketCAN in this kernel"
    yield Finding("CAN", GOOD, text + "; the simulator's bus is UDP on this machine")


def _can_socket_opens() -> bool:
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW).close()
    except OSError:
        return False
    return True


def _machine() -> Iterator[Finding]:
    memory = psutil.virtual_memory().available / 2**30
    cores = psutil.cpu_count() or 1
    free = shutil.disk_usage(ROOT).free / 2**30
    yield Finding("cores", GOOD if cores >= 2 else WARNING, str(cores), "" if cores >= 2 else "real time needs two")
    yield Finding("memory", GOOD if memory > 2 else WARNING, f"{memory:.1f} GB free", "" if memory > 2 else "2 GB are needed")
    yield Finding("disk", GOOD if free > 4 else WARNING, f"{free:.0f} GB free", "" if free > 4 else "4 GB are needed")


def _browser() -> Iterator[Finding]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    yield Finding("Chromium (tests)", GOOD if path else WARNING, path or "not found", "" if path else "sudo apt install chromium")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python, _ros, _compilers, _workspace, _node, _egl, _middleware, _shared_memory, _buffers, _priority, _ports, _clock, _can,
    _machine, _browser,
)  # fmt: skip


def as_json(findings: list[Finding]) -> dict[str, object]:
    return {"ready": all(finding.state != MISSING for finding in findings), "findings": [asdict(f) for f in findings]}
