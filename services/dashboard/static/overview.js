// The overview's charts, and the map of days with its newest in sight.

import { library } from "./charts.js";
import { drawCurve } from "./power_curve.js";
import { drawWind } from "./wind_and_power.js";

const map = document.getElementById("heat");
if (map) map.scrollLeft = map.scrollWidth;

const ready = library();
for (const [id, draw] of [["wind", drawWind], ["curve", drawCurve]]) {
  const box = document.getElementById(id);
  if (box) await draw(box, ready);
}
