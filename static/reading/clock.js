// Reading time: from both images painted to the submit, on the browser's monotonic clock, with
// hidden and idle spans left out. What happened is kept as raw events too, over a reload.
import { readFromTab, removeFromTab, saveInTab } from "./tab-storage.js";

const IDLE_MS = 60000;
const MAX_EVENTS = 1900;
const BEATS_MS = 5000;
const LONGEST_MS = 86400000; // what the server takes
const SIGNS_OF_LIFE = ["pointerdown", "pointermove", "wheel", "keydown", "touchstart", "scroll"];

export class Clock {
  #name;
  #began = performance.now();
  #last = this.#began; // up to here the spans below are counted
  #lively = this.#began;
  #running = false;
  #isOver = false;
  #active = 0;
  #elapsed = 0;
  #before = 0; // of earlier loads of the same case
  #events = [];

  constructor(code, { signal }) {
    this.#name = `clock ${code}`;
    this.#resume();
    document.addEventListener("visibilitychange", () => this.#turn(), { signal });
    window.addEventListener("pagehide", () => this.#save(), { signal });
    for (const sign of SIGNS_OF_LIFE) {
      document.addEventListener(sign, () => this.#live(), { signal, passive: true, capture: true });
    }
    const beat = setInterval(() => this.#save(), BEATS_MS);
    signal.addEventListener("abort", () => clearInterval(beat));
  }

  // Both images are on the screen: the reading begins, or goes on after a reload.
  painted() {
    this.note("painted");
    this.#last = this.#lively = performance.now();
    this.#running = true;
  }

  note(name, detail = "") {
    if (this.#events.length >= MAX_EVENTS) return;
    this.#events.push([Math.round(this.#before + performance.now() - this.#began), name, detail]);
  }

  // What the server is told with the reading.
  report() {
    this.#count();
    this.note("submit");
    return {
      active_ms: Math.round(Math.min(this.#active, LONGEST_MS)),
      elapsed_ms: Math.round(Math.max(this.#elapsed, this.#active)),
      submitted_at: new Date().toISOString(),
      events: this.#events,
    };
  }

  // The case is over: nothing of it stays in this browser.
  forget() {
    this.#isOver = true;
    removeFromTab(this.#name);
  }

  #live() {
    this.#count();
    if (performance.now() - this.#lively > IDLE_MS) this.note("back");
    this.#lively = performance.now();
  }

  #turn() {
    this.#count(document.hidden); // up to now the page was in the other state
    this.note(document.hidden ? "hidden" : "shown");
    if (!document.hidden) this.#lively = performance.now();
    this.#save();
  }

  // Add what has passed since the last count; a span without a sign of life is idle after a while.
  #count(wasShown = !document.hidden) {
    const now = performance.now();
    if (this.#running) {
      this.#elapsed += now - this.#last;
      const until = Math.min(now, this.#lively + IDLE_MS);
      if (wasShown) this.#active += Math.max(0, until - this.#last);
    }
    this.#last = now;
  }

  #save() {
    if (this.#isOver) return;
    this.#count();
    const state = {
      at: Date.now(),
      passed: this.#before + performance.now() - this.#began,
      active: this.#active,
      elapsed: this.#elapsed,
      running: this.#running,
      events: this.#events,
    };
    saveInTab(this.#name, state);
  }

  // Time between two loads of the page has passed, but nobody has read in it.
  #resume() {
    const kept = readFromTab(this.#name);
    // What another version of this page kept is as good as nothing.
    if (!Array.isArray(kept?.events) || !(kept.passed >= 0 && kept.elapsed >= 0)) return;
    const away = Math.max(0, Date.now() - kept.at);
    this.#before = kept.passed + away;
    this.#active = kept.active;
    this.#elapsed = kept.elapsed + (kept.running ? away : 0);
    this.#events = kept.events;
    this.note("reload");
  }
}
