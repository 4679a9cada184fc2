// The figures that can be explored: a button beside the picture puts a chart in its place. The chart
// library and the numbers are fetched only then. Without this module there is the picture.
import { layOut } from "./echarts-options.js";

const LIBRARY = "../vendor/echarts/6.1.0/echarts.min.js";
const NEAR_POINT_PX = 12;
const NEAR_CURVE_PX = 24;
const MINUS = "\u2212";

for (const place of document.querySelectorAll("[data-chart]")) offer(place);

/** Let the button swap the picture and the chart, which is made the first time. */
function offer(place) {
  const button = place.querySelector("[data-explore]");
  const label = button.querySelector("[data-label]");
  const picture = place.querySelector("[data-picture]");
  const panel = place.querySelector("[data-explorer]");
  const failure = place.querySelector("[role=alert]");
  let chart = null;
  let isBusy = false;
  button.hidden = false;
  button.addEventListener("click", async () => {
    if (isBusy) return;
    failure.hidden = true;
    if (!panel.hidden) {
      swap(false);
      return;
    }
    isBusy = true;
    label.textContent = "Loading\u2026";
    try {
      const loaded = chart ? null : await load(place.dataset.chart);
      swap(true); // a chart that is not shown has no width
      chart ??= explore(panel, ...loaded);
      chart.draw();
    } catch (error) {
      swap(false);
      failure.hidden = false;
      console.info(error);
    } finally {
      isBusy = false;
    }
  });

  function swap(explored) {
    panel.hidden = !explored;
    picture.hidden = explored;
    label.textContent = explored ? "Back to the picture" : "Explore";
  }
}

/** The library's ``init`` and the chart's numbers. */
async function load(url) {
  const [{ init }, response] = await Promise.all([import(LIBRARY), fetch(url)]);
  if (!response.ok || response.redirected) throw new Error(`${url}: ${response.status}`);
  return [init, await response.json()];
}

/** A chart in the panel; its numbers are shown at the mouse, or step by step with the arrow keys. */
function explore(panel, init, found) {
  const sheet = panel.querySelector("[data-sheet]");
  const spoken = panel.querySelector("[role=status]");
  panel.querySelector("[data-notes]").textContent = found.notes.join(" ");
  const chart = init(sheet, null, { renderer: "svg", width: 1, height: 1 });
  let stops = [];
  let off = new Set(); // names of series that the legend has switched off
  let shown = null;
  let width = 0;

  function draw() {
    if (!sheet.clientWidth || sheet.clientWidth === width) return;
    width = sheet.clientWidth;
    const laid = layOut(found, width, theme());
    hide();
    off = new Set();
    chart.resize({ width: laid.width, height: laid.height });
    chart.setOption(laid.option, { notMerge: true });
    stops = laid.stops.map((stop) => ({ ...stop, said: said(stop) }));
    for (const stop of stops) stop.pixel = chart.convertToPixel({ gridIndex: stop.grid }, stop.at);
  }

  function show(stop) {
    if (stop === shown) return;
    hide();
    shown = stop;
    const { seriesIndex, dataIndex } = stop;
    // A line has no mark to point at until it is highlighted.
    chart.dispatchAction({ type: "highlight", seriesIndex, dataIndex });
    chart.dispatchAction({ type: "showTip", seriesIndex, dataIndex });
  }

  function hide() {
    if (!shown) return;
    const { seriesIndex, dataIndex } = shown;
    chart.dispatchAction({ type: "downplay", seriesIndex, dataIndex });
    chart.dispatchAction({ type: "hideTip" });
    shown = null;
  }

  chart.getZr().on("mousemove", ({ offsetX, offsetY }) => {
    const grids = [...new Set(stops.map((stop) => stop.grid))];
    const grid = grids.find((gridIndex) => chart.containPixel({ gridIndex }, [offsetX, offsetY]));
    const near = nearest(seen().filter((stop) => stop.grid === grid), offsetX, offsetY);
    if (near) show(near);
    else hide();
  });
  // The chart's own "out" is not always sent when what was under the mouse was drawn anew.
  document.addEventListener("pointermove", ({ target }) => {
    if (!sheet.contains(target)) hide();
  });
  sheet.addEventListener("pointerleave", hide);
  sheet.addEventListener("blur", hide);
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") hide();
  });
  sheet.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const next = step(seen(), shown, event.key);
    if (!next) return;
    event.preventDefault();
    show(next);
    spoken.textContent = next.said.join(", ");
  });
  chart.on("legendselectchanged", ({ selected }) => {
    hide();
    off = new Set(Object.keys(selected).filter((name) => !selected[name]));
  });
  new ResizeObserver(draw).observe(sheet);
  return { draw };

  function seen() {
    return stops.filter((stop) => !off.has(stop.name));
  }

  function theme() {
    const styles = getComputedStyle(sheet);
    const colour = (name) => styles.getPropertyValue(`--${name}`).trim();
    return {
      ground: colour("raised"), line: colour("line"), ink: colour("ink"), soft: colour("soft"),
      font: styles.fontFamily, tip: ({ seriesIndex, dataIndex }) => tip(seriesIndex, dataIndex),
    };
  }

  function tip(seriesIndex, dataIndex) {
    const here = (stop) => stop.seriesIndex === seriesIndex && stop.dataIndex === dataIndex;
    const stop = stops.find(here);
    return (stop ? together(stop, seen()) : []).join("\n");
  }
}

/** The point under the mouse, else the corner next to it of the curve beside it, if any. */
function nearest(stops, x, y) {
  const away = ({ pixel }) => Math.hypot(pixel[0] - x, pixel[1] - y);
  const point = least(stops.filter((stop) => stop.point), away);
  if (point && away(point) <= NEAR_POINT_PX) return point;
  const pairs = stops.flatMap((stop, place) => {
    const next = stops[place + 1];
    return stop.corner && next?.seriesIndex === stop.seriesIndex ? [[stop, next]] : [];
  });
  const beside = ([one, other]) => fromLine(one.pixel, other.pixel, x, y);
  const pair = least(pairs, beside);
  const isNear = pair && beside(pair) <= NEAR_CURVE_PX;
  return isNear ? least(pair.filter((stop) => stop.isInside), away) : undefined;
}

function least(some, measure) {
  return some.reduce((best, one) => (best && measure(best) <= measure(one) ? best : one), undefined);
}

/** How far (x, y) is from the straight line between two places. */
function fromLine([x1, y1], [x2, y2], x, y) {
  const [across, down] = [x2 - x1, y2 - y1];
  const squared = across ** 2 + down ** 2;
  const share = squared ? ((x - x1) * across + (y - y1) * down) / squared : 0;
  const at = Math.min(Math.max(share, 0), 1);
  return Math.hypot(x1 + at * across - x, y1 + at * down - y);
}

/** Where a key leads from one stop: left and right along a run, up and down to another run. */
function step(stops, from, key) {
  const walked = stops.filter((stop) => stop.run !== null);
  if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(key)) return null;
  const run = walked.filter((stop) => stop.run === (from?.run ?? walked[0]?.run));
  const place = run.indexOf(from);
  if (place < 0) return walked[0] ?? null;
  if (key === "ArrowLeft") return run[Math.max(place - 1, 0)];
  if (key === "ArrowRight") return run[Math.min(place + 1, run.length - 1)];
  if (key === "Home") return run[0];
  if (key === "End") return run[run.length - 1];
  const runs = [...new Set(walked.map((stop) => stop.run))];
  const turn = runs.indexOf(from.run) + (key === "ArrowDown" ? 1 : runs.length - 1);
  return walked.find((stop) => stop.run === runs[turn % runs.length]);
}

/** What is said of a stop, and of the points that lie on the same spot; their names first. */
function together(stop, stops) {
  if (!stop.point) return stop.said;
  const [across, up] = stop.at;
  const here = stops.filter(({ point, grid, at }) =>
    point && grid === stop.grid && at[0] === across && at[1] === up);
  return [...new Set([...here.map((each) => each.said[0]), ...here.flatMap((each) => each.said)])];
}

/** What is said of a stop, line by line. */
function said({ point, curve, corner }) {
  if (point) return point.said;
  const [across, up, threshold] = corner;
  const percent = (share) => `${(100 * share).toFixed(1)}%`;
  return [
    `${curve.name}, ${curve.area}`,
    threshold === null ? "threshold above every score" : `threshold ${threshold.toFixed(4)}`,
    `sensitivity ${percent(up)}`,
    `1 ${MINUS} specificity ${percent(across)}`,
  ];
}
