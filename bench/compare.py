#!/usr/bin/env python3
"""Results of bench/ against those of an earlier commit, by ratio.

    make bench-compare BASE=<commit or folder> [NEW=<commit or folder>]

A folder of results (build/bench/<commit>) holds what `make bench` wrote: one file a benchmark program (Google Benchmark's
JSON, repeated), peers.json and tuner.json where those ran. A ratio above 1 says that NEW is better. Latencies of kernels
come with what they were measured against (a peer's kernel in the same run), so these ratios hold across
hours and machines. Times of our own parts and tuning rates do not: they are judged after division by the ratio of a fixed
loop (search_bench's BM_Machine), which says how much of them is the machine. Exits with 1 if something is worse by more
than --tolerance beyond what the repetitions scatter.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys

MACHINE = "BM_Machine"
ROOT = pathlib.Path(__file__).resolve().parent.parent


def folder_of(name):
    """The folder of results that a commit or a path stands for."""
    if pathlib.Path(name).is_dir():
        return pathlib.Path(name)
    done = subprocess.run(["git", "rev-parse", "--short=12", f"{name}^{{commit}}"], cwd=ROOT, capture_output=True, text=True, check=False)
    folder = ROOT / "build" / "bench" / done.stdout.strip()
    if done.returncode != 0 or not folder.is_dir():
        have = sorted(path.name for path in (ROOT / "build" / "bench").glob("*") if path.is_dir())
        sys.exit(f"no results of '{name}': run `make bench` at that commit. There are: {', '.join(have) or 'none'}")
    return folder


def times(folder):
    """{benchmark: [time of each repetition]} of every Google Benchmark file."""
    found = {}
    for path in sorted(folder.glob("*_bench.json")):
        if path.stat().st_size == 0:  # all of it was filtered out
            continue
        for row in json.loads(path.read_text())["benchmarks"]:
            if row.get("run_type") == "iteration" and "error_occurred" not in row:
                found.setdefault(f"{path.stem.removesuffix('_bench')}: {row['run_name']}", []).append(row["real_time"])
    return found


def figures(folder):
    """{what: (middle, low, high, whether the machine's speed is in it)}; more is better."""
    found = {}
    peers, tuner = folder / "peers.json", folder / "tuner.json"
    if peers.exists():
        for row in json.loads(peers.read_text())["rows"]:
            for name, peer in row["peers"].items():
                found[f"{row['workload']}: speed over {name}"] = (peer["ratio"], *peer["interval"], False)
    if tuner.exists():
        for row in json.loads(tuner.read_text()).get("rate", []):
            rates = row["trials_per_s"]
            found[f"{row['workload']}: trials/s"] = (statistics.median(rates), min(rates), max(rates), True)
    for name, each in times(folder).items():
        found[name] = (1 / statistics.median(each), 1 / max(each), 1 / min(each), True)
    return found


def compare(base, new, tolerance):
    then, now = figures(base), figures(new)
    rows = [(name, now[name][0] / then[name][0], now[name][1] / then[name][2], now[name][2] / then[name][1])
            for name in then if name in now]
    machine = next((ratio for name, ratio, *_ in rows if MACHINE in name), None)
    worse = [name for name, _, _, high in rows
             if MACHINE not in name and high / (machine if machine and then[name][3] else 1) < 1 - tolerance]
    return rows, machine, worse


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("new")
    parser.add_argument("--tolerance", type=float, default=0.05)
    options = parser.parse_args()
    base, new = folder_of(options.base), folder_of(options.new)
    rows, machine, worse = compare(base, new, options.tolerance)
    if not rows:
        sys.exit(f"{base} and {new} have no benchmark in common")
    width = max(len(name) for name, *_ in rows)
    print(f"{'':{width}}  {'new over base':>13}  smallest, largest")
    for name, ratio, low, high in rows:
        print(f"{name:{width}}  {ratio:12.3f}x  [{low:.2f}, {high:.2f}]{'  worse' if name in worse else ''}")
    logs = [math.log(ratio) for name, ratio, *_ in rows if MACHINE not in name]
    if logs:
        print(f"\ngeomean of {len(logs)}: {math.exp(statistics.fmean(logs)):.3f}x"
              + (f"; the machine itself: {machine:.3f}x" if machine else ""))
    if worse:
        sys.exit(f"worse by more than {100 * options.tolerance:.0f} %: {', '.join(worse)}")


if __name__ == "__main__":
    main()
