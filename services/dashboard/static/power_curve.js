// The power curve: every window a point, and the mean of each bin.

import { colours, element, fetched, floor, numbers, onColoursChanged, row, told, tooltip } from "./charts.js";

export async function drawCurve(box, library) {
  const words = JSON.parse(box.dataset.labels);
  const number = numbers(box.dataset.language);
  let found;
  try {
    [found] = await Promise.all([fetched(box.dataset.address), library]);
  } catch {
    told(box, words.failed);
    return;
  }
  if (!found.bins.length) {
    told(box, words.empty);
    return;
  }
  const chart = echarts.init(box, null, { renderer: "canvas" });
  const draw = () => chart.setOption(option(found, words, number, colours()), true);
  draw();
  onColoursChanged(draw);
  new ResizeObserver(() => chart.resize()).observe(box);
  box.dataset.drawn = found.points.length;
}

function option(found, words, number, palette) {
  const axis = { axisLabel: { color: palette.quiet, formatter: number }, nameTextStyle: { color: palette.quiet }, splitLine: { lineStyle: { color: palette.line } } };
  return {
    animation: false,
    textStyle: { fontFamily: "inherit" },
    grid: { left: 56, right: 16, top: 58, bottom: 42 },
    legend: { top: 0, textStyle: { color: palette.ink }, data: [words.points, words.bins] },
    xAxis: { ...axis, type: "value", name: `${words.wind}${unit(found.wind_unit)}`, nameLocation: "middle", nameGap: 26 },
    yAxis: { ...axis, ...floor(found.points.map(([, power]) => power), axis.axisLabel), type: "value", name: `${words.power}${unit(found.power_unit)}`, nameTextStyle: { ...axis.nameTextStyle, align: "left" } },
    tooltip: tooltip(palette, { trigger: "item", formatter: (at) => tip(at, found, words, number) }),
    series: [
      { name: words.points, type: "scatter", data: found.points, symbolSize: 4, itemStyle: { color: palette.power, opacity: 0.45 }, large: found.points.length > 3000 },
      { name: words.bins, type: "line", data: found.bins.map((bin) => [bin.wind, bin.power]), symbolSize: 7, itemStyle: { color: palette.wind }, lineStyle: { width: 2, color: palette.wind } },
    ],
  };
}

function unit(text) {
  return text ? ` (${text})` : "";
}

function tip(at, found, words, number) {
  const [wind, power] = at.value;
  const table = element("table", "", row(words.wind, `${number(wind)} ${found.wind_unit ?? ""}`), row(words.power, `${number(power)} ${found.power_unit ?? ""}`));
  if (at.seriesIndex === 1) table.append(row(words.windows, number(found.bins[at.dataIndex].windows)));
  return element("div", "tip", table);
}
