// The songs that are shown as a list: the way to play them without a pointer.

const MOST_LISTED = 100;

function listSongs(shown) {
  const list = document.getElementById("songs");
  list.replaceChildren(...shown.slice(0, MOST_LISTED).map(listItem));
  const more = document.getElementById("more");
  more.hidden = shown.length <= MOST_LISTED;
  more.textContent = `and ${count(shown.length - MOST_LISTED)} more: search or filter to see them.`;
}

function listItem(song) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.song = song;
  button.dataset.quadrant = quadrantOf[song];
  button.append(nameElement("span", titleOf(song), "title"), nameElement("span", artistOf(song), "by"));
  const ratings = element("span", `${ratingText("valence", song)} · ${ratingText("arousal", song)}`, "numbers");
  ratings.setAttribute("aria-label", `valence ${ratingText("valence", song)}, arousal ${ratingText("arousal", song)}`);
  button.append(ratings);
  if (song === playing) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => play(song));
  item.append(button);
  return item;
}

function markPlaying() {
  for (const button of document.querySelectorAll("#songs button")) {
    if (Number(button.dataset.song) === playing) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

function count(number) {
  return number.toLocaleString("en");
}
