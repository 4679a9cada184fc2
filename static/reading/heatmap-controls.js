// Heatmaps over the images: which level, how opaque, in which colours; gone while held away.
import { drawScale, isKnown } from "./colour-maps.js";
import { drawHeatmap, loadMap } from "./draw-heatmap.js";
import { decoded } from "./image-retries.js";
import { readSettings, saveSettings } from "./reader-settings.js";

const STANDARD = { opacity: 50, colourMap: "inferno" };

export function mountOverlay(root, { signal, note, shown }) {
  const overlay = new Overlay(root, { signal, note, shown });
  const on = (selector, name, listener) => {
    for (const element of root.querySelectorAll(selector)) {
      element.addEventListener(name, listener, { signal });
    }
  };
  on("input[name=overlay]", "change", () => overlay.turn());
  on("#opacity", "input", () => overlay.fade());
  on("#opacity", "change", () => overlay.noteOpacity());
  on("#colour-map", "change", () => overlay.recolour());
  mountHolding(on, overlay);
  root.querySelector(".overlay-controls").hidden = false;
  overlay.begin();
}

// Held by the pointer, by its key, or by Space or Enter on the button.
function mountHolding(on, overlay) {
  const isPress = ({ key }) => key === " " || key === "Enter";
  on("#hide-map", "pointerdown", ({ target, pointerId }) => {
    target.setPointerCapture(pointerId); // wherever it is let go
    overlay.hold("pointer");
  });
  on("#hide-map", "lostpointercapture", () => overlay.release("pointer"));
  on("#hide-map", "contextmenu", (event) => event.preventDefault()); // of a long touch
  on("#hide-map", "holdstart", () => overlay.hold("key"));
  on("#hide-map", "holdend", () => overlay.release("key"));
  on("#hide-map", "keydown", (event) => isPress(event) && overlay.hold("button"));
  on("#hide-map", "keyup", (event) => isPress(event) && overlay.release("button"));
  on("#hide-map", "blur", () => overlay.release("button"));
}

class Overlay {
  #root;
  #signal;
  #note;
  #shown;
  #canvases;
  #opacity;
  #colourMap;
  #set = readSettings("overlay", STANDARD);
  #maps = new Map(); // by address; each is fetched once
  #drawn = 0; // the level that the canvases bear; 0 while it is on its way
  #holders = new Set();
  #wasHeld = false;
  #turn = 0;
  #last = "";

  constructor(root, { signal, note, shown }) {
    this.#root = root;
    this.#signal = signal;
    this.#note = note;
    this.#shown = shown;
    this.#canvases = [...root.querySelectorAll("canvas.overlay")];
    this.#opacity = root.querySelector("#opacity");
    this.#colourMap = root.querySelector("#colour-map");
  }

  get level() {
    return Number(this.#root.querySelector("input[name=overlay]:checked").value);
  }

  begin() {
    if (!isKnown(this.#set.colourMap)) this.#set.colourMap = STANDARD.colourMap;
    this.#opacity.value = this.#set.opacity;
    this.#colourMap.value = this.#set.colourMap;
    drawScale(this.#root.querySelector(".scale canvas"), this.#set.colourMap);
    this.#fadeTo(this.#set.opacity);
    this.turn();
  }

  // To the level that is switched on.
  async turn() {
    const turn = ++this.#turn;
    const { level } = this;
    const error = this.#root.querySelector("#overlay-error");
    this.#drawn = 0;
    this.#settle();
    error.hidden = true;
    this.#note("overlay", `level ${level}`);
    if (!level) return;
    try {
      const urls = this.#canvases.map((each) => each.getAttribute(`data-level-${level}`));
      const bases = this.#canvases.map((each) => each.parentElement.querySelector("img"));
      const [loaded] = await Promise.all([
        Promise.all(urls.map((url) => this.#fetch(url))),
        Promise.all(bases.map((base) => decoded(base, { signal: this.#signal }))),
      ]);
      if (turn !== this.#turn) return; // another level has been switched on meanwhile
      this.#canvases.forEach((each, i) => drawHeatmap(each, loaded[i], this.#set.colourMap));
      this.#drawn = level;
      this.#settle();
    } catch {
      if (turn === this.#turn) error.hidden = false;
    }
  }

  fade() {
    this.#keep({ opacity: Number(this.#opacity.value) });
    this.#fadeTo(this.#set.opacity);
    this.#settle();
  }

  noteOpacity() {
    this.#note("opacity", String(this.#set.opacity));
  }

  recolour() {
    this.#keep({ colourMap: this.#colourMap.value });
    this.#note("colour-map", this.#set.colourMap);
    drawScale(this.#root.querySelector(".scale canvas"), this.#set.colourMap);
    this.turn();
  }

  hold(by) {
    this.#holders.add(by);
    this.#settle();
  }

  release(by) {
    this.#holders.delete(by);
    this.#settle();
  }

  async #fetch(url) {
    if (!this.#maps.has(url)) this.#maps.set(url, loadMap(url, { signal: this.#signal }));
    try {
      return await this.#maps.get(url);
    } catch (error) {
      this.#maps.delete(url); // to be tried again when the level is chosen again
      throw error;
    }
  }

  #fadeTo(opacity) {
    for (const canvas of this.#canvases) canvas.style.opacity = opacity / 100;
    this.#root.querySelector("#opacity-value").textContent = `${opacity} %`;
  }

  #keep(changed) {
    Object.assign(this.#set, changed);
    saveSettings("overlay", this.#set);
  }

  // Show or hide the maps, and tell what is on the screen now.
  #settle() {
    const isHeld = this.#holders.size > 0;
    const button = this.#root.querySelector("#hide-map");
    if (button.classList.toggle("held", isHeld) !== this.#wasHeld) {
      this.#wasHeld = isHeld;
      this.#note("overlay-held", isHeld ? "hidden" : "shown");
    }
    const level = isHeld ? 0 : this.#drawn;
    for (const canvas of this.#canvases) canvas.hidden = !level;
    const { opacity, colourMap } = this.#set;
    const state = { level, opacity: level ? opacity : 0, colourMap };
    const text = JSON.stringify(state);
    if (text !== this.#last) this.#shown(state);
    this.#last = text;
  }
}
