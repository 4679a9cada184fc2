// Colour an 8-bit map and lay it over its image.
import { tableOf } from "./colour-maps.js";
import { decoded } from "./image-retries.js";

const BAND = 16; // rows that are drawn at a time, for they stay in the processor's cache

// A map's grey levels, row by row, and the address that they came from.
export async function loadMap(address, { signal }) {
  const image = new Image();
  image.src = address;
  await decoded(image, { signal });
  return { address, ...greysOf(image) };
}

function greysOf(image) {
  const { naturalWidth: width, naturalHeight: height } = image;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, greys: data.filter((_, i) => i % 4 === 0) };
}

// Stretch the map over its whole image first and colour it then: colours that are blended pass
// through hues that the scale does not have. A canvas that already bears it is left alone.
//
// It is stretched here and not by the canvas: Chromium's `drawImage` puts a small image that it
// enlarges so far several pixels off its place, and in steps.
export function drawHeatmap(canvas, map, colourMap) {
  const drawn = { drawn: map.address, colours: colourMap };
  if (Object.entries(drawn).every(([name, value]) => canvas.dataset[name] === value)) return;
  const { naturalWidth: width, naturalHeight: height } =
    canvas.parentElement.querySelector("img");
  canvas.width = width;
  canvas.height = height;
  fill(canvas.getContext("2d", { willReadFrequently: true }), { map, width, height, colourMap });
  Object.assign(canvas.dataset, drawn);
}

function fill(context, { map, width, height, colourMap }) {
  const words = wordsOf(colourMap);
  const rows = widened(map, width);
  const { before, share } = placesOf(map.height, height);
  const band = context.createImageData(width, BAND);
  const out = new Uint32Array(band.data.buffer);
  for (let top = 0; top < height; top += BAND) {
    for (let y = top; y < Math.min(top + BAND, height); y++) {
      const above = rows[before[y]];
      const below = rows[Math.min(before[y] + 1, map.height - 1)];
      const line = out.subarray((y - top) * width, (y - top + 1) * width);
      fillRow(line, { above, below, share: share[y], words });
    }
    context.putImageData(band, 0, top);
  }
}

// The innermost loop has a function of its own, which browsers compile well.
function fillRow(out, { above, below, share, words }) {
  for (let x = 0; x < out.length; x++) {
    out[x] = words[(above[x] + (below[x] - above[x]) * share + 0.5) | 0];
  }
}

// Each row of the map, as wide as the image.
function widened({ width, height, greys }, to) {
  const { before, share } = placesOf(width, to);
  return Array.from({ length: height }, (_, row) => {
    const cells = greys.subarray(row * width, (row + 1) * width);
    return Float32Array.from(before, (cell, x) => {
      const next = cells[Math.min(cell + 1, width - 1)];
      return cells[cell] + (next - cells[cell]) * share[x];
    });
  });
}

// For each of `to` pixels: the cell before its centre, and how far it is on the way to the next
// cell. The centre of cell i lies at (i + 0.5) / cells; what is beyond the outermost has its value.
function placesOf(cells, to) {
  const at = Float64Array.from({ length: to }, (_, i) => {
    return Math.min(Math.max(((i + 0.5) / to) * cells - 0.5, 0), cells - 1);
  });
  const before = Uint32Array.from(at, Math.floor);
  return { before, share: at.map((place, i) => place - before[i]) };
}

// The colour of each value as the 4 bytes of a pixel, the more opaque the higher it is.
function wordsOf(colourMap) {
  const bytes = new Uint8Array(4 * 256);
  tableOf(colourMap).forEach((rgb, value) => bytes.set([...rgb, value], 4 * value));
  return new Uint32Array(bytes.buffer);
}
