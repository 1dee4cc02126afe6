// What the charts share: colours of the page, numbers and times as the reader writes them.

// The library is large: the page is painted before it runs.
export async function library() {
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

// `2025-12-05 00:10` in a zone: as everywhere on the pages.
export function times(zone) {
  const format = new Intl.DateTimeFormat("sv-SE", {
    timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
  });
  return (ms) => format.format(ms);
}

// Milliseconds by which a zone's clocks are ahead of UTC at an instant.
export function offset(zone, ms) {
  const told = times(zone)(ms);
  return Date.parse(`${told.replace(" ", "T")}:00Z`) - Math.floor(ms / 60_000) * 60_000;
}

export async function fetched(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

// An element instead of markup: no part of a name can become a tag.
export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function row(...cells) {
  return element("tr", "", ...cells.map((cell) => element("td", "", cell)));
}

export function tooltip(palette, more) {
  return {
    backgroundColor: palette.card, borderColor: palette.line, textStyle: { color: palette.ink },
    confine: true, ...more,
  };
}

export function told(box, text) {
  box.replaceChildren(element("p", "", text));
  box.classList.add("chart-message");
}

// Where an axis begins whose values are a little below zero, as own consumption is: there, and not
// a whole step lower.
export function floor(values, axisLabel) {
  const known = values.filter((value) => value !== null);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const isLittle = least < 0 && least > -0.05 * most;
  return isLittle ? { min: least, axisLabel: { ...axisLabel, showMinLabel: false } } : { axisLabel };
}
