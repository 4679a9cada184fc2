// The page on which a person looks at images: the crop box, and which were in view.
const LOOK_MS = 700; // in view for so long, an image counts as passed before the eyes
const EDGES = ["left", "top", "right", "bottom"];

function outline(rect, [left, top, right, bottom]) {
  rect.setAttribute("x", Math.min(left, right));
  rect.setAttribute("y", Math.min(top, bottom));
  rect.setAttribute("width", Math.abs(right - left));
  rect.setAttribute("height", Math.abs(bottom - top));
}

// A place on the screen in the picture's own pixels, within the picture.
function placeOf(event, svg) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(
    svg.getScreenCTM().inverse(),
  );
  const { width, height } = svg.viewBox.baseVal;
  const within = (value, most) => Math.min(Math.max(Math.round(value), 0), most);
  return [within(at.x, width), within(at.y, height)];
}

// While "Crop" is unfolded the box is drawn on the picture, and follows the four numbers.
function mountCrop(card) {
  const details = card.querySelector(".cropping");
  if (!details) return;
  const svg = card.querySelector(".preview");
  const rect = svg.querySelector(".crop");
  const inputs = EDGES.map((name) => details.querySelector(`[name=${name}]`));
  const show = () =>
    outline(rect, details.open ? inputs.map((input) => Number(input.value)) : [0, 0, 0, 0]);
  const toggle = () => {
    svg.classList.toggle("drawing", details.open);
    show();
  };
  let start = null;
  svg.addEventListener("pointerdown", (event) => {
    if (!details.open || event.button) return;
    event.preventDefault();
    svg.setPointerCapture(event.pointerId);
    start = placeOf(event, svg);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [x, y] = placeOf(event, svg);
    const box = [
      Math.min(start[0], x), Math.min(start[1], y), Math.max(start[0], x), Math.max(start[1], y),
    ];
    inputs.forEach((input, n) => (input.value = box[n]));
    show();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    svg.addEventListener(end, () => (start = null));
  }
  details.addEventListener("input", show);
  details.addEventListener("toggle", toggle);
  toggle();
}

// Each decision but the approval reloads the page: what is ticked, and what was viewed, stays.
function mountMemory() {
  const key = `review ${location.pathname}`;
  const boxes = () => [...document.querySelectorAll("input[name=seen], input[name=answered]")];
  const { ticked = [], viewed = [], top = 0 } = JSON.parse(sessionStorage.getItem(key)) ?? {};
  for (const box of boxes()) box.checked ||= ticked.includes(box.value);
  if (top) requestAnimationFrame(() => scrollTo(0, top));
  const seen = new Set(viewed);
  const keep = (place) => {
    const values = boxes().filter((box) => box.checked).map((box) => box.value);
    sessionStorage.setItem(key, JSON.stringify({ ticked: values, viewed: [...seen], top: place }));
  };
  document.addEventListener("change", () => keep(0));
  document.addEventListener("submit", () => keep(scrollY));
  return { seen, keep };
}

// "Tick all" can be used once every picture of the page was in view, and had come.
function mountTick(cards, { seen, keep }) {
  const tick = document.getElementById("tick");
  if (!tick) return;
  const left = document.getElementById("left");
  const nameOf = (card) => card.querySelector(".preview image").getAttribute("href");
  const unseen = new Set(cards.filter((card) => !seen.has(nameOf(card))));
  const waiting = new Map();
  const passed = async (card) => {
    const image = new Image();
    image.src = nameOf(card);
    await image.decode(); // one that does not come was not viewed
    unseen.delete(card);
    seen.add(nameOf(card));
    tell();
  };
  const tell = () => {
    tick.disabled = unseen.size > 0;
    left.textContent = unseen.size ? `${unseen.size} not viewed yet.` : "All images viewed.";
  };
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const card = target.closest("[data-image]");
        clearTimeout(waiting.get(card));
        if (isIntersecting) waiting.set(card, setTimeout(passed, LOOK_MS, card));
      }
    },
    { threshold: 0.7 },
  );
  for (const card of cards) watcher.observe(card.querySelector(".preview"));
  tick.addEventListener("click", () => {
    for (const box of document.querySelectorAll("input[name=seen]")) box.checked = true;
    keep(0);
  });
  if (unseen.size < cards.length) tell();
}

const cards = [...document.querySelectorAll("[data-image]")];
cards.forEach(mountCrop);
mountTick(cards, mountMemory());
