"""`banyan study`: killed and resumed, imported, and the referee against SciPy."""

import csv
import json
import math
import pathlib
import random
import signal
import time

import numpy
import pytest
import scipy.stats

PUBLISHED = pathlib.Path(__file__).parent.parent / "data" / "published"
STUDY = """
name = "tiny"
description = "Two small products."
workloads = ["matmul:M=48,N=64,K=32", "matmul:M=32,N=32,K=64"]
seeds = [0, 1]
trials = 4
calls = 1
number = 1
repeat = 2
min_repeat_ms = 1
final_number = 1
final_repeat = 3
final_min_repeat_ms = 1
baseline = "random"

[[arm]]
strategy = "random"

[[arm]]
strategy = "banyan"
pool = ["builtin:heuristic"]
"""
RUNS = 8


def table(folder, name):
    with open(folder / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def ended(banyan):
    try:
        return banyan.query("select workload, seed, arm, run_id from study_run where status = 'ok'")
    except Exception:  # not there yet
        return []


def test_a_study_killed_twice_goes_on(banyan):
    banyan.write("tiny.toml", STUDY)
    kept = []
    for wanted in (1, 4):
        process = banyan.start("study", "tiny.toml")
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline and len(ended(banyan)) < wanted:
            time.sleep(0.02)
        time.sleep(0.3)  # into the next run
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        now = ended(banyan)
        assert set(kept) <= set(now)
        kept = now
    done = banyan.ok("study", "tiny.toml")
    assert set(kept) <= set(ended(banyan))
    cells = banyan.query("select workload, seed, arm from study_run where status = 'ok'")
    assert len(cells) == RUNS and len(set(cells)) == RUNS
    assert banyan.query("select count(*) from study_run") == [(RUNS,)]

    folder = banyan.folder / "study-tiny"
    runs = table(folder, "runs")
    assert len(runs) == RUNS and len({run["run_id"] for run in runs}) == RUNS
    assert all(run["status"] == "ok" and run["remeasured"] == "True" for run in runs)
    assert all(len(json.loads(run["latency_samples_ms"])) == 3 for run in runs)
    assert all(int(run["llm_calls"]) <= 1 and run["trials"] == "4" for run in runs)
    pairs = table(folder, "pairs")
    assert len(pairs) == 4 and all(pair["status"] == "ok" for pair in pairs)
    by_run = {run["run_id"]: float(run["median_latency_ms"]) for run in runs}
    for pair in pairs:
        ratio = by_run[pair["baseline_run_id"]] / by_run[pair["coordinated_run_id"]]
        assert math.isclose(float(pair["speedup_ratio"]), ratio)
    verdicts = json.loads((folder / "verdicts.json").read_text())
    assert verdicts["comparisons"][0]["verdict"] == "too few pairs to tell"
    assert verdicts["command"] == "banyan study tiny.toml --store banyan.db"
    assert "too few pairs to tell" in done.out and "report.md" in done.out

    # Finished: nothing runs again, and the tables are the same.
    def files():
        return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = files()
    assert any(path.endswith("report.html") for path in before)
    again = banyan.ok("study", "tiny.toml", "--quiet")
    assert again.err == ""
    assert files() == before
    assert banyan.query("select count(*) from run where status = 'finished'") == [(RUNS,)]

    # Other settings under the same name are refused.
    banyan.write("tiny.toml", STUDY.replace("repeat = 2", "repeat = 1"))
    refused = banyan("study", "tiny.toml")
    assert refused.status == 2 and "other settings" in refused.error_line()


def test_ctrl_c_keeps_what_there_is(banyan):
    banyan.write("tiny.toml", STUDY)
    process = banyan.start("study", "tiny.toml", "--json")
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline and not ended(banyan):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the same command goes on" in err
    assert json.loads(out)["folder"] == "study-tiny"
    assert len(table(banyan.folder / "study-tiny", "runs")) == RUNS


@pytest.mark.parametrize("old, new, words", [
    ("name = \"tiny\"", "nam = \"tiny\"", ["tiny.toml:1: ", "name"]),
    ("seeds = [0, 1]", "seeds = 3", ["tiny.toml:5: 'seeds'"]),
    ("matmul:M=32", "matmull:M=32", ["tiny.toml:4: ", "did you mean 'matmul'"]),
    ("builtin:heuristic", "builtin:heroic", ["tiny.toml:21: ", "heroic"]),
    ("strategy = \"banyan\"", "strategy = \"oak\"", ["tiny.toml:20: ", "oak"]),
])
def test_a_mistake_is_a_line(banyan, old, new, words):
    assert old in STUDY
    banyan.write("tiny.toml", STUDY.replace(old, new))
    done = banyan("study", "tiny.toml")
    assert done.status == 2
    line = done.error_line()
    assert all(word in line for word in words), line
    assert not (banyan.folder / "banyan.db").exists()


def test_the_published_study(banyan):
    done = banyan.ok("study", "import", PUBLISHED, "--out", "published")
    assert "geomean 1.0268x, median improvement 4.414 %, 2 of 3 workloads faster" in done.out
    assert "of the 15 pairs: geomean 1.048x" in done.out
    assert "no difference shown" in done.out
    assert len(table(banyan.folder / "published", "runs")) == 30


def import_ratios(banyan, ratios):
    """The referee's answer to pairs with these logarithms."""
    with open(banyan.folder / "pairs.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["workload_name", "seed", "baseline_median_latency_ms", "coordinated_median_latency_ms"])
        for seed, ratio in enumerate(ratios):
            writer.writerow(["w", seed, repr(math.exp(ratio)), 1])
    return banyan.ok("study", "import", "pairs.csv", "--json").json["comparisons"][0]


@pytest.mark.parametrize("count, mean", [(6, 0.1), (9, -0.05), (13, 0.0), (15, 0.08)])
def test_the_referee_agrees_with_scipy(banyan, count, mean):
    generator = random.Random(count)
    ratios = [generator.gauss(mean, 0.1) for _ in range(count)]
    found = import_ratios(banyan, ratios)

    def p_value(shift):
        sample = (numpy.array(ratios) - shift,)
        return scipy.stats.permutation_test(sample, numpy.mean, permutation_type="samples", n_resamples=2**count,
                                            vectorized=True).pvalue

    assert found["p_value"] == pytest.approx(p_value(0), abs=1e-12)
    assert found["geomean_speedup"] == pytest.approx(scipy.stats.gmean(numpy.exp(ratios)))
    low, high = math.log(found["ci_low"]), math.log(found["ci_high"])
    assert p_value(low + 1e-6) > 0.05 >= p_value(low - 1e-6)
    assert p_value(high - 1e-6) > 0.05 >= p_value(high + 1e-6)
    assert found["verdict"] == ("no difference shown" if p_value(0) > 0.05 else "faster" if mean > 0 else "slower")
