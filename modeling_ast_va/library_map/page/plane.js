// The valence-arousal plane with a point for each song.

const plane = document.getElementById("plane");
const MIDDLE = (LOW + HIGH) / 2;
const MOST_IN_SVG = 1000; // points; more are drawn by WebGL
const MARGIN = { l: 52, r: 12, t: 10, b: 50 };
const MOST_LABELLED = 25;
const RING_PIXELS = 11;
const TINT = 0.07; // of the quadrants
const CONFIG = { displayModeBar: false, scrollZoom: true, doubleClick: false, responsive: false };
// Where a quadrant is, and at which corner its name stands.
const CORNERS = { Excited: [HIGH, HIGH], Calm: [HIGH, LOW], Sad: [LOW, LOW], Distressed: [LOW, HIGH] };
const TICKS = { ticks: "outside", ticklen: 5, tickcolor: "rgba(0,0,0,0)" };
let members = []; // the songs of each trace
let shown = [];
let dragMode = "pan";

const usesWebGL = COUNT > MOST_IN_SVG && document.createElement("canvas").getContext("webgl") !== null;

function pointStyle(number) {
  if (number <= 60) return { size: 13, opacity: 0.95, line: 1.5 };
  if (number <= 600) return { size: 9, opacity: 0.85, line: 1 };
  if (number <= 3000) return { size: 6, opacity: 0.7, line: 0 };
  if (number <= 10_000) return { size: 4, opacity: 0.5, line: 0 };
  return { size: 3, opacity: 0.38, line: 0 };
}

function pointTrace(songs, color, style, more = {}) {
  return {
    type: usesWebGL ? "scattergl" : "scatter",
    mode: "markers",
    x: Float32Array.from(songs, (song) => numbers.valence[song]),
    y: Float32Array.from(songs, (song) => numbers.arousal[song]),
    marker: { color, size: style.size, opacity: style.opacity, line: { width: style.line, color: themeColors().surface } },
    hoverinfo: "none",
    ...more,
  };
}

function traces() {
  const colors = themeColors();
  const style = pointStyle(COUNT);
  const isShown = new Uint8Array(COUNT);
  for (const song of shown) isShown[song] = 1;
  const others = Array.from({ length: COUNT - shown.length });
  let place = 0;
  for (let song = 0; song < COUNT; song++) if (!isShown[song]) others[place++] = song;
  const groups = QUADRANTS.map(() => []);
  for (const song of shown) groups[quadrantOf[song]].push(song);
  members = [others, ...groups];
  const faint = { ...style, opacity: style.opacity * 0.3, line: 0 };
  const made = [pointTrace(others, colors.faint, faint, { hoverinfo: "skip" })];
  const labels = COUNT <= MOST_LABELLED ? labelsOf(shown) : null;
  groups.forEach((songs, quadrant) => made.push(pointTrace(songs, colors.quadrants[quadrant], style, labels?.(songs))));
  if (COUNT >= DENSITY_FROM) made.push(densityTrace(shown, colors.ink));
  return made;
}

// Titles beside the points of a small library, each on a side where it covers nothing; else it has none.
function labelsOf(songs) {
  const width = (plane.clientWidth - MARGIN.l - MARGIN.r) / (HIGH - LOW);
  const height = (plane.clientHeight - MARGIN.t - MARGIN.b) / (HIGH - LOW);
  const place = (song) => [numbers.valence[song] * width, numbers.arousal[song] * height];
  const taken = songs.map((song) => boxAround(...place(song), 14, 14));
  const sides = new Map();
  for (const song of songs) {
    const [x, y] = place(song);
    const half = labelOf(song).length * 3.4 + 3;
    const boxes = {
      "top center": boxAround(x, y + 17, 2 * half, 16),
      "bottom center": boxAround(x, y - 17, 2 * half, 16),
      "middle right": boxAround(x + half + 10, y, 2 * half, 16),
      "middle left": boxAround(x - half - 10, y, 2 * half, 16),
    };
    const isFree = (box) =>
      box.left > LOW * width && box.right < HIGH * width && !taken.some((other) => overlap(box, other));
    const side = Object.keys(boxes).find((name) => isFree(boxes[name]));
    if (side === undefined) continue;
    taken.push(boxes[side]);
    sides.set(song, side);
  }
  return (group) => ({
    mode: "markers+text",
    text: group.map((song) => (sides.has(song) ? escaped(labelOf(song)) : "")),
    textposition: group.map((song) => sides.get(song) ?? "top center"),
    textfont: { color: themeColors().ink, size: 12 },
    cliponaxis: false,
  });
}

function labelOf(song) {
  const letters = Array.from(titleOf(song));
  return letters.length > 28 ? `${letters.slice(0, 27).join("")}…` : letters.join("");
}

function boxAround(x, y, width, height) {
  return { left: x - width / 2, right: x + width / 2, bottom: y - height / 2, top: y + height / 2 };
}

function overlap(one, other) {
  return one.left < other.right && other.left < one.right && one.bottom < other.top && other.bottom < one.top;
}

// plotly reads some markup in texts: none of a name may be taken for it.
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function shapes() {
  const colors = themeColors();
  const tints = QUADRANTS.map((name, quadrant) => ({
    type: "rect",
    layer: "below",
    line: { width: 0 },
    fillcolor: withAlpha(colors.quadrants[quadrant], TINT),
    ...{ x0: MIDDLE, x1: CORNERS[name][0], y0: MIDDLE, y1: CORNERS[name][1] },
  }));
  const middle = { type: "line", layer: "below", line: { width: 1, color: colors.middle } };
  const regions = filters.regions.map((polygon) => ({
    type: "path",
    path: `M${polygon.map(([x, y]) => `${x},${y}`).join("L")}Z`,
    line: { width: 1.5, color: colors.ink, dash: "dot" },
  }));
  const lines = [
    { ...middle, x0: LOW, x1: HIGH, y0: MIDDLE, y1: MIDDLE },
    { ...middle, x0: MIDDLE, x1: MIDDLE, y0: LOW, y1: HIGH },
  ];
  return [...tints, ...lines, ...regions, ...ring()];
}

// A ring around the song that is played.
function ring() {
  if (playing === null) return [];
  const [x, y] = [numbers.valence[playing], numbers.arousal[playing]];
  const size = { x0: -RING_PIXELS, x1: RING_PIXELS, y0: -RING_PIXELS, y1: RING_PIXELS };
  const place = { xsizemode: "pixel", ysizemode: "pixel", xanchor: x, yanchor: y, ...size };
  return [{ type: "circle", ...place, line: { width: 2.5, color: themeColors().ink } }];
}

function annotations() {
  const colors = themeColors();
  const names = QUADRANTS.map((name, quadrant) => {
    const [x, y] = CORNERS[name];
    const [xanchor, yanchor] = [x === HIGH ? "right" : "left", y === HIGH ? "top" : "bottom"];
    const font = { size: 15, color: colors.names[quadrant], weight: 600 };
    return { x, y, text: name, showarrow: false, xanchor, yanchor, font, borderpad: 6 };
  });
  const word = (text, at, isValence) => {
    const anchor = ["left", "center", "right"][at * 2];
    const along = isValence ? { x: at, xanchor: anchor } : { y: at, yanchor: ["bottom", "middle", "top"][at * 2] };
    const across = isValence ? { y: 0, yanchor: "top", yshift: -24 } : { x: 0, xanchor: "right", xshift: -24, textangle: -90 };
    const font = { size: 13, color: at === 0.5 ? colors.ink : colors.muted, weight: at === 0.5 ? 600 : 400 };
    return { xref: "paper", yref: "paper", text, showarrow: false, font, ...along, ...across };
  };
  const valence = [word("unpleasant", 0, true), word("Valence", 0.5, true), word("pleasant", 1, true)];
  const arousal = [word("calm", 0, false), word("Arousal", 0.5, false), word("excited", 1, false)];
  return [...names, ...valence, ...arousal];
}

function planeLayout() {
  const colors = themeColors();
  const axis = { gridcolor: colors.line, zeroline: false, tickfont: { color: colors.muted, size: 11 }, ...TICKS };
  const ranges = plane.layout ? [plane.layout.xaxis.range, plane.layout.yaxis.range] : [WHOLE, WHOLE];
  return {
    margin: MARGIN,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: fontFamily(), color: colors.ink },
    showlegend: false,
    hovermode: "closest",
    hoverdistance: 12,
    dragmode: dragMode,
    xaxis: { ...axis, range: [...ranges[0]] },
    yaxis: { ...axis, range: [...ranges[1]] },
    shapes: shapes(),
    annotations: annotations(),
    selections: [],
    newselection: { line: { color: colors.ink, width: 1.5, dash: "dot" } },
  };
}
