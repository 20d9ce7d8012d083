// Which songs are wanted: the filters and the regions that are drawn on the map.

const filters = {
  words: [],
  artist: "",
  quadrants: new Set(),
  valence: [LOW, HIGH],
  arousal: [LOW, HIGH],
  regions: [], // polygons, each a list of [valence, arousal]
};
let searchTexts = null;

// Text without case and accents.
function plain(text) {
  return text.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase();
}

function searchTextOf(song) {
  searchTexts ??= Array.from({ length: COUNT }, (_, one) =>
    plain([titleOf(one), artistOf(one), albumOf(one), pathOf(one)].join("\n")),
  );
  return searchTexts[song];
}

function isFiltered() {
  const { words, artist, quadrants, regions } = filters;
  return words.length > 0 || artist !== "" || quadrants.size > 0 || regions.length > 0 || isRanged();
}

function isRanged() {
  return [filters.valence, filters.arousal].some(([low, high]) => low > LOW || high < HIGH);
}

// The artists that are wanted: the one of this name, or else all whose name contains it.
function artistTest() {
  const wanted = plain(filters.artist);
  const isExact = DATA.songs.artist.values.some((name) => plain(name) === wanted);
  const fitting = new Set(
    DATA.songs.artist.values.filter((name) => (isExact ? plain(name) === wanted : plain(name).includes(wanted))),
  );
  return (song) => fitting.has(artistOf(song));
}

function shownSongs() {
  const tests = [];
  if (filters.quadrants.size > 0) tests.push((song) => filters.quadrants.has(quadrantOf[song]));
  for (const name of ["valence", "arousal"]) {
    const [low, high] = filters[name];
    if (low > LOW) tests.push((song) => numbers[name][song] >= low);
    if (high < HIGH) tests.push((song) => numbers[name][song] <= high);
  }
  if (filters.regions.length > 0) tests.push(isInRegion);
  if (filters.artist !== "") tests.push(artistTest());
  if (filters.words.length > 0) tests.push((song) => filters.words.every((word) => searchTextOf(song).includes(word)));
  const shown = [];
  for (let song = 0; song < COUNT; song++) if (tests.every((test) => test(song))) shown.push(song);
  return shown;
}

function isInRegion(song) {
  return filters.regions.some((polygon) => isInside(numbers.valence[song], numbers.arousal[song], polygon));
}

// Whether a point is inside a polygon: a ray to the right crosses its border an odd number of times.
function isInside(x, y, polygon) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [x1, y1] = polygon[i];
    const [x2, y2] = polygon[j];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}

function clearFilters() {
  Object.assign(filters, { words: [], artist: "", valence: [LOW, HIGH], arousal: [LOW, HIGH], regions: [] });
  filters.quadrants.clear();
}
