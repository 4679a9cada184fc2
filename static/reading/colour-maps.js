// Colour maps whose lightness rises steadily with the value, so that they can be read without
// their hues and in print. Every 17th colour of matplotlib's maps. No jet: its bright
// bands show borders where there are none.
const STOPS = {
  inferno: [
    [0, 0, 4], [12, 8, 38], [36, 12, 79], [66, 10, 104], [93, 18, 110], [120, 28, 109],
    [147, 38, 103], [174, 48, 92], [199, 62, 76], [221, 81, 58], [237, 105, 37], [248, 133, 15],
    [252, 165, 10], [250, 198, 45], [242, 230, 97], [252, 255, 164],
  ],
  viridis: [
    [68, 1, 84], [72, 26, 108], [71, 47, 125], [65, 68, 135], [57, 86, 140], [49, 104, 142],
    [42, 120, 142], [35, 136, 142], [31, 152, 139], [34, 168, 132], [53, 183, 121], [84, 197, 104],
    [122, 209, 81], [165, 219, 54], [210, 226, 27], [253, 231, 37],
  ],
};

const tables = new Map();

// [red, green, blue] of each value, 0 to 255.
export function tableOf(name) {
  if (!tables.has(name)) {
    tables.set(name, Array.from({ length: 256 }, (_, value) => mixed(STOPS[name], value / 255)));
  }
  return tables.get(name);
}

function mixed(stops, share) {
  const place = share * (stops.length - 1);
  const low = Math.min(Math.floor(place), stops.length - 2);
  return stops[low].map((c, i) => Math.round(c + (stops[low + 1][i] - c) * (place - low)));
}

export const isKnown = (name) => name in STOPS;

// The whole map from left to right.
export function drawScale(canvas, name) {
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(256, 1);
  tableOf(name).forEach((rgb, value) => pixels.data.set([...rgb, 255], 4 * value));
  canvas.width = 256;
  canvas.height = 1;
  context.putImageData(pixels, 0, 0);
}
