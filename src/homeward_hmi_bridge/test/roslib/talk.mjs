// Talks to the cockpit with the unmodified roslib; prints one JSON object with what it saw.
import * as ROSLIB from 'roslib';

const [address] = process.argv.slice(2);
const ros = new ROSLIB.Ros({ url: address });
const seen = { statuses: [] };
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const within = (promise, milliseconds, what) =>
  Promise.race([promise, wait(milliseconds).then(() => { throw new Error(`waited in vain for ${what}`); })]);

await within(new Promise((resolve, reject) => { ros.on('connection', resolve); ros.on('error', reject); }), 10000, 'a connection');
// roslib tells a status with an id under a name of its own (status:ID): hear them all
const emit = ros.emit.bind(ros);
ros.emit = (name, ...rest) => {
  if (String(name).startsWith('status')) seen.statuses.push(rest[0]);
  return emit(name, ...rest);
};

const state = new ROSLIB.Topic({ ros, name: '/vehicle/state', messageType: 'homeward_interfaces/msg/VehicleState', throttle_rate: 200 });
const stamps = [];
await within(new Promise((resolve) => state.subscribe((message) => {
  seen.vehicle = message;
  stamps.push(Date.now());
  if (stamps.length === 10) resolve();
})), 20000, 'ten vehicle states');
state.unsubscribe();
seen.period_ms = (stamps[9] - stamps[0]) / 9;

const call = (name, type, request) => within(new Promise((resolve) => {
  const service = new ROSLIB.Service({ ros, name, serviceType: type });
  service.callService(request, (values) => resolve({ values }), (error) => resolve({ error }));
}), 10000, name);
seen.unknown_place = await call('/planner/drive_to', 'homeward_interfaces/srv/DriveTo', { place: 'Atlantis' });
seen.wrong_field = await call('/planner/drive_to', 'homeward_interfaces/srv/DriveTo', { plaice: 'Office' });
seen.parameters = await call('/planner/set_parameters', 'rcl_interfaces/srv/SetParameters', { parameters: [] });
seen.type = await call('/vehicle/set_engaged', 'std_srvs/srv/SetBool', { data: true });

const forbidden = new ROSLIB.Topic({ ros, name: '/vehicle/drive_command', messageType: 'homeward_interfaces/msg/DriveCommand' });
forbidden.publish({ acceleration_mps2: 3.0 });
const truth = new ROSLIB.Topic({ ros, name: '/sim/truth/ego', messageType: 'nav_msgs/msg/Odometry' });
truth.subscribe(() => { seen.truth = true; });

const drive = new ROSLIB.Action({ ros, name: '/navigate_to_pose', actionType: 'nav2_msgs/action/NavigateToPose' });
const pose = (x, y) => ({ pose: { header: { frame_id: 'map' }, pose: {
  position: { x, y, z: 0 }, orientation: { x: 0, y: 0, z: -0.70710678, w: 0.70710678 } } } });
let feedbacks = 0;
await within(new Promise((resolve) => {
  const id = drive.sendGoal(pose(208.25, -80.0), (result) => { seen.result = result; resolve(); }, (feedback) => {
    seen.feedback = feedback;
    if (++feedbacks === 2) drive.cancelGoal(id);
  }, (error) => { seen.failed = error; resolve(); });
}), 30000, 'the end of a cancelled goal');
await within(new Promise((resolve) => drive.sendGoal(pose(5000, 5000), resolve, () => {}, (error) => { seen.off_map = error; resolve(); })),
  10000, 'the refusal of a goal off the map');

await wait(500);
console.log(JSON.stringify(seen));
process.exit(0);
