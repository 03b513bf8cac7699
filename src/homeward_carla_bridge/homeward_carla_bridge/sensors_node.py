"""Sensor shell: ticks the world (when it owns the clock) and moves what the sensors saw to ROS. It decides nothing."""

from __future__ import annotations

import sys
import time
from typing import Any

import carla
from std_msgs.msg import String

from homeward_carla_bridge import client as link
from homeward_carla_bridge import convert
from homeward_carla_bridge.rig import Rig, SensorParams
from homeward_carla_bridge.traffic import NoRoom, Traffic, pin_to_one_core, spawn_traffic
from homeward_carla_bridge.traffic_watch import TrafficWatch
from homeward_runtime import ledger, rclpy_host
from homeward_runtime.car_node import CarNode, message_class, time_message
from homeward_runtime.faults import Severity, fault
from homeward_runtime.files import read_text
from homeward_runtime.geodesy import Origin
from homeward_runtime.places import find_place, read_places

MOST_TICKS_AT_ONCE = 3  # when late: catch up, but keep answering
LATE_TICKS = 10
TICK_TIMEOUT_S = 15.0  # long enough for the watch to poke a hung TrafficManager several times


class SensorsNode(CarNode):
    """CARLA's sensors as ROS topics, with /clock; the owner of the tick unless `tick` says otherwise."""

    name = "sensors"
    priority = 15

    def configure(self) -> None:
        self.params = self.load_params(SensorParams)
        if self.params.tick not in ("paced", "external", "lockstep"):
            raise ValueError(f"tick is '{self.params.tick}', wants paced, external or lockstep")
        self.world: carla.World | None = None
        self.rig: Rig | None = None
        self.traffic: Traffic | None = None
        self.watch: TrafficWatch | None = None
        self.pokes = 0
        self.external: list[carla.WorldSnapshot] = []  # filled by the client's thread
        self.frames, self.time_ns, self.behind = 0, 0, 0
        self.origin = Origin(self.params.origin_latitude_deg, self.params.origin_longitude_deg)
        self.clock = self.publish_to(ledger.CLOCK)
        self.truth_ego, self.truth_objects = self.publish_to(ledger.TRUTH_EGO), self.publish_to(ledger.TRUTH_OBJECTS)
        self.truth_lights, self.collision = self.publish_to(ledger.TRUTH_LIGHTS), self.publish_to(ledger.COLLISION)
        self.imu, self.gnss = self.publish_to(ledger.IMU), self.publish_to(ledger.GNSS)
        self.lidar, self.camera = self.publish_to(ledger.LIDAR), self.publish_to(ledger.CAMERA)
        self.camera_info = self.publish_to(ledger.CAMERA_INFO)
        self.wake = self.bell(self.on_bell)
        if self.params.tick == "paced":
            pin_to_one_core()  # before a client exists: see docs/architecture.md, "TrafficManager"
        if self.params.tick != "lockstep":
            self.run_every(0.5, self.look_for_the_world, steady=True)
        if self.params.tick == "paced":
            self.run_every(self.params.step_s, self.on_pace, steady=True)

    def cleanup(self) -> None:
        """Leave the world as it was found, if it still answers."""
        if self.watch is not None:
            self.watch.close()
        if self.world is not None:
            try:
                self.leave(self.world)
            except RuntimeError as error:
                self.log(f"the world is gone already ({error})")
        self.world = self.rig = self.traffic = self.watch = None

    def leave(self, world: carla.World) -> None:
        self.client.set_timeout(1.0)
        if self.traffic is not None:
            self.traffic.destroy(self.client)
        if self.rig is not None:
            self.rig.destroy()
            if self.params.spawn_ego:
                self.rig.ego.destroy()
        if self.params.tick == "paced":
            settings = world.get_settings()
            settings.synchronous_mode = False
            world.apply_settings(settings)

    # finding the world
    def look_for_the_world(self) -> None:
        if self.world is None:
            try:
                self.adopt(link.connect(self.params.carla_host, self.params.carla_port, 2.0))
            except link.WorldError as error:
                if not self.is_starting:
                    self.log(str(error), Severity.WARNING)

    def adopt(self, client: carla.Client) -> None:
        """Take this server's world: settings, ego, sensors, traffic. Raises WorldError."""
        self.client, world = client, client.get_world()
        if self.params.tick != "external":
            settings = world.get_settings()
            settings.synchronous_mode, settings.fixed_delta_seconds = True, self.params.step_s
            world.apply_settings(settings)
        ego = self.find_ego(world)
        if self.params.tick != "external":
            world.tick(TICK_TIMEOUT_S)  # so that everybody sees the car where it stands
        self.carla_map = world.get_map()
        self.rig = Rig(self.params, world, ego, self.wake)
        self.rig.spawn()
        if self.params.tick != "external" and self.params.traffic:
            self.fill_the_streets(client, world, ego)
        self.world, self.began = world, time.monotonic()
        self.look_around()
        if self.params.tick == "external":
            world.on_tick(lambda snapshot: self.external.append(snapshot) or self.wake())  # type: ignore[func-returns-value]
        self.log(f"in {self.carla_map.name} with {self.params.traffic} other cars")

    def fill_the_streets(self, client: carla.Client, world: carla.World, ego: carla.Actor) -> None:
        """The other cars, the same for the same seed. Raises WorldError when the map has no room for them."""
        params = self.params
        try:
            self.traffic = spawn_traffic(
                client, world, params.traffic, params.seed, [ego.get_transform()], params.traffic_port
            )
        except NoRoom as error:
            raise ValueError(str(error)) from error
        self.watch = TrafficWatch(self.traffic.port)

    def find_ego(self, world: carla.World) -> carla.Actor:
        ego = link.find_by_role(world, self.params.role_name)
        if ego is not None:
            return ego
        if not self.params.spawn_ego:
            raise link.WorldError(f"waiting for a vehicle with role_name {self.params.role_name}")
        place = find_place(read_places(read_text(self.params.places_file, "maps")), self.params.start_place)
        if place is None:
            raise ValueError(f"there is no place '{self.params.start_place}' in {self.params.places_file}")
        start = link.Pose(place.x_m, place.y_m, 0.0, yaw_rad=place.yaw_rad)
        return link.spawn_ego(world, self.params.ego_blueprint, self.params.role_name, start)

    def look_around(self) -> None:
        """Who else is there. Once a second is enough: spawning is rare."""
        assert self.world is not None and self.rig is not None
        actors = list(self.world.get_actors())
        self.others = [a for a in actors if a.type_id.startswith(("vehicle.", "walker.")) and a.id != self.rig.ego.id]
        lights = [actor for actor in actors if actor.type_id == "traffic.traffic_light"]
        self.lights = [(light, light.get_opendrive_id(), link.pose_of(light.get_transform())) for light in lights]

    # ticking
    def on_pace(self) -> None:
        """As many ticks as the wall clock asks for."""
        if self.world is None:
            return
        due = int((time.monotonic() - self.began) / self.params.step_s) - self.frames
        self.behind = max(due - MOST_TICKS_AT_ONCE, 0)
        for _ in range(min(due, MOST_TICKS_AT_ONCE)):
            self.tick()
        if self.behind > 50:  # a second: give it up, simulated time is late for good
            self.began += self.behind * self.params.step_s
        faults = [fault("sim.tick_late", f"{self.behind} ticks behind")] if self.behind > LATE_TICKS else []
        if self.watch is not None and self.watch.pokes > self.pokes:
            self.pokes = self.watch.pokes
            faults.append(fault("sim.traffic_poked", f"{self.pokes} times so far"))
        self.report(faults)

    def tick(self) -> carla.WorldSnapshot:
        """One step of the world. Raises WorldError when it doesn't answer."""
        assert self.world is not None
        try:
            if self.watch is not None:
                self.watch.tick(self.world, TICK_TIMEOUT_S)
            else:
                self.world.tick(TICK_TIMEOUT_S)
        except RuntimeError as error:
            raise link.WorldError(f"the world does not answer: {error}") from error
        self.frames += 1
        snapshot = self.world.get_snapshot()
        self.on_snapshot(snapshot)
        return snapshot

    def on_bell(self) -> None:
        while self.external:
            self.frames += 1
            self.on_snapshot(self.external.pop(0))
        if self.rig is not None and self.params.tick != "lockstep":
            for kind, data, receipt_ns in self.rig.taken():
                self.on_data(kind, data, receipt_ns)

    # publishing
    def on_snapshot(self, snapshot: carla.WorldSnapshot) -> None:
        assert self.rig is not None
        receipt_ns = time.monotonic_ns()
        self.time_ns = round(snapshot.timestamp.elapsed_seconds * 1e9)
        stamp = time_message(self.time_ns)
        self.clock.publish(message_class(ledger.CLOCK.type)(clock=stamp))
        ego = snapshot.find(self.rig.ego.id)
        if ego is None:
            raise link.WorldError("the car is gone from the world")
        every = max(round(self.params.truth_period_s / self.params.step_s), 1)
        if self.frames % every == 0:
            motion = link.motion_of(ego, 0.0, self.time_ns * 1e-9)
            pose = link.rear_axle(link.pose_of(ego.get_transform()), self.rig.geometry.rear_axle_x_m)
            self.truth_ego.publish(convert.ego_odometry(pose, motion, stamp))
            self.publish_truth(snapshot, stamp, receipt_ns)
        if self.frames % 50 == 0 and self.params.tick != "lockstep":
            self.look_around()

    def publish_truth(self, snapshot: carla.WorldSnapshot, stamp: Any, receipt_ns: int) -> None:
        seen = [(actor, snapshot.find(actor.id)) for actor in self.others]
        objects = [convert.object_message(actor, state) for actor, state in seen if state is not None]
        self.truth_objects.publish(convert.objects_message(objects, stamp, receipt_ns))
        states = [(signal_id, actor.get_state(), pose) for actor, signal_id, pose in self.lights]
        self.truth_lights.publish(convert.lights_message(states, stamp))

    def on_data(self, kind: str, data: Any, receipt_ns: int) -> None:
        stamp = time_message(round(data.timestamp * 1e9))
        getattr(self, f"on_{kind}")(data, stamp)

    def on_gnss(self, data: carla.GnssMeasurement, stamp: Any) -> None:
        self.gnss.publish(convert.fix_message(data, self.carla_map, self.origin, self.params.gnss_std_m, stamp))

    def on_imu(self, data: carla.IMUMeasurement, stamp: Any) -> None:
        self.imu.publish(convert.imu_message(data, stamp))

    def on_collision(self, data: carla.CollisionEvent, stamp: Any) -> None:
        self.collision.publish(String(data=data.other_actor.type_id))
        self.log(f"hit {data.other_actor.type_id}", Severity.WARNING)

    def on_lidar(self, data: carla.LidarMeasurement, stamp: Any) -> None:
        assert self.rig is not None
        if not self.lidar.wanted():
            return
        share = self.params.lidar_turns_hz * self.params.step_s
        cloud = self.rig.spin.add(convert.points_of(data), link.pose_of(data.transform), share)
        if cloud is not None:
            self.lidar.publish(convert.cloud_message(cloud, stamp))

    def on_camera(self, data: carla.Image, stamp: Any) -> None:
        if self.camera.wanted():
            self.camera.publish(convert.jpeg_message(data, stamp))
        self.camera_info.publish(convert.camera_info(data.width, data.height, data.fov, stamp))


def main() -> None:
    sys.exit(rclpy_host.main(SensorsNode))
