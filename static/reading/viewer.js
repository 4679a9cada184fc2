// The two images side by side. Linked, what is done to one is done to both.
import { mountGestures } from "./gestures.js";
import { Pane } from "./pane.js";
import { readSettings, saveSettings } from "./reader-settings.js";
import { actual, FITTED, panned, zoomed } from "./zoom-and-pan.js";
import { FULL, moved } from "./windowing.js";

const STANDARD = { linked: true, tool: "window" };
const ZOOM_STEP = 1.25;
const PAN_STEP_PX = 40;
const WINDOW_STEP = 10;
const QUIET_MS = 400;

export function mountViewer(root, { signal, note }) {
  const viewer = new Viewer(root, { signal, note: calmly(note, { signal }) });
  const toolbar = root.querySelector(".toolbar");
  for (const button of toolbar.querySelectorAll("[data-action]")) {
    const act = viewer.actions[button.dataset.action];
    if (act) button.addEventListener("click", act, { signal });
  }
  for (const part of [toolbar, ...root.querySelectorAll(".pane")]) {
    part.addEventListener("mousedown", leaveFocus, { signal });
  }
  mountFullScreen(toolbar, { signal, note });
  toolbar.hidden = false;
}

// The mouse gives no button the focus, so that Enter and Space stay with the diagnosis and the
// image; and who goes from typing to an image has ended typing.
function leaveFocus(event) {
  event.preventDefault(); // nor does the middle button scroll
  document.activeElement?.blur();
}

class Viewer {
  #root;
  #note;
  #panes;
  #active;
  #set = readSettings("viewer", STANDARD);

  constructor(root, { signal, note }) {
    this.#root = root;
    this.#note = note;
    const figures = [...root.querySelectorAll("figure")];
    this.#panes = figures.map((figure) => new Pane(figure, { signal }));
    this.#active = this.#panes[0];
    for (const pane of this.#panes) {
      const act = {
        begin: () => this.#activate(pane),
        window: (dx, dy) => this.#window(pane, dx, dy),
        pan: (dx, dy) => this.#pan(pane, dx, dy),
        zoom: (factor, at) => this.#zoom(pane, factor, at),
        fit: () => this.#fit(pane),
      };
      mountGestures(pane.surface, { signal, act, tool: () => this.#set.tool });
      pane.surface.addEventListener("focus", () => this.#activate(pane), { signal });
    }
    const redraw = () => this.#panes.forEach((pane) => pane.show({}));
    window.addEventListener("resize", redraw, { signal }); // also: another screen's density
    this.#mark();
  }

  // What each of the toolbar's buttons does, to both images or to the one that was used last.
  get actions() {
    const zoom = (factor) => () => this.#zoom(this.#active, factor, this.#active.middle);
    const pan = (x, y) => () => this.#pan(this.#active, x * PAN_STEP_PX, y * PAN_STEP_PX);
    const window = (x, y) => () => this.#window(this.#active, x * WINDOW_STEP, y * WINDOW_STEP);
    const tool = (name) => () => this.#choose({ tool: name });
    return {
      "tool-window": tool("window"),
      "tool-pan": tool("pan"),
      "tool-zoom": tool("zoom"),
      "zoom-in": zoom(ZOOM_STEP),
      "zoom-out": zoom(1 / ZOOM_STEP),
      "pan-left": pan(-1, 0),
      "pan-right": pan(1, 0),
      "pan-up": pan(0, -1),
      "pan-down": pan(0, 1),
      brighter: window(0, -1),
      darker: window(0, 1),
      "more-contrast": window(-1, 0),
      "less-contrast": window(1, 0),
      fit: () => this.#fit(this.#active),
      "actual-size": () => this.#actual(this.#active),
      invert: () => this.#invert(this.#active),
      link: () => this.#link(),
      reset: () => this.#reset(this.#active),
    };
  }

  #activate(pane) {
    this.#active = pane;
    this.#mark();
  }

  #show(pane, seen) {
    for (const each of this.#set.linked ? this.#panes : [pane]) each.show(seen);
    this.#mark();
  }

  #tell(name, pane, ...details) {
    const numbers = details.map((each) => each.toFixed(3));
    this.#note(name, [this.#set.linked ? "both" : pane.name, ...numbers].join(" "));
  }

  #zoom(pane, factor, at) {
    if (!pane.isReady) return;
    this.#show(pane, { view: zoomed(pane.view, factor, at, pane.imageSize, pane.size) });
    this.#tell("zoom", pane, pane.view.scale, pane.view.x, pane.view.y);
  }

  #pan(pane, dx, dy) {
    if (!pane.isReady) return;
    this.#show(pane, { view: panned(pane.view, dx, dy, pane.imageSize, pane.size) });
    this.#tell("pan", pane, pane.view.scale, pane.view.x, pane.view.y);
  }

  #window(pane, dx, dy) {
    this.#show(pane, { window: moved(pane.window, dx, dy) });
    this.#tell("window", pane, pane.window.width, pane.window.level);
  }

  #fit(pane) {
    this.#show(pane, { view: FITTED });
    this.#tell("fit", pane);
  }

  #actual(pane) {
    if (!pane.isReady) return;
    this.#show(pane, { view: actual(pane.view, pane.imageSize, pane.size) });
    this.#tell("actual-size", pane, pane.view.scale);
  }

  #invert(pane) {
    this.#show(pane, { window: { ...pane.window, inverted: !pane.window.inverted } });
    this.#tell("invert", pane, Number(pane.window.inverted));
  }

  #reset(pane) {
    this.#show(pane, { view: FITTED, window: FULL });
    this.#tell("reset", pane);
  }

  // Linked again, the other image takes the view of the one that was used last.
  #link() {
    this.#choose({ linked: !this.#set.linked });
    const { view, window } = this.#active;
    if (this.#set.linked) this.#show(this.#active, { view, window });
    this.#note("link", this.#set.linked ? "on" : "off");
  }

  #choose(chosen) {
    Object.assign(this.#set, chosen);
    saveSettings("viewer", this.#set);
    if (chosen.tool) this.#note("tool", chosen.tool);
    this.#mark();
  }

  // The buttons and panes show what is on.
  #mark() {
    const { linked, tool } = this.#set;
    const on = { link: linked, invert: this.#active.window.inverted };
    for (const name of ["window", "pan", "zoom"]) on[`tool-${name}`] = name === tool;
    for (const [action, pressed] of Object.entries(on)) {
      this.#root.querySelector(`[data-action=${action}]`).setAttribute("aria-pressed", pressed);
    }
    for (const pane of this.#panes) {
      pane.surface.classList.toggle("active", !linked && pane === this.#active);
      pane.surface.dataset.tool = tool;
    }
  }
}

// The whole page, so that the diagnosis stays at hand and the next case finds it so.
function mountFullScreen(toolbar, { signal, note }) {
  const button = toolbar.querySelector("[data-action=full-screen]");
  button.hidden = !document.fullscreenEnabled;
  const mark = () => button.setAttribute("aria-pressed", document.fullscreenElement !== null);
  const toggle = async () => {
    const turn = document.fullscreenElement
      ? document.exitFullscreen()
      : document.documentElement.requestFullscreen();
    await turn.catch(() => note("full-screen", "refused"));
  };
  button.addEventListener("click", toggle, { signal });
  document.addEventListener("fullscreenchange", mark, { signal });
  mark();
}

// A burst of the same thing, such as the turns of a wheel, is one event, told at its end.
function calmly(note, { signal }) {
  const timers = new Map();
  signal.addEventListener("abort", () => timers.forEach((timer) => clearTimeout(timer)));
  return (name, detail) => {
    clearTimeout(timers.get(name));
    timers.set(name, setTimeout(() => note(name, detail), QUIET_MS));
  };
}
