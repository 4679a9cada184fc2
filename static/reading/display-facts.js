// Tells the form of the display check what it is looked at on.
const FACTS = {
  screen_width: screen.width,
  screen_height: screen.height,
  window_width: window.innerWidth,
  window_height: window.innerHeight,
  pixel_ratio: window.devicePixelRatio,
  colour_depth: screen.colorDepth,
  browser: navigator.userAgent,
};

for (const [name, value] of Object.entries(FACTS)) {
  document.querySelector(`input[name=${name}]`).value = value;
}
