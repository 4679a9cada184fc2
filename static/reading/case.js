// The case page: level 1 narrows level 2, a submit goes out once, heatmaps lie over the images.
// Without this module the form still works, and the server checks everything again.
import { drawHeatmap } from "./heatmap.js";

const form = document.getElementById("diagnosis");

function narrowToBranch() {
  const chosen = form.querySelector("input[name=malignancy]:checked")?.value;
  for (const group of form.querySelectorAll("[data-branch]")) {
    const open = group.dataset.branch === chosen;
    for (const input of group.querySelectorAll("input")) {
      input.disabled = !open;
      if (!open) input.checked = false;
    }
  }
}

let sent = false;

function submitOnce(event) {
  if (sent) event.preventDefault();
  sent = true;
}

async function showOverlays() {
  const level = document.querySelector("input[name=overlay]:checked").value;
  for (const canvas of document.querySelectorAll("canvas.overlay")) {
    canvas.hidden = level === "0";
    if (level !== "0") await drawHeatmap(canvas, canvas.getAttribute(`data-level-${level}`));
  }
}

function setOpacity(event) {
  for (const canvas of document.querySelectorAll("canvas.overlay")) {
    canvas.style.opacity = event.target.value / 100;
  }
}

form.addEventListener("change", narrowToBranch);
form.addEventListener("submit", submitOnce);
// A page that the browser brings back from its memory must be sendable, and true, again.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});
narrowToBranch();

if (document.querySelector("canvas.overlay")) {
  document.querySelector(".overlay-controls").addEventListener("change", showOverlays);
  document.getElementById("opacity").addEventListener("input", setOpacity);
  showOverlays();
}
