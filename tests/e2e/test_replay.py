"""`banyan replay`, the replay provider, `--simulate` and transfer, on the real program."""

import json
import signal
import sqlite3
import time

from conftest import QUICK, SMALL

OTHER = "matmul:M=96,N=48,K=64"  # the same structure as SMALL


def change(banyan, sql, store="banyan.db"):
    connection = sqlite3.connect(banyan.folder / store)
    with connection:
        assert connection.execute(sql).rowcount > 0, sql
    connection.close()


def tree(banyan, run="last"):
    done = banyan.ok("replay", run, "--json", "--dump").json
    assert done["identical"], done
    return done["dump"]


def origins(banyan, run=None):
    last = "(select max(number) from run)" if run is None else str(run)
    return [row[0] for row in banyan.query(
        f"select origin from node where run = {last} order by node_id")]


def test_a_run_is_replayed_byte_for_byte_after_kill_and_resume(banyan):
    process = banyan.start("tune", SMALL, "--trials", 14, "--calls", 3, "--seed", 1, "--json", *QUICK)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if banyan.query("select count(finished_s) from trial")[0][0] >= 4:
                break
        except sqlite3.Error:
            pass
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    killed = banyan.ok("replay", "last", "--json").json
    assert killed["identical"] and killed["compared"] == "records"
    assert killed["status"] == "interrupted" and killed["trials"] >= 4

    banyan.ok("tune", "--resume", "last", "--json")
    whole = banyan.ok("replay", "last", "--json").json
    assert whole["identical"] and whole["compared"] == "tree", whole
    assert whole["trials"] == 14 and "difference" not in whole
    text = banyan.ok("replay").out
    assert text.startswith("identical: run ") and whole["tree_hash"] in text

    change(banyan, "update node set origin = 'somebody else' where node_id = 2")
    done = banyan("replay", "last")
    assert done.status == 1
    assert "different" in done.out and "node 2" in done.out and "somebody else" in done.out
    again = banyan("replay", "last", "--json")
    assert again.status == 1 and "node 2" in again.json["difference"]["where"]


def test_replay_says_what_it_cannot_do(banyan, tuned):
    done = banyan("replay", "last")
    assert done.status == 2 and "no store" in done.error_line()
    assert tuned("replay", "99").status == 2
    assert tuned.ok("replay", "last", "--json").json["compared"] == "tree"


def test_what_was_asked_and_answered_is_kept(tuned):
    call = tuned.ok("explain", "last", "--call", 1, "--json").json
    assert call["exchanges"][0]["ordinal"] == 0
    request = json.loads(call["exchanges"][0]["request"])
    assert request["call_id"] == 1 and request["model"] == call["model"]
    assert call["reply"]["proposals"]
    assert 0 < call["accepted"] <= len(call["reply"]["proposals"]) and call["gain"] > 0
    shown = tuned.ok("explain", "last", "--call", 1).out
    assert "The request" in shown
    assert f"{call['accepted']} of {len(call['reply']['proposals'])} proposals accepted" in shown
    table = tuned.ok("explain", "last").out
    header = next(line for line in table.splitlines() if line.startswith("call"))
    assert header.split() == ["call", "model", "node", "proposals", "accepted", "gain", "why"]
    assert "no call 99" in tuned("explain", "last", "--call", 99).error_line()


def test_simulated_runs_are_the_same_twice_and_can_be_recorded_models(banyan):
    banyan.tune(trials=24, calls=4)

    def simulate(*arguments):
        result = banyan.ok("tune", SMALL, "--trials", 10, "--calls", 2, "--json", "--seed", 7,
                           "--no-transfer", "--simulate", "banyan.db", *arguments).json
        return result, tree(banyan)

    first, first_tree = simulate()
    second, second_tree = simulate()
    assert first["trials"] == 10 and first["run_id"] != second["run_id"]
    assert first_tree == second_tree
    assert first["plan"] == second["plan"]
    kinds = banyan.query("select distinct failure from trial where run = 2 and failure <> 'none'")
    assert all(kind == "not_measured" for (kind,) in kinds)

    # The same models from the record of that run.
    asked = [row[0] for row in banyan.query("select distinct model from call where run = 2")]
    models = ["builtin:analytic", "builtin:heuristic", "builtin:random"]
    pool = ""
    for name in models:
        role = "strong" if name == "builtin:analytic" else "light"
        if name in asked:
            pool += (f'[[model]]\nname = "{name}"\nprovider = "replay"\nmodel = "{name}"\n'
                     f'store = "banyan.db"\nrun = "2"\nrole = "{role}"\n')
    banyan.write("recorded.toml", pool)
    names = [name if name not in asked else f"recorded.toml#{name}" for name in models]
    third, third_tree = simulate("--pool", ",".join(names))
    assert third_tree == first_tree
    assert third["best_latency_ms"] == first["best_latency_ms"]


def test_an_unknown_workload_is_not_simulated(banyan, tuned):
    done = banyan("tune", OTHER, "--simulate", tuned.folder / "banyan.db", "--trials", 4)
    assert done.status == 2
    assert "holds no measurement" in done.err.splitlines()[-1]
    assert banyan.query("select count(*) from run") == [(0,)]


def test_winners_of_related_sizes_are_tried_first(banyan, tuned):
    (banyan.folder / "banyan.db").write_bytes((tuned.folder / "banyan.db").read_bytes())
    (banyan.folder / "frozen.db").write_bytes((tuned.folder / "banyan.db").read_bytes())

    def tune(*arguments):
        return banyan.ok("tune", OTHER, "--trials", 4, "--calls", 1, "--json", *QUICK, *arguments).json

    tune()
    assert origins(banyan)[1] == "transfer"
    assert banyan.query("select node_id from trial where run = 2 and trial_id = 1") == [(1,)]
    tree(banyan)
    tune("--no-transfer")
    assert "transfer" not in origins(banyan)
    tune("--set", "transfer=false")
    assert "transfer" not in origins(banyan)
    tune("--store", "empty.db")
    assert banyan.query("select count(*) from node where origin = 'transfer'", "empty.db") == [(0,)]
    tune("--store", "new.db", "--snapshot", "frozen.db")
    assert banyan.query("select count(*) from node where origin = 'transfer'", "new.db")[0][0] > 0
    done = banyan("tune", OTHER, "--snapshot", "missing.db", "--store", "other.db")
    assert done.status == 2 and "missing.db" in done.err.splitlines()[-1]
    assert banyan.query("select count(*) from run", "other.db") == [(0,)]
    done = banyan("tune", OTHER, "--snapshot", "frozen.db", "--no-transfer")
    assert done.status == 2 and "--snapshot" in done.error_line()


def test_the_flags_stand_in_a_file(banyan, tuned):
    banyan.write("run.toml", f'workload = "{SMALL}"\nsimulate = "{tuned.folder / "banyan.db"}"\n'
                             "no-transfer = true\ntrials = 3\ncalls = 1\n")
    result = banyan.ok("tune", "--config", "run.toml", "--json").json
    assert result["trials"] == 3
    config = json.loads(banyan.query("select config from run")[0][0])
    assert config["simulate"].endswith("banyan.db") and config["strategy"]["transfer"] is False
