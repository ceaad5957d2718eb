"""A run from the command line: what it prints, keeps and promises."""

import json
import math
import signal
import time

from conftest import QUICK, SMALL

KEYS = ["workload", "target", "strategy", "seed", "trials", "calls", "strong_calls", "default_latency_ms", "best_latency_ms",
        "best_latency_ci_ms", "speedup", "gflops", "peak_fraction", "failed_trials", "models", "wall_s",
        "time_split_s", "run_id", "plan"]


def test_result_object(tuned):
    result = tuned.result
    assert list(result) == KEYS
    assert result["workload"].startswith("matmul:")
    assert result["strategy"] == "banyan" and result["seed"] == 3
    assert 0 < result["trials"] <= 6
    assert result["best_latency_ms"] > 0
    low, high = result["best_latency_ci_ms"]
    assert low <= result["best_latency_ms"] <= high
    assert math.isclose(result["speedup"], result["default_latency_ms"] / result["best_latency_ms"])
    assert math.isclose(result["gflops"], 2 * 96 * 112 * 80 / result["best_latency_ms"] / 1e6)
    assert 0 < result["peak_fraction"] <= 1.2
    assert sum(use["calls"] for use in result["models"].values()) <= 2
    for use in result["models"].values():
        assert list(use)[:5] == ["calls", "tokens_in", "tokens_out", "cost_usd", "seconds"]
    assert list(result["time_split_s"]) == ["models", "search", "apply", "build", "run"]
    assert "failed_trials" in result and all(result["failed_trials"].values())


def test_store_holds_the_run(tuned):
    result = tuned.result
    [(run_id, status, seed, stored)] = tuned.query("select run_id, status, seed, result from run")
    assert (run_id, status, seed) == (result["run_id"], "finished", "3")
    assert json.loads(stored) == result
    trials = tuned.query("select trial_id, failure, latency_ms, samples_ms, finished_s from trial "
                         "order by trial_id")
    assert [trial[0] for trial in trials] == list(range(1, result["trials"] + 1))
    for _, failure, latency_ms, samples, finished_s in trials:
        assert finished_s is not None
        if failure == "none":
            assert latency_ms > 0 and json.loads(samples)
        else:
            assert latency_ms is None and not json.loads(samples)
    events = tuned.query("select event_index, name, json from event order by event_index")
    assert [event[0] for event in events] == list(range(len(events)))
    assert events[0][1] == "reference"
    assert sum(event[1] == "outcome" for event in events) == result["trials"]
    assert all(json.loads(event[2])["event"] == event[1] for event in events)
    nodes = tuned.query("select node_id, parent_id from node")
    assert (0, -1) in nodes
    ids = {node for node, _ in nodes}
    assert all(parent in ids for node, parent in nodes if node != 0)
    calls = tuned.query("select count(*) from call")[0][0]
    assert calls == sum(use["calls"] for use in result["models"].values())


def test_human_output_and_events_file(banyan):
    banyan.write("run.toml", f'trials = 3\ncalls = 1\nnumber = 1\nrepeat = 1\nmin_repeat_ms = 1\n'
                             f'pool = ["builtin:random", "builtin:heuristic"]\nworkload = "{SMALL}"\n')
    done = banyan.ok("tune", "--config", "run.toml", "--trials", 2, "--events", "events.jsonl")
    assert done.err.splitlines()[0].startswith("banyan: tuning matmul")
    labels = [line.split()[0] for line in done.out.splitlines()]
    assert labels == ["workload", "default", "best", "speedup", "rate", "trials", "calls", "time", "run",
                      "next:"]
    assert "\x1b" not in done.out + done.err and "\r" not in done.err
    assert banyan.query("select count(*) from trial") == [(2,)]
    events = [json.loads(line) for line in (banyan.folder / "events.jsonl").read_text().splitlines()]
    stored = banyan.query("select json from event order by event_index")
    assert events == [json.loads(text) for (text,) in stored]


def test_no_budget_still_gives_the_default(banyan):
    result = banyan.tune(trials=0, calls=0)
    assert result["trials"] == 0
    assert result["plan"] == ""
    assert result["best_latency_ms"] > 0


def test_seconds_are_a_budget(banyan):
    result = banyan.tune("--seconds", "6", trials=100000, calls=50)
    assert 0 < result["trials"] < 100000
    assert result["best_latency_ms"] > 0


def test_a_seed_repeats_the_inputs_and_the_first_proposals(banyan):
    for _ in range(2):  # the second learns nothing from the first
        banyan.tune("--pool", "builtin:random", "--seed", "11", "--no-transfer", trials=2, calls=1)
    replies = [json.loads(text)["reply"]["proposals"] for (text,) in
               banyan.query("select json from event where name = 'reply' order by run")]
    assert len(replies) == 2 and replies[0] == replies[1]


def wait_for_trials(banyan, count, timeout_s=120):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if banyan.query("select count(finished_s) from trial")[0][0] >= count:
                return
        except Exception:  # no store or no table yet
            pass
        time.sleep(0.02)
    raise AssertionError("no trial finished")


def test_ctrl_c_keeps_the_best(banyan):
    process = banyan.start("tune", SMALL, "--trials", 5000, "--calls", 20, "--json", *QUICK)
    wait_for_trials(banyan, 3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    result = json.loads(out)
    assert result["trials"] >= 3 and result["best_latency_ms"] > 0
    assert "cancelled" in err
    # And it can be gone on with.
    trials = banyan.query("select count(*) from trial")[0][0]
    assert banyan.query("select status from run") == [("finished",)]
    process = banyan.start("tune", "--resume", "last", "--json")
    wait_for_trials(banyan, trials + 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out)["trials"] >= trials + 2


def test_second_ctrl_c_ends_at_once(banyan):
    process = banyan.start("tune", SMALL, "--trials", 5000, "--calls", 20, *QUICK)
    wait_for_trials(banyan, 1)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
