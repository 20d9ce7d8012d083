// Where many songs are: a smooth density on a grid, drawn as contours beneath the points.

const DENSITY_FROM = 1500; // songs; fewer are seen one by one
const CELLS = 96; // of each axis
const BLUR_CELLS = 2;
const LEVELS = 7;
const LEVEL_ALPHA = 0.06;

function densityTrace(songs, color) {
  const cell = (HIGH - LOW) / CELLS;
  let grid = new Float32Array(CELLS * CELLS);
  const place = (rating) => Math.min(CELLS - 1, Math.floor((rating - LOW) / cell));
  for (const song of songs) grid[place(numbers.arousal[song]) * CELLS + place(numbers.valence[song])] += 1;
  for (let pass = 0; pass < 3; pass++) grid = blurred(blurred(grid, 1, CELLS), CELLS, 1); // nearly a Gaussian
  const centres = Array.from({ length: CELLS }, (_, i) => LOW + (i + 0.5) * cell);
  // The root shows sparse parts beside dense ones.
  const rows = centres.map((_, row) => Array.from(grid.subarray(row * CELLS, (row + 1) * CELLS), Math.sqrt));
  const most = rows.reduce((max, row) => Math.max(max, ...row), 0);
  return {
    type: "contour",
    x: centres,
    y: centres,
    z: rows,
    autocontour: false,
    contours: { start: most / LEVELS, end: most, size: most / LEVELS, coloring: "fill" },
    line: { width: 0.6, color: withAlpha(color, 0.4), smoothing: 1.2 },
    // Levels lie on each other, so that one shade is enough.
    colorscale: [
      [0, withAlpha(color, LEVEL_ALPHA)],
      [1, withAlpha(color, LEVEL_ALPHA)],
    ],
    zmin: 0,
    zmax: most,
    showscale: false,
    hoverinfo: "skip",
  };
}

// The mean over neighbours along one axis of the grid.
function blurred(grid, step, stride) {
  const result = new Float32Array(grid.length);
  for (let line = 0; line < CELLS; line++) {
    for (let i = 0; i < CELLS; i++) {
      let sum = 0;
      const [from, to] = [Math.max(0, i - BLUR_CELLS), Math.min(CELLS - 1, i + BLUR_CELLS)];
      for (let j = from; j <= to; j++) sum += grid[line * stride + j * step];
      result[line * stride + i * step] = sum / (2 * BLUR_CELLS + 1);
    }
  }
  return result;
}

// A colour #rrggbb that is partly transparent.
function withAlpha(color, alpha) {
  const [red, green, blue] = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}
