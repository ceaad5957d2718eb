"""The other commands on a finished run, and what is exported read back outside Banyan."""

import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys

import pytest
from conftest import QUICK, SMALL


@pytest.fixture(scope="module")
def exported(tuned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "kernel"
    info = tuned.ok("export", "last", "--out", folder, "--json").json
    for file in info["files"]:
        assert pathlib.Path(file).exists(), file
    return folder


CHECK_DATABASE = """
import json, sys
import numpy as np
import tvm
from tvm.s_tir import meta_schedule as ms

folder = sys.argv[1]
mod = tvm.ir.load_json(open(folder + "/workload.json").read())
target = tvm.target.Target(json.loads(json.load(open(folder + "/target.json"))["target"]))
database = ms.database.JSONDatabase(work_dir=folder + "/database")
scheduled = database.query_ir_module(mod, target, "main")
assert scheduled is not None
assert scheduled.script() != mod.script()
a = np.random.default_rng(0).uniform(-1, 1, (96, 80)).astype("float32")
b = np.random.default_rng(1).uniform(-1, 1, (80, 112)).astype("float32")
c = np.full((96, 112), np.nan, "float32")
tensors = [tvm.runtime.tensor(x) for x in (a, b, c)]
tvm.compile(scheduled, target=target)["main"](*tensors)
np.testing.assert_allclose(tensors[2].numpy(), a @ b, rtol=1e-4, atol=1e-4)
print("right")
"""


def run_python(code, *arguments, **options):
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True,
                          text=True, timeout=240, **options)


def test_exported_database_is_applied_by_tvm(exported):
    done = run_python(CHECK_DATABASE, exported)
    if "ModuleNotFoundError" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["right"]


def test_exported_script_and_trace(exported):
    script = (exported / "scheduled.py").read_text()
    compile(script, "scheduled.py", "exec")
    assert "def main" in script
    trace = (exported / "schedule.py").read_text()
    compile(trace, "schedule.py", "exec")
    assert "sch." in trace


def test_exported_object_runs_from_c(exported, tmp_path):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    folder = tmp_path / "c"
    shutil.copytree(exported, folder)
    made = subprocess.run(["make", "-C", str(folder)], capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stderr
    ran = subprocess.run([str(folder / "example")], capture_output=True, text=True, timeout=120, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


def test_export_of_tvms_own_search(tuned, exported, tmp_path):
    """Such a run (an arm of a study) records its best program whole, and has no plan."""
    store = tmp_path / "peer.db"
    shutil.copy(tuned.folder / "banyan.db", store)
    program = (exported / "workload.json").read_text()

    def record(result):
        with sqlite3.connect(store) as database:
            config = json.loads(database.execute("SELECT config FROM run").fetchone()[0])
            config["strategy"]["name"] = "tvm-evolutionary"
            database.execute("UPDATE run SET config = ?, result = ?", (json.dumps(config), json.dumps(result)))

    record({"module_json": program})
    folder = tmp_path / "peer"
    files = tuned.ok("export", "last", "--store", store, "--out", folder, "--json").json["files"]
    assert all(pathlib.Path(file).exists() for file in files)
    assert (folder / "scheduled.json").read_text() == program
    assert "def main" in (folder / "scheduled.py").read_text()
    assert list(folder.glob("banyan_*.o"))
    record({})
    nothing = tuned("export", "last", "--store", store, "--out", tmp_path / "none")
    assert nothing.status != 0 and "measured nothing" in nothing.error_line()
    assert not (tmp_path / "none").exists()


def test_exported_plan_applies(tuned, exported, banyan):
    done = banyan.ok("apply", SMALL, exported / "plan.txt", "--json", "--quiet", *QUICK)
    assert done.json["plan"] == tuned.result["plan"]
    assert list(done.json) == list(tuned.result)
    assert done.json["best_latency_ms"] > 0
    assert "plan file" in banyan.ok("explain", "--tree").out


def test_explain(tuned):
    text = tuned.ok("explain").out
    for heading in ("The tree", "Calls", "The plan in words", "The schedule in Python", "TVMScript"):
        assert heading in text
    object_ = tuned.ok("explain", "--json").json
    assert object_["plan"] == tuned.result["plan"]
    assert object_["result"] == tuned.result
    assert object_["nodes"][0]["node"] == 0
    assert "def main" in object_["script"]
    root = tuned.ok("explain", "last", 0, "--words").out
    assert "as it was written" in root
    script = tuned.ok("explain", "last", 0, "--script").out
    compile(script, "script.py", "exec")
    missing = tuned("explain", "last", 99999)
    assert missing.status == 2 and "0 to" in missing.error_line()


def test_reproduce(tuned, tmp_path):
    trial_id, failure = tuned.query("select trial_id, failure from trial order by trial_id")[0]
    case = tmp_path / "case"
    object_ = tuned.ok("reproduce", f"{tuned.result['run_id']}:{trial_id}", "--out", case, "--json",
                       "--quiet").json
    assert object_["same_program"]
    assert object_["reproduced"]["failure"] == failure
    for name in ("README.md", "case.json", "case.py", "workload.json", "scheduled.json", "plan.txt"):
        assert (case / name).exists()
    ran = subprocess.run([sys.executable, str(case / "case.py")], capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, ran.stderr
    if failure == "none":
        assert "0 of 10752 elements differ" in ran.stdout.splitlines()[-1]
    missing = tuned("reproduce", 99999)
    assert missing.status == 2 and "no trial 99999" in missing.error_line()


def test_doctor(banyan):
    done = banyan("doctor", "--json")
    assert done.status in (0, 1)
    report = done.json
    assert report["healthy"] == (done.status == 0)
    names = {finding["name"] for finding in report["findings"]}
    assert {"cpu", "cores", "permissions", "disk", "tvm", "noise"} <= names
    assert report["peak_gflops"] > 0
    assert report["timer_noise"] >= 0
    text = banyan("doctor").out
    assert "GFLOP/s" in text


def test_workloads_and_schema(banyan):
    families = {family["name"]: family for family in banyan.ok("workloads", "--json").json["workloads"]}
    assert {"attention", "conv", "mlp", "moe", "matmul", "batch-matmul", "conv-small", "softmax", "layernorm",
            "gemv"} <= set(families)
    assert set(families["mlp"]["parameters"]) == {"T", "H", "I"}
    assert "mlp" in banyan.ok("workloads").out
    schemas = banyan.ok("schema").json
    assert set(schemas) == {"plan", "reply", "event"}
    operations = {step["properties"]["op"]["const"] for step in schemas["plan"]["$defs"]["step"]["oneOf"]}
    assert {"tile", "pack", "vectorize", "primitive"} <= operations
    assert banyan.ok("schema", "--of", "plan").json == schemas["plan"]


def test_events_fit_their_schema(tuned, banyan):
    """By hand: kinds, required keys and no others; there is no schema library in the environment."""
    schema = banyan.ok("schema", "--of", "event").json
    kinds = {kind["properties"]["event"]["const"]: kind for kind in schema["oneOf"]}
    for (text,) in tuned.query("select json from event"):
        event = json.loads(text)
        kind = kinds[event["event"]]
        assert set(kind["required"]) <= set(event) <= set(kind["properties"]), event["event"]


def test_help_and_version(banyan):
    for command in ("tune", "apply", "explain", "export", "reproduce", "workloads", "schema", "doctor"):
        text = banyan.ok(command, "--help").out
        assert "Examples:" in text and f"banyan {command}" in text and "--json" in text
    assert "worker" not in banyan.ok("--help").out
    assert banyan.ok("--version").out == banyan.ok("version").out
    versions = banyan.ok("version", "--json").json
    assert set(versions) >= {"banyan", "tvm"}


def test_users_programs(banyan):
    banyan.write("prog.py", """
from tvm.script import ir as I, tirx as T


@I.ir_module
class Module:
    @T.prim_func(s_tir=True)
    def main(A: T.Buffer((64, 32), "float32"), B: T.Buffer((64,), "float32")):
        for i, k in T.grid(64, 32):
            with T.sblock("B"):
                v_i, v_k = T.axis.remap("SR", [i, k])
                with T.init():
                    B[v_i] = T.float32(0)
                B[v_i] = B[v_i] + A[v_i, v_k] * A[v_i, v_k]
""")
    done = banyan("tune", "prog.py", "--trials", 4, "--calls", 1, "--json", "--quiet", *QUICK)
    assert done.status == 0, done.err
    assert done.json["best_latency_ms"] > 0
    # The store brings the program: its file may go.
    os.remove(banyan.folder / "prog.py")
    assert banyan.ok("explain", "--json").json["workload"] == done.json["workload"]
    banyan.ok("tune", "--resume", "last", "--trials", 5, "--json")
