"use strict";
// The report of a study: arms compared on matched runs.
B.studyParts = function (d) {
  const arms = [...new Set(d.aggregate.flatMap((a) => [a.baseline, a.arm]).concat(d.runs.map((r) => r.arm)))];
  const workloads = [...new Set(d.runs.map((r) => r.workload_name).concat(d.pairs.map((q) => q.workload_name)))];
  const k = (arm) => Math.max(0, arms.indexOf(arm)) % 8;
  const same = (a, b) => ["arm", "baseline", "budget"].every((key) => a[key] === b[key]);
  const median = (values) => {
    const v = values.filter(B.has).sort((a, b) => a - b);
    return v.length ? (v[(v.length - 1) >> 1] + v[v.length >> 1]) / 2 : null;
  };
  const sum = (values) => values.filter(B.has).reduce((a, b) => a + b, 0);
  // As many as colours, so that neither has to be told apart alone.
  const dashes = ["", "8 3", "2 3", "9 3 2 3", "14 4", "5 2 1 2 1 2", "1 4", "12 3 2 3 2 3"];
  const dash = (arm) => dashes[Math.max(0, arms.indexOf(arm)) % dashes.length];
  return {arms, workloads, k, dash, same, median, sum, named: (arm) => [B.chip(k(arm)), arm], ok: (r) => r.status === "ok"};
};

B.comparisonTitle = (c) => `${c.arm} against ${c.baseline}` + (c.budget ? `, ${c.budget}` : "");
B.times = (x) => (B.has(x) ? x.toFixed(3) + "\u00d7" : B.DASH);
B.pText = (x) => (!B.has(x) ? B.DASH : x < 0.001 ? "< 0.001" : x.toFixed(3));
B.signed = (x) => (B.has(x) ? (x > 0 ? "+" : x < 0 ? "\u2212" : "") + Math.abs(x).toFixed(2) + B.NARROW + "%" : B.DASH);
B.interval = (c) => (B.has(c.ci_low) || B.has(c.ci_high) ? `${B.has(c.ci_low) ? B.times(c.ci_low) : "no bound"} to ${B.has(c.ci_high) ? B.times(c.ci_high) : "no bound"}` : B.DASH);

B.verdictCard = (c) => B.h("div", {class: "panel", style: "margin-bottom: 14px"},
  B.h("h3", {}, B.comparisonTitle(c)),
  B.h("div", {class: "figures"},
    B.figure("Verdict", c.verdict, "", `${B.plural(c.pairs, "pair")}${c.missing_pairs ? `, ${B.int(c.missing_pairs)} missing` : ""}`, true),
    B.figure("Speed-up, geomean", B.has(c.geomean_speedup) ? c.geomean_speedup.toFixed(3) : B.DASH, "\u00d7", "95 %: " + B.interval(c)),
    B.figure("p, adjusted", B.pText(c.p_holm), "", "unadjusted " + B.pText(c.p_value)),
    B.figure("Pairs won", `${B.int(c.wins)} of ${B.int(c.pairs)}`, "", `${B.int(c.losses)} lost`),
    B.figure("Workloads faster", `${B.int(c.workloads_faster)} of ${B.int(c.workloads)}`, "", "by their medians")),
  c.claim ? B.h("p", {class: "verdict"}, c.claim) : null,
  B.h("p", {class: "soft"}, c.extreme_pair ? `Without the most extreme pair (${c.extreme_pair}): ${B.times(c.geomean_without_extreme)}, p ${B.pText(c.p_without_extreme)}. ` : "",
    B.has(c.workload_ci_low) ? `Resampling workloads: ${B.times(c.workload_ci_low)} to ${B.times(c.workload_ci_high)}.` : "Too few workloads to say anything about others than these."));

// Of many comparisons first a table: a card each is long to read.
B.verdicts = function (d, p) {
  const cards = d.comparisons.map(B.verdictCard);
  const budgets = new Set(d.comparisons.map((c) => c.budget)).size > 1;
  const parts = cards.length <= 2 ? cards : [
    B.table([
      {name: "Arm", get: (c) => c.arm, show: (c) => p.named(c.arm), cls: "nowrap"}, {name: "Against", get: (c) => c.baseline, show: (c) => p.named(c.baseline), cls: "nowrap"},
      budgets ? {name: "Budget", get: (c) => c.budget, cls: "nowrap"} : null,
      {name: "Verdict", get: (c) => c.verdict, cls: "nowrap", show: (c) => (c.verdict === "faster" || c.verdict === "slower" ? B.h("b", {}, c.verdict) : c.verdict)},
      {name: "Speed-up", num: true, down: true, get: (c) => c.geomean_speedup, show: (c) => B.times(c.geomean_speedup)}, {name: "95 % interval", num: true, down: true, get: (c) => c.ci_low, show: B.interval, cls: "nowrap"},
      {name: "p, adjusted", num: true, get: (c) => c.p_holm, show: (c) => B.pText(c.p_holm)},
      {name: "Pairs won", num: true, down: true, get: (c) => c.wins, show: (c) => `${B.int(c.wins)} of ${B.int(c.pairs)}` + (c.missing_pairs ? ` (${c.missing_pairs} missing)` : "")},
      {name: "Workloads", num: true, down: true, get: (c) => c.workloads_faster, show: (c) => `${B.int(c.workloads_faster)} of ${B.int(c.workloads)}`},
      {name: "Fewer strong calls", num: true, down: true, title: "Bold where a saving may be claimed: latency is shown to be within 2 %", get: (c) => c.strong_call_reduction_percent, show: (c) => (c.baseline_strong_calls > 0 ? B.h(c.strong_call_saving ? "b" : "span", {}, B.signed(c.strong_call_reduction_percent).replace("+", "")) : B.DASH)}].filter(Boolean), d.comparisons, {label: "All comparisons"}),
    B.h("details", {class: "more"}, B.h("summary", {}, `The ${cards.length} comparisons in words`), B.h("div", {style: "margin-top: 14px"}, cards))];
  return B.section("verdict", ["Which is faster, by how much, and how sure", "Verdict"],
    "Every pair has the same workload, seed, trials and calls on both sides. The p-value is of the sign-flip test over all pairs, adjusted (Holm) for the comparisons of this study; the interval inverts the test. A speed-up above 1 means that the arm is faster than its baseline.", parts);
};

B.speedups = function (d, p) {
  const charts = d.comparisons.map((c) => {
    const rows = () => p.workloads.map((w) => {
      const pairs = d.pairs.filter((q) => p.same(q, c) && q.workload_name === w && q.status === "ok" && B.has(q.speedup_ratio));
      const of = (c.by_workload || []).find((v) => v.workload_name === w);
      if (!pairs.length) return null;
      const ratios = pairs.map((q) => q.speedup_ratio);
      const mean = of && B.has(of.geomean_speedup) ? of.geomean_speedup : Math.exp(ratios.reduce((a, r) => a + Math.log(r), 0) / ratios.length);
      return {name: w, value: mean, k: p.k(c.arm), points: ratios,
        text: B.times(mean), tip: `${w}\n` + pairs.map((q) => `seed ${q.seed}: ${B.times(q.speedup_ratio)}`).join("\n")};
    }).filter(Boolean).concat(B.has(c.geomean_speedup) ? [{name: `all ${c.pairs} pairs`, value: c.geomean_speedup, k: 7, low: c.ci_low, high: c.ci_high, open: true, text: B.times(c.geomean_speedup), tip: "95 % interval: " + B.interval(c)}] : []);
    if (!rows().length) return null;
    return B.h("div", {class: "panel", style: "margin-bottom: 14px"}, B.h("h3", {}, B.comparisonTitle(c)),
      B.barChart("Speed-up by workload", rows, {format: (v) => v.toFixed(2), label: "Speed-up (1: equal; right of it: faster)", dots: true, rule: {at: 1}}));
  });
  return B.section("speedup", ["Speed-up by workload", "Speed-ups"], "A ring is one pair (a seed), the point the geometric mean of a workload's pairs. Only the last row has a line: the referee's 95 % interval over all pairs.", charts);
};

B.byWorkload = (d, p) => B.section("summary", ["By workload", "Workloads"], "Medians over seeds. A strict win is 2 % or more; a cost-quality win is latency within 1 % with half the strong calls or fewer.",
  B.table([
    {name: "Workload", get: (r) => r.workload_name, cls: "nowrap"}, {name: "Arm", get: (r) => r.arm, show: (r) => p.named(r.arm), cls: "nowrap"},
    {name: "Baseline", get: (r) => r.baseline, show: (r) => p.named(r.baseline), cls: "nowrap"},
    {name: "Pairs", num: true, get: (r) => r.num_repetitions, show: (r) => B.int(r.num_repetitions) + (r.missing_pairs ? ` (${r.missing_pairs} missing)` : "")},
    {name: "Baseline median", num: true, get: (r) => r.baseline_median_latency_ms, show: (r) => B.ms(r.baseline_median_latency_ms)},
    {name: "Arm median", num: true, get: (r) => r.coordinated_median_latency_ms, show: (r) => B.ms(r.coordinated_median_latency_ms)},
    {name: "Change", num: true, down: true, get: (r) => r.latency_improvement_percent, show: (r) => B.signed(r.latency_improvement_percent)},
    {name: "Speed-up", num: true, down: true, get: (r) => r.speedup_ratio, show: (r) => B.times(r.speedup_ratio)},
    {name: "Strong calls", num: true, get: (r) => r.coordinated_median_strong_model_calls, show: (r) => (B.has(r.baseline_median_strong_model_calls) ? `${B.digits(r.baseline_median_strong_model_calls, 2)} \u2192 ${B.digits(r.coordinated_median_strong_model_calls, 2)}` : B.DASH)},
    {name: "Strict win", get: (r) => (r.strict_latency_win ? "yes" : "no")}, {name: "Cost-quality win", get: (r) => (r.cost_quality_win ? "yes" : "no")}], d.summary, {label: "Summary by workload"}));

B.costs = function (d, p) {
  const rows = p.arms.map((arm) => {
    const runs = d.runs.filter((r) => r.arm === arm), good = runs.filter(p.ok);
    return {arm, runs: runs.length, failed: runs.filter((r) => r.status === "failed").length, calls: p.sum(good.map((r) => r.llm_calls)), strong: p.sum(good.map((r) => r.strong_model_call_count)),
      tokens: p.sum(good.map((r) => (r.tokens_in || 0) + (r.tokens_out || 0))), cost: p.sum(good.map((r) => r.cost_usd)), seconds: p.median(good.map((r) => r.total_tuning_time_sec))};
  });
  const claims = d.comparisons.map((c) => B.h("li", {}, B.comparisonTitle(c) + ": " + [c.strong_call_claim, c.baseline_cost_usd > 0 || c.cost_usd > 0 ? c.cost_claim : ""].filter(Boolean).join("; ")));
  return B.section("cost", ["What it cost", "Cost"], "Over all runs that ended well; seconds are the median of a run. Fewer calls or less money count as a saving only where the latency is shown not to be worse by more than 2 %.",
    B.table([
      {name: "Arm", get: (r) => r.arm, show: (r) => p.named(r.arm), cls: "nowrap"}, {name: "Runs", num: true, get: (r) => r.runs, show: (r) => B.int(r.runs) + (r.failed ? ` (${r.failed} failed)` : "")},
      {name: "Calls", num: true, get: (r) => r.calls, show: (r) => B.int(r.calls)}, {name: "Strong calls", num: true, get: (r) => r.strong, show: (r) => B.int(r.strong)},
      {name: "Tokens", num: true, get: (r) => r.tokens, show: (r) => B.int(r.tokens)}, {name: "Money", num: true, get: (r) => r.cost, show: (r) => B.usd(r.cost)},
      {name: "Time of a run", num: true, get: (r) => r.seconds, show: (r) => B.sec(r.seconds)}], rows, {label: "Cost by arm"}),
    claims.length ? B.h("ul", {class: "tight"}, claims) : null);
};

// The ledger of the study, and (where the runs' trees are here) what the calls brought.
B.studyModels = function (d, p) {
  const gains = new Map();
  for (const run of d.runs) {
    const tree = d.trees[run.run_id];
    if (!tree) continue;
    for (const m of tree.models) {
      const key = JSON.stringify([run.arm, m.name]), g = gains.get(key) || {measured: 0, hits: 0, new_bests: 0, refined: 0, first: 0, firsts: 0, runs: 0};
      g.measured += m.measured; g.hits += m.hits; g.new_bests += m.new_bests; g.refined += m.gain - m.first_gain; g.first += m.first_gain; g.firsts += m.first_gain > 0 ? 1 : 0; g.runs += 1;
      gains.set(key, g);
    }
  }
  const rows = d.ledger.map((r) => Object.assign({g: gains.get(JSON.stringify([r.arm, r.model]))}, r));
  const known = rows.some((r) => r.g), any = (key) => rows.some((r) => r[key] > 0);
  const verdict = (r) => (!r.calls ? "never asked" : !r.g ? "not known: the runs' store is not here" : r.g.new_bests > 0 ? "earned its calls" : r.g.hits > 0 ? "improved plans, but never the best" : "nothing gained");
  return B.section("models", ["Which model earned its calls, and why", "Models"], known ? "A hit is a measured program faster than the one it came from. A run's first new best is set against the unscheduled program, which nearly any plan beats by much; it stands apart, as the geometric mean over the runs where it was this model's. The refinement a call is what the later new bests brought over the best before them, on a log scale, divided by all calls." : "What the calls brought is in the runs' trees, which are not part of this page.",
    B.table([
      {name: "Arm", get: (r) => r.arm, show: (r) => p.named(r.arm), cls: "nowrap"}, {name: "Model", get: (r) => r.model, cls: "nowrap"}, {name: "Verdict", get: verdict, cls: "nowrap"}, {name: "Role", get: (r) => r.role},
      {name: "Calls", num: true, down: true, get: (r) => r.calls, show: (r) => B.int(r.calls)},
      any("tokens_in") || any("tokens_out") ? {name: "Tokens in, out", num: true, down: true, get: (r) => (r.tokens_in || 0) + (r.tokens_out || 0), show: (r) => B.int(r.tokens_in) + ", " + B.int(r.tokens_out)} : null,
      any("cost_usd") ? {name: "Money", num: true, down: true, get: (r) => r.cost_usd, show: (r) => B.usd(r.cost_usd)} : null, {name: "Seconds", num: true, down: true, get: (r) => r.seconds, show: (r) => B.sec(r.seconds)},
      known ? {name: "Hits", num: true, down: true, get: (r) => (r.g ? r.g.hits : null), show: (r) => (r.g ? `${B.int(r.g.hits)} of ${B.int(r.g.measured)}` : B.DASH)} : null,
      known ? {name: "New bests", num: true, down: true, get: (r) => (r.g ? r.g.new_bests : null), show: (r) => (r.g ? B.int(r.g.new_bests) : B.DASH)} : null,
      known ? {name: "First plan", num: true, down: true, title: "Over the unscheduled program, in the runs whose first new best was this model's", get: (r) => (r.g && r.g.firsts ? r.g.first / r.g.firsts : null), show: (r) => (r.g && r.g.firsts ? `${B.ratio(Math.exp(r.g.first / r.g.firsts))} (${B.plural(r.g.firsts, "run")})` : B.DASH)} : null,
      known ? {name: "Refined, a call", num: true, down: true, title: "Of its later new bests, over the best before each", get: (r) => (r.g && r.calls ? r.g.refined / r.calls : null), show: (r) => (r.g && r.calls && r.g.refined > 0 ? B.times(Math.exp(r.g.refined / r.calls)) : B.DASH)} : null,
    ].filter(Boolean), rows, {label: "Ledger by arm and model"}));
};

B.studyCurves = function (d, p) {
  const curves = d.curves.filter((c) => c.points.length);
  if (!curves.length) return null;
  const workloads = p.workloads.filter((w) => curves.some((c) => c.workload_name === w));
  const axes = [["trials", "trials"], ["calls", "calls"], ["seconds", "seconds"], ["cost_usd", "money"]].filter(([key]) => curves.some((c) => c.points.some((q) => q[key] > 0)));
  const text = {trials: "Trials finished", calls: "Calls answered", seconds: "Active time of the run, s", cost_usd: "Spent on models, USD"};
  let axis = axes.length ? axes[0][0] : "trials", workload = workloads[0];
  const at = (points, x) => { let best = null; for (const q of points) { if (q[axis] > x) break; if (B.has(q.best_latency_ms)) best = q.best_latency_ms; } return best; };
  const unseen = p.arms.filter((arm) => !curves.some((c) => c.arm === arm && c.points.some((q) => B.has(q.best_latency_ms))));
  // Many bands over one another show nothing: then only that of the arm one looks at.
  const few = p.arms.length - unseen.length <= 3;
  let pinned = null;
  const look = (arm) => chart.highlight(arm === null ? pinned : arm);
  const chart = B.lineChart("Best latency so far", () => ({xLabel: text[axis], yLabel: "Best latency so far", yLog: "auto", yFormat: (t) => B.ms(t, 3), xFormat: (t) => (axis === "cost_usd" ? B.usd(t) : String(+t.toPrecision(6))),
    xWhole: axis === "trials" || axis === "calls", onLine: look, dots: [],
    series: p.arms.map((arm) => {
      // From where every seed has a value: a median that seeds join on the way can rise.
      const mine = curves.filter((c) => c.arm === arm && c.workload_name === workload).map((c) => c.points).filter((points) => points.some((q) => B.has(q.best_latency_ms)));
      const rows = [...new Set(mine.flat().map((q) => q[axis]))].sort((a, b) => a - b).map((x) => [x, mine.map((q) => at(q, x)).filter(B.has)]).filter((r) => r[1].length === mine.length);
      return {name: arm, label: arm, k: p.k(arm), step: true, dash: p.dash(arm), points: rows.map(([x, v]) => [x, p.median(v)]), band: rows.map(([x, v]) => [x, Math.min(...v), Math.max(...v)]), bandHidden: !few,
        tip: rows.length ? `${arm}\nat the end ${B.ms(p.median(rows[rows.length - 1][1]))}` : arm};
    })}));
  const swatch = (arm) => B.s("svg", {viewBox: "0 0 34 10", "aria-hidden": "true"}, B.s("path", {d: "M1 5H33", style: B.stroke(p.k(arm), p.dash(arm))}));
  const buttons = p.arms.filter((arm) => !unseen.includes(arm)).map((arm) => B.h("button", {type: "button", "data-arm": arm, "aria-pressed": "false", title: "Show this arm's band, and keep the others back",
    onmouseenter: () => look(arm), onmouseleave: () => look(null), onfocus: () => look(arm), onblur: () => look(null),
    onclick: () => {
      pinned = pinned === arm ? null : arm;
      buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.arm === pinned)));
      look(pinned);
    }}, swatch(arm), arm));
  return B.section("convergence", ["How the best latency came about", "Convergence"], "Median over seeds; the band reaches from the least to the most." + (few ? "" : " With this many arms a band is drawn for the arm pointed at, or chosen in the legend."),
    B.h("div", {class: "panel"}, B.h("div", {class: "tools"}, B.toggle("Workload", workloads.map((w) => [w, w]), workload, (v) => { workload = v; chart.redraw(); }), B.toggle("Against", axes, axis, (v) => { axis = v; chart.redraw(); })), chart,
      B.h("div", {class: "legend"}, buttons), unseen.length ? B.h("p", {class: "soft"}, `No line of ${unseen.join(", ")}: no trials are recorded.`) : null));
};

B.studyTime = function (d, p) {
  const keys = [["models_s", "Models"], ["search_s", "Search"], ["apply_s", "Apply plans"], ["build_s", "Build"], ["run_s", "Run kernels"]];
  const rows = p.arms.flatMap((arm) => keys.map(([key, name], i) => ({name: `${arm}: ${name}`, value: p.median(d.runs.filter((r) => r.arm === arm && p.ok(r)).map((r) => r[key])), k: [0, 3, 4, 1, 2][i]}))).filter((r) => B.has(r.value)).map((r) => Object.assign(r, {text: B.sec(r.value), tip: r.name + ": " + B.sec(r.value)}));
  if (!rows.length) return null;
  return B.section("time", ["Where the time went", "Time"], "Median of a run. Building and running happen in workers and are summed over them.", B.h("div", {class: "panel"}, B.barChart("Seconds by arm and activity", () => rows, {format: (v) => B.sec(v), label: "Time"})));
};

// A run's data as it was packed: gzip, in base64.
B.unpacked = async function (packed) {
  const bytes = Uint8Array.from(atob(packed.gz), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
};

B.studyTree = function (d, p) {
  const runs = d.runs.filter((r) => d.trees[r.run_id]);
  if (!runs.length) return B.section("tree", ["The search tree of any run", "Trees"], null, B.h("p", {class: "note"}, "The trees are in the runs' store, which was not found when this page was made: give it with --store."));
  const holder = B.h("div");
  let wanted = "";
  const show = async (id) => {
    wanted = id;
    let tree;
    try {
      tree = await B.unpacked(d.trees[id]);
    } catch (error) {
      holder.replaceChildren(B.h("p", {class: "note"}, `This browser cannot unpack the tree (${error.message}). It is also made by: banyan report ${id}`));
      return;
    }
    if (id !== wanted) return; // another was chosen meanwhile
    // The parts of a run's page read their texts from the data in hand.
    B.data = tree;
    const kept = B.sections.length, parts = B.runParts(B.data);
    const view = B.treeView(B.data, parts);
    B.sections.length = kept;
    view.removeAttribute("id");
    view.querySelector("h2").remove();
    view.style.padding = "0";
    holder.replaceChildren(view, ...tree.notes.map((note) => B.h("p", {class: "soft"}, note)));
  };
  const select = B.h("select", {class: "plain", "aria-label": "Run", onchange: (e) => show(e.target.value)},
    runs.map((r) => B.h("option", {value: r.run_id}, `${r.workload_name}, ${r.arm}, seed ${r.seed}: ${B.ms(r.median_latency_ms)}`)));
  show(runs[0].run_id);
  return B.section("tree", ["The search tree of any run", "Trees"], null, B.h("div", {class: "tools"}, select), holder);
};

B.claims = function (d) {
  const decided = (c) => c.verdict === "faster" || c.verdict === "slower";
  const may = d.comparisons.flatMap((c) => [decided(c) ? c.claim : "",
    c.strong_call_saving ? `${c.arm} against ${c.baseline}: ${c.strong_call_claim}` : "",
    c.cost_saving ? `${c.arm} against ${c.baseline}: ${c.cost_claim}` : ""]).filter(Boolean), extra = [];
  for (const c of d.comparisons) {
    if (c.verdict === "no difference shown") extra.push(`That ${c.arm} and ${c.baseline} are equally fast: no difference was shown, which is not the same.`);
    if (c.verdict === "too few pairs to tell" || c.pairs < 6) extra.push(`Anything about ${c.arm} against ${c.baseline}: ${B.plural(c.pairs, "pair")} are too few to tell.`);
    if (!c.cost_saving_supported) extra.push(`That ${c.arm} saves cost over ${c.baseline}: not supported by these numbers.`);
  }
  return B.section("claims", ["What may and what may not be claimed", "Claims"], null, B.h("div", {class: "two"},
    B.h("div", {class: "panel"}, B.h("h3", {}, "May be claimed"), may.length ? B.h("ul", {class: "tight"}, may.map((t) => B.h("li", {}, t))) : B.h("p", {}, "Nothing yet.")),
    B.h("div", {class: "panel"}, B.h("h3", {}, "May not be claimed"), B.h("ul", {class: "tight"}, [...new Set(extra)].concat([
      "Anything about other workloads, shapes or machines than those listed here.", "Comparisons of these latencies with another machine's: only ratios within this study are matched."]).map((t) => B.h("li", {}, t))))));
};

B.studyPairs = (d, p) => B.section("pairs", ["Every pair", "Pairs"], "A pair with a failed run stays here and says why.", B.table([
  {name: "Workload", get: (q) => q.workload_name, cls: "nowrap"}, {name: "Seed", num: true, get: (q) => q.seed}, {name: "Arm", get: (q) => q.arm, show: (q) => p.named(q.arm), cls: "nowrap"}, {name: "Baseline", get: (q) => q.baseline, show: (q) => p.named(q.baseline), cls: "nowrap"},
  {name: "Baseline latency", num: true, get: (q) => q.baseline_median_latency_ms, show: (q) => B.ms(q.baseline_median_latency_ms)}, {name: "Arm latency", num: true, get: (q) => q.coordinated_median_latency_ms, show: (q) => B.ms(q.coordinated_median_latency_ms)},
  {name: "Speed-up", num: true, down: true, get: (q) => q.speedup_ratio, show: (q) => B.times(q.speedup_ratio)}, {name: "Interleaved", get: (q) => (q.interleaved ? "yes" : "no")}, {name: "Status", get: (q) => q.status, cls: "text", show: (q) => (q.status === "ok" ? "ok" : B.h("span", {class: "bad"}, q.status))}], d.pairs, {tall: true, first: 200, label: "Pairs"}));

B.studyRuns = (d, p) => B.section("runs", ["Every run", "Runs"], null, B.table([
  {name: "Run", get: (r) => r.run_id, cls: "nowrap"}, {name: "Workload", get: (r) => r.workload_name, cls: "nowrap"}, {name: "Arm", get: (r) => r.arm, show: (r) => p.named(r.arm), cls: "nowrap"}, {name: "Seed", num: true, get: (r) => r.seed},
  {name: "Median", num: true, get: (r) => r.median_latency_ms, show: (r) => B.ms(r.median_latency_ms)}, {name: "Measured", num: true, get: (r) => r.num_measured_candidates, show: (r) => B.int(r.num_measured_candidates)}, {name: "Invalid", num: true, get: (r) => r.invalid_candidate_count, show: (r) => B.int(r.invalid_candidate_count)},
  {name: "Calls", num: true, get: (r) => r.llm_calls, show: (r) => B.int(r.llm_calls)}, {name: "Strong", num: true, get: (r) => r.strong_model_call_count, show: (r) => B.int(r.strong_model_call_count)}, {name: "Money", num: true, get: (r) => r.cost_usd, show: (r) => B.usd(r.cost_usd)}, {name: "Time", num: true, get: (r) => r.total_tuning_time_sec, show: (r) => B.sec(r.total_tuning_time_sec)},
  {name: "Status", get: (r) => r.status, cls: "text", show: (r) => (p.ok(r) ? "ok" : B.h("span", {class: "bad"}, r.status + (r.error ? ": " + r.error : "")))}], d.runs, {tall: true, first: 200, label: "Runs"}));

B.studySetup = function (d, p) {
  const joined = (all) => [...new Set(all.filter((v) => v !== null && v !== undefined && v !== ""))].join("; ");
  const values = (key) => joined(d.runs.map((r) => r[key])) || B.DASH;
  // Rows list the models they asked, in the order of the first call.
  const models = (key) => [...new Set(d.runs.flatMap((r) => String(r[key] || "").split(",")).map((m) => m.trim()).filter(Boolean))].sort().join(", ") || B.DASH;
  // Of every set-up there was; of imported tables what their columns tell.
  const machine = (key, f) => joined(d.setup.map((q) => (B.has(q.machine[key]) ? f(q.machine[key]) : q.machine[key])));
  const version = (key, column) => joined(d.setup.map((q) => q.versions[key])) || (column ? values(column) : "");
  const gib = (n) => B.digits(n / 2 ** 30, 3) + B.NARROW + "GiB";
  const cpu = joined(d.setup.map((q) => (q.machine.cpu || "") + (q.machine.llvm_cpu ? ` (${q.machine.llvm_cpu})` : "")));
  const tvm = joined(d.setup.map((q) => (q.versions.tvm || "") + (q.versions.llvm ? `, with LLVM ${q.versions.llvm}` : "")));
  return B.section("setup", ["Set-up and versions", "Set-up"], null, B.h("div", {class: "two"},
    B.h("div", {class: "panel"}, B.h("h3", {}, "Study"), B.rows([
      ["Arms", p.arms.map((a) => B.h("div", {}, p.named(a)))], ["Workloads", p.workloads.join("; ")], ["Shapes", values("shape")], ["Seeds", values("seed")], ["Trials", values("trials")], ["Call budget", values("llm_budget")], ["Trials a round", values("num_trials_per_iter")], ["Cost model", values("cost_model")],
      ["Strong models", models("strong_model")], ["Light models", models("small_model")], ["Timing", `number ${values("number")}, repeat ${values("repeat")}, at least ${values("min_repeat_ms")} ms a sample`], ["A key was present", values("api_key_presence_only")]])),
    B.h("div", {class: "panel"}, B.h("h3", {}, "Machine and tools"), B.rows([
      ["CPU", cpu || values("cpu")], ["Cores", machine("cpus", (n) => B.plural(n, "CPU"))], ["Kernels run on", machine("kernel_cores", (n) => B.plural(n, "core"))], ["Memory", machine("memory_bytes", gib)],
      ["System", version("os")], ["TVM target", B.h("code", {}, values("target"))], ["TVM", tvm || values("tvm_version")], ["XGBoost", version("xgboost")], ["SQLite", version("sqlite")], ["libcurl", version("libcurl")],
      ["Banyan", version("banyan", "banyan_version")], ["Commit", values("repo_commit")], ["Compiler", version("compiler")]]))));
};

B.question = function (comparisons) {
  const arms = [...new Set(comparisons.map((c) => c.arm))], baselines = [...new Set(comparisons.map((c) => c.baseline))];
  const methods = new Set([...arms, ...baselines]).size;
  const same = "Question: with the same workloads, seeds, trials and calls on both sides, ";
  if (arms.length > 2 || baselines.length > 2 || arms.some((arm) => baselines.includes(arm))) return same + `which of ${methods} methods finds the faster programs?`;
  return same + `does ${arms.join(" or ") || "an arm"} find faster programs than ${baselines.join(" or ") || "its baseline"}?`;
};

B.studyPage = function (d) {
  const p = B.studyParts(d);
  const parts = [B.verdicts(d, p), B.speedups(d, p), B.byWorkload(d, p), B.costs(d, p), B.studyModels(d, p), B.studyCurves(d, p), B.studyTree(d, p), B.claims(d), B.studyTime(d, p), B.studyPairs(d, p), B.studyRuns(d, p), B.studySetup(d, p), B.section("reproduce", "Reproduce it", null, B.commands(d.commands))].filter(Boolean);
  return [B.h("header", {class: "top"}, B.h("div", {class: "brand"}, "Banyan \u00b7 report of a study"), B.h("h1", {}, "Study " + d.study), B.h("p", {class: "lead"}, [d.description, d.origin === "import" ? "imported tables" : "", `${B.int(d.runs.filter(p.ok).length)} of ${B.plural(d.runs.length, "run")} ended well`].filter(Boolean).join(" \u00b7 "))),
    B.h("p", {class: "verdict"}, B.question(d.comparisons)),
    d.notes.map((n) => B.h("p", {class: "note"}, n)), B.nav(), B.h("main", {id: "main"}, parts)];
};
if (B.data.kind === "study") B.start(B.studyPage);
