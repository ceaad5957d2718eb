#!/usr/bin/env python3
"""What waiting for slow models costs: the same run with instant answers and with answers after some seconds.

    .venv/bin/python bench/slow_models.py [--delay 5] [--calls 4] [--seeds 1] [--workloads attention,conv] [--out FILE]

Two servers of the graded models (bench/graded_models.py), one instant, one slow; the runs go in turn, so that drift of
the machine hits both. Prints the ratio of wall times (slow over instant; the aim is at most 1.25) and of the latencies
found (instant over slow: 1 means that nothing was lost). Takes about half a minute a pair.
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from acceptance import banyan

HERE = pathlib.Path(__file__).resolve().parent


@contextlib.contextmanager
def models(pool, delay_s):
    command = [sys.executable, str(HERE / "graded_models.py"), "--pool", str(pool), "--delay", str(delay_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        server.stdout.readline()  # it listens
        try:
            yield str(pool)
        finally:
            server.terminate()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay", type=float, default=5.0, help="seconds before an answer")
    parser.add_argument("--calls", type=int, default=4)
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workloads", default="attention,conv,mlp,moe")
    parser.add_argument("--out", help="write the figures here as JSON")
    options = parser.parse_args()
    rows = []
    print(f"{'workload':<12}{'seed':>5}{'instant':>10}{'slow':>10}{'time':>8}{'latency':>9}")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        pools = [stack.enter_context(models(pathlib.Path(folder) / f"{name}.toml", delay_s))
                 for name, delay_s in (("instant", 0), ("slow", options.delay))]
        for seed in range(options.seeds):
            for workload in options.workloads.split(","):
                runs = {}
                # Which goes first changes, so that a machine that slows down favours neither.
                for i in ((0, 1) if len(rows) % 2 == 0 else (1, 0)):
                    runs[i] = banyan("tune", workload, "--trials", str(options.trials), "--calls", str(options.calls), "--seed",
                                     str(seed), "--no-transfer", "--pool", pools[i], "--store", f"{folder}/{i}.db")
                (instant, instant_s), (slow, slow_s) = runs[0], runs[1]
                row = {"workload": workload, "seed": seed, "instant_s": instant_s, "slow_s": slow_s, "time_ratio": slow_s / instant_s,
                       "latency_ratio": instant["best_latency_ms"] / slow["best_latency_ms"], "calls": [instant["calls"], slow["calls"]]}
                rows.append(row)
                print(f"{workload:<12}{seed:>5}{instant_s:>9.1f}s{slow_s:>9.1f}s{row['time_ratio']:>7.2f}x{row['latency_ratio']:>8.2f}x", flush=True)
    time_ratio, latency_ratio = (statistics.geometric_mean([row[key] for row in rows]) for key in ("time_ratio", "latency_ratio"))
    print(f"{'geomean':<12}{'':>25}{time_ratio:>7.2f}x{latency_ratio:>8.2f}x")
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps({"delay_s": options.delay, "rows": rows, "time_ratio": time_ratio,
                                                         "latency_ratio": latency_ratio}, indent=1) + "\n")


if __name__ == "__main__":
    main()
