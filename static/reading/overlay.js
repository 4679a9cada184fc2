// Heatmaps over the images: which level, how opaque, in which colours; gone while held away.
import { drawScale, isKnown } from "./colourmaps.js";
import { drawHeatmap, loadMap } from "./heatmap.js";
import { recall, retain } from "./settings.js";

const STANDARD = { opacity: 50, colourMap: "inferno" };

export function mountOverlay(root, { signal, note, shown }) {
  const overlay = new Overlay(root, { note, shown });
  const on = (selector, name, listener) => {
    for (const element of root.querySelectorAll(selector)) {
      element.addEventListener(name, listener, { signal });
    }
  };
  on("input[name=overlay]", "change", () => overlay.turn());
  on("#opacity", "input", () => overlay.fade());
  on("#opacity", "change", () => overlay.noteOpacity());
  on("#colour-map", "change", () => overlay.recolour());
  for (const name of ["pointerdown", "holdstart"]) on("#hide-map", name, () => overlay.hold(true));
  for (const name of ["pointerup", "pointercancel", "pointerleave", "holdend", "blur"]) {
    on("#hide-map", name, () => overlay.hold(false));
  }
  const isPress = ({ key }) => key === " " || key === "Enter";
  on("#hide-map", "keydown", (event) => isPress(event) && overlay.hold(true));
  on("#hide-map", "keyup", (event) => isPress(event) && overlay.hold(false));
  on("#hide-map", "contextmenu", (event) => event.preventDefault()); // of a long touch
  root.querySelector(".overlay-controls").hidden = false;
  overlay.begin();
}

class Overlay {
  #root;
  #note;
  #shown;
  #canvases;
  #opacity;
  #colourMap;
  #set = recall("overlay", STANDARD);
  #maps = new Map(); // by address; each is fetched once
  #drawn = 0; // the level that the canvases bear; 0 while it is on its way
  #held = false;
  #turn = 0;
  #last = "";

  constructor(root, { note, shown }) {
    this.#root = root;
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
      const bases = this.#canvases.map((each) => each.parentElement.querySelector("img").decode());
      const maps = this.#canvases.map((each) => this.#fetch(each.getAttribute(`data-level-${level}`)));
      const loaded = await Promise.all(maps);
      await Promise.all(bases);
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

  hold(held) {
    if (held === this.#held) return;
    this.#held = held;
    this.#note("overlay-held", held ? "hidden" : "shown");
    this.#root.querySelector("#hide-map").classList.toggle("held", held);
    this.#settle();
  }

  async #fetch(url) {
    if (!this.#maps.has(url)) this.#maps.set(url, loadMap(url));
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
    retain("overlay", this.#set);
  }

  // Show or hide the maps, and tell what is on the screen now.
  #settle() {
    const level = this.#held ? 0 : this.#drawn;
    for (const canvas of this.#canvases) canvas.hidden = !level;
    const { opacity, colourMap } = this.#set;
    const state = { level, opacity: level ? opacity : 0, colourMap };
    const told = JSON.stringify(state);
    if (told !== this.#last) this.#shown(state);
    this.#last = told;
  }
}
