// Colours of the figures: those of the style sheet, in the light or dark scheme of the system.

const dark = matchMedia("(prefers-color-scheme: dark)");
let colorsOfTheme = null;

function themeColors() {
  if (colorsOfTheme === null) {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(`--${name}`).trim();
    colorsOfTheme = Object.fromEntries(
      ["ink", "muted", "line", "middle", "faint", "surface", "arousal"].map((name) => [name, color(name)]),
    );
    colorsOfTheme.quadrants = QUADRANTS.map((_, quadrant) => color(`quadrant-${quadrant}`));
    colorsOfTheme.names = QUADRANTS.map((_, quadrant) => color(`quadrant-name-${quadrant}`));
  }
  return colorsOfTheme;
}

function fontFamily() {
  return getComputedStyle(document.body).fontFamily;
}

function onThemeChange(redraw) {
  dark.addEventListener("change", () => {
    colorsOfTheme = null;
    redraw();
  });
}
