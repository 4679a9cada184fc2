// Colour an 8-bit map with inferno and lay it over its image. Inferno's hues (black, purple,
// orange, pale yellow) are not those of Doppler flow, and its lightness rises with the value.
const INFERNO = [
  [0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85],
  [227, 89, 51], [249, 140, 10], [249, 201, 50], [252, 255, 164],
];

function inferno(value) {
  const place = (value / 255) * (INFERNO.length - 1);
  const low = Math.min(Math.floor(place), INFERNO.length - 2);
  return INFERNO[low].map((c, i) => Math.round(c + (INFERNO[low + 1][i] - c) * (place - low)));
}

const TABLE = Array.from({ length: 256 }, (_, value) => inferno(value));

async function load(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

// Enlarge the greyscale map first and colour it then: colours that are blended pass through
// hues that the scale does not have.
//
// `isWanted` is asked when the map has come: by then another level may have been switched on.
export async function drawHeatmap(canvas, url, isWanted) {
  const base = canvas.parentElement.querySelector("img");
  const [map] = await Promise.all([load(url), base.decode()]);
  if (!isWanted()) return;
  canvas.width = base.naturalWidth;
  canvas.height = base.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(map, 0, 0, canvas.width, canvas.height);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    const value = pixels.data[i];
    pixels.data.set(TABLE[value], i);
    pixels.data[i + 3] = value;
  }
  context.putImageData(pixels, 0, 0);
  canvas.dataset.drawn = url;
  canvas.hidden = false;
}
