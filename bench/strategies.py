#!/usr/bin/env python3
"""Strategies against each other: final latency, calls to strong models, wall time.

    .venv/bin/python bench/strategies.py [--strategies banyan,reasoning,colt] [--workloads attention,conv,mlp,moe]
        [--seeds 5] [--trials 32] [--calls 4] [--pool builtin:analytic,...] [--label=LABEL:STRATEGY:FLAGS ...] [--out FILE]

The first strategy is compared with each other one. Runs of one workload and seed are made in a random order; their
plans are then measured again by one `banyan apply`, interleaved, and only those latencies count. A label is a strategy
with further flags, for ablations: --label "no-cost-model:banyan:--set cost_model=none". Uses build/release/banyan (or
$BANYAN_BINARY). Transfer is off, so that the order of runs cannot matter. A run takes about ten seconds.
"""

import argparse
import json
import math
import os
import pathlib
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BANYAN = os.environ.get("BANYAN_BINARY", str(ROOT / "build" / "release" / "banyan"))


def banyan(*arguments):
    done = subprocess.run([BANYAN, *map(str, arguments), "--json", "--quiet"], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 2) or not done.stdout.strip():
        sys.exit(f"banyan {' '.join(map(str, arguments))} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def sign_flip(logs):
    """p of the exact sign-flip test of mean zero, and the 95 % interval that inverts it."""
    n = len(logs)

    def p_of(shift):
        values = [v - shift for v in logs]
        observed = abs(sum(values))
        masks = range(1 << n) if n <= 14 else None
        if masks is None:
            rng = random.Random(0)
            hits = 1 + sum(abs(sum(v * rng.choice((-1, 1)) for v in values)) >= observed - 1e-12 for _ in range(4999))
            return hits / 5000
        hits = sum(abs(sum(v if m >> i & 1 else -v for i, v in enumerate(values))) >= observed - 1e-12 for m in masks)
        return hits / (1 << n)

    centre = statistics.fmean(logs)
    width = 6 * (statistics.stdev(logs) if n > 1 else 0) + 1e-6

    def edge(sign):
        inside, outside = centre, centre + sign * width
        for _ in range(20):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if p_of(middle) > 0.05 else (inside, middle)
        return inside

    return p_of(0), edge(-1), edge(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategies", default="banyan,reasoning,colt")
    parser.add_argument("--workloads", default="attention,conv,mlp,moe")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--calls", type=int, default=4)
    parser.add_argument("--pool", default="")
    parser.add_argument("--label", action="append", default=[], help="NAME:STRATEGY:FLAGS")
    parser.add_argument("--out")
    options = parser.parse_args()

    arms = {name: ["--strategy", name] for name in options.strategies.split(",") if name}
    for label in options.label:
        name, strategy, flags = label.split(":", 2)
        arms[name] = ["--strategy", strategy, *shlex.split(flags)]
    names = list(arms)
    rng = random.Random(20260101)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "store.db")
        for seed in range(options.seeds):
            for workload in options.workloads.split(","):
                order = names[:]
                rng.shuffle(order)
                results = {}
                for name in order:
                    pool = ["--pool", options.pool] if options.pool else []
                    started = time.monotonic()
                    results[name] = banyan("tune", workload, "--seed", seed, "--trials", options.trials, "--calls", options.calls,
                                           "--no-transfer", "--store", store, *pool, *arms[name])
                    results[name]["command_wall_s"] = time.monotonic() - started
                plans, kept = [], []
                for name in names:
                    if results[name]["plan"]:
                        path = os.path.join(folder, f"{name}.plan")
                        pathlib.Path(path).write_text(results[name]["plan"])
                        plans.append(path)
                        kept.append(name)
                finals = banyan("apply", workload, *plans, "--store", store)
                measured = [row["latency_ms"] for row in finals["plans"]] if len(plans) > 1 else [finals["best_latency_ms"]]
                latency = dict(zip(kept, measured))
                for name in names:
                    result = results[name]
                    rows.append({
                        "workload": workload,
                        "seed": seed,
                        "strategy": name,
                        "latency_ms": latency.get(name) or result["default_latency_ms"],
                        "strong_calls": result["strong_calls"],
                        "calls": sum(model["calls"] for model in result["models"].values()),
                        "cost_usd": sum(model["cost_usd"] for model in result["models"].values()),
                        "wall_s": result["command_wall_s"],
                        "failed_trials": result["failed_trials"],
                    })
                print(f"{workload:10} seed {seed}: " + ", ".join(
                    f"{name} {latency.get(name) or math.nan:.3f} ms ({results[name]['strong_calls']} strong, "
                    f"{results[name]['command_wall_s']:.0f} s)" for name in names), flush=True)

    summary = []
    first = names[0]

    def cell(name, workload, seed, key):
        return next(r[key] for r in rows if (r["strategy"], r["workload"], r["seed"]) == (name, workload, seed))

    pairs = [(w, s) for w in options.workloads.split(",") for s in range(options.seeds)]
    for other in names[1:]:
        logs = [math.log(cell(other, w, s, "latency_ms") / cell(first, w, s, "latency_ms")) for w, s in pairs]
        p, low, high = sign_flip(logs)
        entry = {
            "first": first, "other": other, "pairs": len(pairs), "geomean": math.exp(statistics.fmean(logs)),
            "low": math.exp(low), "high": math.exp(high), "p": p, "wins": sum(v > 0 for v in logs),
            "by_workload": {w: math.exp(statistics.fmean([l for l, (x, _) in zip(logs, pairs) if x == w]))
                            for w in options.workloads.split(",")},
            "strong_calls": {n: statistics.fmean([cell(n, w, s, "strong_calls") for w, s in pairs]) for n in (first, other)},
            "wall_s": {n: statistics.median([cell(n, w, s, "wall_s") for w, s in pairs]) for n in (first, other)},
        }
        summary.append(entry)
        strong = entry["strong_calls"]
        print(f"\n{first} over {other}: {entry['geomean']:.3f}x [{entry['low']:.3f}, {entry['high']:.3f}], p {p:.2g}, faster in "
              f"{entry['wins']} of {len(pairs)}; strong calls {strong[first]:.2f} against {strong[other]:.2f}; median wall "
              f"{entry['wall_s'][first]:.1f} s against {entry['wall_s'][other]:.1f} s\n  "
              + ", ".join(f"{w} {r:.3f}x" for w, r in entry["by_workload"].items()))
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps({"options": vars(options), "rows": rows, "summary": summary}, indent=1))


if __name__ == "__main__":
    main()
