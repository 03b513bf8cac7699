#!/usr/bin/env bash
# Makes the lock files anew from the *.in files: `requirements/lock.sh`. Needs uv. The files name no index, by intent.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
lock() { uv pip compile --quiet --no-header --generate-hashes "$@"; }
lock --python-version 3.11 uv.in -o uv.txt
lock --python-version 3.11 node.in -o node.txt
lock --python-version 3.11 base.in ros.in -o wheels.txt
lock --python-version 3.11 base.in ros.in test.in -c wheels.txt -o wheels-test.txt
# Beside an installed ROS 2: its rclpy is compiled against the distribution's numpy 1.26.
lock --python-version 3.12 base.in build-system.in -c system-constraints.txt -o system.txt
lock --python-version 3.12 base.in build-system.in test.in -c system-constraints.txt -c system.txt -o system-test.txt
# The judge of `bench commonroad`, in an environment of its own.
lock --python-version 3.11 commonroad.in -o commonroad.txt
# Its peer, likewise.
lock --python-version 3.11 commonroad_peer.in -o commonroad_peer.txt
