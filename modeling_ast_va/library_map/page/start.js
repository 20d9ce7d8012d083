// Starts the page, and keeps its parts in step with the filters.

function songsText(number) {
  return `${count(number)} ${number === 1 ? "song" : "songs"}`;
}

function update() {
  shown = shownSongs();
  hideHover();
  const drawn = drawPlane();
  listSongs(shown);
  const isSome = isFiltered();
  const selected = filters.regions.length > 0 ? " in the selection" : "";
  document.getElementById("shown").textContent = isSome
    ? `${count(shown.length)} of ${songsText(COUNT)}${selected}`
    : `All ${songsText(COUNT)}`;
  document.getElementById("clear").hidden = !isSome;
  const download = document.getElementById("download");
  download.disabled = shown.length === 0;
  document.getElementById("left-out").hidden = true;
  return drawn;
}

function showTotals() {
  document.getElementById("total").textContent = `${songsText(COUNT)} by valence and arousal`;
  const { count: number, path, error } = DATA.unrated;
  const unrated = document.getElementById("unrated");
  unrated.hidden = number === 0;
  unrated.querySelector("summary").textContent = `${songsText(number)} could not be rated`;
  const rows = path.map((name, i) => {
    const row = nameElement("li", readable(name));
    row.append(element("small", error[i]));
    return row;
  });
  if (number > path.length) rows.push(element("li", `and ${count(number - path.length)} more: see the column error of the table.`));
  unrated.querySelector("ul").replaceChildren(...rows);
}

async function start() {
  showTotals();
  startControls(update);
  startPlayer();
  document.getElementById("download").addEventListener("click", () => downloadPlaylist(shown));
  await update();
  startView(update);
  onThemeChange(() => {
    drawPlane();
    drawCourse();
  });
  performance.mark("map-drawn");
  document.documentElement.dataset.drawn = "true";
}

start();
