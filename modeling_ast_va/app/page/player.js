// Moves a point along the course of a song while it plays. Runs in gr.HTML, which gives `element` and `watch`.
const songs = (window.astVaSongs ??= new Map());
const addresses = new Map(); // of the copies that are played, by key

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
const numbers = (text) => text.split(" ").map(Number);

// The rating at a time, between the two closest moments of the course.
const ratingAt = (course, time) => {
  const next = course.findIndex((moment) => moment[0] > time);
  if (next <= 0) return (next === 0 ? course[0] : course[course.length - 1]).slice(1);
  const [before, after] = [course[next - 1], course[next]];
  const share = (time - before[0]) / (after[0] - before[0]);
  return [1, 2].map((i) => before[i] + share * (after[i] - before[i]));
};

const show = (card) => {
  const time = card.querySelector("audio").currentTime;
  const [low, high] = numbers(card.dataset.scale);
  const rating = ratingAt(JSON.parse(card.dataset.course), time);
  const [valence, arousal] = rating.map((value) => Math.min(1, Math.max(0, (value - low) / (high - low))));
  const move = (mark, x, y) => {
    mark.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)})`);
    mark.removeAttribute("visibility");
  };
  const plane = card.querySelector(".va-plane");
  let [left, bottom, right, top] = numbers(plane.dataset.box);
  move(plane.querySelector(".va-now"), left + valence * (right - left), bottom + arousal * (top - bottom));
  const course = card.querySelector(".va-course");
  [left, bottom, right, top] = numbers(course.dataset.box);
  const x = left + Math.min(1, time / Number(course.dataset.seconds)) * (right - left);
  move(course.querySelector(".va-cursor"), x, 0);
  move(course.querySelector(".va-at.va-valence"), x, bottom + valence * (top - bottom));
  move(course.querySelector(".va-at.va-arousal"), x, bottom + arousal * (top - bottom));
  const [first, second] = rating.map((value) => value.toFixed(1));
  card.querySelector(".va-moment").textContent = `At ${clock(time)}: valence ${first}, arousal ${second}`;
};

const follow = (audio) => {
  const card = audio.closest(".va-card");
  if (!card) return;
  show(card);
  if (!audio.paused && !audio.ended) requestAnimationFrame(() => follow(audio));
};

// Events of media do not bubble, but they can be captured.
element.addEventListener(
  "play",
  (event) => {
    for (const other of document.querySelectorAll(".va-card audio")) {
      if (other !== event.target) other.pause();
    }
    follow(event.target);
  },
  true
);
for (const type of ["timeupdate", "seeked"]) {
  element.addEventListener(type, (event) => event.target.closest(".va-card") && show(event.target.closest(".va-card")), true);
}
element.addEventListener(
  "error",
  (event) => {
    const player = event.target.closest(".va-player");
    if (player) player.querySelector(".va-unplayable").hidden = false;
  },
  true
);
element.addEventListener("click", (event) => {
  const course = event.target.closest(".va-course");
  const audio = course?.closest(".va-card").querySelector("audio");
  if (!audio?.duration) return;
  const [left, , right] = numbers(course.dataset.box);
  const frame = course.getBoundingClientRect();
  const x = ((event.clientX - frame.left) / frame.width) * course.viewBox.baseVal.width;
  audio.currentTime = Math.min(1, Math.max(0, (x - left) / (right - left))) * Number(course.dataset.seconds);
});

// Gives players the songs of this page; songs that are no longer shown are forgotten.
const attach = () => {
  const shown = new Set();
  for (const card of element.querySelectorAll(".va-card[data-song]")) {
    const [key, audio] = [card.dataset.song, card.querySelector("audio")];
    shown.add(key);
    if (!songs.has(key)) continue;
    if (!addresses.has(key)) addresses.set(key, URL.createObjectURL(songs.get(key)));
    if (audio.src !== addresses.get(key)) audio.src = addresses.get(key);
  }
  for (const [key, address] of addresses) {
    if (shown.has(key)) continue;
    URL.revokeObjectURL(address);
    addresses.delete(key);
    songs.delete(key);
  }
};
watch("value", attach);
