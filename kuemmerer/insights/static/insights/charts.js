/*
 Draws the tables of figures as charts, with uPlot. The table is the source: what a chart shows stands there.

 data-chart="lines|bars"   where the chart goes
 data-from="#id"           its table: rows of days (time[datetime]), a column for each th[data-series]
 data-series="accent"      the colour, a custom property of desk.css; the cells carry data-value, empty for none
 data-unit="minutes"       values are minutes; data-minutes and data-hours are the units' short names
 tr[data-closed]           a closed day, drawn shaded
 Nothing moves, so there is nothing to stop for those who asked for less motion.
*/
(() => {
  "use strict";
  const locale = document.documentElement.lang;
  const HEIGHT = 200;
  const drawn = new Map();

  function color(place, name) {
    // A custom property is not resolved when it is read; a colour is.
    place.style.color = `var(--${name})`;
    const found = getComputedStyle(place).color;
    place.style.color = "";
    return found;
  }
  function read(table) {
    const heads = [...table.querySelectorAll("thead th")];
    const rows = [...table.querySelectorAll("tbody tr")];
    const series = heads.map((head, index) => ({ head, index })).filter(({ head }) => head.dataset.series);
    const value = (cell) => cell.dataset.value === "" ? null : Number(cell.dataset.value);
    return {
      day: heads[0].textContent.trim(),
      days: rows.map((row) => Date.parse(`${row.querySelector("time").dateTime}T00:00:00Z`) / 1000),
      closed: rows.map((row) => row.hasAttribute("data-closed")),
      names: series.map(({ head }) => head.textContent.trim()),
      colors: series.map(({ head }) => head.dataset.series),
      values: series.map(({ index }) => rows.map((row) => value(row.children[index]))),
    };
  }
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  function writer(place) {
    if (place.dataset.unit !== "minutes") return (value) => number.format(value);
    return (value) => value < 60 ? `${number.format(value)} ${place.dataset.minutes}` : `${number.format(value / 60)} ${place.dataset.hours}`;
  }
  function shade(closed, fill) {
    return (plot) => {
      const { ctx, bbox, data } = plot;
      const half = 43200;
      ctx.save();
      ctx.fillStyle = fill;
      data[0].forEach((day, index) => {
        if (!closed[index]) return;
        const left = Math.max(bbox.left, plot.valToPos(day - half, "x", true));
        const right = Math.min(bbox.left + bbox.width, plot.valToPos(day + half, "x", true));
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
      });
      ctx.restore();
    };
  }
  const day = (moment, options) => new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" }).format(moment * 1000);
  function options(place, figures) {
    const [text, line, ground] = ["text-2", "line", "sunken"].map((name) => color(place, name));
    const write = writer(place);
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: text, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const isBars = place.dataset.chart === "bars";
    // Hours rather than hundreds of minutes, and no halves of a case.
    const steps = place.dataset.unit === "minutes" ? [1, 5, 10, 15, 30, 60, 120, 240, 300, 480, 600, 960, 1200, 2400, 4800, 9600] : [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10000, 50000];
    return {
      width: Math.max(place.clientWidth, 200),
      height: HEIGHT,
      tzDate: (moment) => uPlot.tzDate(new Date(moment * 1000), "Etc/UTC"),
      cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
      scales: {
        x: { time: true, range: (_, low, high) => [low - 43200, high + 43200] },
        y: { range: (_, low, high) => [0, Math.max(high || 0, 1) * 1.08] },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 28, space: 60, incrs: [1, 2, 7, 14, 28].map((n) => n * 86400), values: (_, marks) => marks.map((mark) => day(mark, { day: "numeric", month: "short" })) },
        { ...axis, incrs: steps, size: 56, values: (_, marks) => marks.map((mark) => write(mark)) },
      ],
      series: [
        { label: figures.day, value: (_, moment) => moment === null ? "" : day(moment, { weekday: "short", day: "numeric", month: "long" }) },
        ...figures.names.map((name, index) => {
          const stroke = color(place, figures.colors[index]);
          return {
            label: name,
            stroke,
            width: isBars ? 0 : 2,
            fill: isBars ? stroke : undefined,
            dash: index ? [6, 4] : undefined,
            paths: isBars ? uPlot.paths.bars({ size: [0.7, 40] }) : undefined,
            points: { show: !isBars, size: 5, fill: stroke },
            value: (_, value) => value === null ? "–" : write(value),
          };
        }),
      ],
      hooks: { drawClear: [shade(figures.closed, ground)] },
    };
  }
  function draw(place) {
    const table = document.querySelector(place.dataset.from);
    if (!table || !place.clientWidth) return;
    drawn.get(place)?.destroy();
    const figures = read(table);
    drawn.set(place, new uPlot(options(place, figures), [figures.days, ...figures.values], place));
  }
  const places = () => document.querySelectorAll("[data-chart]");
  const size = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const plot = drawn.get(target);
      if (!plot) draw(target);
      else if (plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height: HEIGHT });
    }
  });
  function all() {
    for (const [place, plot] of drawn) {
      if (!place.isConnected) {
        plot.destroy();
        size.unobserve(place);
        drawn.delete(place);
      }
    }
    for (const place of places()) if (!drawn.has(place)) size.observe(place);
  }
  all();
  document.body.addEventListener("htmx:load", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => places().forEach(draw));
})();
