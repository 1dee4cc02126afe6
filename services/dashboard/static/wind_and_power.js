// Wind over power: the mean as a line in its band from min to max. Both share one zoom; where a
// point stands for several windows, zooming in fetches those that are in sight.

import { colours, element, fetched, floor, numbers, offset, onColoursChanged, row, times, told, tooltip } from "./charts.js";

const FETCH_AFTER_MS = 200;
const DAYS_FROM_MS = 3 * 86_400_000;
const GRIDS = [{ top: 34, height: "38%" }, { top: "57%", height: "26%" }];

export async function drawWind(box, library) {
  const view = new View(box, library);
  await view.show(box.dataset.address); // as the page has it preloaded
}

class View {
  constructor(box, library) {
    this.box = box;
    this.library = library;
    this.words = JSON.parse(box.dataset.labels);
    this.names = JSON.parse(box.dataset.names);
    this.number = numbers(box.dataset.language);
    this.time = times(box.dataset.zone);
    const query = new URLSearchParams(box.dataset.address.split("?")[1]);
    this.whole = [Date.parse(query.get("start")), Date.parse(query.get("end"))];
    // The axis counts in the zone's clock, so that its marks stand at full hours of it.
    this.shift = offset(box.dataset.zone, this.whole[0]);
    this.asked = 0;
  }

  address([start, end]) {
    const address = new URL(this.box.dataset.address, location.href);
    address.searchParams.set("start", new Date(start).toISOString());
    address.searchParams.set("end", new Date(end).toISOString());
    address.searchParams.set("points", Math.max(100, Math.round(this.box.clientWidth)));
    return address;
  }

  async show(address) {
    const number = ++this.asked;
    let found;
    try {
      [found] = await Promise.all([fetched(address), this.library]);
    } catch {
      if (!this.chart) told(this.box, this.words.failed);
      return;
    }
    if (number !== this.asked) return; // the reader has zoomed on
    this.found = found;
    document.getElementById("wind-step").hidden = found.step_s === found.window_s;
    if (this.chart) this.chart.setOption({ series: this.series(colours()) });
    else this.begin();
    this.box.dataset.step = found.step_s;
  }

  begin() {
    this.chart = echarts.init(this.box, null, { renderer: "canvas" });
    const draw = () => this.chart.setOption(this.option(colours()), true);
    draw();
    onColoursChanged(draw);
    new ResizeObserver(() => this.chart.resize()).observe(this.box);
    this.chart.on("dataZoom", () => this.zoomed());
    for (const button of document.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => this.zoom(Number(button.dataset.zoom)));
    }
    this.box.dataset.drawn = this.found.series[0].mean.length;
  }

  // A mark of the axis, in the zone's clock of that day: of more than some days, days.
  mark(at) {
    const [from, to] = this.sight();
    // The axis's own date: its midnights are an hour off where clocks have changed since its start.
    if (to - from > DAYS_FROM_MS) return new Date(at).toISOString().slice(5, 10);
    const [day, clock] = this.time(at - this.shift).split(" ");
    return clock === "00:00" ? day.slice(5) : clock;
  }

  sight() {
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

  zoomed() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.fetchSight(), FETCH_AFTER_MS);
  }

  fetchSight() {
    const window = this.found.window_s * 1000;
    const [from, to] = this.sight().map((at) => Math.round((at - this.whole[0]) / window) * window + this.whole[0]);
    const least = Math.max(to, from + window);
    const isWhole = Date.parse(this.found.start) <= from && least <= Date.parse(this.found.end);
    if (isWhole && this.found.step_s === this.found.window_s) return;
    this.show(this.address([from, least]));
  }

  at(index) {
    return Date.parse(this.found.start) + index * this.found.step_s * 1000;
  }

  series(palette) {
    const paint = [palette.wind, palette.power];
    return this.found.series.flatMap((each, place) => {
      const points = (values) => values.map((value, n) => [this.at(n) + this.shift, value]);
      const height = each.max.map((max, n) => (max === null || each.min[n] === null ? null : max - each.min[n]));
      const common = { type: "line", xAxisIndex: place, yAxisIndex: place, symbol: "none", connectNulls: false };
      const band = { ...common, stack: each.variable, stackStrategy: "all", lineStyle: { width: 0 }, silent: true };
      return [
        { ...band, id: `${each.variable}.min`, data: points(each.min) },
        { ...band, id: `${each.variable}.max`, data: points(height), areaStyle: { color: paint[place], opacity: 0.22 } },
        { ...common, ...dots(each.mean), id: `${each.variable}.mean`, data: points(each.mean), lineStyle: { width: 1.6, color: paint[place] }, itemStyle: { color: paint[place] } },
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
        type: "time", gridIndex: n, min, max, axisLabel: { ...label, show: n === 1, hideOverlap: true, formatter: (at) => this.mark(at) },
        axisLine: { lineStyle: { color: palette.line } }, splitLine: { show: false },
      })),
      yAxis: this.found.series.map((each, n) => ({
        type: "value", gridIndex: n, splitNumber: 4, ...floor([...each.min, ...each.mean, ...each.max], amount),
        name: `${this.names[each.variable]}${each.unit ? ` (${each.unit})` : ""}`,
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
      tooltip: tooltip(palette, { trigger: "axis", formatter: (shown) => this.tip(shown[0].dataIndex) }),
      series: this.series(palette),
    };
  }

  tip(index) {
    const table = element("table", "");
    for (const each of this.found.series) {
      const name = element("b", "", this.names[each.variable]);
      if (each.mean[index] === null) {
        table.append(row(name, this.words.gap));
        continue;
      }
      const unit = each.unit ?? "";
      table.append(row(name, ""), row(this.words.mean, `${this.number(each.mean[index])} ${unit}`));
      table.append(row(this.words.range, `${this.number(each.min[index])} … ${this.number(each.max[index])} ${unit}`));
      if (each.std[index] !== null) table.append(row(this.words.std, `${this.number(each.std[index])} ${unit}`));
    }
    const times = element("div", "", `${this.time(this.at(index))} ${this.box.dataset.zone}`);
    const several = this.found.step_s / this.found.window_s;
    return element("div", "tip", times, ...(several > 1 ? [`${several} ${this.words.windows}`] : []), table);
  }
}

// A value between two gaps makes no line: it is a dot.
function dots(values) {
  const isAlone = (n) => values[n] !== null && (values[n - 1] ?? null) === null && (values[n + 1] ?? null) === null;
  if (!values.some((_, n) => isAlone(n))) return {};
  return { symbol: "circle", showAllSymbol: true, symbolSize: (_, { dataIndex }) => (isAlone(dataIndex) ? 4 : 0) };
}
