"""Draws the figures of a run or a study as SVG and PNG: figures.py DATA.json FOLDER

DATA is what docs/report.md describes (the JSON of the page). Prints one JSON object: {"files": [...]}, or
{"error": "..."}. Colours are Okabe and Ito's, lines differ in dash and marker too, so that the figures can be
read in print and with every kind of colour vision.
"""

import json
import math
import os
import pathlib
import statistics
import sys
import tempfile

# matplotlib wants a folder for its caches; a read-only home must not matter.
os.environ.setdefault("MPLCONFIGDIR", os.path.join(tempfile.gettempdir(), f"banyan-matplotlib-{os.getuid()}"))

try:
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
except ImportError as error:
    print(json.dumps({"error": f"no figures without matplotlib: {error}", "environment": True}))
    sys.exit(1)

OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C8300", "#6B6F76"]
DASHES = ["-", (0, (5, 2)), (0, (1, 1.4)), (0, (6, 2, 1, 2)), (0, (9, 2.5)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 3)),
          (0, (8, 1.5, 1, 1.5, 1, 1.5))]
MARKERS = "osD^vPX*"
HATCHES = ["", "///", "...", "xxx", "\\\\\\"]
INK = "#222222"
FORMATS = ("svg", "png")

plt.rcParams.update({
    "font.family": "DejaVu Sans", "font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.labelsize": 9, "axes.edgecolor": "#888888", "axes.labelcolor": INK,
    "xtick.color": INK, "ytick.color": INK, "text.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#E3E3E3", "grid.linewidth": 0.7,
    "legend.frameon": False, "legend.fontsize": 8.5, "lines.linewidth": 1.8, "figure.dpi": 100, "savefig.dpi": 160,
    "svg.fonttype": "path", "svg.hashsalt": "banyan", "text.parse_math": False, "hatch.linewidth": 0.6,
})

AXES = [("trials", "Trials finished"), ("calls", "Model calls answered"), ("cost_usd", "Spent on models, USD"),
        ("seconds", "Active time of the run, s")]
NAMES = {"cost_usd": "money"}


def good(value):
    return isinstance(value, (int, float)) and math.isfinite(value)


def short(text, limit=34):
    return text if len(text) <= limit else text[:limit - 1] + "\u2026"


def colour(i):
    return OKABE_ITO[i % len(OKABE_ITO)]


def plain(value, _=None):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"


def latency_axis(axis, values, which="y"):
    """A log scale where the values span more than a factor of four, in words as well."""
    values = [v for v in values if good(v) and v > 0]
    wide = bool(values) and max(values) / min(values) > 4
    label = "Latency, ms" + (" (log scale)" if wide else "")
    (axis.set_ylabel if which == "y" else axis.set_xlabel)(label)
    side = axis.yaxis if which == "y" else axis.xaxis
    if wide:
        (axis.set_yscale if which == "y" else axis.set_xscale)("log")
        subs = (1.0,) if max(values) / min(values) > 300 else (1.0, 2.0, 5.0)
        side.set_major_locator(LogLocator(subs=subs))
        side.set_minor_formatter(NullFormatter())
    side.set_major_formatter(FuncFormatter(plain))
    return wide


def whole_numbers(side):
    side.set_major_locator(MaxNLocator(integer=True))


class Folder:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.files = []

    def save(self, figure, name):
        for kind in FORMATS:
            file = self.path / f"{name}.{kind}"
            figure.savefig(file, bbox_inches="tight", pad_inches=0.12, metadata={"Date": None} if kind == "svg" else None)
            self.files.append(str(file))
        plt.close(figure)


def new(width=6.4, height=3.8, **options):
    return plt.subplots(figsize=(width, height), layout="constrained", **options)


def legend(axis, **options):
    """Below the axes, where it covers no data."""
    handles, labels = axis.get_legend_handles_labels()
    if not handles:
        return
    longest = max(map(len, labels))
    columns = 1 if longest > 40 else 2 if longest > 22 else min(4, len(labels))
    axis.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncol=columns, **options)


# ---- A single run

def run_colours(data):
    return {model["name"]: colour(i) for i, model in enumerate(data["models"])}


def run_convergence(data, folder):
    curve = data["curve"]
    colours = run_colours(data)
    origin = {node: data["origins"][o] for node, o in zip(data["nodes"]["id"], data["nodes"]["origin"])}
    for key, label in AXES:
        if key in ("cost_usd", "calls") and not any(point[key] > 0 for point in curve):
            continue
        line = [(p[key], p["best_ms"]) for p in curve if good(p["best_ms"])]
        if not line:
            return
        figure, axis = new()
        axis.step(*zip(*line), where="post", color=INK, label="best so far", zorder=3)
        used = []
        for p in curve:
            if not good(p["latency_ms"]):
                continue
            who = origin.get(p["node"], "other")
            shape = list(colours).index(who) if who in colours else 7
            axis.plot(p[key], p["latency_ms"], MARKERS[shape % len(MARKERS)], color=colours.get(who, "#6B6F76"),
                      ms=7.5 if p["improved"] else 5, alpha=1 if p["improved"] else 0.6, mec="white", mew=0.5,
                      zorder=4 if p["improved"] else 2, label=None if who in used else short(who))
            used.append(who)
        latency_axis(axis, [p["latency_ms"] for p in curve])
        axis.set_xlabel(label)
        if key in ("trials", "calls"):
            whole_numbers(axis.xaxis)
        axis.set_title(f"Best latency so far, {short(data['workload']['id'], 48)}")
        legend(axis)
        folder.save(figure, "convergence_" + NAMES.get(key, key))


def growth(data):
    """Nodes made so far, by origin, in the order in which they were made."""
    counts = {}
    total = 0
    for origin in data["nodes"]["origin"]:
        name = data["origins"][origin]
        if name == "root":
            continue
        total += 1
        counts.setdefault(name, []).append(total)
    return total, counts


def tree_growth(data, folder, name="tree_growth"):
    total, counts = growth(data)
    if total == 0:
        return
    colours = run_colours(data)
    figure, axis = new()
    names = [m["name"] for m in data["models"] if m["name"] in counts]
    for i, who in enumerate(names):
        at = counts[who]
        axis.step([0] + at + [total], [0] + list(range(1, len(at) + 1)) + [len(at)], where="post",
                  color=colours[who], ls=DASHES[i % len(DASHES)], label=short(who))
    axis.set_xlabel("Nodes in the tree")
    axis.set_ylabel("Nodes made by each model")
    whole_numbers(axis.xaxis)
    whole_numbers(axis.yaxis)
    axis.set_title("Growth of the search tree by model")
    legend(axis)
    folder.save(figure, name)


PARTS = [("models", "Models"), ("search", "Search"), ("apply", "Apply plans"), ("build", "Build"), ("run", "Run kernels")]
PART_COLOURS = [OKABE_ITO[i] for i in (0, 3, 4, 1, 2)]


def run_time(data, folder):
    split = data.get("time_split_s")
    if not split:
        return
    figure, axis = new(height=2.6)
    values = [split.get(key) or 0 for key, _ in PARTS]
    bars = axis.barh([name for _, name in PARTS], values, color=PART_COLOURS, height=0.62)
    axis.bar_label(bars, [f"{v:.3g} s" for v in values], padding=4, fontsize=8.5)
    axis.invert_yaxis()
    axis.margins(x=0.14)
    axis.set_xlabel("Time, s (build and run: summed over workers)")
    axis.grid(axis="y", visible=False)
    axis.set_title("Where the time went")
    folder.save(figure, "time_split")


def run_gain(data, folder):
    rows = [m for m in data["models"] if m["gain"] > 0]
    if not rows:
        return
    figure, axis = new(height=1.4 + 0.36 * len(rows))
    values = [math.exp(m["gain"]) for m in rows]
    firsts = [math.exp(m["first_gain"]) for m in rows]
    names = [short(m["name"]) for m in rows]
    colours = [run_colours(data)[m["name"]] for m in rows]
    # The first plan is set against the unscheduled program, which nearly any plan beats by much.
    axis.barh(names, [v - 1 for v in firsts], left=1, height=0.62, color=colours, alpha=0.45, hatch="///", edgecolor="white", linewidth=0)
    bars = axis.barh(names, [v - f for v, f in zip(values, firsts)], left=firsts, height=0.62, color=colours)
    axis.bar_label(bars, [f"{v:.3g}\u00d7" + (f", first plan {f:.3g}\u00d7" if f > 1 else "") + (f", {m['calls']} call{'' if m['calls'] == 1 else 's'}" if m["is_model"] else "")
                          for v, f, m in zip(values, firsts, rows)], padding=4, fontsize=8.5)
    axis.invert_yaxis()
    if max(values) > 10:
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(FuncFormatter(plain))
    # Room for the texts behind the bars.
    axis.set_xlim(1, max(values) ** 1.7 if max(values) > 10 else 1 + (max(values) - 1) * 1.7)
    axis.set_xlabel("Speed-up that its new bests brought" + (" (log scale)" if max(values) > 10 else ""))
    axis.grid(axis="y", visible=False)
    axis.set_title("Who moved the best latency; hatched: the first plan, over the unscheduled program")
    folder.save(figure, "gain_by_model")


# ---- A study

def arms_of(data):
    names = []
    for row in data["aggregate"]:
        for name in (row["baseline"], row["arm"]):
            if name not in names:
                names.append(name)
    for run in data["runs"]:
        if run["arm"] not in names:
            names.append(run["arm"])
    return names


def in_order(values):
    return list(dict.fromkeys(values))


def runs_by(data, arm, workload):
    return [r for r in data["runs"] if r["arm"] == arm and r["workload_name"] == workload and r["status"] == "ok"]


def grouped(axis, workloads, arms, value_of):
    """Bars by workload and arm with a point for every seed; value_of(arm, workload) -> list of values."""
    width = 0.8 / max(1, len(arms))
    everything = []
    for i, arm in enumerate(arms):
        for j, workload in enumerate(workloads):
            values = [v for v in value_of(arm, workload) if good(v)]
            if not values:
                continue
            everything += values
            x = j + (i - (len(arms) - 1) / 2) * width
            axis.bar(x, statistics.median(values), width * 0.9, color=colour(i), hatch=HATCHES[i % len(HATCHES)],
                     edgecolor="white", linewidth=0, label=short(arm) if j == 0 else None, zorder=2)
            spread = [x + (k - (len(values) - 1) / 2) * width * 0.11 for k in range(len(values))]
            axis.plot(spread, values, "o", color=INK, ms=2.8, mec="white", mew=0.5, zorder=3)
    axis.set_xticks(range(len(workloads)), [short(w, 26) for w in workloads], rotation=0 if len(workloads) < 5 else 20,
                    ha="center" if len(workloads) < 5 else "right")
    axis.grid(axis="x", visible=False)
    return everything


def study_latency(data, folder, workloads, arms):
    # Bars need zero, which a log scale does not have: each workload has its own axis instead.
    count = len(workloads)
    columns = min(4, count)
    rows = -(-count // columns)
    figure, axes = new(2.3 * columns + 0.6, 3.1 * rows + 0.5, nrows=rows, ncols=columns, squeeze=False)
    for j, axis in enumerate(axes.flat):
        if j >= count:
            axis.set_visible(False)
            continue
        grouped(axis, [workloads[j]], arms, lambda a, w: [r["median_latency_ms"] for r in runs_by(data, a, w)])
        axis.set_ylim(bottom=0)
        if j % columns == 0:
            axis.set_ylabel("Median latency, ms")
    figure.suptitle("Median latency by workload; a dot is a seed", x=0.01, ha="left", fontsize=10, fontweight="bold")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=min(4, len(labels)))
    folder.save(figure, "median_latency_by_workload")


def comparison_name(row):
    return f"{row['arm']} against {row['baseline']}" + (f", {row['budget']}" if row.get("budget") else "")


def same(a, b):
    return all(a.get(key) == b.get(key) for key in ("arm", "baseline", "budget"))


def study_speedup(data, folder, workloads):
    """Rings: the pairs; diamonds: their geomean; the only line: the referee's interval over all pairs."""
    for number, row in enumerate(data["aggregate"]):
        pairs = [p for p in data["pairs"] if same(p, row) and p["status"] == "ok" and good(p["speedup_ratio"])]
        if not pairs:
            continue
        lines = [w for w in workloads if any(p["workload_name"] == w for p in pairs)]
        figure, axis = new(6.6, 1.5 + 0.42 * (len(lines) + 1))
        for y, workload in enumerate(lines):
            values = [p["speedup_ratio"] for p in pairs if p["workload_name"] == workload]
            mean = math.exp(statistics.fmean(map(math.log, values)))
            axis.plot(values, [y] * len(values), "o", color="none", ms=5, alpha=0.8, mec=colour(0), mew=1.1, zorder=2)
            axis.plot(mean, y, "D", color=colour(5), ms=7, mec="white", mew=0.8, zorder=3)
            axis.annotate(f"{mean:.3f}\u00d7", (max(values), y), xytext=(8, 0), textcoords="offset points", va="center", fontsize=8.5)
        y = len(lines)
        low, high, mean = row["ci_low"], row["ci_high"], row["geomean_speedup"]
        right = mean
        if good(low) or good(high):
            # Without a bound on one side the line ends in an arrow at the edge.
            known = [v for v in (low, high, mean, *(p["speedup_ratio"] for p in pairs), 1) if good(v)]
            span = (max(known) - min(known)) or 0.1
            left = low if good(low) else min(known) - 0.1 * span
            right = high if good(high) else max(known) + 0.1 * span
            axis.plot([left, right], [y, y], color=INK, lw=2.2, zorder=2)
            for x, bound, arrow in ((left, low, "<"), (right, high, ">")):
                axis.plot(x, y, "|" if good(bound) else arrow, color=INK, ms=10 if good(bound) else 7, mew=2.2)
        if good(mean):
            axis.plot(mean, y, "D", color=INK, ms=8, mec="white", mew=0.8, zorder=3)
            axis.annotate(f"{mean:.3f}\u00d7, {row['verdict']}", (right, y), xytext=(8, 0), textcoords="offset points",
                          va="center", fontsize=8.5)
        axis.axvline(1, color=INK, lw=1, ls=(0, (4, 3)))
        axis.set_yticks(range(len(lines) + 1), [short(w, 30) for w in lines] + [f"all {row['pairs']} pairs, 95 % interval"])
        axis.set_ylim(len(lines) + 0.6, -0.6)
        axis.margins(x=0.18)
        axis.grid(axis="y", visible=False)
        axis.set_xlabel(f"Speed-up: latency of {short(row['baseline'])} / latency of {short(row['arm'])}\n"
                        "(1: equal, right: faster; ring: one pair, diamond: geometric mean)")
        axis.set_title("Speed-up by workload: " + short(comparison_name(row), 62))
        folder.save(figure, "speedup_by_workload" + (f"_{number + 1}" if len(data["aggregate"]) > 1 else ""))


def study_strong_calls(data, folder, workloads, arms):
    figure, axis = new(max(4.6, 1.6 * len(workloads) + 1.6), 3.6)
    values = grouped(axis, workloads, arms, lambda a, w: [r["strong_model_call_count"] for r in runs_by(data, a, w)])
    axis.set_ylabel("Strong calls of a run (median)")
    axis.set_ylim(0, max(values + [1]) * 1.15)
    whole_numbers(axis.yaxis)
    axis.set_title("Strong calls by workload; a dot is a seed")
    legend(axis)
    folder.save(figure, "strong_calls_by_workload")


def study_tradeoff(data, folder, workloads, arms):
    figure, axis = new(6.4, 4.2)
    everything = []
    for i, arm in enumerate(arms):
        for j, workload in enumerate(workloads):
            points = [(r["strong_model_call_count"], r["median_latency_ms"]) for r in runs_by(data, arm, workload)
                      if good(r["strong_model_call_count"]) and good(r["median_latency_ms"])]
            if not points:
                continue
            everything += [y for _, y in points]
            # Equal numbers of calls lie beside one another instead of on top.
            nudge = (i - (len(arms) - 1) / 2) * 0.12
            axis.plot([x + nudge for x, _ in points], [y for _, y in points], MARKERS[j % len(MARKERS)], color=colour(i),
                      ms=6, alpha=0.75, mec="white", mew=0.6, ls="")
    for i, arm in enumerate(arms):
        axis.plot([], [], "s", color=colour(i), ls="", label=short(arm))
    for j, workload in enumerate(workloads):
        axis.plot([], [], MARKERS[j % len(MARKERS)], color="#6B6F76", ls="", label=short(workload))
    latency_axis(axis, everything)
    axis.set_xlabel("Strong calls of a run")
    axis.margins(x=0.15)
    whole_numbers(axis.xaxis)
    axis.set_title("Latency against strong calls, one mark a run")
    legend(axis)
    folder.save(figure, "latency_against_strong_calls")


def at(points, key, x):
    best = None
    for point in points:
        if point[key] > x:
            break
        if good(point["best_latency_ms"]):
            best = point["best_latency_ms"]
    return best


def study_convergence(data, folder, workloads, arms):
    """Median over seeds for every workload, with the band from the least to the most where few arms make it readable."""
    bands = len(arms) <= 3
    curves = [c for c in data.get("curves", []) if c["points"]]
    if not curves:
        return
    for key, label in AXES:
        if not any(point[key] > 0 for c in curves for point in c["points"]):
            continue
        shown = [w for w in workloads if any(c["workload_name"] == w for c in curves)]
        columns = min(2, len(shown))
        rows = -(-len(shown) // columns)
        figure, axes = new(3.7 * columns + 0.4, 2.9 * rows + 0.5, nrows=rows, ncols=columns, squeeze=False)
        for j, axis in enumerate(axes.flat):
            if j >= len(shown):
                axis.set_visible(False)
                continue
            everything = []
            for i, arm in enumerate(arms):
                mine = [c["points"] for c in curves if c["arm"] == arm and c["workload_name"] == shown[j]]
                mine = [points for points in mine if any(good(p["best_latency_ms"]) for p in points)]
                if not mine:
                    continue
                grid = sorted({p[key] for points in mine for p in points})
                rows_ = [(x, [v for v in (at(points, key, x) for points in mine) if v is not None]) for x in grid]
                # From where every seed has a value: a median that seeds join on the way can rise.
                rows_ = [(x, v) for x, v in rows_ if len(v) == len(mine)]
                if not rows_:
                    continue
                x = [r[0] for r in rows_]
                everything += [v for r in rows_ for v in (r[1] if bands else [statistics.median(r[1])])]
                if bands:
                    axis.fill_between(x, [min(r[1]) for r in rows_], [max(r[1]) for r in rows_], step="post", color=colour(i), alpha=0.15, lw=0)
                axis.step(x, [statistics.median(r[1]) for r in rows_], where="post", color=colour(i), ls=DASHES[i % len(DASHES)], label=short(arm))
            latency_axis(axis, everything)
            axis.set_xlabel(label)
            if key in ("trials", "calls"):
                whole_numbers(axis.xaxis)
            axis.set_title(short(shown[j], 36))
        handles, labels = axes.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncol=min(4, max(1, len(labels))))
        figure.suptitle("Best latency so far: median over seeds" + (", band from the least to the most" if bands else ""), x=0.01, ha="left", fontsize=10, fontweight="bold")
        folder.save(figure, "convergence_" + NAMES.get(key, key))


def study_time(data, folder, arms):
    keys = ["models_s", "search_s", "apply_s", "build_s", "run_s"]
    rows = []
    for arm in arms:
        runs = [r for r in data["runs"] if r["arm"] == arm and r["status"] == "ok"]
        values = [[r[key] for r in runs if good(r.get(key))] for key in keys]
        if any(values):
            rows.append((arm, [statistics.fmean(v) if v else 0 for v in values]))
    if not rows:
        return
    figure, axis = new(6.4, 1.7 + 0.4 * len(rows))
    left = [0.0] * len(rows)
    for part, (_, name) in enumerate(PARTS):
        values = [row[1][part] for row in rows]
        axis.barh([short(row[0]) for row in rows], values, left=left, height=0.6, color=PART_COLOURS[part], label=name,
                  edgecolor="white", linewidth=0.8, hatch=HATCHES[part % len(HATCHES)])
        left = [a + b for a, b in zip(left, values)]
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("Time, s, mean of a run (build and run: summed over workers)")
    axis.set_title("Where the time went")
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=5)
    folder.save(figure, "time_split")


def study_trees(data, folder, arms):
    """Share of a tree's nodes by who made them, mean over an arm's runs."""
    trees = data.get("trees") or {}
    totals = {}
    for run in data["runs"]:
        tree = trees.get(run["run_id"])
        if not tree:
            continue
        total, counts = growth(tree)
        if total:
            totals.setdefault(run["arm"], []).append({who: len(c) / total for who, c in counts.items()})
    rows = [(arm, totals[arm]) for arm in arms if arm in totals]
    if not rows:
        return
    models = in_order(who for _, shares in rows for share in shares for who in share)
    figure, axis = new(6.4, 1.9 + 0.4 * len(rows))
    left = [0.0] * len(rows)
    for i, who in enumerate(models):
        values = [100 * statistics.fmean(share.get(who, 0) for share in shares) for _, shares in rows]
        axis.barh([short(arm) for arm, _ in rows], values, left=left, height=0.6, color=colour(i), label=short(who),
                  edgecolor="white", linewidth=0.8, hatch=HATCHES[i // 4 % len(HATCHES)])
        left = [a + b for a, b in zip(left, values)]
    axis.set_xlim(0, 100)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("Share of the tree's nodes, % (mean over runs)")
    axis.set_title("Who grew the trees")
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=3)
    folder.save(figure, "tree_growth")


def main():
    data = json.loads(pathlib.Path(sys.argv[1]).read_text())
    folder = Folder(sys.argv[2])
    if data["kind"] == "run":
        run_convergence(data, folder)
        tree_growth(data, folder)
        run_time(data, folder)
        run_gain(data, folder)
    else:
        workloads = in_order(r["workload_name"] for r in data["runs"]) or in_order(p["workload_name"] for p in data["pairs"])
        arms = arms_of(data)
        if any(r["status"] == "ok" for r in data["runs"]):
            study_latency(data, folder, workloads, arms)
            study_strong_calls(data, folder, workloads, arms)
            study_tradeoff(data, folder, workloads, arms)
            study_time(data, folder, arms)
        study_speedup(data, folder, workloads)
        study_convergence(data, folder, workloads, arms)
        study_trees(data, folder, arms)
    print(json.dumps({"files": folder.files}))


if __name__ == "__main__":
    main()
