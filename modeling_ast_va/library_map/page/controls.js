// The controls that filter.

const SEARCH_MILLISECONDS = 150; // after the last key
const RANGE_STEP = 0.1;

function startControls(update) {
  let waiting = 0;
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, SEARCH_MILLISECONDS);
  };
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("search").addEventListener("input", (event) => {
    filters.words = plain(event.target.value).split(/\s+/).filter(Boolean);
    later();
  });
  const artist = document.getElementById("artist");
  artist.addEventListener("focus", listArtists, { once: true });
  artist.addEventListener("input", () => {
    filters.artist = artist.value.trim();
    later();
  });
  document.getElementById("quadrants").append(...QUADRANTS.map((name, quadrant) => quadrantButton(name, quadrant, update)));
  for (const fieldset of document.querySelectorAll(".range")) startRange(fieldset, later);
  document.getElementById("clear").addEventListener("click", () => {
    clearFilters();
    document.getElementById("filters").reset();
    showFilters();
    update();
    document.getElementById("download").focus({ preventScroll: true }); // this button is gone
  });
  showFilters();
}

function listArtists() {
  const names = DATA.songs.artist.values.filter(Boolean).sort((one, other) => one.localeCompare(other));
  document.getElementById("artists").replaceChildren(
    ...names.map((name) => Object.assign(document.createElement("option"), { value: name })),
  );
}

function quadrantButton(name, quadrant, update) {
  const button = element("button", name);
  const number = quadrantOf.reduce((sum, one) => sum + (one === quadrant), 0);
  button.append(element("span", count(number), "number"));
  Object.assign(button, { type: "button" }).dataset.quadrant = quadrant;
  button.addEventListener("click", () => {
    if (!filters.quadrants.delete(quadrant)) filters.quadrants.add(quadrant);
    showFilters();
    update();
  });
  return button;
}

// Two sliders on one line, neither of which passes the other.
function startRange(fieldset, update) {
  const name = fieldset.dataset.dimension;
  const inputs = [...fieldset.querySelectorAll("input")];
  inputs.forEach((input, end) => {
    Object.assign(input, { min: LOW, max: HIGH, step: RANGE_STEP, value: end === 0 ? LOW : HIGH });
    input.defaultValue = input.value;
    input.addEventListener("input", () => {
      const [low, high] = inputs.map((one) => Number(one.value));
      if (low > high) input.value = end === 0 ? high : low;
      filters[name] = inputs.map((one) => Number(one.value));
      showFilters();
      update();
    });
  });
}

function showFilters() {
  for (const button of document.querySelectorAll("#quadrants button")) {
    button.setAttribute("aria-pressed", String(filters.quadrants.has(Number(button.dataset.quadrant))));
  }
  for (const fieldset of document.querySelectorAll(".range")) {
    const [low, high] = filters[fieldset.dataset.dimension];
    fieldset.querySelector("output").textContent = `${low.toFixed(1)} to ${high.toFixed(1)}`;
    const slider = fieldset.querySelector(".slider");
    slider.style.setProperty("--from", `${(100 * (low - LOW)) / (HIGH - LOW)}%`);
    slider.style.setProperty("--to", `${(100 * (high - LOW)) / (HIGH - LOW)}%`);
  }
}
