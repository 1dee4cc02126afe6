// The overview's charts, and the map of days with its newest in sight.

import { drawCurve } from "./curve.js";
import { drawWind } from "./wind.js";

const wind = document.getElementById("wind");
if (wind) drawWind(wind);

const curve = document.getElementById("curve");
if (curve) drawCurve(curve);

const map = document.getElementById("heat");
if (map) map.scrollLeft = map.scrollWidth;
