"use strict";
// Small tools of the page. Texts of models and workloads only ever become text nodes (h, s), never markup.
const B = {};

B.data = JSON.parse(document.getElementById("data").textContent);

B.fill = function (node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") node.style.cssText = value;  // an attribute would break the security policy
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(9)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
};
B.h = (tag, attributes, ...children) => B.fill(document.createElement(tag), attributes, children);
B.s = (tag, attributes, ...children) =>
  B.fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// ---- Numbers for people: null is a dash.
B.has = (x) => x !== null && x !== undefined && Number.isFinite(x);
B.DASH = "\u2013";
B.NARROW = "\u202f";  // between a number and its unit
B.digits = function (x, significant) {
  if (x === 0) return "0";
  const places = Math.min(12, Math.max(0, significant - 1 - Math.floor(Math.log10(Math.abs(x)))));
  const text = x.toFixed(places);
  return Math.abs(x) >= 1e4 ? B.int(Number(text)) : text;
};
B.int = (x) => (B.has(x) ? String(Math.round(x)).replace(/\B(?=(\d{3})+(?!\d))/g, B.NARROW) : B.DASH);
B.msParts = function (x, significant) {
  if (!B.has(x)) return [B.DASH, ""];
  const n = significant || 4;
  if (x < 1e-3) return [B.digits(x * 1e6, n), "ns"];
  if (x < 1) return [B.digits(x * 1e3, n), "\u00b5s"];
  if (x < 1e3) return [B.digits(x, n), "ms"];
  return [B.digits(x / 1e3, n), "s"];
};
B.ms = (x, n) => B.msParts(x, n).join(B.NARROW).trim();
B.sec = function (x) {
  if (!B.has(x)) return B.DASH;
  if (x === 0) return "0" + B.NARROW + "s";
  if (x < 1e-3) return B.digits(x * 1e6, 3) + B.NARROW + "\u00b5s";
  if (x < 1) return B.digits(x * 1e3, 3) + B.NARROW + "ms";
  if (x < 120) return B.digits(x, 3) + B.NARROW + "s";
  if (x < 7200) return Math.floor(x / 60) + B.NARROW + "min " + Math.round(x % 60) + B.NARROW + "s";
  return B.digits(x / 3600, 3) + B.NARROW + "h";
};
B.ratio = (x) => (B.has(x) ? B.digits(x, x < 10 ? 3 : 3) + "\u00d7" : B.DASH);
B.percent = (x, n) => (B.has(x) ? B.digits(100 * x, n || 3) + B.NARROW + "%" : B.DASH);
B.usd = (x) => (!B.has(x) ? B.DASH : x === 0 ? "$0" : "$" + (x < 0.01 ? B.digits(x, 2) : x.toFixed(x < 1 ? 3 : 2)));
B.date = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ") + " UTC";
B.range = (ci, f) => (ci && B.has(ci[0]) && B.has(ci[1]) ? f(ci[0]) + " to " + f(ci[1]) : "");
B.plural = (n, one, many) => B.int(n) + " " + (n === 1 ? one : many || one + "s");
B.str = (index) => (index >= 0 ? B.data.strings[index] : "");

// ---- Pieces of the page
B.sections = [];
B.section = function (id, title, sub, ...children) {
  const [long, short] = [title].flat().concat([title].flat().slice(-1));
  const part = B.h("section", {id, "aria-labelledby": id + "-title"},
    B.h("h2", {id: id + "-title"}, long), sub ? B.h("p", {class: "sub"}, sub) : null, children);
  B.sections.push({id, title: short, part});
  return part;
};
B.nav = function () {
  const links = B.sections.map(({id, title}) => B.h("a", {href: "#" + id}, title));
  if ("IntersectionObserver" in window) {
    const seen = new Set();
    const watch = new IntersectionObserver((entries) => {
      for (const e of entries) e.isIntersecting ? seen.add(e.target.id) : seen.delete(e.target.id);
      const here = B.sections.findIndex(({id}) => seen.has(id));
      links.forEach((link, i) => link.classList.toggle("here", i === here));
    }, {rootMargin: "-60px 0px -40% 0px"});
    for (const {part} of B.sections) watch.observe(part);
  }
  return B.h("nav", {class: "toc", "aria-label": "Parts of the report"}, links);
};
B.figure = (label, value, unit, more, first) =>
  B.h("div", {class: "figure" + (first ? " first" : "")}, B.h("div", {class: "label"}, label),
    B.h("div", {class: "value"}, value, unit ? B.h("span", {class: "unit"}, unit) : null),
    more ? B.h("div", {class: "more"}, more) : null);
B.rows = (pairs) => B.h("dl", {class: "rows"},
  pairs.filter((p) => p && p[1] !== "" && p[1] !== null && p[1] !== undefined)
    .map(([name, value]) => [B.h("dt", {}, name), B.h("dd", {}, value)]));
B.chip = (k) => B.h("span", {class: "chip k" + k, "aria-hidden": "true"});
B.toggle = function (label, choices, initial, pick) {
  const buttons = choices.map(([value, text]) => B.h("button", {
    class: "plain", type: "button", "aria-pressed": String(value === initial),
    onclick: () => {
      buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(choices[i][0] === value)));
      pick(value);
    },
  }, text));
  return B.h("span", {class: "group", role: "group", "aria-label": label}, label + " ", buttons);
};

// A sortable table. columns: {name, get(row) -> value to sort by, show(row) -> text or node, num, cls}.
// Failed or missing values (null) stay at the end either way.
B.table = function (columns, rows, options) {
  const o = Object.assign({first: 100, tall: false, sort: null}, options);
  let shown = o.first;
  let order = rows.slice();
  let sorted = o.sort;
  const body = B.h("tbody");
  const more = B.h("button", {class: "plain", type: "button", onclick: () => { shown = Infinity; draw(); }});
  const heads = columns.map((column, i) => B.h("th", {class: column.num ? "num" : null, scope: "col"},
    o.sortable === false ? column.name : B.h("button", {type: "button", title: column.title, onclick: () => {
      sorted = {by: i, down: sorted && sorted.by === i ? !sorted.down : Boolean(column.down)};
      arrange();
    }}, column.name)));
  function arrange() {
    if (sorted) {
      const get = columns[sorted.by].get;
      const turn = sorted.down ? -1 : 1;
      order = rows.slice().sort((a, b) => {
        const x = get(a), y = get(b);
        const gone = (v) => v === null || v === undefined || v === "";
        if (gone(x) || gone(y)) return gone(x) - gone(y);
        return turn * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
      });
      heads.forEach((head, i) => i === sorted.by
        ? head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending") : head.removeAttribute("aria-sort"));
    }
    draw();
  }
  function draw() {
    body.replaceChildren(...order.slice(0, shown).map((row) => B.h("tr", {
      class: o.click ? "link" : null,
      onclick: o.click ? (event) => { if (!event.target.closest("a, button")) o.click(row); } : null,
    }, columns.map((c) => B.h("td", {class: [c.num ? "num" : "", c.cls || ""].join(" ").trim() || null},
      c.show ? c.show(row) : c.get(row))))));
    more.hidden = order.length <= shown;
    more.textContent = "Show all " + B.int(order.length) + " rows";
  }
  arrange();
  return B.h("div", {}, B.h("div", {class: "scroll" + (o.tall ? " tall" : ""), tabindex: o.tall ? 0 : null,
    role: "region", "aria-label": o.label || "Table"},
    B.h("table", {}, o.label ? B.h("caption", {class: "sr"}, o.label) : null, B.h("thead", {}, B.h("tr", {}, heads)), body)),
  B.h("p", {class: "tools"}, more));
};

B.copyButton = function (text) {
  const button = B.h("button", {class: "plain", type: "button", onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch (error) {
      button.textContent = "Select it by hand";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }}, "Copy");
  return button;
};
B.commands = (commands) => B.h("div", {class: "panel"}, commands.map(({what, command}) =>
  B.h("div", {class: "command"}, B.h("div", {}, B.h("div", {class: "what"}, what), B.h("code", {}, command)),
    B.copyButton(command))));

// ---- Tooltip
B.tip = function (text, x, y) {
  const tip = document.getElementById("tip");
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(6, Math.min(x + 14, innerWidth - box.width - 6)) + "px";
  tip.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 10 : y + 18) + "px";
};
B.tipped = (text, more) => Object.assign({
  onmousemove: (e) => B.tip(text, e.clientX, e.clientY),
  onmouseleave: () => B.tip(""),
  onfocus: (e) => { const r = e.target.getBoundingClientRect(); B.tip(text, r.right, r.top); },
  onblur: () => B.tip(""),
}, more);

B.onTheme = function (redraw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
};
B.css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
