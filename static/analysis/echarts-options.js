// A chart's numbers as ECharts takes them, and the stops at which they can be read.
const COLUMN_PX = 380; // panels narrower than this stand below each other
const SIDE_PX = 500; // of the largest panel
const EDGE = { left: 64, right: 22, top: 34, bottom: 54 };
const LEGEND_LINE_PX = 32;
const LEGEND_ENTRY_PX = 165;
const TIP_GAP_PX = 14;
const ARROW_GAP_PX = 9;
const BEND = 0.35;

// Bright enough for a dark ground, apart for the colour-blind; marks and dashes repeat them.
const BLUE = "#56b4e9";
const GREEN = "#35c79a";
const ORANGE = "#ff9a4d";
const PINK = "#e29ae0";
const GROUPS = {
  senior: { color: BLUE, symbol: "circle" },
  middle: { color: GREEN, symbol: "rect" },
  junior: { color: ORANGE, symbol: "triangle" },
};
const CURVES = {
  reactive_hyperplasia: { color: BLUE, type: "solid" },
  tuberculous_lymphadenitis: { color: GREEN, type: [7, 4] },
  lymphoma: { color: ORANGE, type: [9, 3, 2, 3] },
  metastatic_carcinoma: { color: PINK, type: [2, 3] },
};

/**
 * The option of a chart in so many pixels, how wide and high it becomes, and its stops: each with
 * the name of its series, grid, seriesIndex and dataIndex, ``at`` in data, whether it is inside the
 * panel, what is there (point, or curve and corner), and the run to which it belongs for whoever
 * walks with the keyboard: null for what is drawn again.
 */
export function layOut(found, width, theme) {
  const views = found.panels.flatMap(viewsOf);
  const boxes = boxesOf(views.length, width);
  const drawn = views.map((view, grid) => seriesOf(view, boxes[grid], grid, theme));
  const series = drawn.flat();
  const names = [...new Set(series.map(({ series: { name } }) => name).filter(Boolean))];
  const used = Math.max(...boxes.map((box) => box.left + box.side)) + EDGE.right;
  const legendLines = Math.ceil((names.length * LEGEND_ENTRY_PX) / used);
  const foot = Math.max(...boxes.map((box) => box.top + box.side)) + EDGE.bottom;
  const height = foot + legendLines * LEGEND_LINE_PX;
  return {
    width: used,
    height,
    stops: stopsOf(series),
    option: {
      animation: false,
      textStyle: { fontFamily: theme.font, color: theme.ink },
      title: views.map((view, grid) => titleOf(view, boxes[grid], theme)),
      grid: boxes.map(({ left, top, side }) => ({
        left, top, width: side, height: side, outerBoundsMode: "none",
      })),
      xAxis: views.map((view, grid) => axisOf(view.across, grid, found.axes[0], 30, theme)),
      yAxis: views.map((view, grid) => axisOf(view.up, grid, found.axes[1], 46, theme)),
      legend: { ...legendOf(names, views, theme), top: foot, width: used - 20 },
      tooltip: tooltipOf(theme),
      series: series.map((each) => each.series),
    },
  };
}

function legendOf(data, views, theme) {
  const hasMarks = views.some(({ points }) => points.length);
  return {
    data, left: "center", itemGap: 14, itemWidth: hasMarks ? 15 : 44, itemHeight: 13,
    inactiveColor: theme.line, textStyle: { color: theme.ink, fontSize: 13 },
  };
}

/** Nothing shows it but a call: what is near is found by this project's own measure. */
function tooltipOf(theme) {
  return {
    trigger: "item", triggerOn: "none", renderMode: "richText", confine: true,
    transitionDuration: 0, formatter: theme.tip, position: besides, backgroundColor: theme.ground,
    borderColor: theme.soft, borderWidth: 1, textStyle: { color: theme.ink },
  };
}

/** Where a tip of this size goes: to the right of its place, or else to the left. */
function besides([x, y], _values, _element, _rectangle, { contentSize: [width, height], viewSize }) {
  const right = x + TIP_GAP_PX;
  return [right + width <= viewSize[0] ? right : x - TIP_GAP_PX - width, y - height / 2];
}

/** A panel as it is, and the part that is drawn again, enlarged. */
function viewsOf(found) {
  const panel = { ...found, points: found.points.map((point, place) => ({ ...point, place })) };
  const whole = { ...panel, across: [0, 1], up: [0, 1], isWhole: true };
  if (!panel.enlarged) return [{ ...whole, isLast: true }];
  return [whole, { ...panel, ...panel.enlarged, isWhole: false, isLast: true }];
}

/** Upper left corner and side of each square panel. */
function boxesOf(count, width) {
  const columns = count > 1 && width >= 2 * COLUMN_PX ? 2 : 1;
  const side = Math.min(SIDE_PX, Math.floor(width / columns) - EDGE.left - EDGE.right);
  const [cell, line] = [side + EDGE.left + EDGE.right, side + EDGE.top + EDGE.bottom];
  return Array.from({ length: count }, (_, place) => ({
    left: (place % columns) * cell + EDGE.left,
    top: Math.floor(place / columns) * line + EDGE.top,
    side,
  }));
}

function titleOf(view, { left, top, side }, theme) {
  return {
    text: view.title, left, top: top - 26, padding: 0,
    textStyle: { fontSize: 14, color: theme.ink, width: side, overflow: "truncate" },
  };
}

function axisOf([min, max], gridIndex, name, nameGap, theme) {
  const line = { lineStyle: { color: theme.soft } };
  return {
    type: "value", gridIndex, min, max, name, nameGap, nameLocation: "middle",
    nameTextStyle: { color: theme.ink, fontSize: 13 }, axisLine: { show: true, onZero: false, ...line },
    axisTick: { show: true, ...line }, splitLine: { lineStyle: { color: theme.line, opacity: 0.6 } },
    axisLabel: {
      color: theme.soft, fontSize: 12, showMinLabel: min === 0, showMaxLabel: max === 1,
      formatter: (value) => `${Number((100 * value).toFixed(1))}%`,
    },
  };
}

/** The series of a view, each with what its data stand for. */
function seriesOf(view, box, grid, theme) {
  const on = { xAxisIndex: grid, yAxisIndex: grid };
  const curves = view.curves.map((curve) => curveOf(view, curve, on, theme));
  const found = [...curves, ...pointsOf(view, on, theme)].map((each) => ({ ...each, grid, view }));
  const around = view.isWhole ? [diagonal(on, theme), ...frame(view, on, theme)] : [];
  return [...around, ...found, ...arrowsOf(view, box, on)];
}

function curveOf(view, curve, on, theme) {
  const { color, type } = CURVES[curve.key] ?? { color: theme.ink, type: "solid" };
  const series = {
    ...on, type: "line", name: curve.name, data: curve.corners.map((corner) => corner.slice(0, 2)),
    showSymbol: false, symbol: "circle", symbolSize: 9, silent: true, z: 2,
    lineStyle: { color, type, width: 2 }, itemStyle: { color }, emphasis: { lineStyle: { width: 2 } },
  };
  return { series, curve, run: view.isWhole ? `${on.xAxisIndex} ${curve.name}` : null };
}

/** A series for each group and stage, hollow without AI and filled with it, and one for the model. */
function pointsOf(view, on, theme) {
  const size = view.isWhole && view.enlarged ? 7 : 11;
  const kinds = new Map(view.points.map((point) => [kindOf(point), []]));
  for (const point of view.points) kinds.get(kindOf(point)).push(point);
  return [...kinds].map(([name, points]) => {
    const [{ group, stage }] = points;
    const { color, symbol } = GROUPS[group] ?? { color: theme.ink, symbol: "diamond" };
    const isHollow = stage !== "with AI";
    const series = {
      ...on, type: "scatter", name, data: points.map(({ at }) => at), symbol, silent: true,
      symbolSize: isHollow ? size * 1.3 : size, z: isHollow ? 4 : 5,
      itemStyle: { color: isHollow ? theme.ground : color, borderColor: color, borderWidth: 2, opacity: 1 },
    };
    return { series, points, run: view.isLast ? "points" : null };
  });
}

function kindOf({ subject, group, stage }) {
  return group ? `${group}, ${stage}` : `${subject} as decided`;
}

/** From without to with AI, bent to either side in turn, as all would lie on one line. */
function arrowsOf(view, box, on) {
  if (!view.isLast) return [];
  const scale = [view.across, view.up].map(([low, high]) => box.side / (high - low));
  const found = view.points.filter(({ stage }) => stage === "without AI").map((from, place) => {
    const to = view.points[view.points.indexOf(from) + 1];
    const coords = apart(from.at, to.at, scale);
    const { color } = GROUPS[from.group] ?? {};
    return { name: kindOf(to), coords, lineStyle: { color, curveness: place % 2 ? BEND : -BEND } };
  });
  // A legend's entry takes the arrows of its group with it.
  return [...new Set(found.map(({ name }) => name))].map((name) => ({
    series: {
      ...on, type: "lines", coordinateSystem: "cartesian2d", name, silent: true, z: 3,
      data: found.filter((arrow) => arrow.name === name && arrow.coords)
        .map(({ coords, lineStyle }) => ({ coords, lineStyle })),
      symbol: ["none", "arrow"], symbolSize: 8, lineStyle: { width: 1.3, opacity: 0.9 },
    },
  }));
}

/** Both ends drawn back from their points, so that an arrow's head is seen; null if they touch. */
function apart(from, to, scale) {
  const length = Math.hypot(...from.map((_, axis) => (to[axis] - from[axis]) * scale[axis]));
  if (length < 3 * ARROW_GAP_PX) return null;
  const back = ARROW_GAP_PX / length;
  const between = (share) => from.map((value, axis) => value + share * (to[axis] - value));
  return [between(back), between(1 - back)];
}

function diagonal(on, theme) {
  return outline([[0, 0], [1, 1]], on, theme);
}

function frame({ enlarged }, on, theme) {
  if (!enlarged) return [];
  const { across: [left, right], up: [low, high] } = enlarged;
  const corners = [[left, low], [right, low], [right, high], [left, high], [left, low]];
  return [outline(corners, on, theme)];
}

function outline(data, on, theme) {
  const lineStyle = { color: theme.soft, width: 1, type: "solid", opacity: 0.7 };
  return { series: { ...on, type: "line", data, showSymbol: false, silent: true, z: 1, lineStyle } };
}

/** Where something can be read, the readers' points first and reader by reader. */
function stopsOf(series) {
  const found = series.flatMap((entry, seriesIndex) => {
    const { series: { name }, grid, run, view, points = [], curve } = entry;
    const stop = (at, dataIndex, what) => ({
      name, grid, run, seriesIndex, dataIndex, at, isInside: isInside(at, view), ...what,
    });
    if (curve) {
      return curve.corners.map((corner, i) => stop(corner.slice(0, 2), i, { curve, corner }));
    }
    return points.map((point, i) => stop(point.at, i, { point }));
  });
  const rank = ({ point }) => (point ? point.place : Infinity);
  return found.sort((one, other) => (rank(one) < rank(other) ? -1 : Number(rank(one) > rank(other))));
}

function isInside([x, y], { across, up }) {
  return across[0] <= x && x <= across[1] && up[0] <= y && y <= up[1];
}
