// Heatmaps over the images: which level, how opaque.
import { drawHeatmap } from "./heatmap.js";

export function mountOverlay(root, { signal, note, shown }) {
  const canvases = [...root.querySelectorAll("canvas.overlay")];
  const opacity = root.querySelector("#opacity");
  let latest = 0;

  const level = () => Number(root.querySelector("input[name=overlay]:checked").value);
  const tell = () =>
    shown({ level: level(), opacity: level() ? Number(opacity.value) : 0, colourMap: "inferno" });

  async function show() {
    const turn = ++latest;
    for (const canvas of canvases) canvas.hidden = true;
    note("overlay", `level ${level()}`);
    tell();
    if (!level()) return;
    try {
      await Promise.all(
        canvases.map((canvas) =>
          drawHeatmap(canvas, canvas.getAttribute(`data-level-${level()}`), () => turn === latest),
        ),
      );
    } catch {
      root.querySelector("#overlay-error").hidden = false;
    }
  }

  function setOpacity() {
    for (const canvas of canvases) canvas.style.opacity = opacity.value / 100;
    tell();
  }

  for (const input of root.querySelectorAll("input[name=overlay]")) {
    input.addEventListener("change", show, { signal });
  }
  opacity.addEventListener("input", setOpacity, { signal });
  show();
}
