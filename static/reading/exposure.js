// What of the AI was on the screen, for how long and how opaque. Time in which the page was
// hidden does not count.
export class Exposure {
  #spans = new Map();
  #state = null;
  #since = 0;

  constructor({ signal }) {
    document.addEventListener("visibilitychange", () => this.#close(document.hidden), { signal });
  }

  // `level` is 0 where no map is shown, `opacity` in percent.
  shown = ({ level, opacity, colourMap }) => {
    this.#close(!document.hidden);
    this.#state = { level, opacity, colour_map: colourMap };
    this.#since = performance.now();
  };

  told() {
    this.#close(!document.hidden);
    return [...this.#spans.values()].map((span) => ({ ...span, ms: Math.round(span.ms) }));
  }

  #close(wasShown) {
    const now = performance.now();
    if (this.#state && wasShown) {
      const name = JSON.stringify(this.#state);
      const span = this.#spans.get(name) ?? { ...this.#state, ms: 0 };
      this.#spans.set(name, { ...span, ms: span.ms + now - this.#since });
    }
    this.#since = now;
  }
}
