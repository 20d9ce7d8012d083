// The songs of the map: columns of the table, read from the element #data.

const DATA = JSON.parse(document.getElementById("data").textContent);
const [LOW, HIGH] = DATA.scale;
const COUNT = DATA.songs.count;
const QUADRANTS = DATA.quadrants;
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

function typed(text, Type) {
  return new Type(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer);
}

function lookup(column) {
  const index = typed(column.index, Uint32Array);
  return (song) => column.values[index[song]];
}

const quadrantOf = typed(DATA.songs.quadrant, Uint8Array);
const numbers = Object.fromEntries(
  Object.entries(DATA.songs.numbers).map(([name, text]) => [name, typed(text, Float32Array)]),
);
const artistOf = lookup(DATA.songs.artist);
const albumOf = lookup(DATA.songs.album);
const folderOf = lookup(DATA.songs.folder);

// A number of a song; null where the table has none.
function numberOf(name, song) {
  const value = numbers[name]?.[song];
  return value === undefined || Number.isNaN(value) ? null : value;
}

function titleOf(song) {
  return DATA.songs.title[song] || readable(DATA.songs.file[song]).replace(/(.)\.[^.]*$/, "$1");
}

// Bytes of a name that are not text came as lone surrogates; they are shown as in a table.
function readable(text) {
  return text.replace(/[\udc80-\udcff]/g, (one, place) => {
    const before = text.charCodeAt(place - 1);
    const isPair = before >= 0xd800 && before < 0xdc00;
    return isPair ? one : `\\x${(one.charCodeAt(0) - 0xdc00).toString(16)}`;
  });
}

function pathOf(song) {
  return readable(folderOf(song) + DATA.songs.file[song]);
}

// The URL of the file of a song, relative to the page.
function urlOf(song) {
  const address = folderOf(song) + DATA.songs.file[song];
  return SCHEME.test(address) ? address : address.split("/").map(encoded).join("/");
}

function encoded(name) {
  return Array.from(name, (one) => {
    const code = one.charCodeAt(0);
    const isByte = one.length === 1 && code >= 0xdc80 && code <= 0xdcff;
    return isByte ? `%${(code - 0xdc00).toString(16)}` : encodeURIComponent(one);
  }).join("");
}

function isPlayable(song) {
  const url = urlOf(song);
  return !SCHEME.test(url) || /^(https?|file):/i.test(url);
}

// Points of the course of a song over time; null where there is none.
const courseOf = DATA.courses ? readCourses(DATA.courses) : () => null;

function readCourses(courses) {
  const count = typed(courses.count, Uint8Array);
  const [first, step] = [typed(courses.first, Float32Array), typed(courses.step, Float32Array)];
  const [valence, arousal] = [typed(courses.valence, Uint8Array), typed(courses.arousal, Uint8Array)];
  const starts = new Uint32Array(COUNT);
  for (let song = 1; song < COUNT; song++) starts[song] = starts[song - 1] + count[song - 1];
  const ratings = (steps, song) =>
    Array.from(steps.subarray(starts[song], starts[song] + count[song]), (one) => LOW + (one / 255) * (HIGH - LOW));
  return (song) =>
    count[song] === 0
      ? null
      : {
          seconds: Array.from({ length: count[song] }, (_, point) => first[song] + point * step[song]),
          valence: ratings(valence, song),
          arousal: ratings(arousal, song),
        };
}
