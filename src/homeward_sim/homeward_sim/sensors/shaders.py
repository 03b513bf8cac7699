"""The programs that the camera runs on the driver. What can be settled at a triangle's corners is, since pixels are
many.

Pictures are BGRA: what a program calls its first component is blue.
"""

_CORNERS = """
#version 330
uniform mat4 projection;
uniform mat4 model;
in vec3 position;
"""

_COLOUR_CORNERS = (
    _CORNERS
    + """
uniform vec3 paint;
uniform float brake;
in vec3 normal;
in vec3 colour;
in float role;
out vec3 lit;
out float depth_m;
out vec3 place;
flat out vec2 along;
const vec3 sun = vec3(0.43, -0.52, 0.74);
void main() {
    vec4 world = model * vec4(position, 1.0);
    vec3 outward = mat3(model) * normal;
    float light = 0.5 + 0.5 * max(dot(outward, sun), 0.0);
    vec3 base = role == 1.0 ? paint : colour;
    if (role == 3.0) light = 1.0;
    if (role == 2.0) { base = mix(base, vec3(1.0, 0.12, 0.1), brake); light = mix(light, 1.0, brake); }
    gl_Position = projection * world;
    lit = (base * light).bgr;
    depth_m = gl_Position.w;
    place = world.xyz;
    along = abs(outward.z) < 0.5 ? vec2(-outward.y, outward.x) : vec2(0.0);
}
"""
)

_PLAIN = """
#version 330
in vec3 lit;
in float depth_m;
out vec4 pixel;
const vec3 sky = vec3(0.93, 0.80, 0.66);
void main() { pixel = vec4(mix(lit, sky, min(depth_m * 0.0014, 0.85)), 1.0); }
"""

_FACADE = """
#version 330
in vec3 lit;
in float depth_m;
in vec3 place;
flat in vec2 along;
out vec4 pixel;
const vec3 sky = vec3(0.93, 0.80, 0.66);
void main() {
    vec2 cell = abs(fract(vec2(dot(place.xy, along) * 0.32, place.z * 0.33)) - vec2(0.5, 0.57));
    float window = along == vec2(0.0) ? 0.0 : step(cell.x, 0.22) * step(cell.y, 0.22);
    pixel = vec4(mix(lit * (1.0 - 0.55 * window), sky, min(depth_m * 0.0014, 0.85)), 1.0);
}
"""

_DEPTH_CORNERS = (
    _CORNERS
    + """
out float depth_m;
void main() { gl_Position = projection * (model * vec4(position, 1.0)); depth_m = gl_Position.w; }
"""
)

_DEPTH = """
#version 330
in float depth_m;
out vec4 pixel;
void main() {
    float code = clamp(depth_m / 1000.0, 0.0, 1.0) * 16777215.0;
    float high = floor(code / 65536.0);
    float middle = floor((code - high * 65536.0) / 256.0);
    float low = floor(code - high * 65536.0 - middle * 256.0);
    pixel = vec4(high, middle, low, 255.0) / 255.0;
}
"""

_LABEL_CORNERS = (
    _CORNERS
    + """
in float label;
flat out float own_label;
void main() { gl_Position = projection * (model * vec4(position, 1.0)); own_label = label; }
"""
)

_LABELS = """
#version 330
flat in float own_label;
out vec4 pixel;
void main() { pixel = vec4(0.0, 0.0, own_label, 1.0); }
"""

PROGRAMS: dict[str, tuple[str, str]] = {
    "colour": (_COLOUR_CORNERS, _PLAIN),
    "facade": (_COLOUR_CORNERS, _FACADE),
    "depth": (_DEPTH_CORNERS, _DEPTH),
    "labels": (_LABEL_CORNERS, _LABELS),
}
"""Vertex and fragment code by name."""
PROGRAM_OF: dict[str, dict[str, str]] = {
    "colour": {"buildings": "facade"},
    "depth": {},
    "labels": {},
}
"""By the camera's mode: layers of the scenery that need another program than the mode's own."""
