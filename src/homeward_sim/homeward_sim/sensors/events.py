"""The collision sensor: one message a contact and frame, with the impulse on the vehicle that carries it."""

import msgpack
import numpy as np

from homeward_sim.sensors import View

BUILDING_LABEL = 3


class Collision:
    """Tells of contacts of its parent in this step. It never waits: `sensor_tick` doesn't hold back a collision."""

    period_s = 0.0

    def measure(self, view: View, actor_id: int, parent_id: int, dt_s: float) -> bytes | None:
        contacts = view.contacts
        mine = contacts[(contacts["first"] == parent_id) | (contacts["second"] == parent_id)]
        if not len(mine):
            return None
        hardest = mine[int(np.argmax(np.hypot(mine["x"], mine["y"])))]
        is_first = int(hardest["first"]) == parent_id
        other = int(hardest["second"] if is_first else hardest["first"])
        sign = 1.0 if is_first else -1.0
        impulse = [sign * float(hardest["x"]), sign * float(hardest["y"]), 0.0]
        packed: bytes = msgpack.packb([view.wire_actor(parent_id), _wire_other(view, other), impulse])
        return packed


def _wire_other(view: View, actor_id: int) -> list[object]:
    if actor_id:
        return view.wire_actor(actor_id)
    box = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    return [0, 0, [0, "static.building", []], box, bytes([BUILDING_LABEL]), b""]
