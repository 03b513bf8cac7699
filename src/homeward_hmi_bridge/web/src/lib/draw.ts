// Draws the town and what is around the car on a canvas, in metres of the map frame.
import type { Light, Line, Place, Pose, TrackedObject } from './car.svelte';

export interface Scene {
  lines: Line[];
  route: Float32Array;
  pose: Pose | undefined;
  objects: TrackedObject[];
  lights: Light[];
  stopLines: Light[];
  places: Place[];
  goal: string;
}
export interface Camera {
  x_m: number;
  y_m: number;
  yaw_rad: number; // this heading points up
  metresPerPixel: number;
  ahead: number; // where the car is from the top, 0-1 of the height
}

const COLOURS = ['#4a566b', '#4a566b', '#d7dde7', '#6d7b91', '#222b39', '#232d3b'];
const STOP_LINE = 2, CROSSWALK = 3, BUILDING = 4; // homeward_interfaces/LaneMap
const LIGHT_COLOURS = ['#5b6779', '#f0635a', '#f0b24b', '#4cc2a0', '#39424f'];
const CAR = { length: 4.7, width: 1.9, rear: 0.95 };

export function draw(canvas: HTMLCanvasElement, scene: Scene, camera: Camera): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== width * scale || canvas.height !== height * scale) {
    canvas.width = width * scale;
    canvas.height = height * scale;
  }
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.fillStyle = '#10161f';
  context.fillRect(0, 0, width, height);
  const zoom = 1 / camera.metresPerPixel;
  const turn = camera.yaw_rad - Math.PI / 2;
  const cos = Math.cos(turn) * zoom, sin = Math.sin(turn) * zoom;
  // screen = centre + zoom * mirror(rotation(-turn)) * (map - camera)
  context.setTransform(scale * cos, scale * sin, scale * sin, -scale * cos,
    scale * (width / 2 - cos * camera.x_m - sin * camera.y_m),
    scale * (height * camera.ahead - sin * camera.x_m + cos * camera.y_m));
  drawLines(context, scene.lines, camera.metresPerPixel);
  drawRoute(context, scene.route, camera.metresPerPixel);
  drawLights(context, scene.stopLines, scene.lights, camera.metresPerPixel);
  for (const object of scene.objects) drawObject(context, object);
  if (scene.pose) drawCar(context, scene.pose);
  drawPlaces(context, scene, camera, scale, width, height, cos, sin);
}

function trace(context: CanvasRenderingContext2D, points: Float32Array): void {
  context.beginPath();
  for (let i = 0; i + 1 < points.length; i += 2) {
    if (i === 0) context.moveTo(points[0]!, points[1]!);
    else context.lineTo(points[i]!, points[i + 1]!);
  }
}

function drawLines(context: CanvasRenderingContext2D, lines: Line[], metresPerPixel: number): void {
  for (const line of lines) {
    trace(context, line.points);
    const colour = COLOURS[line.kind] ?? COLOURS[0]!;
    if (line.kind >= CROSSWALK) {
      context.closePath();
      context.fillStyle = line.kind === CROSSWALK ? '#6d7b9155' : colour;
      context.fill();
    }
    if (line.kind >= BUILDING) continue; // surfaces and houses have no outline
    context.strokeStyle = colour;
    context.lineWidth = (line.kind === STOP_LINE ? 2.4 : 1.2) * metresPerPixel;
    context.stroke();
  }
}

function drawRoute(context: CanvasRenderingContext2D, route: Float32Array, metresPerPixel: number): void {
  if (route.length < 4) return;
  trace(context, route);
  context.strokeStyle = '#4aa3ffaa';
  context.lineWidth = Math.max(1.6, 4 * metresPerPixel);
  context.lineJoin = context.lineCap = 'round';
  context.stroke();
}

function drawLights(context: CanvasRenderingContext2D, stopLines: Light[], seen: Light[], metresPerPixel: number): void {
  const states = new Map(seen.map((light) => [light.signal_id, light.state]));
  for (const light of stopLines) {
    context.beginPath();
    context.arc(light.x_m, light.y_m, Math.max(0.9, 4 * metresPerPixel), 0, 2 * Math.PI);
    context.fillStyle = LIGHT_COLOURS[states.get(light.signal_id) ?? 0]!;
    context.fill();
  }
}

function drawObject(context: CanvasRenderingContext2D, object: TrackedObject): void {
  context.save();
  context.translate(object.x_m, object.y_m);
  context.rotate(object.yaw_rad);
  context.fillStyle = object.kind === 4 ? '#f0b24b' : '#aab6c8';
  context.fillRect(-object.length_m / 2, -object.width_m / 2, object.length_m, object.width_m);
  context.restore();
}

function drawCar(context: CanvasRenderingContext2D, pose: Pose): void {
  context.save();
  context.translate(pose.x_m, pose.y_m);
  context.rotate(pose.yaw_rad);
  context.fillStyle = '#4cc2a0';
  context.beginPath();
  context.roundRect(-CAR.rear, -CAR.width / 2, CAR.length, CAR.width, 0.6);
  context.fill();
  context.fillStyle = '#0d1117';
  context.beginPath();
  context.moveTo(CAR.length - CAR.rear - 0.4, 0);
  context.lineTo(CAR.length - CAR.rear - 1.7, 0.65);
  context.lineTo(CAR.length - CAR.rear - 1.7, -0.65);
  context.fill();
  context.restore();
}

function drawPlaces(context: CanvasRenderingContext2D, scene: Scene, camera: Camera, scale: number,
  width: number, height: number, cos: number, sin: number): void {
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.font = '600 13px system-ui, sans-serif';
  context.textAlign = 'center';
  for (const place of scene.places) {
    const dx = place.x_m - camera.x_m, dy = place.y_m - camera.y_m;
    const x = width / 2 + cos * dx + sin * dy, y = height * camera.ahead + sin * dx - cos * dy;
    if (x < 0 || y < 0 || x > width || y > height) continue;
    const isGoal = place.label === scene.goal;
    context.fillStyle = isGoal ? '#4aa3ff' : '#e8edf4';
    context.beginPath();
    context.arc(x, y, isGoal ? 7 : 4, 0, 2 * Math.PI);
    context.fill();
    context.lineWidth = 4;
    context.strokeStyle = '#0d1117';
    context.strokeText(place.label, x, y - 11);
    context.fillText(place.label, x, y - 11);
  }
}
