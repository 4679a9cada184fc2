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
  const gestures = new Gestures(surface, { tool, act });
  const on = (name, listener) =>
    surface.addEventListener(name, listener, { signal, passive: false });
  on("pointerdown", (event) => gestures.press(event));
  on("pointermove", (event) => gestures.move(event));
  on("pointerup", (event) => gestures.release(event));
  on("pointercancel", (event) => gestures.release(event));
  on("wheel", (event) => gestures.wheel(event));
  on("dblclick", () => act.fit());
  on("contextmenu", (event) => event.preventDefault());
  on("dragstart", (event) => event.preventDefault());
}

class Gestures {
  #surface;
  #tool;
  #act;
  #down = new Map(); // where each pointer was last
  #start = null;
  #using = "";
  #started = false; // the pointer has left its slack

  constructor(surface, { tool, act }) {
    this.#surface = surface;
    this.#tool = tool;
    this.#act = act;
  }

  press(event) {
    this.#act.begin();
    const isTouch = event.pointerType === "touch";
    if (!isTouch && this.#down.size) return;
    this.#surface.setPointerCapture(event.pointerId);
    this.#start = this.#placeOf(event);
    this.#down.set(event.pointerId, this.#start);
    this.#using = TOOLS[event.button] ?? this.#tool();
    this.#started = !isTouch;
  }

  move(event) {
    const before = this.#down.get(event.pointerId);
    if (!before) return;
    const now = this.#placeOf(event);
    if (this.#down.size === 2) this.#pinch(event.pointerId, before, now);
    else if (this.#down.size === 1 && !this.#drag(before, now)) return;
    this.#down.set(event.pointerId, now);
  }

  release(event) {
    this.#down.delete(event.pointerId);
    for (const rest of this.#down.values()) this.#start = rest;
  }

  wheel(event) {
    event.preventDefault();
    this.#act.begin();
    const unit = [1, LINE_PX, PAGE_PX][event.deltaMode];
    const speed = event.ctrlKey ? PINCH_ZOOM : WHEEL_ZOOM;
    this.#act.zoom(Math.exp(-event.deltaY * unit * speed), this.#placeOf(event));
  }

  #placeOf(event) {
    const box = this.#surface.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  // Whether the pointer has gone far enough to mean it.
  #drag(before, now) {
    const start = this.#start;
    this.#started ||= Math.hypot(now.x - start.x, now.y - start.y) > FINGER_SLACK_PX;
    if (!this.#started) return false;
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    if (this.#using === "zoom") this.#act.zoom(Math.exp(dy * DRAG_ZOOM), start);
    else this.#act[this.#using](dx, dy);
    return true;
  }

  #pinch(id, before, now) {
    const [, other] = [...this.#down].find(([each]) => each !== id);
    const apart = (one) => Math.max(Math.hypot(one.x - other.x, one.y - other.y), 1);
    const middle = (one) => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });
    const [from, to] = [middle(before), middle(now)];
    this.#act.pan(to.x - from.x, to.y - from.y);
    this.#act.zoom(apart(now) / apart(before), to);
    this.#started = false; // a finger that stays longer than the other means nothing yet
  }
}
