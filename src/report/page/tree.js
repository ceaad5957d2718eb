"use strict";
// The search tree on a canvas: time flows to the right, the best branches are on top.

// columns -> [{id, parent, origin (index), children, depth, ...}], parents before children
B.nodesOf = function (columns) {
  const nodes = columns.id.map((id, i) => {
    const node = {index: i, children: []};
    for (const name in columns) node[name] = columns[name][i];
    return node;
  });
  const byId = new Map(nodes.map((n) => [n.id, n]));
  for (const node of nodes) {
    node.up = byId.get(node.parent) || null;
    node.depth = node.up ? node.up.depth + 1 : 0;
    if (node.up) node.up.children.push(node);
  }
  return {nodes, byId};
};

B.layout = function (nodes) {
  const better = (a, b) => (B.has(a.best_below_ms) ? a.best_below_ms : Infinity) - (B.has(b.best_below_ms) ? b.best_below_ms : Infinity) || a.id - b.id;
  for (const node of nodes) node.children.sort(better);
  let row = 0;
  const stack = nodes.filter((n) => !n.up).sort(better).reverse();
  const order = [];
  while (stack.length) {
    const node = stack.pop();
    order.push(node);
    if (!node.children.length) node.y = row++;
    for (let i = node.children.length - 1; i >= 0; --i) stack.push(node.children[i]);
  }
  for (let i = order.length - 1; i >= 0; --i) {
    const {children} = order[i];
    if (children.length) order[i].y = (children[0].y + children[children.length - 1].y) / 2;
    order[i].x = order[i].depth;
  }
  return order;
};

// Cividis, readable with every kind of colour vision: fast is bright in the dark, dark in the light.
B.cividis = [[0, 34, 78], [31, 59, 110], [76, 85, 108], [110, 112, 114], [146, 140, 118], [184, 171, 107], [223, 203, 84], [254, 232, 56]];
B.scale = function (t) {
  const at = Math.max(0, Math.min(1, t)) * (B.cividis.length - 1), i = Math.min(B.cividis.length - 2, Math.floor(at));
  return "rgb(" + B.cividis[i].map((v, k) => Math.round(v + (B.cividis[i + 1][k] - v) * (at - i))).join(",") + ")";
};

// o: {nodes, byId, colourOf(origin index) -> k, nameOf(origin index), best (id), detail(node) -> [nodes for the panel], failed(node) -> text}
B.tree = function (o) {
  const DX = 92, DY = 20;
  B.layout(o.nodes);
  const canvas = B.h("canvas", {tabindex: 0, role: "application", "aria-roledescription": "search tree",
    "aria-label": "Search tree. Arrow keys walk: left to the parent, right to the best child, up and down between siblings. Plus and minus zoom, 0 shows all."});
  const detail = B.h("div", {class: "detail", tabindex: 0, role: "region", "aria-live": "polite", "aria-label": "The node chosen"});
  const place = B.h("div", {class: "canvas"}, canvas);
  const legend = B.h("div", {class: "legend"});
  const latencies = o.nodes.map((n) => n.latency_ms).filter(B.has);
  const low = Math.log(Math.min(...latencies, Infinity)), high = Math.log(quantile(latencies, 0.9));
  const view = {scale: 1, x: 0, y: 0};
  let by = "model", chosen = o.byId.get(o.best) || o.nodes[0], hover = null, colours = {};
  const onPath = new Set();
  for (let n = o.byId.get(o.best); n; n = n.up) onPath.add(n);

  function quantile(values, q) {
    const sorted = values.slice().sort((a, b) => a - b);
    return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] : 1;
  }
  const dark = () => matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches;
  function colourOf(node) {
    if (by === "model") return node.up ? colours["c" + o.colourOf(node.origin)] : colours.root;
    if (!B.has(node.latency_ms)) return colours.faint;
    const fast = high > low ? 1 - (Math.log(node.latency_ms) - low) / (high - low) : 1;
    return B.scale(dark() ? 0.12 + 0.88 * fast : 1 - 0.9 * fast - 0.05);
  }
  const at = (n) => [n.x * DX * view.scale + view.x, n.y * DY * view.scale + view.y];
  const radius = (n) => Math.max(1.6, Math.min(9, (3.6 + 1.1 * Math.log1p(n.visits)) * Math.min(1.15, Math.max(0.45, view.scale))));

  function draw() {
    const width = place.clientWidth, height = place.clientHeight, ratio = devicePixelRatio || 1;
    if (!width) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    for (const name of ["ink", "faint", "rule", "panel", "root", "bad", "accent", "soft", "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"]) colours[name] = B.css("--" + name);
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    const inside = (x, y, m) => x > -m && x < width + m && y > -m && y < height + m;
    for (const strong of [false, true]) {
      g.beginPath();
      for (const n of o.nodes) {
        if (!n.up || (onPath.has(n) !== strong)) continue;
        const [x, y] = at(n), [px, py] = at(n.up);
        if (Math.max(x, px) < 0 || Math.min(x, px) > width || Math.max(y, py) < 0 || Math.min(y, py) > height) continue;
        const mid = px + (x - px) * 0.5;
        g.moveTo(px, py);
        g.bezierCurveTo(mid, py, mid, y, x, y);
      }
      g.strokeStyle = strong ? colours.ink : colours.faint;
      g.globalAlpha = strong ? 0.85 : 0.4;
      g.lineWidth = strong ? 2 : 1;
      g.stroke();
    }
    g.globalAlpha = 1;
    const labels = view.scale * DY > 13;
    g.font = "11px " + B.css("--sans");
    g.textBaseline = "middle";
    for (const n of o.nodes) {
      const [x, y] = at(n);
      if (!inside(x, y, 80)) continue;
      const r = radius(n), failed = o.failed(n);
      g.beginPath();
      g.arc(x, y, r, 0, 7);
      if (failed || !B.has(n.latency_ms)) {
        g.fillStyle = colours.panel;
        g.fill();
        g.strokeStyle = colourOf(n);
        g.lineWidth = 1.6;
        g.stroke();
        if (failed) {
          g.beginPath();
          g.moveTo(x - r * 0.6, y - r * 0.6); g.lineTo(x + r * 0.6, y + r * 0.6);
          g.moveTo(x + r * 0.6, y - r * 0.6); g.lineTo(x - r * 0.6, y + r * 0.6);
          g.strokeStyle = colours.bad;
          g.stroke();
        }
      } else {
        g.fillStyle = colourOf(n);
        g.fill();
        g.strokeStyle = colours.panel;
        g.lineWidth = 1;
        g.stroke();
      }
      if (n.new_best || n === chosen || n === hover) {
        g.beginPath();
        g.arc(x, y, r + 3, 0, 7);
        g.strokeStyle = n === chosen ? colours.accent : colours.ink;
        g.lineWidth = n === chosen ? 2.5 : 1;
        g.stroke();
      }
      if (labels && (view.scale > 0.95 || n === chosen || n.new_best)) {
        g.fillStyle = n === chosen || onPath.has(n) ? colours.ink : colours.soft;
        const text = (B.has(n.latency_ms) ? B.ms(n.latency_ms, 3) : failed ? "failed" : "") + (n.hidden ? "  +" + n.hidden : "");
        if (text) g.fillText(text, x + r + (n.children.length ? 1 : 5), n.children.length ? y - r - 6 : y);
      }
    }
  }
  let waiting = false;
  const later = () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); } };

  function fit() {
    const width = place.clientWidth, height = place.clientHeight;
    const deep = Math.max(1, ...o.nodes.map((n) => n.x)), rows = Math.max(1, ...o.nodes.map((n) => n.y));
    view.scale = Math.min(1.6, (width - 110) / (deep * DX), (height - 60) / (rows * DY));
    view.scale = Math.max(view.scale, 0.02);
    view.x = Math.max(24, (width - 80 - deep * DX * view.scale) / 2);
    view.y = Math.max(20, (height - rows * DY * view.scale) / 2);
    later();
  }
  // All of it where its labels can be read, else the best branch at a readable size.
  function start() {
    fit();
    if (view.scale < 0.7 && chosen) { view.scale = 0.8; centre(chosen); }
  }
  function centre(node) {
    const span = place.clientWidth;
    view.x = Math.min(40, span * 0.55 - node.x * DX * view.scale);
    view.y = place.clientHeight / 2 - node.y * DY * view.scale;
    const top = 24 - Math.min(...o.nodes.map((n) => n.y)) * DY * view.scale;
    view.y = Math.min(view.y, top);
    later();
  }
  function zoom(factor, x, y) {
    const next = Math.max(0.02, Math.min(4, view.scale * factor)), k = next / view.scale;
    view.x = x - (x - view.x) * k;
    view.y = y - (y - view.y) * k;
    view.scale = next;
    later();
  }
  const zoomMiddle = (factor) => zoom(factor, place.clientWidth / 2, place.clientHeight / 2);
  function nearest(event) {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = null, limit = 14 * 14;
    for (const n of o.nodes) {
      const [nx, ny] = at(n), d = (nx - x) ** 2 + (ny - y) ** 2;
      if (d < limit) { limit = d; best = n; }
    }
    return best;
  }
  function choose(node, move) {
    if (!node) return;
    chosen = node;
    detail.replaceChildren(...o.detail(node).flat(9).filter(Boolean));
    detail.scrollTop = 0;
    if (move) {
      const [x, y] = at(node);
      if (view.scale < 0.7) { view.scale = 0.9; centre(node); }
      else if (x < 20 || x > place.clientWidth - 60 || y < 20 || y > place.clientHeight - 20) centre(node);
    }
    later();
  }

  const pointers = new Map();
  let moved = 0, pinch = 0;
  canvas.addEventListener("pointerdown", (e) => {
    canvas.setPointerCapture(e.pointerId);
    pointers.set(e.pointerId, [e.clientX, e.clientY]);
    moved = 0;
  });
  canvas.addEventListener("pointermove", (e) => {
    const before = pointers.get(e.pointerId);
    if (before) {
      const dx = e.clientX - before[0], dy = e.clientY - before[1];
      pointers.set(e.pointerId, [e.clientX, e.clientY]);
      moved += Math.abs(dx) + Math.abs(dy);
      if (pointers.size === 1) { view.x += dx; view.y += dy; later(); }
      else {
        const [[ax, ay], [bx, by2]] = [...pointers.values()], spread = Math.hypot(ax - bx, ay - by2), box = canvas.getBoundingClientRect();
        if (pinch) zoom(spread / pinch, (ax + bx) / 2 - box.left, (ay + by2) / 2 - box.top);
        pinch = spread;
      }
      return;
    }
    const node = nearest(e);
    if (node !== hover) { hover = node; later(); }
    B.tip(node ? [`Node ${node.id}, ${o.nameOf(node.origin)}`, B.has(node.latency_ms) ? B.ms(node.latency_ms) : o.failed(node) || "not measured"].join("\n") : "", e.clientX, e.clientY);
  });
  const release = (e) => {
    pinch = 0;
    if (pointers.delete(e.pointerId) && e.type === "pointerup" && moved < 5) choose(nearest(e), false);
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => { hover = null; B.tip(""); later(); });
  canvas.addEventListener("wheel", (e) => {
    // The page scrolls over the tree as everywhere; with Ctrl (and so with a pinch) the tree is zoomed.
    if (!e.ctrlKey && !e.metaKey) return;
    e.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(Math.exp(-e.deltaY * 0.005), e.clientX - box.left, e.clientY - box.top);
  }, {passive: false});
  canvas.addEventListener("keydown", (e) => {
    const siblings = chosen && chosen.up ? chosen.up.children : [chosen], i = siblings.indexOf(chosen);
    const actions = {
      ArrowLeft: () => choose(chosen.up, true), ArrowRight: () => choose(chosen.children[0], true),
      ArrowUp: () => choose(siblings[i - 1], true), ArrowDown: () => choose(siblings[i + 1], true),
      "+": () => zoomMiddle(1.3), "=": () => zoomMiddle(1.3), "-": () => zoomMiddle(1 / 1.3), "0": fit,
      Home: () => choose(o.nodes[0], true), End: () => choose(o.byId.get(o.best), true),
    };
    if (actions[e.key] && !e.altKey && !e.ctrlKey && !e.metaKey) { e.preventDefault(); actions[e.key](); }
  });
  function drawLegend() {
    if (by === "model") {
      const used = [...new Set(o.nodes.filter((n) => n.up).map((n) => n.origin))].sort((a, b) => a - b);
      legend.replaceChildren(B.h("span", {}, B.chip("r"), "unscheduled program"),
        ...used.map((i) => B.h("span", {}, B.chip(o.colourOf(i)), o.nameOf(i))));
    } else {
      legend.replaceChildren(B.h("span", {}, latencies.length ? "Fill: from " + B.ms(Math.min(...latencies), 3) + (dark() ? " (bright) to " : " (dark) to ") + B.ms(Math.exp(high), 3) + " and slower" : "Nothing was measured"));
    }
    legend.append(B.h("span", {}, "Hollow: not measured; crossed: failed; ringed: the fastest so far when it was measured; thick line: the way to the best"));
  }
  const button = (text, label, act) => B.h("button", {class: "plain", type: "button", "aria-label": label, title: label, onclick: act}, text);
  const root = B.h("div", {},
    B.h("div", {class: "tools"},
      B.toggle("Colour by", [["model", "model"], ["latency", "latency"]], "model", (v) => { by = v; drawLegend(); later(); }),
      B.h("span", {}, "Drag to move, Ctrl + wheel or the buttons to zoom, click or arrow keys to choose a node.")),
    B.h("div", {class: "treebox"}, B.h("div", {class: "canvas"}), detail), legend);
  const slot = root.querySelector(".canvas");
  slot.replaceWith(place);
  place.append(B.h("div", {class: "zoom"}, button("\u2212", "Zoom out", () => zoomMiddle(1 / 1.3)), button("+", "Zoom in", () => zoomMiddle(1.3)),
    button("Fit", "Show the whole tree", fit), button("Best", "Go to the best node", () => choose(o.byId.get(o.best), true))));
  drawLegend();
  B.onTheme(() => { drawLegend(); draw(); });
  let started = false;
  // Not at once: what the first choice writes beside the tree changes its size.
  new ResizeObserver(() => requestAnimationFrame(() => { if (!started && place.clientWidth) { started = true; choose(chosen, false); start(); } later(); })).observe(place);
  return {element: root, choose: (id) => choose(o.byId.get(id), true), chosen: () => chosen, view, where: (id) => at(o.byId.get(id))};
};
