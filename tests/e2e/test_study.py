"""`banyan study`: killed and resumed, imported, and the referee against SciPy."""

import csv
import json
import math
import pathlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
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


def progress(banyan):
    """How much the store has heard: events, and finals of pairs; 0 before there is a store."""
    try:
        return banyan.query("select (select count(*) from event) + 10 * (select count(*) from study_finals)")[0][0]
    except sqlite3.OperationalError:
        return 0


def cells(banyan):
    """What there is to compare between two makings of a study: everything but ids, names of moments and latencies."""
    rows = [{name: run[name] for name in ("study", "arm", "workload_name", "seed", "budget", "status", "error", "remeasured",
                                          "trials", "llm_budget", "num_trials_per_iter", "cost_model", "number", "repeat")}
            for run in table(banyan.folder / "study-tiny", "runs")]
    measured = [int(run["num_measured_candidates"]) + int(run["invalid_candidate_count"]) + int(run["compile_failure_count"])
                for run in table(banyan.folder / "study-tiny", "runs")]
    return sorted((json.dumps(row), trials) for row, trials in zip(rows, measured))


def test_a_study_killed_five_times_is_the_study(banyan, tmp_path_factory):
    whole = type(banyan)(tmp_path_factory.mktemp("whole"))
    for program in (banyan, whole):
        program.write("tiny.toml", STUDY)
    whole.ok("study", "tiny.toml")

    moments = random.Random(17)
    marks = sorted(moments.sample(range(1, int(0.9 * progress(whole))), 5))
    kept = []
    for mark in marks:
        process = banyan.start("study", "tiny.toml")
        deadline = time.monotonic() + 240
        while process.poll() is None and time.monotonic() < deadline and progress(banyan) < mark:
            time.sleep(0.01)
        time.sleep(moments.random() * 0.2)
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        now = ended(banyan)
        assert set(kept) <= set(now)
        kept = now
    done = banyan.ok("study", "tiny.toml")
    assert set(kept) <= set(ended(banyan))
    assert cells(banyan) == cells(whole)
    assert banyan.query("select count(*), count(distinct run_id), min(status), max(status) from study_run") == [(RUNS, RUNS, "ok", "ok")]
    assert banyan.query("select count(*) from study_finals") == [(RUNS // 2,)]
    # No trial twice, and none too many, in whatever pieces a run was made.
    assert banyan.query("select run, count(*), count(distinct json_extract(json, '$.outcome.trial_id')) from event "
                        "where name = 'outcome' group by run having count(*) <> 4") == []

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


def gone(pid):
    """Whether a process has ended; a zombie has."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def wait_for(condition, process=None, timeout=240):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_a_run_of_another_version_is_made_anew(banyan):
    banyan.write("tiny.toml", STUDY.replace(', "matmul:M=32,N=32,K=64"', "").replace("[0, 1]", "[0]"))
    process = banyan.start("study", "tiny.toml")
    cut = "select run_id from study_run where status = 'running'"

    def in_the_middle():
        try:
            return banyan.query(f"select 1 from node join run on run.number = node.run where node_id = 1 and run_id = ({cut})")
        except sqlite3.OperationalError:
            return False

    wait_for(in_the_middle, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    ((run_id,),) = banyan.query(cut)
    # As if another version had searched.
    banyan.execute(f"update node set program_hash = substr(program_hash, 2) || substr(program_hash, 1, 1) where node_id = 1 and run = "
                   f"(select number from run where run_id = '{run_id}')")
    banyan.ok("study", "tiny.toml")
    rows = banyan.query("select status, run_id from study_run")
    assert len(rows) == 2 and all(status == "ok" and row != run_id for status, row in rows)
    assert banyan.query("select status from run order by number")[-1] == ("finished",)


PEER_STUDY = STUDY.replace(', "matmul:M=32,N=32,K=64"', "").replace("[0, 1]", "[0]").replace(
    'strategy = "banyan"\npool = ["builtin:heuristic"]', 'strategy = "tvm-evolutionary"')
# A Python that searches as TVM does, seen from outside: it has a worker, takes its time, and says all at its end.
STAND_IN = """#!{python}
import json, os, pathlib, signal, subprocess, sys, time
if os.path.basename(sys.argv[1]) != "tune_with_tvm.py":
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
folder = pathlib.Path({folder!r})
worker = subprocess.Popen(["sleep", "1000"])
os.makedirs(os.environ["TMPDIR"] + "/left behind")
(folder / "attempt.part").write_text(json.dumps([os.getpid(), worker.pid, os.environ["TMPDIR"]]))
os.rename(folder / "attempt.part", folder / "attempt")
while not (folder / "go").exists():
    time.sleep(0.02)
worker.kill()
request = json.load(open(sys.argv[2]))
trials = [{{"samples_ms": [0.5 + i, 0.5 + i]}} for i in range(request["trials"] - 1)]
trials.append({{"failure": "run_error", "text": "no luck"}})
json.dump({{"trials": trials, "module": request["module"], "seconds": 1.5}}, open(sys.argv[3], "w"))
"""


def test_tvms_own_search_as_a_run_of_its_own(banyan):
    python = banyan.folder / "python"
    python.write_text(STAND_IN.format(python=sys.executable, folder=str(banyan.folder)))
    python.chmod(0o755)
    (banyan.folder / "go").touch()
    peer = ("tune", "matmul:M=32,N=32,K=32", "--strategy", "tvm-evolutionary", "--trials", "4")
    done = banyan(*peer, "--json", env=dict(os.environ, BANYAN_PYTHON=str(python)))
    assert done.status == 0, done.err
    assert done.json["strategy"] == "tvm-evolutionary" and done.json["trials"] == 4
    assert done.json["best_latency_ms"] == 0.5 and done.json["failed_trials"] == {"run_error": 1}
    assert "TVM's own search" in done.err
    again = banyan("tune", "--resume", "last")
    assert again.status != 0 and "cannot go on in the middle" in again.error_line()
    for flag, words in (("--set=puct_c=1", "no fields to set"), ("--pool=builtin:random", "takes no --pool"),
                        ("--events=events", "takes no --events")):
        refused = banyan(*peer, flag)
        assert refused.status != 0 and words in refused.error_line()


def test_tvms_own_search_is_stopped_and_made_again(banyan):
    banyan.write("tiny.toml", PEER_STUDY)
    python = banyan.folder / "python"
    python.write_text(STAND_IN.format(python=sys.executable, folder=str(banyan.folder)))
    python.chmod(0o755)
    environment = dict(os.environ, BANYAN_PYTHON=str(python))
    attempt = banyan.folder / "attempt"

    def started():
        process = banyan.start("study", "tiny.toml", env=environment)
        wait_for(attempt.exists, process)
        search, worker, folder = json.loads(attempt.read_text())
        attempt.unlink()
        return process, search, worker, folder

    # Killed: its search goes too. (The stand-in's worker is not TVM's, which see to themselves.)
    process, search, worker, _ = started()
    process.kill()
    process.communicate()
    wait_for(lambda: gone(search))
    os.kill(worker, signal.SIGKILL)
    runs = banyan.query("select run_id from run where strategy = 'tvm-evolutionary'")
    assert len(runs) == 1

    # Ctrl-C: search, worker and what they wrote are gone when the study says how to go on.
    process, search, worker, folder = started()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "the same command goes on" in err
    assert gone(search) and not pathlib.Path(folder).exists()
    wait_for(lambda: gone(worker))
    rows = {run["arm"]: run for run in table(banyan.folder / "study-tiny", "runs")}
    assert rows["tvm-evolutionary"]["status"] == "interrupted" and rows["tvm-evolutionary"]["run_id"] == runs[0][0]
    banyan.ok("report", runs[0][0], "--out", "cut.html")
    assert '"status":"interrupted"' in (banyan.folder / "cut.html").read_text()
    refused = banyan("tune", "--resume", runs[0][0])
    assert refused.status == 2 and "the command of its study" in refused.error_line()

    # The same command makes the same run again, and nothing remains of the attempts before.
    (banyan.folder / "go").touch()
    banyan.ok("study", "tiny.toml", env=environment)
    rows = table(banyan.folder / "study-tiny", "runs")
    assert [run["status"] for run in rows] == ["ok", "ok"] and len({run["run_id"] for run in rows}) == 2
    peer = next(run for run in rows if run["arm"] == "tvm-evolutionary")
    assert peer["run_id"] == runs[0][0] and float(peer["run_latency_ms"]) == 0.5
    assert (peer["num_measured_candidates"], peer["invalid_candidate_count"]) == ("3", "1")
    assert banyan.query("select status, count(*) from run group by status") == [("finished", 2)]
    assert banyan.query("select count(*) from trial where run = (select number from run where strategy = 'tvm-evolutionary')") == [(4,)]
    assert [pair["status"] for pair in table(banyan.folder / "study-tiny", "pairs")] == ["ok"]


def descendants(pid):
    """Of a process, by what /proc says of parents."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (ValueError, OSError):
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def busy(pid):
    """Whether it is one of TVM's workers and has computed for some seconds: it imports TVM in less."""
    try:
        if b"popen_worker" not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
            return False
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12]) > 5 * os.sysconf("SC_CLK_TCK")
    except OSError:
        return False


def test_tvms_own_search(banyan):
    python = os.environ.get("BANYAN_PYTHON", sys.executable)
    needed = "psutil, cloudpickle, tornado, xgboost"
    if subprocess.run([python, "-c", f"import {needed}"], capture_output=True).returncode != 0:
        pytest.skip(f"TVM's own search needs {needed}: pip install -r requirements-peer.txt")
    # Killed while a worker times a kernel, for a minute if it were let: no process outlives the study.
    slow = PEER_STUDY.replace("repeat = 2\nmin_repeat_ms = 1\n", "repeat = 3\nmin_repeat_ms = 20000\n", 1)
    assert slow != PEER_STUDY
    banyan.write("slow.toml", slow.replace('baseline = "random"\n', "").replace('strategy = "random"', 'strategy = "tvm-evolutionary"\nlabel = "first"'))
    banyan.write("quick.toml", PEER_STUDY)
    process = banyan.start("study", "slow.toml")
    wait_for(lambda: any(map(busy, descendants(process.pid))), process, timeout=900)
    children = descendants(process.pid)
    process.kill()
    process.communicate()
    wait_for(lambda: all(map(gone, children)), timeout=15)

    done = banyan.ok("study", "quick.toml", "--store", "quick.db", "--out", "quick", timeout=600)
    rows = {run["arm"]: run for run in table(banyan.folder / "quick", "runs")}
    assert {run["status"] for run in rows.values()} == {"ok"}, done.out
    peer = rows["tvm-evolutionary"]
    assert peer["remeasured"] == "True" and 0 < float(peer["median_latency_ms"]) < math.inf
    assert int(peer["num_measured_candidates"]) >= 1


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
