// The chart of a history. Its values are those of the table below it.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import {clock, day, say, time} from "./_say";

const figure = document.getElementById("chart");
const table = document.getElementById("points");
if (figure && table) {
  const data = read(table);
  let chart = draw(figure, data);
  new ResizeObserver(() => chart.setSize(size(figure))).observe(figure);
  // The colours are the page's, which change with the scheme.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    chart.destroy();
    chart = draw(figure, data);
  });
}

// read takes the values from the table, oldest first.
function read(table: HTMLElement): uPlot.AlignedData {
  const at: number[] = [];
  const values: number[] = [];
  for (const row of table.querySelectorAll("tbody tr")) {
    const when = row.querySelector("time")?.dateTime;
    const value = row.querySelector("data")?.value;
    if (when === undefined || value === undefined) continue;
    at.unshift(Date.parse(when) / 1000);
    values.unshift(Number(value));
  }
  return [at, values];
}

function size(figure: HTMLElement): {width: number; height: number} {
  const inner = figure.clientWidth - 2 * parseFloat(getComputedStyle(figure).paddingLeft);
  return {width: Math.max(240, Math.floor(inner)), height: 240};
}

function draw(figure: HTMLElement, data: uPlot.AlignedData): uPlot {
  const colour = (name: string) => getComputedStyle(figure).getPropertyValue(name).trim();
  const axis = {stroke: colour("--soft"), grid: {stroke: colour("--line"), width: 1}, ticks: {stroke: colour("--line"), width: 1}};
  figure.querySelector("svg")?.remove();
  const unit = figure.dataset.unit ? ` ${figure.dataset.unit}` : "";
  const chart = new uPlot(
    {
      ...size(figure),
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      cursor: {drag: {x: false, y: false}},
      scales: {x: {time: true}},
      axes: [
        {
          ...axis,
          space: 70,
          values: (_, ticks) => ticks.map((t, i) => {
            const d = new Date(t * 1000);
            const before = ticks[i - 1];
            const newDay = before === undefined || day.format(d) !== day.format(new Date(before * 1000));
            return newDay ? day.format(d) + "\n" + clock.format(d) : clock.format(d);
          }),
        },
        {...axis, size: 64, values: (_, ticks) => ticks.map(say)},
      ],
      series: [
        {label: "UTC", value: (_, t) => (t == null ? "–" : time(new Date(t * 1000).toISOString()))},
        {label: figure.dataset.label ?? "", stroke: colour("--accent"), width: 2, points: {show: data[0].length < 60}, value: (_, v) => say(v) + (v == null ? "" : unit)},
      ],
    },
    data,
    figure,
  );
  // What the picture says is in the table; a screen reader needs no empty canvas.
  chart.root.setAttribute("aria-hidden", "true");
  return chart;
}
