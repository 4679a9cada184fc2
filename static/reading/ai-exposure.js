// What of the AI was on the screen, for how long and how opaque. Time in which the page was
// hidden does not count. It is kept over a reload, as the clock is.
import { readFromTab, removeFromTab, saveInTab } from "./tab-storage.js";

export class Exposure {
  #name;
  #spans;
  #state = null;
  #since = 0;
  #isOver = false;

  constructor(code, { signal }) {
    this.#name = `exposure ${code}`;
    this.#spans = new Map(readFromTab(this.#name) ?? []);
    document.addEventListener("visibilitychange", () => this.#close(document.hidden), { signal });
    window.addEventListener("pagehide", () => this.#close(!document.hidden), { signal });
  }

  // `level` is 0 where no map is shown, `opacity` in percent.
  shown = ({ level, opacity, colourMap }) => {
    this.#close(!document.hidden);
    this.#state = { level, opacity: Math.round(opacity), colour_map: colourMap };
    this.#since = performance.now();
  };

  report() {
    this.#close(!document.hidden);
    return [...this.#spans.values()].map((span) => ({ ...span, ms: Math.round(span.ms) }));
  }

  // The case is over: nothing of it stays in this browser.
  forget() {
    this.#isOver = true;
    removeFromTab(this.#name);
  }

  #close(wasShown) {
    const now = performance.now();
    if (this.#state && wasShown) {
      const name = JSON.stringify(this.#state);
      const span = this.#spans.get(name) ?? { ...this.#state, ms: 0 };
      this.#spans.set(name, { ...span, ms: span.ms + now - this.#since });
    }
    this.#since = now;
    if (!this.#isOver) saveInTab(this.#name, [...this.#spans]);
  }
}
