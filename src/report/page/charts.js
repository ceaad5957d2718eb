"use strict";
// Charts as inline SVG, redrawn to the width of their place.
// whole: only whole numbers.
B.ticks = function (low, high, count, log, whole) {
  if (log) {
    const out = [];
    for (let e = Math.floor(Math.log10(low)) ; e <= Math.ceil(Math.log10(high)); ++e) {
      const wide = Math.log10(high / low) > 2.5;
      for (const m of wide ? [1] : [1, 2, 5]) {
        const t = m * 10 ** e;
        if (t >= low * 0.999 && t <= high * 1.001) out.push(t);
      }
    }
    if (out.length >= 2) return out;
  }
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  const nice = [1, 2, 5, 10].find((m) => m * power >= raw * 0.999) * power;
  const step = whole ? Math.max(1, nice) : nice;
  const out = [];
  for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + step * 1e-6; t += step) out.push(Math.abs(t) < step * 1e-9 ? 0 : t);
  return out;
};

// Texts below an axis, the first of `ticks` first: those that would touch one that is there are left out.
B.xTicks = function (svg, ticks, X, y, right, format, mark) {
  const taken = [];
  for (const t of ticks) {
    const text = format(t), half = 3.6 * text.length + 4;
    const x = Math.min(X(t), right - half);
    if (X(t) > right || taken.some(([a, b]) => x - half < b && x + half > a)) continue;
    taken.push([x - half, x + half]);
    mark(X(t));
    svg.append(B.s("text", {class: "tick", x, y, "text-anchor": "middle"}, text));
  }
};

// draw(svg, width) is called now and whenever the width changes; it returns the height.
B.chart = function (label, draw) {
  const box = B.h("div", {class: "chart"});
  let last = 0;
  const redraw = () => {
    const width = Math.max(260, Math.floor(box.clientWidth || 640));
    last = width;
    const svg = B.s("svg", {role: "group", "aria-label": label});
    const height = draw(svg, width);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    box.replaceChildren(svg);
  };
  // Not at once: a new height within the observer's turn would be a loop to the browser.
  new ResizeObserver(() => requestAnimationFrame(() => { if (Math.abs(box.clientWidth - last) > 1) redraw(); })).observe(box);
  box.redraw = redraw;
  return box;
};

B.stroke = (k, dash) => `fill: none; stroke: var(${k === "r" ? "--root" : "--c" + k}); stroke-width: 2; stroke-linejoin: round` + (dash ? "; stroke-dasharray: " + dash : "");

// spec(): {xLabel, yLabel, xFormat, yFormat, xWhole, yLog, series: [{name, k, dash, step, label, points: [[x, y]],
// band: [[x, low, high]], bandHidden}], dots: [{x, y, k, big, tip, click}], rules: [{y, text}]}. Called at every drawing.
// label: written at the line's end where there is room. highlight(name) of the chart brings one line and its band
// forward; null: all alike again.
B.lineChart = function (label, spec, heightOf) {
  let lit = null, groups = [];
  const light = () => {
    for (const {name, line, band} of groups) {
      line.classList.toggle("dim", lit !== null && name !== lit);
      if (band) band.node.style.display = (lit === null ? band.hidden : name !== lit) ? "none" : "";
    }
  };
  const chart = B.chart(label, (svg, width) => {
    const c = spec();
    const height = heightOf || (width < 500 ? 260 : 330);
    groups = [];
    const points = c.series.flatMap((s) => s.points.concat((s.bandHidden ? [] : s.band || []).flatMap(([x, a, b]) => [[x, a], [x, b]])))
      .concat((c.dots || []).map((d) => [d.x, d.y]), (c.rules || []).map((r) => [NaN, r.y]));
    const xs = points.map((p) => p[0]).filter(Number.isFinite);
    const ys = points.map((p) => p[1]).filter(Number.isFinite);
    if (!xs.length || !ys.length) {
      svg.append(B.s("text", {x: 10, y: 30}, "Nothing was measured."));
      return 50;
    }
    const x0 = Math.min(0, ...xs), x1 = Math.max(...xs, x0 + (c.xWhole ? 1 : 1e-9));
    let y0 = Math.min(...ys), y1 = Math.max(...ys);
    const log = c.yLog === "auto" ? y0 > 0 && y1 / y0 > 4 : c.yLog;
    if (log) { const pad = Math.max((y1 / y0) ** 0.06, 1.04); y0 /= pad; y1 *= pad; } else {
      const pad = (y1 - y0 || y1 || 1) * 0.08;
      y0 = c.yZero ? 0 : y0 - pad;
      y1 += pad;
    }
    const yTicks = B.ticks(y0, y1, 5, log);
    const left = 14 + 7 * Math.max(...yTicks.map((t) => c.yFormat(t).length), 4);
    const ends = width < 620 ? [] : c.series.filter((s) => s.label && s.points.length);
    const short = (text) => (text.length > 24 ? text.slice(0, 23) + "\u2026" : text);
    const room = ends.length ? 12 + 6.6 * Math.max(...ends.map((s) => short(s.label).length)) : 0;
    const box = {l: left + 4, r: width - 14 - room, t: 26, b: height - 42};
    const X = (x) => box.l + (x - x0) / (x1 - x0) * (box.r - box.l);
    const f = log ? Math.log : (v) => v;
    const Y = (y) => box.b - (f(y) - f(y0)) / (f(y1) - f(y0)) * (box.b - box.t);
    for (const t of yTicks) {
      svg.append(B.s("line", {class: "grid", x1: box.l, x2: box.r, y1: Y(t), y2: Y(t)}),
        B.s("text", {x: box.l - 8, y: Y(t) + 4, "text-anchor": "end"}, c.yFormat(t)));
    }
    B.xTicks(svg, B.ticks(x0, x1, width < 500 ? 4 : 8, false, c.xWhole), X, box.b + 18, width, c.xFormat,
      (x) => svg.append(B.s("line", {class: "axis", x1: x, x2: x, y1: box.b, y2: box.b + 4})));
    svg.append(B.s("line", {class: "axis", x1: box.l, x2: box.r, y1: box.b, y2: box.b}),
      B.s("text", {x: (box.l + box.r) / 2, y: height - 6, "text-anchor": "middle"}, c.xLabel),
      B.s("text", {x: 2, y: 13}, c.yLabel + (log ? " (log scale)" : "")));
    for (const rule of c.rules || []) {
      svg.append(B.s("line", {x1: box.l, x2: box.r, y1: Y(rule.y), y2: Y(rule.y), style: "stroke: var(--faint); stroke-dasharray: 4 4"}),
        B.s("text", {x: box.r, y: Y(rule.y) - 5, "text-anchor": "end"}, rule.text));
    }
    // A band that is shown for a while may reach beyond what the lines need: it ends at the edge.
    const inside = (y) => Math.max(box.t - 6, Math.min(box.b, Y(y)));
    const bands = B.s("g");
    svg.append(bands);
    for (const s of c.series) {
      let band = null;
      if (s.band && s.band.length) {
        // A step's band has its steps too.
        const up = [], down = [];
        s.band.forEach(([x, a, b], i) => {
          if (i && s.step) { up.push(`${X(x)},${inside(s.band[i - 1][2])}`); down.push(`${X(x)},${inside(s.band[i - 1][1])}`); }
          up.push(`${X(x)},${inside(b)}`);
          down.push(`${X(x)},${inside(a)}`);
        });
        band = {node: B.s("polygon", {class: "band", points: up.concat(down.reverse()).join(" "), style: `fill: var(--c${s.k})`}), hidden: Boolean(s.bandHidden)};
        bands.append(band.node);
      }
      let path = "";
      s.points.forEach(([x, y], i) => {
        path += i === 0 ? `M${X(x)} ${Y(y)}` : s.step ? `H${X(x)}V${Y(y)}` : `L${X(x)} ${Y(y)}`;
      });
      const line = B.s("g", {class: "line"});
      if (path) line.append(B.s("path", {d: path, style: B.stroke(s.k, s.dash)}));
      // Wider than it looks, so that a pointer finds it.
      if (path && c.onLine) line.append(B.s("path", B.tipped(s.tip || s.name, {class: "reach", d: path, onmouseenter: () => c.onLine(s.name), onmouseout: () => c.onLine(null)})));
      svg.append(line);
      groups.push({name: s.name, line, band});
    }
    // Labels at the ends, pushed apart from the top down, then back up where they left the plot.
    const places = ends.map((s) => ({s, y: Y(s.points[s.points.length - 1][1])})).sort((a, b) => a.y - b.y);
    places.forEach((q, i) => { if (i) q.y = Math.max(q.y, places[i - 1].y + 14); });
    for (let i = places.length - 1, last = box.b + 4; i >= 0; --i) { places[i].y = Math.min(places[i].y, last); last = places[i].y - 14; }
    for (const {s, y} of places) {
      const [x, v] = s.points[s.points.length - 1];
      groups.find((g) => g.name === s.name).line.append(
        B.s("path", {d: `M${X(x)} ${Y(v)}H${box.r}L${box.r + 8} ${y}`, style: `fill: none; stroke: var(--c${s.k}); stroke-width: 1; opacity: .5`}),
        B.s("text", {class: "end", x: box.r + 11, y: y + 4}, short(s.label), B.s("title", {}, s.label)));
    }
    light();
    for (const d of c.dots || []) {
      const look = d.big ? `fill: var(--c${d.k}); stroke: var(--panel); stroke-width: 1.5` : `fill: var(--c${d.k}); opacity: .45`;
      svg.append(B.s("circle", {cx: X(d.x), cy: Y(d.y), r: d.big ? 5 : 2.6, style: look}));
    }
    for (const d of (c.dots || []).filter((e) => e.tip)) {
      svg.append(B.s("circle", B.tipped(d.tip, {class: "hit", cx: X(d.x), cy: Y(d.y), r: d.big ? 9 : 5,
        tabindex: d.big ? 0 : null, role: d.big ? "button" : null, "aria-label": d.tip,
        onclick: d.click, onkeydown: (e) => { if (d.click && (e.key === "Enter" || e.key === " ")) { e.preventDefault(); d.click(); } }})));
    }
    return height;
  });
  chart.highlight = (name) => { lit = name; light(); };
  return chart;
};

// Horizontal bars: rows {name, value, k, text, low, high, points, tip}. low and high are the ends of an interval and drawn
// as one; points are single values (of seeds), drawn as dots. options: {format, label, rule: {at}, from, dots}.
B.barChart = function (label, rowsOf, options) {
  return B.chart(label, (svg, width) => {
    const rows = rowsOf();
    const line = 27;
    const longest = Math.max(...rows.map((r) => r.name.length), 4);
    const left = Math.min(14 + 6.8 * longest, width * 0.42);
    const fits = Math.floor((left - 14) / 6.8 + 0.01);
    const right = 16 + 7 * Math.max(...rows.map((r) => r.text.length), 1);
    const top = options.label ? 4 : 2;
    const height = top + line * rows.length + 40;
    const values = rows.flatMap((r) => [r.value, r.low, r.high].concat(r.points || [])).filter(Number.isFinite);
    if (options.rule) values.push(options.rule.at);
    // Points with intervals may start anywhere, bars only at zero (or at their rule).
    const spread = Math.max(...values) - Math.min(...values) || Math.max(...values) * 0.1 || 1;
    const from = options.dots ? Math.max(0, Math.min(...values) - 0.12 * spread) : options.from === undefined ? 0 : Math.min(options.from, ...values);
    const to = options.dots ? Math.max(...values) + 0.04 * spread : Math.max(...values, from + 1e-12) * 1.001;
    const X = (v) => left + (v - from) / (to - from) * Math.max(40, width - left - right);
    const base = height - 38;
    const ticks = B.ticks(from, to, width < 500 ? 3 : 6);
    B.xTicks(svg, options.rule ? [options.rule.at, ...ticks.filter((t) => t !== options.rule.at)] : ticks, X, base + 15, width, options.format,
      (x) => svg.append(B.s("line", {class: "grid", x1: x, x2: x, y1: top, y2: base})));
    rows.forEach((r, i) => {
      const y = top + i * line + 5;
      const group = B.s("g", r.tip ? B.tipped(r.tip) : {});
      const name = r.name.length > fits ? r.name.slice(0, fits - 1) + "\u2026" : r.name;
      group.append(B.s("text", {class: "strong", x: left - 8, y: y + 13, "text-anchor": "end"}, name, B.s("title", {}, r.name)));
      if (B.has(r.value) && options.dots) {
        group.append(B.s("line", {class: "grid", x1: left, x2: X(to), y1: y + 8.5, y2: y + 8.5}));
      } else if (B.has(r.value)) {
        const start = X(options.rule && options.from !== undefined ? options.rule.at : from);
        group.append(B.s("rect", {x: Math.min(start, X(r.value)), y, width: Math.max(1.5, Math.abs(X(r.value) - start)), height: line - 10, rx: 2, style: `fill: var(--c${r.k})`}));
      }
      let end = B.has(r.value) ? X(r.value) : left;
      // An interval without a bound on one side (`open`) ends in an arrow at the edge.
      if ((B.has(r.low) && B.has(r.high)) || (r.open && (B.has(r.low) || B.has(r.high)))) {
        const middle = y + (line - 10) / 2;
        const a = B.has(r.low) ? X(r.low) : left, b = B.has(r.high) ? X(r.high) : X(to);
        const ends = (B.has(r.low) ? `M${a} ${middle - 4}v8` : `M${a + 5} ${middle - 4}l-5 4l5 4`) + (B.has(r.high) ? `M${b} ${middle - 4}v8` : `M${b - 5} ${middle - 4}l5 4l-5 4`);
        group.append(B.s("path", {d: `M${a} ${middle}H${b}${ends}`, style: "stroke: var(--ink); fill: none; stroke-width: 1.4"}));
        end = Math.max(end, b);
      }
      for (const v of r.points || []) {
        group.append(B.s("circle", {class: "seed", cx: X(v), cy: y + 8.5, r: 3.2, style: `stroke: var(--c${r.k})`}));
        end = Math.max(end, X(v));
      }
      if (B.has(r.value) && options.dots) group.append(B.s("circle", {cx: X(r.value), cy: y + 8.5, r: 5, style: `fill: var(--c${r.k}); stroke: var(--panel); stroke-width: 1.5`}));
      // A column of its own, where it might be read as that of the last single value.
      group.append(B.s("text", {class: "strong", x: (options.dots ? X(to) : end) + 7, y: y + 13}, r.text));
      svg.append(group);
    });
    if (options.rule) svg.append(B.s("line", {x1: X(options.rule.at), x2: X(options.rule.at), y1: top, y2: base, style: "stroke: var(--ink); stroke-width: 1.2"}));
    if (options.label) svg.append(B.s("text", {x: Math.min(left, width - 7 * options.label.length), y: base + 33}, options.label));
    return height;
  });
};
