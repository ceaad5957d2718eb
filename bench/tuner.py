#!/usr/bin/env python3
"""How fast Banyan tunes: trials per second, time to the first candidate, to MetaSchedule's best, and how these grow.

    make bench-tuner ARGS="--seeds 5 --peers build/bench/<commit>/peers.json"

Part `rate`: each seed workload at 50 ms of measuring a trial; where its time goes. Part `reach` (with --peers, a result
of bench/peers that holds TVM MetaSchedule's kernels): the time until a candidate was as fast as MetaSchedule's best, and
as 90 % of it. The peer's latency enters as a ratio to Banyan's final kernel (of the median seed), taken in one
interleaved run, so machines and hours cancel out. Part `growth`: the rate by trials, cores and program size. The tree's
own figures (bytes a node, selections per second) come from `make bench`: search_bench. Medians over seeds, minimum to
maximum in brackets.
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
RATE = ["attention", "conv", "mlp", "moe", "matmul:M=256,N=256,K=256"]
SIZES = [f"matmul:M={n},N={n},K={n}" for n in (64, 256, 1024)]


def tune(workload, seed, folder, *arguments):
    """The result, with `command_s` and what the events tell of its trials."""
    events = pathlib.Path(folder) / "events"
    events.unlink(missing_ok=True)
    command = [BANYAN, "tune", workload, "--seed", str(seed), "--no-transfer", "--store", f"{folder}/runs.db",
               "--events", str(events), "--json", "--quiet", *map(str, arguments)]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    command_s = time.monotonic() - started
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
    result = json.loads(done.stdout)
    result["command_s"] = command_s
    best, result["trace"] = math.inf, []  # (seconds since the command's start, best so far)
    times = []
    start_s = command_s - result["wall_s"]
    for line in events.read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "reference":
            result["reference_s"] = event["elapsed_s"]
        if event["event"] != "outcome":
            continue
        times.append(event["elapsed_s"])
        samples = event["outcome"]["samples_ms"]
        if event["outcome"]["failure"] == "none" and statistics.median(samples) < best:
            best = statistics.median(samples)
            result["trace"].append((start_s + event["elapsed_s"], best))
    result["first_s"] = result["trace"][0][0]
    # From the first outcome to the last: neither start-up nor finals are trials.
    result["trials_per_s"] = (len(times) - 1) / (times[-1] - times[0])
    return result


def spread(values, form="{:.2f}"):
    middle = form.format(statistics.median(values))
    return f"{middle} [{form.format(min(values))}, {form.format(max(values))}]" if len(values) > 1 else middle


def table(header, rows):
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    print(flush=True)


def rate(options, folder):
    out, rows = [], []
    for workload in RATE:
        runs = [tune(workload, seed, folder, "--trials", options.trials, "--repeat", 1, "--min-repeat-ms", 50)
                for seed in range(options.seeds)]
        split = {part: statistics.median(run["time_split_s"][part] / run["wall_s"] for run in runs)
                 for part in runs[0]["time_split_s"]}
        row = {"workload": workload, "trials_per_s": [r["trials_per_s"] for r in runs],
               "first_s": [r["first_s"] for r in runs], "wall_s": [r["wall_s"] for r in runs],
               "reference_s": [r["reference_s"] for r in runs], "split": split,
               "best_latency_ms": [r["best_latency_ms"] for r in runs]}
        out.append(row)
        rows.append([workload, spread(row["trials_per_s"], "{:.1f}"), spread(row["first_s"]),
                     spread(row["wall_s"], "{:.1f}"),
                     *(f"{100 * split[part]:.1f} %" for part in ("models", "search", "apply", "build", "run"))])
        print(f"  {workload}: {rows[-1][1]} trials/s", file=sys.stderr, flush=True)
    print(f"{options.trials} trials, 50 ms of measuring each; shares of the run's wall time (builds overlap with the rest)")
    table(["workload", "trials/s", "first candidate, s", "run, s", "models", "search", "apply", "build", "run"], rows)
    return out


def reach(options, folder):
    peers = json.loads(pathlib.Path(options.peers).read_text())
    out, rows = [], []
    for row in peers["rows"]:
        for name, peer in row["peers"].items():
            if not name.startswith("metaschedule"):
                continue
            entry = {"workload": row["workload"], "peer": name, "s_to_90": [], "s_to_100": [], "peer_search_s": peer.get("search_s")}
            runs = [tune(row["workload"], seed, folder, "--trials", options.trials) for seed in range(options.seeds)]
            # One target for all seeds: the ratio is that of the median seed, too.
            target_ms = statistics.median(run["best_latency_ms"] for run in runs) * peer["ratio"]
            for run in runs:
                for key, share in (("s_to_90", 0.9), ("s_to_100", 1.0)):
                    entry[key].append(next((at for at, best in run["trace"] if best <= target_ms / share), math.inf))
            out.append(entry)
            rows.append([row["workload"], name, spread(entry["s_to_90"], "{:.1f}"), spread(entry["s_to_100"], "{:.1f}"),
                         f"{peer['search_s']:.0f}" if peer.get("search_s") else "-",
                         f"{peer['search_s'] / statistics.median(entry['s_to_100']):.0f}x" if peer.get("search_s") else "-"])
    if not rows:
        sys.exit(f"{options.peers} holds no kernels of MetaSchedule: make bench-peers ARGS='--metaschedule 256'")
    print("time from the command's start until a candidate was as fast as the peer's best (inf: never)")
    table(["workload", "peer", "90 % of it, s", "all of it, s", "peer's search, s", "faster"], rows)
    return out


def growth(options, folder):
    out, rows = [], []
    cases = [("mlp", ("--trials", n)) for n in (32, 64, 128)]
    cases += [("mlp", ("--trials", 32, "--cores", n)) for n in range(1, min(4, os.cpu_count() or 1) + 1)]
    cases += [(size, ("--trials", 32)) for size in SIZES]
    for workload, arguments in cases:
        runs = [tune(workload, seed, folder, *arguments, "--repeat", 1, "--min-repeat-ms", 50)
                for seed in range(min(options.seeds, 3))]
        row = {"workload": workload, "arguments": " ".join(map(str, arguments)),
               "trials_per_s": [r["trials_per_s"] for r in runs],
               "search_share": [r["time_split_s"]["search"] / r["wall_s"] for r in runs],
               "wall_s": [r["wall_s"] for r in runs]}
        out.append(row)
        rows.append([workload, row["arguments"], spread(row["trials_per_s"], "{:.1f}"),
                     spread([100 * s for s in row["search_share"]], "{:.1f}"), spread(row["wall_s"], "{:.1f}")])
    table(["workload", "options", "trials/s", "search, %", "run, s"], rows)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--peers", help="peers.json of bench/peers with MetaSchedule's kernels")
    parser.add_argument("--only", choices=["rate", "reach", "growth"])
    parser.add_argument("--out", help="write all figures as JSON")
    options = parser.parse_args()
    report = {}
    with tempfile.TemporaryDirectory(prefix="banyan-tuner-") as folder:
        for name, part in (("rate", rate), ("reach", reach), ("growth", growth)):
            if options.only not in (None, name) or (name == "reach" and not options.peers):
                continue
            report[name] = part(options, folder)
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
