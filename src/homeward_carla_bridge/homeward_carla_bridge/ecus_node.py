"""ECU shell: moves data between the CAN bus, the simulated vehicle and the ECUs' models. It decides nothing."""

from __future__ import annotations

import sys
from typing import Any

import carla

from homeward_carla_bridge import client as link
from homeward_carla_bridge.ecu_diagnostics import DiagnosticServer, active_codes
from homeward_carla_bridge.ecus import EcuParams, Ecus, Pedals
from homeward_runtime import rclpy_host
from homeward_runtime.can_bus import BusError, open_bus
from homeward_runtime.car_node import CarNode
from homeward_runtime.faults import Severity, fault
from homeward_runtime.files import read_text
from homeward_runtime.places import read_places

WORLD_SILENCE_NS = 3_000_000_000
LIGHT_BITS = {0: 0, 1: 1, 2: 1 | 2, 3: 1 | 2 | 4}  # carla.VehicleLightState: position, low beam, high beam
BRAKE_BIT, RIGHT_BIT, LEFT_BIT = 8, 16, 32
INDICATOR_BITS = {0: 0, 1: LEFT_BIT, 2: RIGHT_BIT, 3: LEFT_BIT | RIGHT_BIT}


class EcusNode(CarNode):
    """Plays the car's ECUs: actuator frames become vehicle control, the vehicle's motion becomes status frames."""

    name = "ecus"
    priority = 15

    def configure(self) -> None:
        self.params = self.load_params(EcuParams)
        chargers = [(place.x_m, place.y_m) for place in read_places(read_text(self.params.places_file, "maps"))
                    if place.kind == "charger"]  # fmt: skip
        self.core = Ecus(self.params, read_text(self.params.dbc_file, "vehicles"), chargers)
        self.diagnostics = DiagnosticServer()
        self.bus = open_bus(self.params.bus_url)
        self.world: carla.World | None = None
        self.ego: carla.Actor | None = None
        self.snapshot: carla.WorldSnapshot | None = None
        self.synchronous = False  # lockstep: a control is acknowledged before the next tick
        self.heard_ns, self.steering_rad, self.lights = self.monotonic_ns(), 0.0, -1
        self.wake = self.bell(self.on_bell)
        self.run_every(0.5, self.look_for_the_car, steady=True)

    def cleanup(self) -> None:
        self.bus.close()
        self.world = self.ego = None

    def look_for_the_car(self) -> None:
        if self.ego is not None:
            if self.monotonic_ns() - self.heard_ns > WORLD_SILENCE_NS:
                raise link.WorldError("the world went silent; starting over")
            return
        try:
            self.client = link.connect(self.params.carla_host, self.params.carla_port, 2.0)
            self.adopt(self.client.get_world())
        except (link.WorldError, RuntimeError) as error:
            if not self.is_starting:
                self.log(str(error), Severity.WARNING)

    def adopt(self, world: carla.World, listen: bool = True) -> None:
        """Take the ego of this world as our car. Raises WorldError when there is none yet."""
        ego = link.find_by_role(world, self.params.role_name)
        if ego is None:
            raise link.WorldError(f"waiting for a vehicle with role_name {self.params.role_name}")
        self.geometry = link.geometry_of(ego)
        self.world, self.ego, self.heard_ns = world, ego, self.monotonic_ns()
        if listen:
            world.on_tick(self.on_world_tick)
        self.log(f"playing the ECUs of {ego.type_id}, full lock {self.geometry.steering_max_rad:.2f} rad")

    def on_world_tick(self, snapshot: carla.WorldSnapshot) -> None:
        """On the client's thread: keep the newest, ring the bell."""
        self.snapshot = snapshot
        self.wake()

    def on_bell(self) -> None:
        if self.snapshot is not None and self.ego is not None:
            snapshot, self.snapshot = self.snapshot, None
            self.on_tick(snapshot)

    def on_tick(self, snapshot: carla.WorldSnapshot) -> None:
        """One tick of the world."""
        assert self.ego is not None
        seen = snapshot.find(self.ego.id)
        if seen is None:
            raise link.WorldError("the car is gone from the world")
        self.heard_ns = self.monotonic_ns()
        motion = link.motion_of(seen, self.steering_rad, snapshot.timestamp.elapsed_seconds)
        received = self.bus.receive()
        pedals, frames, faults = self.core.step(motion, received)
        codes = active_codes(one.code for one in faults)
        frames += self.diagnostics.step(motion.time_s, received, self.core.readings(motion, codes))
        try:
            for frame in frames:
                self.bus.send(frame)
        except BusError as error:
            faults = [*faults, fault("can.send_failed", str(error))]
        self.act(pedals)
        self.report(faults)

    def act(self, pedals: Pedals) -> None:
        """The pedals to the world. The ECUs' lock may be another than the simulated car's."""
        assert self.ego is not None
        wanted_rad = pedals.steer * self.params.steering_max_rad
        steer = max(-1.0, min(1.0, wanted_rad / self.geometry.steering_max_rad))
        self.steering_rad = steer * self.geometry.steering_max_rad
        control = carla.VehicleControl(
            throttle=pedals.throttle, steer=-steer, brake=pedals.brake, reverse=pedals.reverse
        )
        commands = [carla.command.ApplyVehicleControl(self.ego.id, control)]
        lights = LIGHT_BITS[pedals.lights] | INDICATOR_BITS[pedals.indicators] | (BRAKE_BIT if pedals.brake > 0.05 else 0)
        if lights != self.lights:
            self.lights = lights
            commands.append(carla.command.SetVehicleLightState(self.ego.id, carla.VehicleLightState(lights)))
        if self.synchronous:
            self.client.apply_batch_sync(commands, False)
        else:
            self.client.apply_batch(commands)

    def use(self, client: Any) -> None:
        """Lockstep: share the client of whoever ticks, and acknowledge each control before the next tick."""
        self.client, self.synchronous = client, True
        self.adopt(client.get_world(), listen=False)


def main() -> None:
    sys.exit(rclpy_host.main(EcusNode))
