// The power curve: one point per window, and the mean of each bin.

import { colours, element, fetchJson, floor, numbers, onColoursChanged, row, showMessage, tooltip } from "./charts.js";

export async function drawCurve(box, library) {
  const labels = JSON.parse(box.dataset.labels);
  const number = numbers(box.dataset.language);
  let curve;
  try {
    [curve] = await Promise.all([fetchJson(box.dataset.url), library]);
  } catch {
    showMessage(box, labels.failed);
    return;
  }
  if (!curve.bins.length) {
    showMessage(box, labels.empty);
    return;
  }
  const chart = echarts.init(box, null, { renderer: "canvas" });
  const draw = () => chart.setOption(option(curve, labels, number, colours()), true);
  draw();
  onColoursChanged(draw);
  new ResizeObserver(() => chart.resize()).observe(box);
  box.dataset.drawn = curve.points.length;
}

function option(curve, labels, number, palette) {
  const axis = { axisLabel: { color: palette.quiet, formatter: number }, nameTextStyle: { color: palette.quiet }, splitLine: { lineStyle: { color: palette.line } } };
  return {
    animation: false,
    textStyle: { fontFamily: "inherit" },
    grid: { left: 56, right: 16, top: 58, bottom: 42 },
    legend: { top: 0, textStyle: { color: palette.ink }, data: [labels.points, labels.bins] },
    xAxis: { ...axis, type: "value", name: `${labels.wind}${unit(curve.wind_unit)}`, nameLocation: "middle", nameGap: 26 },
    yAxis: { ...axis, ...floor(curve.points.map(([, power]) => power), axis.axisLabel), type: "value", name: `${labels.power}${unit(curve.power_unit)}`, nameTextStyle: { ...axis.nameTextStyle, align: "left" } },
    tooltip: tooltip(palette, { trigger: "item", formatter: (at) => tip(at, curve, labels, number) }),
    series: [
      { name: labels.points, type: "scatter", data: curve.points, symbolSize: 4, itemStyle: { color: palette.power, opacity: 0.45 }, large: curve.points.length > 3000 },
      { name: labels.bins, type: "line", data: curve.bins.map((bin) => [bin.wind, bin.power]), symbolSize: 7, itemStyle: { color: palette.wind }, lineStyle: { width: 2, color: palette.wind } },
    ],
  };
}

function unit(text) {
  return text ? ` (${text})` : "";
}

function tip(at, curve, labels, number) {
  const [wind, power] = at.value;
  const table = element("table", "", row(labels.wind, `${number(wind)} ${curve.wind_unit ?? ""}`), row(labels.power, `${number(power)} ${curve.power_unit ?? ""}`));
  if (at.seriesIndex === 1) table.append(row(labels.windows, number(curve.bins[at.dataIndex].windows)));
  return element("div", "tip", table);
}
