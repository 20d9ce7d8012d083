// Plays a song and draws its course over time.

const audio = document.getElementById("audio");
const problem = document.getElementById("problem");
const course = document.getElementById("course");
const TICK_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
let playing = null;

function play(song) {
  playing = song;
  document.getElementById("hint").hidden = true;
  document.getElementById("playing").hidden = false;
  document.getElementById("playing-title").textContent = titleOf(song);
  document.getElementById("playing-artist").textContent = artistOf(song);
  const ratings = `Valence ${ratingText("valence", song)}, arousal ${ratingText("arousal", song)}, ${QUADRANTS[quadrantOf[song]]}`;
  document.getElementById("playing-ratings").textContent = ratings;
  problem.hidden = true;
  audio.hidden = !isPlayable(song);
  if (isPlayable(song)) {
    audio.src = urlOf(song);
    audio.play().catch((error) => {
      // A newer song interrupts this one; the event `error` reports a file that cannot be played.
      if (!["AbortError", "NotSupportedError"].includes(error.name)) showProblem(`Cannot be played: ${error.message}`);
    });
  } else {
    audio.removeAttribute("src");
    showProblem(`A browser cannot play from this address: ${pathOf(song)}`);
  }
  drawCourse();
  markCurrent();
  markPlaying();
}

function showProblem(text) {
  problem.textContent = text;
  problem.hidden = false;
}

function drawCourse() {
  const points = playing === null ? null : courseOf(playing);
  document.getElementById("course-figure").hidden = points === null;
  if (points === null) return;
  const { ink, muted, line, surface, arousal } = themeColors();
  const trace = (name, color, dash) => ({
    type: "scatter",
    mode: points.seconds.length === 1 ? "markers" : "lines",
    x: points.seconds,
    y: points[name],
    line: { color, width: 2, dash },
    marker: { color },
    name,
    hovertemplate: `${name} %{y:.1f}<extra></extra>`,
  });
  const end = Math.max(1, audio.duration || 0, points.seconds.at(-1));
  const step = TICK_SECONDS.find((one) => end / one <= 8) ?? 14400;
  const ticks = Array.from({ length: Math.floor(end / step) + 1 }, (_, i) => i * step);
  const axis = { gridcolor: line, zeroline: false, fixedrange: true, ...TICKS };
  const layout = {
    margin: { l: 28, r: 12, t: 8, b: 24 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: muted, family: fontFamily(), size: 11 },
    hovermode: "x unified",
    showlegend: false,
    xaxis: { ...axis, range: [0, end], tickvals: ticks, ticktext: ticks.map(clock) },
    yaxis: { ...axis, range: [LOW, HIGH], tickvals: [LOW, MIDDLE, HIGH] },
    shapes: [playhead(ink)],
    hoverlabel: { bgcolor: surface, font: { color: ink } },
  };
  const isNew = course.data === undefined;
  Plotly.react(course, [trace("valence", ink, "solid"), trace("arousal", arousal, "solid")], layout, {
    displayModeBar: false,
    responsive: true,
  });
  if (isNew) course.on("plotly_click", (event) => seek(event.points[0].x));
}

function playhead(color) {
  const now = audio.currentTime || 0;
  return { type: "line", x0: now, x1: now, yref: "paper", y0: 0, y1: 1, line: { color, width: 1 } };
}

function seek(seconds) {
  if (Number.isFinite(audio.duration)) audio.currentTime = Math.min(seconds, audio.duration);
}

function clock(seconds) {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.round(seconds) % 60];
  const padded = (number) => String(number).padStart(2, "0");
  return hours > 0 ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`;
}

function startPlayer() {
  audio.addEventListener("error", () => {
    if (playing === null || !audio.hasAttribute("src")) return;
    const reason = "This file cannot be played. It may have been moved or deleted, or the browser does not support its format";
    showProblem(`${reason}: ${playlistAddress(playing)}`);
  });
  audio.addEventListener("playing", () => (problem.hidden = true));
  audio.addEventListener("durationchange", drawCourse);
  for (const name of ["timeupdate", "seeked"]) {
    audio.addEventListener(name, () => {
      if (course.data !== undefined && courseOf(playing) !== null) {
        Plotly.relayout(course, { shapes: [playhead(themeColors().ink)] });
      }
    });
  }
}
