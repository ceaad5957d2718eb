"use strict";
// The report of a single run.
B.runParts = function (d) {
  const {nodes, byId} = B.nodesOf(d.nodes);
  const trials = d.trials.id.map((id, i) => {
    const trial = {};
    for (const name in d.trials) trial[name] = d.trials[name][i];
    return trial;
  });
  const trialOfNode = new Map(trials.map((t) => [t.node, t]));
  const trialById = new Map(trials.map((t) => [t.id, t]));
  const callById = new Map(d.calls.map((c) => [c.id, c]));
  // Models keep one colour everywhere, in the order of the ledger.
  const colourByName = new Map(d.models.map((m, i) => [m.name, i % 8]));
  const colour = (name) => (colourByName.has(name) ? colourByName.get(name) : name === "root" ? "r" : 7);
  const named = (name) => [B.chip(colour(name)), name];
  const failedText = (node) => {
    const t = trialOfNode.get(node.id);
    return t && t.failure && t.failure !== "unfinished" ? t.failure.replace(/_/g, " ") : "";
  };
  let tree = null;
  const go = (id) => {
    if (!tree || !byId.has(id)) return;
    tree.choose(id);
    document.getElementById("tree").scrollIntoView();
  };
  const nodeLink = (id) => (byId.has(id) ? B.h("a", {href: "#tree", onclick: (e) => { e.preventDefault(); go(id); }}, "node " + id) : "node " + id);
  const callLink = (id) => B.h("a", {href: "#call-" + id, onclick: () => {
    const call = document.getElementById("call-" + id);
    if (call) call.open = true;
  }}, "call " + id);
  const planOf = function (node) {
    const parts = [];
    for (let n = node; n; n = n.up) {
      if (n.delta >= 0) parts.unshift(B.str(n.delta));
      if (n.revision) break;
    }
    return parts.map((p) => p.replace(/\n+$/, "")).join("\n");
  };
  return {nodes, byId, trials, trialOfNode, trialById, callById, colour, named, failedText, go, nodeLink, callLink, planOf,
    setTree: (t) => { tree = t; }};
};

B.headline = function (d) {
  const top = d.headline, [value, unit] = B.msParts(top.best_latency_ms);
  const failed = top.trials_failed ? B.int(top.trials_failed) + " failed" : "none failed";
  const money = d.models.reduce((sum, m) => sum + m.cost_usd, 0);
  return B.h("div", {class: "figures"},
    B.figure("Best latency", value, unit, B.range(top.best_latency_ci_ms, (x) => B.ms(x)) || "no interval", true),
    B.figure("Speed-up", B.has(top.speedup) ? B.digits(top.speedup, 3) : B.DASH, "\u00d7",
      B.has(top.default_latency_ms) ? "from " + B.ms(top.default_latency_ms, 3) + " unscheduled" : "unscheduled: not run, too large"),
    B.figure("Of the peak", B.has(top.peak_fraction) ? B.digits(100 * top.peak_fraction, 3) : B.DASH, "%",
      B.has(top.gflops) ? B.digits(top.gflops, 3) + " of " + B.digits(top.peak_gflops, 3) + " GFLOP/s" : ""),
    B.figure("Trials", B.int(top.trials), "", failed),
    B.figure("Calls", B.int(top.calls), "", money > 0 ? B.usd(money) : "no money spent"),
    B.figure("Time", ...B.sec(top.wall_s).split(/\u202f(?=\D+$)/), B.plural(top.nodes, "node") + " in the tree"));
};

// The answer in sentences.
B.runVerdict = function (d) {
  const top = d.headline, out = [];
  if (B.has(top.best_latency_ms)) {
    out.push(`The fastest program found runs in ${B.ms(top.best_latency_ms)}` +
      (B.has(top.speedup) ? `, ${B.ratio(top.speedup)} as fast as the program as written` : "") + ".");
  } else out.push("No program was measured successfully.");
  const earned = d.models.filter((m) => m.is_model && m.new_bests > 0).sort((a, b) => b.gain - a.gain);
  const idle = d.models.filter((m) => m.is_model && m.calls > 0 && m.new_bests === 0);
  if (earned.length) {
    out.push(earned.map((m, i) => `${m.name} ${i ? "" : "moved the best latency "}` +
      `${B.plural(m.new_bests, "time")} with ${B.plural(m.calls, "call")} (${B.percent(m.gain_share, 3)} of the gain)`).join(", ") + ".");
  }
  if (idle.length) out.push(`No gain came of ${idle.map((m) => `${m.name} (${B.plural(m.calls, "call")})`).join(" and ")}.`);
  const free = d.models.filter((m) => !m.is_model && m.gain > 0);
  if (free.length) out.push(`Free moves: ${free.map((m) => `${m.name} ${B.percent(m.gain_share, 3)} of the gain`).join(", ")}.`);
  return out.join(" ");
};

B.convergence = function (d, p) {
  let axis = "trials";
  const money = d.curve.some((c) => c.cost_usd > 0);
  const axes = [["trials", "trials"], ["calls", "calls"], ["seconds", "seconds"]].concat(money ? [["cost_usd", "money"]] : []);
  const text = {trials: "Trials finished", calls: "Calls answered", seconds: "Active time of the run, s", cost_usd: "Spent on models, USD"};
  const chart = B.lineChart("Best latency so far", () => {
    const line = d.curve.filter((c) => B.has(c.best_ms));
    const dots = d.curve.filter((c) => B.has(c.latency_ms)).map((c) => {
      const node = p.byId.get(c.node), who = node ? d.origins[node.origin] : "";
      return {x: c[axis], y: c.latency_ms, k: p.colour(who) === "r" ? 7 : p.colour(who), big: c.improved, click: () => p.go(c.node),
        tip: `${B.ms(c.latency_ms)}, ${who}, node ${c.node}\ntrial ${c.trials}, ${B.plural(c.calls, "call")}, ${B.sec(c.seconds)}`};
    });
    return {xLabel: text[axis], yLabel: "Latency", yLog: "auto", yFormat: (t) => B.ms(t, 3).replace(/\.0+(?=\D)/, ""),
      xFormat: (t) => (axis === "cost_usd" ? B.usd(t) : String(+t.toPrecision(6))), xWhole: axis === "trials" || axis === "calls",
      series: [{name: "best so far", k: "r", step: true, points: line.map((c) => [c[axis], c.best_ms])}], dots, rules: []};
  });
  return B.section("convergence", ["How the best latency came about", "Convergence"],
    "The line is the best so far; every dot is a measured program, a large one a new best. Click a large dot to see the node.",
    B.h("div", {class: "panel"}, B.h("div", {class: "tools"}, B.toggle("Against", axes, "trials", (v) => { axis = v; chart.redraw(); })), chart,
      B.h("div", {class: "legend"}, d.models.filter((m) => m.measured > 0).map((m) => B.h("span", {}, p.named(m.name))))));
};

B.timeSplit = function (d) {
  const t = d.time_split_s;
  const names = {models: "Models", search: "Search", apply: "Apply plans", build: "Build", run: "Run kernels"};
  if (!t) return B.section("time", ["Where the time went", "Time"], null, B.h("p", {class: "note"}, "The run has not ended, so its time is not divided yet."));
  return B.section("time", ["Where the time went", "Time"],
    `Of ${B.sec(d.headline.wall_s)}. Building and running happen in workers beside the search and are summed over them, so the bars can add up to more than the whole.`,
    B.h("div", {class: "panel"}, B.barChart("Seconds by activity", () => Object.keys(names).filter((k) => B.has(t[k])).map((k, i) => (
      {name: names[k], value: t[k], k: [0, 3, 4, 1, 2][i], text: B.sec(t[k]), tip: `${names[k]}: ${B.sec(t[k])}, ${B.percent(t[k] / d.headline.wall_s)} of the run's time`})),
    {format: (v) => B.sec(v), label: "Time"})));
};

B.ledger = function (d, p) {
  const any = (key) => d.models.some((m) => m[key] > 0);
  const rows = d.models;
  const columns = [
    {name: "Model", get: (m) => m.name, show: (m) => p.named(m.name), cls: "nowrap"},
    {name: "Verdict", get: (m) => m.verdict, cls: "nowrap"},
    {name: "Role", cls: "nowrap", get: (m) => (m.is_model ? m.role || "not asked" : "free move")},
    {name: "Calls", num: true, down: true, get: (m) => (m.is_model ? m.calls : null), show: (m) => (m.is_model ? B.int(m.calls) : B.DASH)},
    any("errors") ? {name: "Errors", num: true, down: true, get: (m) => (m.is_model ? m.errors : null), show: (m) => (m.is_model ? B.int(m.errors) : B.DASH)} : null,
    any("tokens_in") || any("tokens_out") ? {name: "Tokens in, out", num: true, down: true, get: (m) => m.tokens_in + m.tokens_out,
      show: (m) => (m.is_model ? B.int(m.tokens_in) + ", " + B.int(m.tokens_out) : B.DASH)} : null,
    {name: "Money", num: true, down: true, get: (m) => m.cost_usd, show: (m) => (m.is_model ? B.usd(m.cost_usd) : B.DASH)},
    {name: "Seconds", num: true, down: true, get: (m) => m.seconds, show: (m) => (m.is_model ? B.sec(m.seconds) : B.DASH)},
    {name: "Hits", num: true, down: true, title: "Measured programs faster than the one they came from, of all measured", get: (m) => m.hits,
      show: (m) => B.int(m.hits) + " of " + B.int(m.measured)},
    {name: "New bests", num: true, down: true, get: (m) => m.new_bests, show: (m) => B.int(m.new_bests)},
    any("first_gain") ? {name: "First plan", num: true, down: true, title: "The run's first new best, over the unscheduled program", get: (m) => m.first_gain, show: (m) => (m.first_gain > 0 ? B.ratio(Math.exp(m.first_gain)) : B.DASH)} : null,
    {name: "Refinements", num: true, down: true, title: "What its later new bests brought over the best before each, multiplied", get: (m) => m.gain - m.first_gain, show: (m) => (m.gain > m.first_gain ? B.ratio(Math.exp(m.gain - m.first_gain)) : B.DASH)},
    {name: "Share", num: true, down: true, title: "Of the whole gain, first plan included, on a log scale", get: (m) => m.gain_share, show: (m) => (m.gain > 0 ? B.percent(m.gain_share, 2) : B.DASH)},
  ].filter(Boolean);
  return B.section("models", ["Which model earned its calls", "Models"],
    "A hit is a measured program faster than the one it came from; a refinement is what a new best brings over the best before it. The first of them is set against the unscheduled program, which nearly any plan beats by much, and stands apart. Built-in experts are programs, not language models. Mutation and crossover of plans in the tree cost no call.",
    B.table(columns, rows, {label: "Ledger by model"}));
};

B.proposalsView = (call) => call.proposals.length
  ? B.h("ol", {class: "steps"}, call.proposals.map((q) => B.h("li", {},
    B.h("pre", {}, (q.steps >= 0 ? B.str(q.steps).replace(/\n+$/, "") : "(no steps)")),
    B.h("span", {class: "words"}, [q.reason >= 0 ? B.str(q.reason) : null, `stated confidence ${B.digits(q.confidence, 2)}`,
      `keeps ${B.plural(q.keep_steps, "step")} of the node it was asked about`].filter(Boolean).join(" \u00b7 ")))))
  : call.mutators.length ? B.h("p", {}, "Mutators: ", B.h("code", {}, call.mutators.join(", "))) : B.h("p", {class: "soft"}, "Nothing.");

B.callsView = function (d, p) {
  const item = (c) => B.h("details", {class: "call", id: "call-" + c.id},
    B.h("summary", {}, B.h("span", {class: "soft"}, c.id), B.h("span", {}, p.named(c.model)),
      B.h("span", {class: c.new_bests ? "good" : c.error >= 0 ? "bad" : null}, c.came),
      B.h("span", {class: "soft"}, c.tokens_in + c.tokens_out > 0 ? B.int(c.tokens_in + c.tokens_out) + " tokens" : B.plural(c.proposals.length || c.mutators.length, "proposal")),
      B.h("span", {class: "r soft"}, B.sec(c.seconds))),
    B.h("div", {class: "body"}, B.rows([
      ["Why this model", c.why >= 0 ? B.str(c.why) : B.DASH],
      ["Asked about", [p.nodeLink(c.node), B.has(c.leaf_latency_ms) ? ", " + B.ms(c.leaf_latency_ms) : ""]],
      ["Error", c.error >= 0 ? B.str(c.error) : ""],
      ["Repaired", c.notes.length ? c.notes.map(B.str).join("; ") : ""],
      ["Came of it", `${B.plural(c.nodes, "new node")}, ${B.int(c.measured)} measured, ${B.int(c.failed)} failed, ${B.plural(c.hits, "hit")}` +
        (B.has(c.best_latency_ms) ? `, best ${B.ms(c.best_latency_ms)}` : "")],
      ["Nodes", c.made.length ? c.made.slice(0, 40).map((id, i) => [i ? ", " : "", p.nodeLink(id)]) : ""],
      ["Advice", c.next_model ? "next model: " + c.next_model : ""],
      ["Spent", [c.tokens_in + c.tokens_out > 0 ? `${B.int(c.tokens_in)} tokens in, ${B.int(c.tokens_out)} out` : null, c.cost_usd > 0 ? B.usd(c.cost_usd) : null, B.sec(c.seconds)].filter(Boolean).join(", ")],
      ["Answered at", B.has(c.at_s) ? B.sec(c.at_s) + " of the run" : ""]]),
    B.h("h3", {}, "What it proposed"), B.proposalsView(c)));
  const first = d.calls.slice(0, 60), rest = d.calls.slice(60);
  const list = B.h("div", {class: "calls"}, first.map(item));
  const more = rest.length ? B.h("button", {class: "plain", type: "button", onclick: () => { list.append(...rest.map(item)); more.remove(); }}, "Show all " + B.int(d.calls.length) + " calls") : null;
  return B.section("calls", ["The calls, one by one", "Calls"], "Why this model was asked, what it proposed, what came of it. Open one for the proposals.",
    d.calls.length ? [list, B.h("p", {class: "tools"}, more)] : B.h("p", {class: "note"}, "No model was asked in this run."));
};

B.treeView = function (d, p) {
  const origin = (i) => d.origins[i];
  const programs = new Map(d.programs.map((q) => [q.node, q.script]));
  const ancestor = (node) => { let n = node.up; while (n && !B.has(n.latency_ms)) n = n.up; return n; };
  const tree = B.tree({
    nodes: p.nodes, byId: p.byId, best: d.best.node, colourOf: (i) => p.colour(origin(i)), nameOf: origin, failed: p.failedText,
    detail: (node) => {
      const trial = p.trialOfNode.get(node.id), call = p.callById.get(node.call), before = ancestor(node), plan = p.planOf(node);
      const failure = p.failedText(node);
      return [
        B.h("h3", {}, "Node " + node.id + (node.id === d.best.node ? ", the best" : "")),
        B.rows([
          ["Made by", p.named(origin(node.origin) === "root" ? "root" : origin(node.origin))],
          ["Latency", B.has(node.latency_ms) ? B.ms(node.latency_ms) + (trial && B.has(trial.low_ms) ? ` (${B.ms(trial.low_ms, 3)} to ${B.ms(trial.high_ms, 3)})` : "") : failure ? B.h("span", {class: "bad"}, failure) : "not measured"],
          ["Compared", before && B.has(node.latency_ms) ? [B.ratio(before.latency_ms / node.latency_ms), " the speed of ", p.nodeLink(before.id)] : ""],
          ["Failure", trial && trial.failure_text >= 0 ? B.str(trial.failure_text) : ""],
          ["Trial", trial ? `${trial.id}, built in ${B.sec(trial.build_s)}` + (trial.stopped_early ? ", stopped early" : "") : node.trial ? "an equal program was measured" : ""],
          ["Call", call ? [p.callLink(call.id), ", ", call.model] : ""],
          ["Parent", node.up ? p.nodeLink(node.up.id) : ""],
          ["Below", `${B.plural(node.children.length, "child", "children")}, ${B.plural(node.visits, "trial")}` + (node.hidden ? `, ${B.int(node.hidden)} nodes not shown` : "")],
          ["Prior", B.has(node.prior) && node.up ? B.digits(node.prior, 2) : ""]]),
        node.reason >= 0 ? [B.h("h3", {}, "Reason"), B.h("p", {}, B.str(node.reason))] : null,
        node.delta >= 0 && node.up ? [B.h("h3", {}, node.revision ? "Steps (a revision: the whole plan)" : "Steps added here"), B.h("pre", {}, B.str(node.delta).trim())] : null,
        plan && (!node.revision) && node.up && node.up.up ? B.h("details", {class: "more"}, B.h("summary", {}, "The whole plan"), B.h("pre", {}, plan)) : null,
        call && call.why >= 0 ? [B.h("h3", {}, "Why this model"), B.h("p", {}, B.str(call.why))] : null,
        programs.has(node.id) ? B.h("details", {class: "more"}, B.h("summary", {}, "The program (TVMScript)"), B.h("pre", {}, programs.get(node.id))) : null,
      ];
    },
  });
  p.setTree(tree);
  B.theTree = tree;
  return B.section("tree", ["The search tree", "Tree"], `${B.plural(d.headline.nodes, "node")}: every node is a program, and its edge the steps that make it from its parent.`, tree.element);
};

B.bestView = function (d, p) {
  const script = d.programs.find((q) => q.node === d.best.node);
  const lineage = B.table([
    {name: "Node", get: (l) => l.node, show: (l) => p.nodeLink(l.node), cls: "nowrap"},
    {name: "Made by", get: (l) => l.origin, show: (l) => p.named(l.origin), cls: "nowrap"},
    {name: "Call", num: true, get: (l) => l.call || null, show: (l) => (l.call ? p.callLink(l.call) : B.DASH)},
    {name: "Latency", num: true, get: (l) => l.latency_ms, show: (l) => B.ms(l.latency_ms)},
    {name: "Gain", num: true, get: (l) => l.ratio, show: (l) => B.ratio(l.ratio)},
    {name: "Reason", get: (l) => l.reason, cls: "text"}], d.best.lineage, {sortable: false, label: "From the program as written to the best"});
  return B.section("best", "The best plan", "Who contributed what on the way to it, and what its steps do.", lineage,
    d.best.steps.length ? B.h("div", {class: "panel"}, B.h("ol", {class: "steps"}, d.best.steps.map((q) => B.h("li", {}, q.words || "", B.h("span", {class: "words"}, B.h("code", {}, q.step))))))
      : B.h("p", {class: "note"}, d.best.plan ? B.h("pre", {}, d.best.plan) : "The program as it was written was the fastest: the plan is empty."),
    d.best.steps.length ? B.h("details", {class: "more"}, B.h("summary", {}, "The plan as text, for banyan apply"), B.h("div", {class: "panel"}, B.h("pre", {}, d.best.plan))) : null,
    script ? B.h("details", {class: "more"}, B.h("summary", {}, "The scheduled program (TVMScript)"), B.h("div", {class: "panel"}, B.h("pre", {}, script.script))) : null);
};

B.finalsView = function (d, p) {
  if (!d.finals) return B.section("finals", ["Final measurement", "Finals"], null, B.h("p", {class: "note"}, "There was no final measurement: the best latency is the search's own, and optimistic, since it is the least of many noisy ones."));
  const rows = d.finals.finalists.slice().sort((a, b) => (a.latency_ms === null) - (b.latency_ms === null) || a.latency_ms - b.latency_ms);
  const name = (f) => (f.trial ? "trial " + f.trial : "as written");
  const drift = d.finals.drift;
  return B.section("finals", ["Final measurement", "Finals"],
    "The fastest few, measured again in turn, so that a change of the machine's speed hits all alike. The interval is that of the median.",
    B.h("div", {class: "panel"}, B.barChart("Finalists", () => rows.filter((f) => B.has(f.latency_ms)).map((f) => {
      const node = p.byId.get(f.node), who = node && f.trial ? d.origins[node.origin] : "root";
      return {name: name(f), value: f.latency_ms, k: p.colour(who) === "r" ? 7 : p.colour(who), text: B.ms(f.latency_ms), low: f.ci_ms && f.ci_ms[0], high: f.ci_ms && f.ci_ms[1],
        tip: `${name(f)}, ${who}\nsamples ${f.samples_ms.map((v) => B.ms(v)).join(", ")}`};
    }), {format: (v) => B.ms(v, 4), label: "Latency, with the interval of the median", dots: true})),
    B.h("p", {}),
    B.table([
      {name: "Finalist", get: (f) => f.trial, show: (f) => [name(f), ", ", p.nodeLink(f.node)], cls: "nowrap"},
      {name: "Final latency", num: true, get: (f) => f.latency_ms, show: (f) => B.ms(f.latency_ms)},
      {name: "Interval", num: true, get: (f) => f.ci_ms && f.ci_ms[0], show: (f) => B.range(f.ci_ms, (v) => B.ms(v)) || B.DASH},
      {name: "In the search", num: true, get: (f) => f.searched_ms, show: (f) => B.ms(f.searched_ms)},
      {name: "Failure", get: (f) => f.failure, show: (f) => (f.failure ? f.failure.replace(/_/g, " ") + (f.failure_text ? ": " + f.failure_text : "") : B.DASH), cls: "text"}], rows, {label: "Finalists", sort: {by: 1, down: false}}),
    B.has(drift) ? B.h("p", {class: Math.abs(drift - 1) > 0.05 ? "note" : "soft"}, `A fixed reference kernel ran at ${B.percent(drift, 4)} of the time it took at the start` +
      (Math.abs(drift - 1) > 0.05 ? ": the machine's speed changed, so compare latencies of this run with care." : ".")) : null);
};

B.trialsView = function (d, p) {
  const rows = p.trials;
  const kinds = [...new Set(rows.map((t) => t.failure).filter(Boolean))];
  const holder = B.h("div");
  const draw = (which) => holder.replaceChildren(B.table([
    {name: "Trial", num: true, get: (t) => t.id},
    {name: "Node", num: true, get: (t) => t.node, show: (t) => p.nodeLink(t.node)},
    {name: "Made by", get: (t) => { const n = p.byId.get(t.node); return n ? d.origins[n.origin] : ""; }, show: (t) => { const n = p.byId.get(t.node); return n ? p.named(d.origins[n.origin]) : B.DASH; }, cls: "nowrap"},
    {name: "Latency", num: true, get: (t) => t.latency_ms, show: (t) => B.ms(t.latency_ms)},
    {name: "Samples", title: "The least and the most; a hopeless candidate is stopped early", num: true, get: (t) => t.low_ms, show: (t) => (B.has(t.low_ms) ? B.ms(t.low_ms, 3) + " to " + B.ms(t.high_ms, 3) + (t.stopped_early ? ", stopped" : "") : B.DASH)},
    {name: "Speed-up", num: true, down: true, get: (t) => (B.has(t.latency_ms) && B.has(d.headline.default_latency_ms) ? d.headline.default_latency_ms / t.latency_ms : null),
      show: (t) => (B.has(t.latency_ms) && B.has(d.headline.default_latency_ms) ? B.ratio(d.headline.default_latency_ms / t.latency_ms) : B.DASH)},
    {name: "Error", num: true, down: true, title: "Largest difference from the reference result, of what is allowed", get: (t) => t.max_relative_error, show: (t) => B.percent(t.max_relative_error, 2)},
    {name: "Build", num: true, down: true, get: (t) => t.build_s, show: (t) => B.sec(t.build_s)},
    {name: "Run", num: true, down: true, get: (t) => t.run_s, show: (t) => B.sec(t.run_s)},
    {name: "Ended at", num: true, get: (t) => t.ended_s, show: (t) => B.sec(t.ended_s)},
    kinds.length ? {name: "Failure", get: (t) => t.failure, cls: "text", show: (t) => (t.failure ? B.h("span", {class: "bad"}, t.failure.replace(/_/g, " ") + (t.failure_text >= 0 ? ": " + B.str(t.failure_text) : "")) : B.DASH)} : null,
  ].filter(Boolean), rows.filter((t) => !which || t.failure), {tall: true, first: 200, label: "Trials", sort: {by: 3, down: false}, click: (t) => p.go(t.node)}));
  draw("");
  const counts = kinds.map((k) => `${B.int(rows.filter((t) => t.failure === k).length)} ${k.replace(/_/g, " ")}`).join(", ");
  return B.section("trials", "Trials", `Every program that was handed to a builder, whatever became of it. ${kinds.length ? "Without a latency: " + counts + "." : "None failed."} Click a row to see it in the tree.`,
    kinds.length ? B.h("div", {class: "tools"}, B.toggle("Show", [["", "all"], ["failed", "those without a latency"]], "", draw)) : null, holder);
};

B.setupView = function (d) {
  const w = d.workload, t = d.target, c = d.config, b = c.budget;
  const shape = (q) => `${q.name} [${q.shape.join(", ")}] ${q.dtype}${q.is_output ? ", output" : ""}`;
  const bytes = (n) => (n ? (n >= 1 << 20 ? B.digits(n / (1 << 20), 3) + B.NARROW + "MiB" : B.digits(n / 1024, 3) + B.NARROW + "KiB") : "unknown");
  const limit = (v, f) => (B.has(v) ? f(v) : "no limit");
  return B.section("setup", ["Set-up and versions", "Set-up"], null, B.h("div", {class: "two"},
    B.h("div", {class: "panel"}, B.h("h3", {}, "Program and machine"), B.rows([
      ["Workload", B.h("code", {}, w.id)], ["Operations", w.flops > 0 ? B.int(w.flops) : "not counted"],
      ["Tensors", (w.parameters || []).map(shape).join("; ")],
      ["CPU", (t.cpu_model || "") + (t.cpu ? ` (${t.cpu})` : "")], ["Cores", B.int(t.cores)],
      ["Vectors", `${t.vector_bits} bits`], ["Caches", `L1 ${bytes(t.l1_bytes)}, L2 ${bytes(t.l2_bytes)}, L3 ${bytes(t.l3_bytes)}`],
      ["Peak", B.has(d.headline.peak_gflops) ? B.digits(d.headline.peak_gflops, 3) + " GFLOP/s, measured" : ""], ["TVM target", B.h("code", {}, t.json)]])),
    B.h("div", {class: "panel"}, B.h("h3", {}, "Search"), B.rows([
      ["Strategy", c.strategy.name], ["Seed", c.seed], ["Pool", c.pool.join(", ")],
      ["Budget", `${B.plural(b.trials, "trial")}, ${B.plural(b.calls, "call")}; strong calls: ${limit(b.strong_calls, B.int)}; tokens: ${limit(b.tokens, B.int)}; money: ${limit(b.cost_usd, B.usd)}; time: ${limit(b.seconds, B.sec)}`],
      ["Timing", c.measure && c.measure.timing ? `${c.measure.timing.number} calls \u00d7 ${c.measure.timing.repeat} samples, each at least ${c.measure.timing.min_repeat_ms} ms` : ""],
      ["Started", B.date(d.run.created_unix_ms)], ["Versions", Object.entries(d.versions).map(([k, v]) => `${k} ${v}`).join(", ")]]),
    B.h("details", {class: "more"}, B.h("summary", {}, "Every setting of the strategy"), B.rows(Object.entries(c.strategy).map(([k, v]) => [k, String(v)]))))));
};

B.runPage = function (d) {
  const p = B.runParts(d);
  const state = {finished: "", running: "The run is still going on; this is how it stood.", interrupted: "The run was interrupted; " + (d.config.strategy.name === "tvm-evolutionary" ? "the command of its study makes it again." : "`banyan tune --resume` goes on with it."), failed: "The run ended with an error: " + d.run.error}[d.run.status];
  const parts = [B.convergence(d, p), B.ledger(d, p), B.callsView(d, p), B.treeView(d, p), B.bestView(d, p), B.finalsView(d, p), B.trialsView(d, p), B.timeSplit(d), B.setupView(d),
    B.section("reproduce", "Reproduce it", "Where the store (banyan.db) of this run is, or with --store.", B.commands(d.commands))];
  return [
    B.h("header", {class: "top"}, B.h("div", {class: "brand"}, "Banyan \u00b7 report of a run"), B.h("h1", {}, d.workload.id),
      B.h("p", {class: "lead"}, `${d.config.strategy.name}, seed ${d.config.seed} \u00b7 ${d.target.cpu_model || d.target.cpu}, ${B.plural(d.target.cores, "core")} \u00b7 ${B.date(d.run.created_unix_ms)} \u00b7 run ${d.run.id}`)),
    state ? B.h("p", {class: "note"}, state) : null, B.headline(d), B.h("p", {class: "verdict"}, B.runVerdict(d)),
    d.notes.map((n) => B.h("p", {class: "note"}, n)),
    B.nav(), B.h("main", {id: "main"}, parts.map((part) => part))];
};

B.start = function (view) {
  const page = document.getElementById("page");
  page.replaceChildren(...view(B.data).flat(9).filter(Boolean),
    B.h("footer", {}, "Made by banyan report. Latencies are medians of their samples. This file loads nothing from anywhere."));
  document.documentElement.dataset.ready = "true";
};
if (B.data.kind === "run") B.start(B.runPage);
