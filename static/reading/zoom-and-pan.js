// Where an image lies in its pane. A view is {scale, x, y}: `scale` is 1 where the whole image
// just fits; (x, y) is the place of the image, as shares of its width and height, that lies in the
// pane's middle. So one view shows the same part of two images of different sizes.
export const FITTED = { scale: 1, x: 0.5, y: 0.5 };

const LEAST = 0.1;
const MOST = 24;

const within = (low, value, high) => Math.min(Math.max(value, low), high);

// CSS pixels per image pixel where the image fits. Sizes are {width, height}.
export function fitting(image, pane) {
  return Math.min(pane.width / image.width, pane.height / image.height);
}

// The image's box in the pane, in CSS pixels: {left, top, width, height}.
export function boxOf(view, image, pane) {
  const scale = fitting(image, pane) * view.scale;
  const width = image.width * scale;
  const height = image.height * scale;
  const left = pane.width / 2 - view.x * width;
  const top = pane.height / 2 - view.y * height;
  return { left, top, width, height };
}

// Enlarged by `factor`; what lies at `at`, {x, y} in CSS pixels of the pane, stays there.
export function zoomed(view, factor, at, image, pane) {
  const before = boxOf(view, image, pane);
  const scale = within(LEAST, view.scale * factor, MOST);
  const grown = scale / view.scale;
  return sound({
    scale,
    x: (at.x - before.left) / before.width - (at.x - pane.width / 2) / (before.width * grown),
    y: (at.y - before.top) / before.height - (at.y - pane.height / 2) / (before.height * grown),
  });
}

// The image pushed by (dx, dy) CSS pixels.
export function panned(view, dx, dy, image, pane) {
  const box = boxOf(view, image, pane);
  return sound({ ...view, x: view.x - dx / box.width, y: view.y - dy / box.height });
}

// One image pixel per device pixel.
export function actual(view, image, pane) {
  return { ...view, scale: within(LEAST, 1 / (fitting(image, pane) * devicePixelRatio), MOST) };
}

// The pane's middle never leaves the image, so the image can't be lost.
function sound(view) {
  return { ...view, x: within(0, view.x, 1), y: within(0, view.y, 1) };
}
