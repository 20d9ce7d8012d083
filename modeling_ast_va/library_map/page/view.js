// What part of the plane is in view, and what pointers do on it.

const WHOLE = [LOW, HIGH];
const ZOOM = 1.4;

function drawPlane() {
  return Plotly.react(plane, traces(), planeLayout(), CONFIG);
}

function markCurrent() {
  Plotly.relayout(plane, { shapes: shapes() });
}

function setView(xRange, yRange) {
  return Plotly.relayout(plane, { "xaxis.range": xRange, "yaxis.range": yRange });
}

function zoomBy(factor) {
  const scaled = ([low, high]) => {
    const [middle, half] = [(low + high) / 2, ((high - low) / 2) * factor];
    return [middle - half, middle + half];
  };
  return setView(scaled(plane.layout.xaxis.range), scaled(plane.layout.yaxis.range));
}

function zoomToSongs() {
  if (shown.length === 0) return setView([...WHOLE], [...WHOLE]);
  const range = (values) => {
    let [low, high] = [Infinity, -Infinity];
    for (const song of shown) [low, high] = [Math.min(low, values[song]), Math.max(high, values[song])];
    const margin = Math.max(0.25, (high - low) * 0.06);
    return [low - margin, high + margin];
  };
  return setView(range(numbers.valence), range(numbers.arousal));
}

// The regions that have been drawn, as polygons; plotly has boxes and paths.
function drawnRegions() {
  return (plane.layout.selections ?? []).map(({ type, x0, x1, y0, y1, path }) => {
    if (type !== "path") return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
    return path.replace(/[MZ]/g, "").split("L").map((point) => point.split(",").map(Number));
  });
}

function songOf(point) {
  return members[point.curveNumber]?.[point.pointNumber];
}

function startView(update) {
  plane.on("plotly_hover", ({ points, event }) => {
    const song = songOf(points[0]);
    if (song !== undefined) showHover(song, event.clientX, event.clientY);
  });
  plane.on("plotly_unhover", hideHover);
  plane.on("plotly_click", ({ points }) => {
    const song = songOf(points[0]);
    hideHover(); // a finger does not leave a point
    if (song !== undefined) play(song);
  });
  plane.on("plotly_doubleclick", () => setView([...WHOLE], [...WHOLE]));
  plane.on("plotly_selected", () => {
    const regions = drawnRegions();
    if (regions.length > 0) {
      filters.regions.push(...regions);
      update();
    }
  });
  // The player takes room from the map when it opens.
  new ResizeObserver(async () => {
    await Plotly.Plots.resize(plane);
    if (COUNT <= MOST_LABELLED) drawPlane(); // labels are placed by the size of the map
  }).observe(plane);
  document.getElementById("zoom-in").addEventListener("click", () => zoomBy(1 / ZOOM));
  document.getElementById("zoom-out").addEventListener("click", () => zoomBy(ZOOM));
  document.getElementById("zoom-songs").addEventListener("click", zoomToSongs);
  document.getElementById("zoom-all").addEventListener("click", () => setView([...WHOLE], [...WHOLE]));
  const modes = document.querySelectorAll("[data-drag]");
  for (const button of modes) {
    button.addEventListener("click", () => {
      dragMode = button.dataset.drag;
      for (const other of modes) other.setAttribute("aria-pressed", String(other === button));
      Plotly.relayout(plane, { dragmode: dragMode });
    });
  }
}
