// The case page: level 1 narrows level 2, a submit goes out once and only for a case that was
// seen, heatmaps lie over the images. Without this module the forms still work, and the server
// checks everything again.
import { drawHeatmap } from "./heatmap.js";

// The second click of a double click must not answer the next case, which has its button in the
// same place.
const SETTLING_MS = 600;
// A submit whose page load was stopped can be sent again; its key makes that harmless.
const PATIENCE_MS = 10000;

const diagnosis = document.getElementById("diagnosis");
const forms = [diagnosis, document.getElementById("keep")].filter(Boolean);
const buttons = forms.map((form) => form.querySelector("button"));

function narrowToBranch() {
  const chosen = diagnosis.querySelector("input[name=malignancy]:checked")?.value;
  for (const group of diagnosis.querySelectorAll("[data-branch]")) {
    const open = group.dataset.branch === chosen;
    for (const input of group.querySelectorAll("input")) {
      input.disabled = !open;
      if (!open) input.checked = false;
    }
  }
}

function setEnabled(enabled) {
  for (const button of buttons) button.disabled = !enabled;
}

async function enableOnceSeen() {
  setEnabled(false);
  const images = [...document.querySelectorAll(".pane img")];
  const settled = new Promise((resolve) => setTimeout(resolve, SETTLING_MS));
  try {
    await Promise.all([settled, ...images.map((image) => image.decode())]);
    setEnabled(true);
  } catch {
    document.getElementById("image-error").hidden = false;
  }
}

function submitOnce() {
  // After this event: a disabled button would not be sent with its form.
  setTimeout(() => setEnabled(false));
  setTimeout(() => setEnabled(true), PATIENCE_MS);
}

let latest = 0;

async function showOverlays() {
  const turn = ++latest;
  const level = document.querySelector("input[name=overlay]:checked").value;
  const canvases = [...document.querySelectorAll("canvas.overlay")];
  for (const canvas of canvases) canvas.hidden = true;
  if (level === "0") return;
  try {
    await Promise.all(
      canvases.map((canvas) =>
        drawHeatmap(canvas, canvas.getAttribute(`data-level-${level}`), () => turn === latest),
      ),
    );
  } catch {
    document.getElementById("overlay-error").hidden = false;
  }
}

function setOpacity(event) {
  for (const canvas of document.querySelectorAll("canvas.overlay")) {
    canvas.style.opacity = event.target.value / 100;
  }
}

diagnosis.addEventListener("change", narrowToBranch);
for (const form of forms) form.addEventListener("submit", submitOnce);
// A page that the browser brings back from its memory must be sendable, and true, again.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});
narrowToBranch();
enableOnceSeen();

if (document.querySelector("canvas.overlay")) {
  for (const input of document.querySelectorAll("input[name=overlay]")) {
    input.addEventListener("change", showOverlays);
  }
  document.getElementById("opacity").addEventListener("input", setOpacity);
  showOverlays();
}
