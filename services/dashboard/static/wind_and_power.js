// Wind speed above power: the mean as a line in the band from minimum to maximum. Both share one zoom.
// If a point combines several windows, zooming in fetches the windows in view.

import { colours, element, fetchJson, floor, numbers, offset, onColoursChanged, row, times, showMessage, tooltip } from "./charts.js";

const FETCH_AFTER_MS = 200;
const DATES_FROM_MS = 3 * 86_400_000;
const GRIDS = [{ top: 34, height: "38%" }, { top: "57%", height: "26%" }];

export async function drawWindAndPower(box, library) {
  const chart = new Chart(box, library);
  await chart.show(box.dataset.url); // the URL that the page preloads
}

class Chart {
  constructor(box, library) {
    this.box = box;
    this.library = library;
    this.labels = JSON.parse(box.dataset.labels);
    this.names = JSON.parse(box.dataset.names);
    this.number = numbers(box.dataset.language);
    this.time = times(box.dataset.zone);
    const query = new URLSearchParams(box.dataset.url.split("?")[1]);
    this.whole = [Date.parse(query.get("start")), Date.parse(query.get("end"))];
    // The axis uses local time, so that its labels are at full local hours.
    this.shift = offset(box.dataset.zone, this.whole[0]);
    this.requests = 0;
  }

  url([start, end]) {
    const url = new URL(this.box.dataset.url, location.href);
    url.searchParams.set("start", new Date(start).toISOString());
    url.searchParams.set("end", new Date(end).toISOString());
    url.searchParams.set("points", Math.max(100, Math.round(this.box.clientWidth)));
    return url;
  }

  async show(url) {
    const request = ++this.requests;
    let data;
    try {
      [data] = await Promise.all([fetchJson(url), this.library]);
    } catch {
      if (!this.chart) showMessage(this.box, this.labels.failed);
      return;
    }
    if (request !== this.requests) return; // a newer request was made
    this.data = data;
    document.getElementById("wind-step").hidden = data.step_s === data.window_s;
    if (this.chart) this.chart.setOption({ series: this.series(colours()) });
    else this.begin();
    this.box.dataset.step = data.step_s;
  }

  begin() {
    this.chart = echarts.init(this.box, null, { renderer: "canvas" });
    const draw = () => this.chart.setOption(this.option(colours()), true);
    draw();
    onColoursChanged(draw);
    new ResizeObserver(() => this.chart.resize()).observe(this.box);
    this.chart.on("dataZoom", () => this.onZoom());
    for (const button of document.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => this.zoom(Number(button.dataset.zoom)));
    }
    this.box.dataset.drawn = this.data.series[0].mean.length;
  }

  // A label of the axis in local time; only the date if the view is longer than three days.
  axisLabel(at) {
    const [from, to] = this.range();
    // The date of the axis: after a clock change its midnights differ from local midnight by an hour.
    if (to - from > DATES_FROM_MS) return new Date(at).toISOString().slice(5, 10);
    const [day, clock] = this.time(at - this.shift).split(" ");
    return clock === "00:00" ? day.slice(5) : clock;
  }

  range() {
    const { start, end } = this.chart.getOption().dataZoom[0];
    const [from, to] = this.whole;
    return [from + ((to - from) * start) / 100, from + ((to - from) * end) / 100];
  }

  zoom(factor) {
    const { start, end } = this.chart.getOption().dataZoom[0];
    const middle = (start + end) / 2;
    const half = Math.min(50, ((end - start) / 2) * factor);
    const from = Math.min(Math.max(0, middle - half), 100 - 2 * half);
    this.chart.dispatchAction({ type: "dataZoom", start: from, end: from + 2 * half });
  }

  onZoom() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.fetchRange(), FETCH_AFTER_MS);
  }

  fetchRange() {
    const window = this.data.window_s * 1000;
    const [from, to] = this.range().map((at) => Math.round((at - this.whole[0]) / window) * window + this.whole[0]);
    const end = Math.max(to, from + window);
    const isLoaded = Date.parse(this.data.start) <= from && end <= Date.parse(this.data.end);
    if (isLoaded && this.data.step_s === this.data.window_s) return;
    this.show(this.url([from, end]));
  }

  at(index) {
    return Date.parse(this.data.start) + index * this.data.step_s * 1000;
  }

  series(palette) {
    const colors = [palette.wind, palette.power];
    return this.data.series.flatMap((series, index) => {
      const points = (values) => values.map((value, n) => [this.at(n) + this.shift, value]);
      const height = series.max.map((max, n) => (max === null || series.min[n] === null ? null : max - series.min[n]));
      const common = { type: "line", xAxisIndex: index, yAxisIndex: index, symbol: "none", connectNulls: false };
      const band = { ...common, stack: series.variable, stackStrategy: "all", lineStyle: { width: 0 }, silent: true };
      return [
        { ...band, id: `${series.variable}.min`, data: points(series.min) },
        { ...band, id: `${series.variable}.max`, data: points(height), areaStyle: { color: colors[index], opacity: 0.22 } },
        { ...common, ...dots(series.mean), id: `${series.variable}.mean`, data: points(series.mean), lineStyle: { width: 1.6, color: colors[index] }, itemStyle: { color: colors[index] } },
      ];
    });
  }

  option(palette) {
    const both = [0, 1];
    const label = { color: palette.quiet };
    const amount = { ...label, formatter: this.number };
    const [min, max] = this.whole.map((at) => at + this.shift);
    return {
      animation: false,
      useUTC: true,
      textStyle: { fontFamily: "inherit" },
      grid: GRIDS.map((grid) => ({ left: 56, right: 16, ...grid })),
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      xAxis: both.map((n) => ({
        type: "time", gridIndex: n, min, max, axisLabel: { ...label, show: n === 1, hideOverlap: true, formatter: (at) => this.axisLabel(at) },
        axisLine: { lineStyle: { color: palette.line } }, splitLine: { show: false },
      })),
      yAxis: this.data.series.map((series, n) => ({
        type: "value", gridIndex: n, splitNumber: 4, ...floor([...series.min, ...series.mean, ...series.max], amount),
        name: `${this.names[series.variable]}${series.unit ? ` (${series.unit})` : ""}`,
        nameTextStyle: { color: palette.ink, align: "left", fontWeight: 600 },
        splitLine: { lineStyle: { color: palette.line } },
      })),
      dataZoom: [
        { type: "inside", xAxisIndex: both, zoomOnMouseWheel: "ctrl", filterMode: "none" },
        {
          type: "slider", xAxisIndex: both, bottom: 6, height: 18, showDataShadow: false, filterMode: "none", brushSelect: false,
          labelFormatter: (at) => this.time(at - this.shift), textStyle: label, borderColor: palette.line,
        },
      ],
      tooltip: tooltip(palette, { trigger: "axis", formatter: (points) => this.tip(points[0].dataIndex) }),
      series: this.series(palette),
    };
  }

  tip(index) {
    const table = element("table", "");
    for (const series of this.data.series) {
      const name = element("b", "", this.names[series.variable]);
      if (series.mean[index] === null) {
        table.append(row(name, this.labels.gap));
        continue;
      }
      const unit = series.unit ?? "";
      table.append(row(name, ""), row(this.labels.mean, `${this.number(series.mean[index])} ${unit}`));
      table.append(row(this.labels.range, `${this.number(series.min[index])} … ${this.number(series.max[index])} ${unit}`));
      if (series.std[index] !== null) table.append(row(this.labels.std, `${this.number(series.std[index])} ${unit}`));
    }
    const times = element("div", "", `${this.time(this.at(index))} ${this.box.dataset.zone}`);
    const windows = this.data.step_s / this.data.window_s;
    return element("div", "tip", times, ...(windows > 1 ? [`${windows} ${this.labels.windows}`] : []), table);
  }
}

// A single value between two gaps is drawn as a dot, because it makes no line.
function dots(values) {
  const isIsolated = (n) => values[n] !== null && (values[n - 1] ?? null) === null && (values[n + 1] ?? null) === null;
  if (!values.some((_, n) => isIsolated(n))) return {};
  return { symbol: "circle", showAllSymbol: true, symbolSize: (_, { dataIndex }) => (isIsolated(dataIndex) ? 4 : 0) };
}
