// Window and level, in grey levels of 0 to 255, as one linear filter on the image alone.
//
// Greys go through g → (g - low) / width. Colours move by what their mean moves: they get lighter
// and darker but keep their hue. In colour Doppler the hue is the direction of flow, and an
// inverted image must not tell it the wrong way round.
export const FULL = { width: 255, level: 127.5, inverted: false };

const SVG = "http://www.w3.org/2000/svg";
const within = (low, value, high) => Math.min(Math.max(value, low), high);

export function moved(window, widening, raising) {
  return {
    ...window,
    width: within(1, window.width + widening, 510),
    level: within(0, window.level + raising, 255),
  };
}

// What feColorMatrix takes; "" for a window that changes nothing.
export function matrixOf({ width, level, inverted }) {
  if (width === FULL.width && level === FULL.level && !inverted) return "";
  const low = (level - width / 2) / 255;
  const slope = (inverted ? -255 : 255) / width;
  const offset = (inverted ? 1 : 0) - low * slope;
  const shared = (slope - 1) / 3;
  const row = (own) => [0, 1, 2].map((channel) => shared + (channel === own ? 1 : 0));
  const rows = [0, 1, 2].flatMap((channel) => [...row(channel), 0, offset]);
  return [...rows, 0, 0, 0, 1, 0].join(" "); // opacity stays
}

export class Filter {
  static #count = 0;
  #image;
  #filter = document.createElementNS(SVG, "filter");
  #matrix = document.createElementNS(SVG, "feColorMatrix");

  constructor(image) {
    this.#image = image;
    const holder = document.createElementNS(SVG, "svg");
    holder.setAttribute("class", "filters");
    holder.setAttribute("aria-hidden", "true");
    this.#filter.setAttribute("color-interpolation-filters", "sRGB");
    for (const [name, value] of Object.entries({ x: 0, y: 0, width: 1, height: 1 })) {
      this.#filter.setAttribute(name, value);
    }
    this.#matrix.setAttribute("type", "matrix");
    this.#filter.append(this.#matrix);
    holder.append(this.#filter);
    image.parentElement.after(holder);
  }

  apply(window) {
    const values = matrixOf(window);
    if (values === (this.#matrix.getAttribute("values") ?? "")) return;
    this.#matrix.setAttribute("values", values);
    // A new name each time: Safari does not repaint for a filter that changes under its old one.
    this.#filter.id = `window-${++Filter.#count}`;
    this.#image.style.filter = values ? `url(#${this.#filter.id})` : "";
  }
}
