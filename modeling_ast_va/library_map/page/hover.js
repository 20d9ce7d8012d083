// The card beside the point under the pointer. Names are put in as text, never as markup.

const hoverCard = document.getElementById("hover");
const BETTER = { valence: "more pleasant", arousal: "more excited" };

function element(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function nameElement(tag, text, className) {
  const made = element(tag, text, className);
  made.dir = "auto";
  return made;
}

function ratingText(name, song) {
  return numbers[name][song].toFixed(1);
}

// Rating, interval and percentile of one dimension, as far as the table has them.
function describeDimension(name, song) {
  const row = document.createElement("div");
  row.className = "rating";
  row.append(element("span", name === "valence" ? "Valence" : "Arousal"), element("b", ratingText(name, song)));
  const [low, high, percentile] = ["low", "high", "percentile"].map((kind) => numberOf(`${name}_${kind}`, song));
  if (low !== null && high !== null) row.append(element("span", `${low.toFixed(1)} to ${high.toFixed(1)}`, "interval"));
  if (percentile !== null) {
    row.append(element("small", `${BETTER[name]} than ${Math.round(percentile)} % of the data set`));
  }
  return row;
}

function quadrantText(song) {
  const probability = numberOf("quadrant_probability", song);
  const name = QUADRANTS[quadrantOf[song]];
  return probability === null ? name : `${name}, probability ${Math.round(100 * probability)} %`;
}

function showHover(song, x, y) {
  const quadrant = element("p", quadrantText(song), "quadrant");
  quadrant.dataset.quadrant = quadrantOf[song];
  hoverCard.replaceChildren(
    nameElement("strong", titleOf(song)),
    ...[artistOf(song), albumOf(song)].filter(Boolean).map((name) => nameElement("span", name, "by")),
    describeDimension("valence", song),
    describeDimension("arousal", song),
    quadrant,
  );
  hoverCard.hidden = false;
  const { width, height } = hoverCard.getBoundingClientRect();
  const left = x + 16 + width > innerWidth ? x - 16 - width : x + 16;
  hoverCard.style.left = `${Math.max(8, left)}px`;
  hoverCard.style.top = `${Math.max(8, Math.min(y - height / 2, innerHeight - height - 8))}px`;
}

function hideHover() {
  hoverCard.hidden = true;
}
