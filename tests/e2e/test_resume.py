"""kill -9 at random moments, then --resume: no finished trial lost, none twice, the budget exact."""

import json
import random
import signal
import time

from conftest import QUICK, SMALL

TRIALS = 24
CALLS = 4


def finished(banyan):
    return dict(banyan.query("select trial_id, samples_ms from trial where finished_s is not null"))


def test_killed_runs_go_on(banyan):
    moments = random.Random(5)
    kills = 0
    done = {}
    process = banyan.start("tune", SMALL, "--trials", TRIALS, "--calls", CALLS, "--seed", 1, "--json", *QUICK)
    for _ in range(6):
        # From some point of the run on, after a random number of further trials.
        wanted = len(done) + moments.randrange(0, 4)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if len(finished(banyan)) >= wanted:
                    break
            except Exception:  # the store is not there yet
                pass
            time.sleep(0.01)
        time.sleep(moments.random() * 0.3)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
        now = finished(banyan)
        assert done.items() <= now.items()  # nothing lost, nothing measured twice
        done = now
        process = banyan.start("tune", "--resume", "last", "--json")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert kills >= 3
    result = json.loads(out)
    assert result["trials"] == TRIALS
    last = finished(banyan)
    assert done.items() <= last.items()
    assert sorted(last) == list(range(1, TRIALS + 1))
    outcomes = [json.loads(text)["outcome"]["trial_id"] for (text,) in
                banyan.query("select json from event where name = 'outcome'")]
    assert sorted(outcomes) == list(range(1, TRIALS + 1))
    calls = banyan.query("select count(*) from call")[0][0]
    assert calls <= CALLS
    assert calls == sum(use["calls"] for use in result["models"].values())
    assert banyan.query("select count(*), min(status) from run") == [(1, "finished")]


def test_finished_run_prints_its_result_again(tuned):
    again = tuned.ok("tune", "--resume", "last", "--json")
    assert again.json == tuned.result
    assert again.err == ""


def test_resume_refuses_what_it_cannot_change(banyan, tuned):
    (banyan.folder / "banyan.db").write_bytes((tuned.folder / "banyan.db").read_bytes())
    for arguments, word in [(["--seed", "9"], "--seed"), (["--trials", "1"], "only grow"),
                            (["--strategy", "random"], "--strategy")]:
        done = banyan("tune", "--resume", "last", *arguments)
        assert done.status == 2 and word in done.error_line()
    done = banyan("tune", "conv", "--resume", "last")
    assert done.status == 2 and "conv" in done.error_line()


def test_a_run_that_would_be_searched_differently_is_left_as_it_was(banyan):
    first = banyan.tune(trials=3, calls=1)

    def stored():
        return banyan.query("select status, config, result, error from run"), banyan.query("select * from event")

    before = stored()
    for table in ("node", "trial"):
        # As if another version had written it.
        banyan.execute(f"update {table} set program_hash = substr(program_hash, 2) || substr(program_hash, 1, 1) where {table}_id = 1")
        done = banyan("tune", "--resume", "last", "--trials", 7, "--json")
        assert done.status == 1
        assert "searches differently" in done.error_line() and "banyan replay" in done.error_line()
        assert "go on with `banyan tune" not in done.error_line()
        banyan.execute(f"update {table} set program_hash = substr(program_hash, -1) || substr(program_hash, 1, length(program_hash) - 1) where {table}_id = 1")
        assert stored() == before
    more = banyan.ok("tune", "--resume", "last", "--trials", 7, "--json").json
    assert (more["trials"], more["run_id"]) == (7, first["run_id"])


def test_a_raised_budget_is_spent(banyan):
    first = banyan.tune(trials=3, calls=1)
    assert first["trials"] == 3
    more = banyan.ok("tune", "--resume", "last", "--trials", 7, "--calls", 2, "--json").json
    assert more["trials"] == 7
    assert more["run_id"] == first["run_id"]
    assert sorted(finished(banyan)) == list(range(1, 8))


def test_a_living_run_is_not_resumed(banyan):
    process = banyan.start("tune", SMALL, "--trials", 5000, "--calls", 20, *QUICK)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if finished(banyan):
                    break
            except Exception:
                pass
            time.sleep(0.05)
        done = banyan("tune", "--resume", "last", "--quiet")
        assert done.status == 1
        assert "another process" in done.error_line()
    finally:
        process.kill()
        process.communicate()
