#!/usr/bin/env python3
"""Banyan's kernels against OpenBLAS, oneDNN, IREE, TVM MetaSchedule and hand-found schedules, on one pinned core.

    make bench-peers ARGS="--workloads mlp conv --seeds 3"

Each workload: `banyan tune` with 32 trials for each seed; then all kernels are checked against float64 and timed in
this one process in turn, in an order that rotates (IREE's by its own tool between them). A ratio is the peer's latency
over Banyan's, taken round by round: above 1, Banyan is faster. Prints a table, writes results (JSON) and a figure.
MetaSchedule's kernels (--metaschedule 32,256) come from its own search and are kept by machine: 256 trials take ten
to twenty minutes a workload.
"""

import argparse
import datetime
import hashlib
import importlib.metadata
import json
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import kernels  # noqa: E402
import workloads as programs  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "release"
BANYAN = os.environ.get("BANYAN_BINARY", str(BUILD / "banyan"))
SEED_WORKLOADS = ["attention", "conv", "mlp", "moe"]
PAPER_SCALE = ["attention:H=32,T=1024,D=128", "conv:C=512,H=64,W=64", "mlp:T=16,H=5120,I=8192", "moe:T=16,E=8,H=7168,I=2048"]
SQUARES = [f"matmul:M={n},N={n},K={n}" for n in (64, 128, 256, 512, 1024, 2048)]
SETS = {"seed": SEED_WORKLOADS, "paper": PAPER_SCALE, "matmul": SQUARES}
VENDORS = ["openblas", "onednn-plain", "onednn-blocked"]


def banyan(*arguments, check=True):
    done = subprocess.run([BANYAN, *map(str, arguments), "--json", "--quiet"], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise kernels.Failed(f"banyan {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return json.loads(done.stdout)


def export(vendor, name, run, store, folder):
    banyan("export", run, "--store", store, "--out", folder)
    return kernels.exported(vendor, name, folder)


def tuned(vendor, workload, seed, options, folder):
    result = banyan("tune", workload.text, "--trials", options.trials, "--seed", seed, "--no-transfer",
                    "--store", options.store)
    return export(vendor, f"banyan seed {seed}", result["run_id"], options.store, folder / f"banyan-{seed}"), result


def hand_found(vendor, workload, options, folder):
    plan = ROOT / "bench" / "plans" / f"{workload.text}.plan"
    if not plan.exists():
        raise kernels.Failed("no schedule was found by hand")
    result = banyan("apply", workload.text, plan, "--store", options.store)
    return export(vendor, "hand-found", result["run_id"], options.store, folder / "hand")


def metaschedule(vendor, workload, trials, folder):
    """The kernel of TVM's own search (one seed); a finished search by this script of this TVM on this CPU model is
    not made again."""
    name = f"metaschedule-{trials}"
    script = (ROOT / "src" / "tvm" / "tune_with_tvm.py").read_text()
    made_by = f"{cpu_model()} {workload.text} {importlib.metadata.version('apache-tvm')} {script}"
    key = hashlib.sha256(made_by.encode()).hexdigest()[:12]
    kept = ROOT / "build" / "bench" / f"{name}-{key}"
    kept.mkdir(parents=True, exist_ok=True)
    store, done = kept / "store.db", kept / "result.json"
    if not done.exists():
        result = banyan("tune", workload.text, "--strategy", "tvm-evolutionary", "--trials", trials, "--store", store)
        done.write_text(json.dumps({"run_id": result["run_id"], "search_s": result["wall_s"]}))
    result = json.loads(done.read_text())
    kernel = export(vendor, name, result["run_id"], store, folder / name)
    kernel.search_s = result["search_s"]
    return kernel


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def interval(values, rng, draws=2000):
    """The median's 95 % bootstrap interval."""
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(draws))
    return medians[int(0.025 * draws)], medians[int(0.975 * draws) - 1]


def contestants(vendor, workload, options, folder):
    """(kernels, tuning results, reasons of those that are missing)"""
    found, results, missing = [], [], {}

    def attempt(name, make):
        print(f"  {workload.text}: {name}", file=sys.stderr, flush=True)
        try:
            found.append(make())
        except kernels.Failed as failure:
            missing[name] = str(failure)

    for seed in range(options.seeds):
        kernel, result = tuned(vendor, workload, seed, options, folder)
        found.append(kernel)
        results.append(result)
        print(f"  {workload.text}: seed {seed} {result['best_latency_ms']:.4g} ms in {result['wall_s']:.1f} s",
              file=sys.stderr, flush=True)
    if "hand" in options.peers:
        attempt("hand-found", lambda: hand_found(vendor, workload, options, folder))
    for library in VENDORS:
        if library.partition("-")[0] in options.peers:
            attempt(library, lambda: vendor.kernel(library, workload))
    if "iree" in options.peers:
        attempt("iree", lambda: kernels.iree(workload, folder))
    for trials in options.metaschedule:
        attempt(f"metaschedule-{trials}", lambda: metaschedule(vendor, workload, trials, folder))
    return found, results, missing


def checked(found, workload, missing):
    inputs = workload.inputs()
    output = programs.aligned(np.zeros(workload.shapes[-1], np.float32))
    expected, scale = workload.reference(inputs)
    right = []
    for kernel in found:
        kernel.bind(inputs, output)
        try:
            kernel.check(output, expected, scale)
            right.append(kernel)
        except kernels.Failed as failure:
            missing[kernel.name] = str(failure)
    return right, (inputs, output)


def measured(found, missing, options):
    """Samples in ms by kernel, one a round. A kernel that fails once is left out of all rounds."""
    samples = {kernel.name: [] for kernel in found}

    def sample(kernel, least_ms):
        if kernel.name in missing:
            return
        try:
            samples[kernel.name].append(kernel.sample_ms(least_ms))
        except kernels.Failed as failure:
            missing[kernel.name] = str(failure)
            del samples[kernel.name]

    for kernel in found:
        sample(kernel, options.sample_ms / 2)  # warms caches and pages
    for name in samples:
        samples[name].clear()
    for number in range(options.rounds):
        order = found[number % len(found):] + found[:number % len(found)]
        if number % 2:
            order.reverse()
        for kernel in order:
            sample(kernel, options.sample_ms)
    return samples


def compare(workload, vendor, options):
    with tempfile.TemporaryDirectory(prefix="banyan-peers-") as name:
        folder = pathlib.Path(name)
        found, results, missing = contestants(vendor, workload, options, folder)
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # IREE's tool inherits it
        right, keep = checked(found, workload, missing)
        samples = measured(right, missing, options)
        searched = {kernel.name: kernel.search_s for kernel in right if hasattr(kernel, "search_s")}
        del keep
    ours = [name for name in samples if name.startswith("banyan")]
    if not ours:
        raise kernels.Failed(f"no kernel of Banyan is right: {missing}")
    rng = random.Random(0)
    peers = {}
    for peer in samples:
        if peer in ours:
            continue
        # Round by round against each seed; the median over seeds is what a user may expect.
        by_seed = [[p / b for p, b in zip(samples[peer], samples[name])] for name in ours]
        per_round = [statistics.median(ratios) for ratios in zip(*by_seed)]
        low, high = interval(per_round, rng)
        peers[peer] = {"latency_ms": statistics.median(samples[peer]), "ratio": statistics.median(per_round),
                       "interval": [low, high], "by_seed": [statistics.median(ratios) for ratios in by_seed]}
        if peer in searched:
            peers[peer]["search_s"] = searched[peer]  # when it was made, perhaps before this run
    latencies = [statistics.median(samples[name]) for name in ours]
    peak_gflops = statistics.median(r["gflops"] / r["peak_fraction"] for r in results)
    return {
        "workload": workload.text, "flops": workload.flops, "latency_ms": statistics.median(latencies),
        "by_seed_ms": latencies, "gflops": workload.flops / statistics.median(latencies) * 1e-6,
        "peak_fraction": workload.flops / statistics.median(latencies) * 1e-6 / peak_gflops,
        "wall_s": [r["wall_s"] for r in results], "peers": peers, "missing": missing, "samples_ms": samples,
    }


def table(rows):
    names = sorted({name for row in rows for name in row["peers"]})
    lines = [["workload", "banyan", "of peak", *names]]
    for row in rows:
        cells = [row["workload"], f"{row['latency_ms']:.4g} ms", f"{100 * row['peak_fraction']:.0f} %"]
        for name in names:
            peer = row["peers"].get(name)
            cells.append(f"{peer['ratio']:.2f} [{peer['interval'][0]:.2f}, {peer['interval'][1]:.2f}]" if peer else "-")
        lines.append(cells)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(line, widths))) for line in lines)


def figure(rows, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = sorted({name for row in rows for name in row["peers"]})
    colours = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000"]
    plot, axes = plt.subplots(figsize=(max(6, 1.6 * len(rows) + 2), 4.2))
    width = 0.8 / max(1, len(names))
    for i, name in enumerate(names):
        at = [(k + (i - (len(names) - 1) / 2) * width, row["peers"][name]) for k, row in enumerate(rows) if name in row["peers"]]
        axes.bar([x for x, _ in at], [peer["ratio"] for _, peer in at], width, label=name, color=colours[i % len(colours)],
                 yerr=np.array([[max(0, peer["ratio"] - peer["interval"][0]), max(0, peer["interval"][1] - peer["ratio"])]
                                for _, peer in at]).T if at else None, error_kw={"elinewidth": 1})
    axes.axhline(1, color="#444444", linewidth=1)
    axes.set_xticks(range(len(rows)), [row["workload"].replace(",", "\n").replace(":", "\n") for row in rows], fontsize=8)
    axes.set_ylabel("latency of the peer / of Banyan's kernel\n(above 1: Banyan is faster)")
    axes.legend(fontsize=8, frameon=False, ncols=min(4, max(1, len(names))), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    axes.spines[["top", "right"]].set_visible(False)
    plot.tight_layout()
    plot.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", nargs="+", default=["seed"], help="seed, paper, matmul (sets), or workloads as for tune")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--sample-ms", type=float, default=100, help="a sample fills this time")
    parser.add_argument("--peers", default="hand,openblas,onednn,iree", help="any of these; '' for none")
    parser.add_argument("--metaschedule", default="", help="trials of TVM's own search, e.g. 32,256")
    parser.add_argument("--out", default="", help="folder; default build/bench/peers-<time>")
    options = parser.parse_args()
    options.peers = options.peers.split(",")
    options.metaschedule = [int(n) for n in options.metaschedule.split(",") if n]
    out = pathlib.Path(options.out or ROOT / "build" / "bench" / f"peers-{datetime.datetime.now():%Y%m%d-%H%M%S}")
    out.mkdir(parents=True, exist_ok=True)
    options.store = out / "runs.db"
    library = BUILD / "bench" / "peers" / "libbanyan_vendor.so"
    if not library.exists():
        sys.exit(f"{library} is missing: `make bench-peers` installs the libraries and builds it")
    names = [name for given in options.workloads for name in SETS.get(given, [given])]
    try:
        chosen = [programs.parse(name) for name in names]
    except ValueError as wrong:
        sys.exit(str(wrong))

    cpus = sorted(os.sched_getaffinity(0))
    vendor = kernels.Vendor(library)
    rows = []
    for workload in chosen:
        print(f"{workload.text} ...", file=sys.stderr, flush=True)
        os.sched_setaffinity(0, cpus)
        try:
            rows.append(compare(workload, vendor, options))
        except kernels.Failed as failure:
            print(f"{workload.text}: {failure}", file=sys.stderr, flush=True)
            continue
        for name, why in rows[-1]["missing"].items():
            print(f"  {name} is missing: {why[:200]}", file=sys.stderr, flush=True)
        (out / "peers.json").write_text(json.dumps(
            {"cpu_model": cpu_model(), "vendors": vendor.versions, "trials": options.trials, "rows": rows}, indent=1))
        print(table(rows[-1:]), flush=True)
    if not rows:
        sys.exit("nothing was compared")
    print(f"\n{table(rows)}\n")
    for name in sorted({name for row in rows for name in row["peers"]}):
        logs = [math.log(row["peers"][name]["ratio"]) for row in rows if name in row["peers"]]
        print(f"geomean over {len(logs)} workloads against {name}: {math.exp(statistics.fmean(logs)):.3f}x")
    figure(rows, out / "peers.svg")
    figure(rows, out / "peers.png")
    print(f"{out}/peers.json, peers.svg, peers.png")


if __name__ == "__main__":
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    main()
