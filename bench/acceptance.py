#!/usr/bin/env python3
"""What Banyan promises, measured: speed against hand-found schedules, the core's peak and OpenBLAS.

    .venv/bin/python bench/acceptance.py [--seeds 5] [--rounds 3] [--only seed|other|share|rate] [--out FILE]

Every figure is a ratio of two things measured in this one run, taken in turn; absolute times are of this
machine and this hour. Uses build/release/banyan (or $BANYAN_BINARY). Takes about ten minutes in all.
"""

import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BANYAN = os.environ.get("BANYAN_BINARY", str(ROOT / "build" / "release" / "banyan"))
PROGRAMS = ROOT / "bench" / "programs"
SEED_WORKLOADS = ["attention", "conv", "mlp", "moe"]
OTHER = [
    "matmul:M=127,N=333,K=77",
    "matmul:M=512,N=512,K=512",
    "batch-matmul:ta=1",
    "batch-matmul:tb=1",
    "gemv",
    "softmax",
    "layernorm",
    f"{PROGRAMS}/attention_softmax.py",
    f"{PROGRAMS}/convolutions.py:depthwise",
    f"{PROGRAMS}/convolutions.py:strided",
    f"{PROGRAMS}/products.py:whole_numbers",
    f"{PROGRAMS}/products.py:permuted",
]
# (changed program, original): the changed one keeps at least 0.8 of the original's share of peak.
SHARES = [
    ("mlp:T=96,H=640,I=1536", "mlp"),
    ("conv:C=96,H=56,W=56", "conv"),
    (f"{PROGRAMS}/products.py:permuted", "matmul:M=512,N=512,K=512"),
]


def banyan(*arguments):
    """The command's JSON, its exit status and its wall time."""
    started = time.monotonic()
    done = subprocess.run([BANYAN, *arguments, "--json", "--quiet"], capture_output=True, text=True, check=False)
    wall_s = time.monotonic() - started
    if done.returncode != 0:
        sys.exit(f"banyan {' '.join(arguments)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return json.loads(done.stdout), wall_s


def tune(workload, seed, store, trials=32):
    result, wall_s = banyan("tune", workload, "--trials", str(trials), "--seed", str(seed), "--store", store)
    if result["trials"] > trials:
        sys.exit(f"{workload}: {result['trials']} trials, the budget was {trials}")
    result["command_wall_s"] = wall_s
    return result


def plan_file(result, folder):
    path = pathlib.Path(folder) / f"{abs(hash((result['workload'], result['seed'])))}.plan"
    plan = result["plan"]
    path.write_text(plan if isinstance(plan, str) else "\n".join(plan))
    return str(path)


def in_turn(workload, plans, store, rounds):
    """Latency of each plan file: medians over `rounds` commands, each of which measures them all interleaved."""
    samples = [[] for _ in plans]
    for _ in range(rounds):
        rows = banyan("apply", workload, *plans, "--store", store)[0]["plans"]
        for latencies, row in zip(samples, rows):
            latencies.append(row["latency_ms"])
    return [statistics.median(s) for s in samples]


def seed_workloads(seeds, rounds, store, folder):
    rows = []
    for workload in SEED_WORKLOADS:
        hand = str(ROOT / "bench" / "plans" / f"{workload}.plan")
        results = [tune(workload, seed, store) for seed in range(seeds)]
        plans = [plan_file(r, folder) for r in results]
        latencies = in_turn(workload, [hand, *plans], store, rounds)
        ratios = [latencies[0] / latency for latency in latencies[1:]]
        row = {
            "workload": workload,
            "hand_found_ms": latencies[0],
            "ours_ms": latencies[1:],
            "speed_over_hand_found": ratios,
            "median": statistics.median(ratios),
            "longest_wall_s": max(r["command_wall_s"] for r in results),
            "search_share": max(r["time_split_s"]["search"] / r["wall_s"] for r in results),
            "failed_trials": [r["failed_trials"] for r in results],
        }
        rows.append(row)
        print(
            f"{workload:10} {row['median']:6.2f}x hand-found (seeds {', '.join(f'{r:.2f}' for r in ratios)}); "
            f"longest run {row['longest_wall_s']:.1f} s; search {100 * row['search_share']:.1f} % of it",
            flush=True,
        )
    return rows


def openblas_ms(left, right):
    """Median of single-thread calls of numpy's OpenBLAS on operands of these shapes."""
    code = f"""
import numpy, time
a = numpy.random.rand(*{left}).astype('float32'); b = numpy.random.rand(*{right}).astype('float32')
best = []
for _ in range(30):
    t = time.perf_counter()
    for _ in range(20): a @ b
    best.append((time.perf_counter() - t) / 20)
print(sorted(best)[len(best) // 2] * 1e3)
"""
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def other_programs(store):
    rows = []
    for workload in OTHER:
        result = tune(workload, 0, store)
        name = workload.replace(f"{PROGRAMS}/", "")
        row = {
            "workload": name,
            "default_ms": result["default_latency_ms"],
            "best_ms": result["best_latency_ms"],
            "speedup": result["speedup"],
            "peak_fraction": result["peak_fraction"],
            "wall_s": result["command_wall_s"],
            "failed_trials": result["failed_trials"],
        }
        if workload.startswith("matmul:"):
            sizes = dict(part.split("=") for part in workload.split(":")[1].split(","))
            m, n, k = (int(sizes[key]) for key in "MNK")
            row["speed_over_openblas"] = openblas_ms((m, k), (k, n)) / result["best_latency_ms"]
        if workload == "gemv":
            row["speed_over_openblas"] = openblas_ms((2048, 2048), (2048,)) / result["best_latency_ms"]
        rows.append(row)
        blas = f", {row['speed_over_openblas']:.2f}x OpenBLAS" if "speed_over_openblas" in row else ""
        print(
            f"{name:34} {row['best_ms']:9.4f} ms, {row['speedup'] or math.nan:7.1f}x default, "
            f"{100 * (row['peak_fraction'] or math.nan):5.1f} % of peak{blas}",
            flush=True,
        )
    return rows


def shares_kept(store):
    rows = []
    for changed, original in SHARES:
        pairs = [(tune(changed, s, store)["peak_fraction"], tune(original, s, store)["peak_fraction"]) for s in range(3)]
        kept = statistics.median(a / b for a, b in pairs)
        name = changed.replace(f"{PROGRAMS}/", "")
        rows.append({"changed": name, "original": original, "kept": kept, "pairs": pairs})
        print(f"{name:34} keeps {kept:.2f} of {original}'s share of peak", flush=True)
    return rows


def trial_rate(store):
    """Trials a second on matmul of 256^3 with 50 ms of measuring each."""
    arguments = ["tune", "matmul:M=256,N=256,K=256", "--trials", "64", "--store", store]
    arguments += ["--repeat", "1", "--min-repeat-ms", "50"]
    result, _ = banyan(*arguments)
    # From the events' own clock: first trial queued to last one finished; finals and start-up are no trials.
    events = pathlib.Path(store + ".events")
    banyan(*arguments, "--seed", "1", "--events", str(events))
    times = [json.loads(line)["elapsed_s"] for line in events.read_text().splitlines() if '"outcome"' in line]
    rate = (len(times) - 1) / (times[-1] - times[0])
    print(f"{rate:.1f} trials/s on matmul 256^3 with 50 ms each; search {100 * result['time_split_s']['search'] / result['wall_s']:.1f} %")
    return [{"trials_per_s": rate, "search_share": result["time_split_s"]["search"] / result["wall_s"]}]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each plan, in turn")
    parser.add_argument("--only", choices=["seed", "other", "share", "rate"])
    parser.add_argument("--out", help="write all figures as JSON")
    options = parser.parse_args()
    report = {}
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "acceptance.db")
        parts = {
            "seed": lambda: seed_workloads(options.seeds, options.rounds, store, folder),
            "other": lambda: other_programs(store),
            "share": lambda: shares_kept(store),
            "rate": lambda: trial_rate(store),
        }
        for name, part in parts.items():
            if options.only in (None, name):
                report[name] = part()
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
