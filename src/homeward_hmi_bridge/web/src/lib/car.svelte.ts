// Everything the page knows of the car, as reactive state; filled from ROS topics, never from wishes.
import { Rosbridge } from './rosbridge';

export interface Pose {
  x_m: number;
  y_m: number;
  yaw_rad: number;
}
export interface Place extends Pose {
  name: string;
  label: string;
  kind: string;
}
export interface TrackedObject extends Pose {
  id: number;
  kind: number;
  length_m: number;
  width_m: number;
  speed_mps: number;
}
export interface Light {
  signal_id: string;
  state: number;
  x_m: number;
  y_m: number;
}
export interface Line {
  kind: number;
  points: Float32Array; // x, y, x, y, ...
}
export interface Fault {
  code: string;
  level: number;
  text: string;
  remedy: string;
  detail: string;
  node: string;
}

export interface Key {
  kid: string;
  name: string;
  owner: boolean;
  verbs: string[];
  limits: string;
  expires_s: number;
  added_s: number;
  used_s: number;
  connected: boolean;
}
export interface KeyLogEntry {
  number: number;
  at_s: number;
  kind: string;
  kid: string;
  text: string;
}
export interface KeyAnswer {
  outcome: { outcome: number; reason: string; text: string };
  code: string;
  code_left_s: number;
  keys: Key[];
  entries: KeyLogEntry[];
}

export const KEY_LIST = 0, KEY_OPEN_PAIRING = 1, KEY_CLOSE_PAIRING = 2, KEY_REVOKE = 3, KEY_LOG = 4; // of KeyRequest
export const MANUAL = 0, ENGAGED = 1, STOPPING = 2; // of Engagement
export const CRUISE = 1, PILOT = 2, MODE_STOPPING = 3, BRAKING = 4; // of DriveMode
export const IDLE = 0, DRIVING = 1, WAITING = 2, ARRIVED = 3, BLOCKED = 4;

class Car {
  connected = $state(false);
  vehicle = $state.raw<any>(undefined);
  engagement = $state.raw<any>(undefined);
  planner = $state.raw<any>(undefined);
  mode = $state.raw<any>(undefined);
  pose = $state.raw<(Pose & { status: number }) | undefined>(undefined);
  objects = $state.raw<TrackedObject[]>([]);
  lights = $state.raw<Light[]>([]);
  stopLines = $state.raw<Light[]>([]);
  places = $state.raw<Place[]>([]);
  lines = $state.raw<Line[]>([]);
  route = $state.raw<Float32Array>(new Float32Array());
  faults = $state.raw<Fault[]>([]);
  notice = $state('');
  private heard = new Map<string, Fault[]>();
  private last = 0;
  private ros: Rosbridge;

  constructor() {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    this.ros = new Rosbridge(`${scheme}://${location.host}/rosbridge${location.search}`);
    this.ros.onconnection = (connected) => (this.connected = connected);
    this.ros.subscribe('/vehicle/state', (m) => { this.vehicle = m; this.last = performance.now(); }, 100);
    this.ros.subscribe('/vehicle/engagement', (m) => (this.engagement = m));
    this.ros.subscribe('/planner/drive_mode', (m) => (this.mode = m));
    this.ros.subscribe('/planner/state', (m) => (this.planner = m), 100);
    this.ros.subscribe('/planner/places', (m) => (this.places = m.places));
    this.ros.subscribe('/planner/lane_map', (m) => this.takeMap(m));
    this.ros.subscribe('/planner/route', (m) => (this.route = pathOf(m)));
    this.ros.subscribe('/localization/state', (m) => (this.pose = m), 50);
    this.ros.subscribe('/perception/objects', (m) => (this.objects = m.objects), 100);
    this.ros.subscribe('/perception/traffic_lights', (m) => (this.lights = m.lights), 200);
    this.ros.subscribe('/diagnostics', (m) => this.takeDiagnostics(m));
  }

  /** Seconds since the car last said anything. */
  age(): number {
    return this.last ? (performance.now() - this.last) / 1000 : Infinity;
  }

  async driveTo(place: Place): Promise<void> {
    await this.ask('/planner/drive_to', { place: place.name });
  }

  async engage(engaged: boolean): Promise<void> {
    await this.ask('/vehicle/set_engaged', { engaged });
  }

  /** Cruise along the lane, as fast as now; standing, as fast as the limit allows. */
  async setMode(mode: number): Promise<void> {
    await this.ask('/planner/set_mode', { mode, set_speed_mps: 0 });
  }

  /** Forget the goal: the planner brings the car to a standstill. */
  async stop(): Promise<void> {
    await this.ask('/planner/cancel', {});
  }

  /** Ask the key service; undefined when it doesn't answer. */
  async keys(what: number, more: { kid?: string; after?: number } = {}): Promise<KeyAnswer | undefined> {
    try {
      return await this.ros.call('/key/request', { what, kid: '', after: 0, ...more });
    } catch {
      return undefined;
    }
  }

  private async ask(service: string, args: object): Promise<void> {
    try {
      const answer = await this.ros.call(service, args);
      this.notice = answer.outcome ? answer.outcome.text : answer.message ?? '';
    } catch (error) {
      this.notice = (error as Error).message;
    }
  }

  private takeMap(message: any): void {
    const lines: Line[] = [];
    for (let i = 0; i < message.kind.length; i++) {
      const from = message.point_offset[i], to = message.point_offset[i + 1];
      const points = new Float32Array(2 * (to - from));
      for (let k = from; k < to; k++) points.set([message.x_m[k], message.y_m[k]], 2 * (k - from));
      lines.push({ kind: message.kind[i], points });
    }
    this.lines = lines;
    this.stopLines = message.signal_id.map((id: string, i: number) => (
      { signal_id: id, state: 0, x_m: message.signal_x_m[i], y_m: message.signal_y_m[i] }));
  }

  private takeDiagnostics(message: any): void {
    const byNode = new Map<string, Fault[]>();
    for (const status of message.status) {
      const facts = Object.fromEntries(status.values.map((v: any) => [v.key, v.value]));
      const list = byNode.get(status.name) ?? [];
      if (facts.code) list.push({ code: facts.code, level: status.level, text: status.message,
        remedy: facts.remedy, detail: facts.detail, node: status.name });
      byNode.set(status.name, list);
    }
    for (const [node, list] of byNode) this.heard.set(node, list);
    this.faults = [...this.heard.values()].flat().sort((a, b) => b.level - a.level);
  }
}

function pathOf(message: any): Float32Array {
  const points = new Float32Array(2 * message.poses.length);
  message.poses.forEach((p: any, i: number) => points.set([p.pose.position.x, p.pose.position.y], 2 * i));
  return points;
}

export const car = new Car();
