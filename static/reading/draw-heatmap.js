// Colour an 8-bit map and lay it over its image.
import { tableOf } from "./colour-maps.js";
import { decoded } from "./image-retries.js";

export async function loadMap(url, { signal }) {
  const image = new Image();
  image.src = url;
  await decoded(image, { signal });
  return image;
}

// Enlarge the greyscale map first and colour it then: colours that are blended pass through
// hues that the scale does not have.
export function drawHeatmap(canvas, map, colourMap) {
  const base = canvas.parentElement.querySelector("img");
  const table = tableOf(colourMap);
  canvas.width = base.naturalWidth;
  canvas.height = base.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(map, 0, 0, canvas.width, canvas.height);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    const value = pixels.data[i];
    pixels.data.set(table[value], i);
    pixels.data[i + 3] = value;
  }
  context.putImageData(pixels, 0, 0);
  canvas.dataset.drawn = map.getAttribute("src");
  canvas.hidden = false;
}
