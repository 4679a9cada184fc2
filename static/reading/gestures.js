// Mouse, wheel and fingers on a pane, after OHIF's habits: the left button is the tool that is
// switched on, the middle one pans, the right one zooms; the wheel zooms where it points. One
// finger is the tool, two fingers zoom and pan.
const TOOLS = { 1: "pan", 2: "zoom" };
const FINGER_SLACK_PX = 6; // a finger that rests on the glass trembles
const DRAG_ZOOM = 0.01;
const WHEEL_ZOOM = 0.0016;
const PINCH_ZOOM = 0.01; // of a touchpad, which comes as a wheel with Ctrl
const LINE_PX = 16;
const PAGE_PX = 400;

// `act` has begin(), window(dx, dy), pan(dx, dy), zoom(factor, at) and fit(); `tool()` tells the
// tool that is on. Places are {x, y} in CSS pixels of the surface.
export function mountGestures(surface, { signal, tool, act }) {
  const down = new Map();
  let start = null;
  let using = "";
  let started = false;

  const place = (event) => {
    const box = surface.getBoundingClientRect();
    return {
      x: event.clientX - box.left - surface.clientLeft,
      y: event.clientY - box.top - surface.clientTop,
    };
  };

  function press(event) {
    act.begin();
    if (event.pointerType !== "touch" && down.size) return;
    down.set(event.pointerId, place(event));
    surface.setPointerCapture(event.pointerId);
    start = place(event);
    using = TOOLS[event.button] ?? tool();
    started = event.pointerType !== "touch";
  }

  function move(event) {
    const before = down.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    if (down.size === 2) pinch(event.pointerId, before, now);
    else if (down.size === 1 && !drag(before, now)) return;
    down.set(event.pointerId, now);
  }

  // Whether the pointer has left its slack.
  function drag(before, now) {
    started ||= Math.hypot(now.x - start.x, now.y - start.y) > FINGER_SLACK_PX;
    if (!started) return false;
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    if (using === "zoom") act.zoom(Math.exp(dy * DRAG_ZOOM), start);
    else act[using](dx, dy);
    return true;
  }

  function pinch(id, before, now) {
    const [, other] = [...down].find(([each]) => each !== id);
    const apart = (one) => Math.hypot(one.x - other.x, one.y - other.y);
    const middle = (one) => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });
    const [from, to] = [middle(before), middle(now)];
    act.pan(to.x - from.x, to.y - from.y);
    act.zoom(Math.max(apart(now), 1) / Math.max(apart(before), 1), to);
    started = false;
    start = other;
  }

  function release(event) {
    down.delete(event.pointerId);
    for (const rest of down.values()) start = rest;
  }

  function wheel(event) {
    event.preventDefault();
    act.begin();
    const unit = [1, LINE_PX, PAGE_PX][event.deltaMode];
    const speed = event.ctrlKey ? PINCH_ZOOM : WHEEL_ZOOM;
    act.zoom(Math.exp(-event.deltaY * unit * speed), place(event));
  }

  const on = (name, listener) => surface.addEventListener(name, listener, { signal, passive: false });
  on("pointerdown", press);
  on("pointermove", move);
  on("pointerup", release);
  on("pointercancel", release);
  on("wheel", wheel);
  on("dblclick", () => act.fit());
  on("contextmenu", (event) => event.preventDefault());
  on("dragstart", (event) => event.preventDefault());
}
