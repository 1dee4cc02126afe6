// Draws the charts of the overview, and scrolls the table of loaded days to the newest day.

import { loadLibrary } from "./charts.js";
import { drawCurve } from "./power_curve.js";
import { drawWindAndPower } from "./wind_and_power.js";

const days = document.getElementById("loaded-days");
if (days) days.scrollLeft = days.scrollWidth;

const library = loadLibrary();
for (const [id, draw] of [["wind", drawWindAndPower], ["curve", drawCurve]]) {
  const box = document.getElementById(id);
  if (box) await draw(box, library);
}
