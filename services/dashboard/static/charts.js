// Shared by the charts: colours of the page, localised numbers and times.

// Loads ECharts after the first paint, because it is large.
export async function loadLibrary() {
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const script = document.createElement("script");
  script.src = document.getElementById("library").href;
  const loaded = new Promise((resolve, reject) => Object.assign(script, { onload: resolve, onerror: reject }));
  document.head.append(script);
  return loaded;
}

export function colours() {
  const sheet = getComputedStyle(document.documentElement);
  const names = ["ink", "quiet", "line", "card", "wind", "power", "accent"];
  return Object.fromEntries(names.map((name) => [name, sheet.getPropertyValue(`--${name}`).trim()]));
}

export function onColoursChanged(draw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

export function numbers(language) {
  const format = new Intl.NumberFormat(language, { maximumSignificantDigits: 4 });
  return (value) => (value === null || value === undefined ? "–" : format.format(value));
}

// Formats times as `2025-12-05 00:10` in a time zone, like the rest of the page.
export function times(zone) {
  const format = new Intl.DateTimeFormat("sv-SE", {
    timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
  });
  return (ms) => format.format(ms);
}

// The UTC offset of a time zone at a time, in milliseconds.
export function offset(zone, ms) {
  const local = times(zone)(ms);
  return Date.parse(`${local.replace(" ", "T")}:00Z`) - Math.floor(ms / 60_000) * 60_000;
}

export async function fetchJson(url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`${response.status}`);
  return response.json();
}

// Builds an element, so that no name can be interpreted as markup.
export function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

export function row(...cells) {
  return element("tr", "", ...cells.map((cell) => element("td", "", cell)));
}

export function tooltip(palette, options) {
  return {
    backgroundColor: palette.card, borderColor: palette.line, textStyle: { color: palette.ink },
    confine: true, ...options,
  };
}

export function showMessage(box, text) {
  box.replaceChildren(element("p", "", text));
  box.classList.add("chart-message");
}

// Axis options. If the values are only a little below zero (own consumption of the turbine), the axis
// starts at the minimum instead of a whole step lower.
export function floor(values, axisLabel) {
  const known = values.filter((value) => value !== null);
  const [min, max] = [Math.min(...known), Math.max(...known)];
  const isSlightlyNegative = min < 0 && min > -0.05 * max;
  return isSlightlyNegative ? { min, axisLabel: { ...axisLabel, showMinLabel: false } } : { axisLabel };
}
