"""Wrong input and a failing environment: one line that says what to do, the right status, nothing lost."""

import os
import resource
import signal
import subprocess

import pytest
from conftest import QUICK, SMALL

USER = 2
ENVIRONMENT = 1


def check(done, status, *words):
    line = done.error_line()
    assert done.status == status, (done.status, line)
    for word in words:
        assert word in line, line


@pytest.mark.parametrize("arguments, words", [
    (["tune", "mpl"], ["unknown workload 'mpl'", "did you mean 'mlp'"]),
    (["tune", "conv:Q=3"], ["Q"]),
    (["tune", "mlp:T=0"], ["T=0"]),
    (["tune", "mlp:T=abc"], ["T=abc"]),
    (["tune", "mlp:T"], ["T"]),
    (["tune", "mlp:T=4,T=5"], ["T"]),
    (["tune", "mlp:T=99999999999999999999"], ["T="]),
    (["tune", "matmul:dtype=complex9"], ["complex9"]),
    (["tune", "nothing.json"], ["nothing.json"]),
    (["tune", "nothing.py"], ["nothing.py"]),
    (["tune", "."], []),
    (["tune"], ["banyan tune mlp"]),
    (["tune", "mlp", "--trails", "3"], ["'--trails'", "did you mean '--trials'"]),
    (["tune", "mlp", "--trials", "many"], ["--trials", "many"]),
    (["tune", "mlp", "--trials=-1"], ["--trials", "-1"]),
    (["tune", "mlp", "--seconds", "0"], ["--seconds"]),
    (["tune", "mlp", "--seed", "-4"], ["--seed"]),
    (["tune", "mlp", "--cores", "0"], ["--cores"]),
    (["tune", "mlp", "--pool", "builtin:analytc"], ["did you mean 'builtin:analytic'"]),
    (["tune", "mlp", "--strategy", "banyn"], ["did you mean 'banyan'"]),
    (["tune", "mlp", "--target", "llvm -mcpu=nonsense"], ["nonsense"]),
    (["tune", "mlp", "--target", "no-such-kind"], ["no-such-kind"]),
    (["tune", "mlp", "--target", '{"kind": '], ["target"]),
    (["tune", "mlp", "--config", "none.toml"], ["none.toml"]),
    (["tun", "mlp"], ["unknown command 'tun'", "did you mean 'tune'"]),
    (["tune", "mlp", "conv"], ["conv"]),
    (["apply", "mlp", "none.plan"], ["none.plan"]),
    (["schema", "--of", "nothing"], ["--of"]),
    (["explain", "last"], ["banyan tune"]),
    (["tune", "--resume", "last"], ["banyan tune"]),
    (["reproduce", "first"], ["'first'"]),
])
def test_wrong_input(banyan, arguments, words):
    check(banyan(*arguments), USER, *words)


def test_errors_as_json(banyan):
    done = banyan("tune", "mpl", "--json")
    check(done, USER, "mlp")
    assert done.json["error"]["code"] == "not_found"
    assert "did you mean 'mlp'" in done.json["error"]["message"]


@pytest.mark.parametrize("name, text, words", [
    ("a.json", "{", ["a.json"]),
    ("b.json", '{"nodes": [1, 2]}', ["b.json"]),
    ("c.py", "x = (", ["c.py:1", "SyntaxError"]),
    ("d.py", "import math\n\nmath.sqrt(-1)\n", ["d.py:3", "ValueError"]),
    ("e.py", "x = 3\n", ["e.py"]),
    ("f.py", "import sys\nsys.exit(3)\n", ["f.py"]),
])
def test_unusable_program(banyan, name, text, words):
    banyan.write(name, text)
    done = banyan("tune", name, "--quiet")
    check(done, USER, *words)


def test_config_file_names_the_line(banyan):
    banyan.write("c.toml", "trials = 4\ntrails = 5\n")
    check(banyan("tune", "mlp", "--config", "c.toml"), USER, "c.toml:2", "did you mean 'trials'")
    banyan.write("c.toml", "trials = [\n")
    check(banyan("tune", "mlp", "--config", "c.toml"), USER, "c.toml:")
    banyan.write("c.toml", 'trials = "x"\n')
    check(banyan("tune", "mlp", "--config", "c.toml"), USER, "c.toml:1", "--trials")


def test_failing_plan(banyan):
    banyan.write("a.plan", "tile(block=Z, factors={i: [8]})\n")
    check(banyan("apply", SMALL, "a.plan", "--quiet"), USER, "a.plan", "step 1", "Z")
    banyan.write("b.plan", "tile(block=C\n")
    check(banyan("apply", SMALL, "b.plan"), USER, "b.plan")
    banyan.write("c.plan", "tyle(block=C, factors={i: [8]})\n")
    check(banyan("apply", SMALL, "c.plan"), USER, "tyle")


def test_stores_that_cannot_be_used(banyan):
    check(banyan("tune", SMALL, "--store", "no/such/folder.db"), ENVIRONMENT, "no folder", "--store")
    check(banyan("tune", SMALL, "--store", "."), ENVIRONMENT, "folder", "--store")
    banyan.write("text.db", "not a database, " * 100)
    check(banyan("tune", SMALL, "--store", "text.db"), ENVIRONMENT, "not a Banyan store", "--store")
    check(banyan("explain", "--store", "text.db"), ENVIRONMENT, "not a Banyan store")
    (banyan.folder / "noise.db").write_bytes(b"SQLite format 3\0" + os.urandom(8000))
    done = banyan("tune", SMALL, "--store", "noise.db")
    check(done, ENVIRONMENT, "noise.db")


def test_unwritable_events_file(banyan):
    check(banyan("tune", SMALL, "--events", "no/such/events", "--quiet"), ENVIRONMENT, "no/such/events")


def test_read_only_store_is_kept_and_readable(banyan, tuned):
    text = (tuned.folder / "banyan.db").read_bytes()
    store = banyan.folder / "banyan.db"
    store.write_bytes(text)
    store.chmod(0o444)
    check(banyan("tune", SMALL), ENVIRONMENT, "read-only", "--store")
    assert store.read_bytes() == text
    assert tuned.result["run_id"] in banyan.ok("explain", "--tree", "--words").out + \
        banyan.ok("explain", "--json", "--tree").out


def test_full_disk_loses_nothing(banyan):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    full = 0
    for limit_bytes in (20_000, 120_000, 300_000):
        store = f"full-{limit_bytes}.db"
        done = banyan("tune", SMALL, "--trials", 30, "--calls", 4, "--quiet", "--store", store, *QUICK,
                      preexec_fn=limit)
        if done.status == 0:
            continue
        full += 1
        check(done, ENVIRONMENT, "no space left", store)
        if "--resume" not in done.err:
            continue  # full before the run began
        finished = banyan.query("select count(finished_s) from trial", store)[0][0]
        outcomes = banyan.query("select count(*) from event where name = 'outcome'", store)[0][0]
        assert finished == outcomes
        # With space again it goes on where it was.
        result = banyan.ok("tune", "--resume", "last", "--json", "--store", store).json
        assert result["trials"] == 30
        assert banyan.query("select count(*) from trial where finished_s is not null", store) == [(30,)]
    assert full >= 2


def test_closed_stdout_is_no_crash(banyan):
    process = banyan.start("workloads")
    process.stdout.close()
    process.wait(timeout=60)
    assert process.returncode != -signal.SIGABRT
    assert process.returncode != -signal.SIGSEGV
    process.stderr.close()


def test_full_stdout_is_an_error(banyan):
    with open("/dev/full", "w") as full:
        done = subprocess.run([os.environ["BANYAN_BINARY"], "workloads"], stdout=full,
                              stderr=subprocess.PIPE, text=True, cwd=banyan.folder)
    assert done.returncode == ENVIRONMENT
    assert "banyan: error: " in done.stderr
