// One image in its pane: where it lies, through which window it is seen, and its scale bar.
import { drawScaleBar } from "./scale-bar.js";
import { boxOf, FITTED, fitting } from "./zoom-and-pan.js";
import { Filter, FULL } from "./windowing.js";

export class Pane {
  view = FITTED;
  window = FULL;
  #filter;
  #due = 0;

  constructor(figure, { signal }) {
    this.surface = figure.querySelector(".pane");
    this.film = figure.querySelector(".film");
    this.image = figure.querySelector("img");
    this.name = figure.dataset.modality;
    this.readout = figure.querySelector(".readout");
    this.scaleBar = figure.querySelector(".scale-bar");
    this.mmPerPixel = Number(figure.dataset.mmPerPixel);
    this.#filter = new Filter(this.image);
    this.image.addEventListener("load", () => this.draw(), { signal });
    const observer = new ResizeObserver(() => this.draw());
    observer.observe(this.surface);
    signal.addEventListener("abort", () => {
      observer.disconnect();
      cancelAnimationFrame(this.#due);
    });
    this.draw();
  }

  get size() {
    return { width: this.surface.clientWidth, height: this.surface.clientHeight };
  }

  get imageSize() {
    return { width: this.image.naturalWidth, height: this.image.naturalHeight };
  }

  get isReady() {
    return this.image.naturalWidth > 0 && this.surface.clientWidth > 0;
  }

  get middle() {
    return { x: this.surface.clientWidth / 2, y: this.surface.clientHeight / 2 };
  }

  // What is seen from now on; drawn once a frame, however often it changes.
  show({ view = this.view, window = this.window }) {
    this.view = view;
    this.window = window;
    cancelAnimationFrame(this.#due);
    this.#due = requestAnimationFrame(() => this.draw());
  }

  draw() {
    if (!this.isReady) return;
    const box = boxOf(this.view, this.imageSize, this.size);
    const { left, top } = this.surface.getBoundingClientRect();
    this.film.style.left = `${onDevicePixel(left + box.left) - left}px`;
    this.film.style.top = `${onDevicePixel(top + box.top) - top}px`;
    this.film.style.width = `${box.width}px`;
    this.film.style.height = `${box.height}px`;
    this.#filter.apply(this.window);
    const scale = fitting(this.imageSize, this.size) * this.view.scale;
    this.#tell(scale * devicePixelRatio);
    if (this.mmPerPixel) drawScaleBar(this.scaleBar, scale / this.mmPerPixel);
  }

  #tell(scale) {
    const { width, level } = this.window;
    const isFull = width === FULL.width && level === FULL.level;
    const window = isFull ? "" : `W ${Math.round(width)} L ${Math.round(level)} · `;
    this.readout.textContent = `${window}${Math.round(scale * 100)} %`;
  }
}

// At 1:1, an image pixel that straddles two device pixels would be blurred over both.
const onDevicePixel = (length) => Math.round(length * devicePixelRatio) / devicePixelRatio;
