"""TVM's own evolutionary search (MetaSchedule), for comparison: a study's arm `tvm-evolutionary`.

    python tune_with_tvm.py REQUEST REPLY

REQUEST is a JSON object: module (an IRModule as TVM's JSON), target (JSON), trials, trials_per_round, seed,
repeat, min_repeat_ms, builders (processes), threads (of a kernel). REPLY receives {"trials": [{"samples_ms"}
or {"failure", "text"}], "module": the best program, "seconds"} or {"error": one line}. What TVM prints goes to stderr.
"""

import json
import os
import sys
import tempfile
import time


def one_line(text, limit=300):
    text = " ".join(str(text).split())
    return text if len(text) <= limit else text[:limit] + "..."


def end_with_the_search():
    """In a worker: the kernel ends it with the thread that started it. A search that is killed cannot end its workers,
    which would time kernels for half a minute more."""
    import ctypes
    import signal
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def build(module, target, _):
    """In a worker: what MetaSchedule's own builder does, but without the tensor intrinsics of all targets. Importing
    those takes longer than building, each time, since workers live for one round; on a busy machine longer than a
    worker may take. A schedule that has been traced needs them no more."""
    from tvm.driver import build as build_with_tvm
    from tvm.s_tir.transform import RemoveWeightLayoutRewriteBlock
    return build_with_tvm(RemoveWeightLayoutRewriteBlock(skip_tensor_rewrite=True)(module), target=target)


def import_intrinsics_of_this_cpu():
    """TVM imports the tensor intrinsics of all targets before a search: twenty seconds, nearly all for GPUs. A program
    for this CPU can use those of its own family only."""
    import importlib.util
    import platform
    name = "tvm.s_tir.tensor_intrin"
    # The package without what its __init__ imports.
    sys.modules[name] = importlib.util.module_from_spec(importlib.util.find_spec(name))
    importlib.import_module(f"{name}.{'x86' if platform.machine() in ('x86_64', 'AMD64') else 'arm_cpu'}")


def tune(request):
    import tvm
    import_intrinsics_of_this_cpu()
    from tvm.s_tir import meta_schedule as ms
    from tvm.ir.utils import derived_object

    trials = []

    @derived_object
    class Collect(ms.measure_callback.PyMeasureCallback):
        def apply(self, task_scheduler, task_id, measure_candidates, builder_results, runner_results):
            for built, ran in zip(builder_results, runner_results):
                if built.error_msg:
                    trials.append({"failure": "build_error", "text": one_line(built.error_msg)})
                elif ran is None or ran.error_msg:
                    trials.append({"failure": "run_error", "text": one_line(ran.error_msg if ran else "no result")})
                else:
                    trials.append({"samples_ms": [float(seconds) * 1e3 for seconds in ran.run_secs]})

    module = tvm.ir.load_json(request["module"])
    target = tvm.target.Target(json.loads(request["target"]))
    # Of a slow kernel one call a sample is enough, as in Banyan's own trials: of a fast one min_repeat_ms makes many.
    timing = ms.runner.EvaluatorConfig(number=1, repeat=request["repeat"],
                                       min_repeat_ms=int(request["min_repeat_ms"]), enable_cpu_cache_flush=False)
    callbacks = [ms.measure_callback.AddToDatabase(), ms.measure_callback.UpdateCostModel(), Collect()]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="banyan-tvm-") as folder:
        database = ms.tune_tir(
            mod=module, target=target, work_dir=folder, max_trials_global=request["trials"],
            num_trials_per_iter=request["trials_per_round"], seed=request["seed"], num_tuning_cores=len(os.sched_getaffinity(0)),
            builder=ms.builder.LocalBuilder(max_workers=request["builders"], timeout_sec=30, f_build=build, initializer=end_with_the_search),
            runner=ms.runner.LocalRunner(timeout_sec=30, evaluator_config=timing, initializer=end_with_the_search),
            measure_callbacks=callbacks)
        seconds = time.monotonic() - started
        records = database.get_all_tuning_records()
        reply = {"trials": trials, "seconds": seconds}
        if records:
            best = database.get_top_k(records[0].workload, 1)
            if best:
                schedule = tvm.s_tir.Schedule(best[0].workload.mod)
                best[0].trace.apply_to_schedule(schedule, remove_postproc=False)
                reply["module"] = tvm.ir.save_json(schedule.mod)
    return reply


def main():
    reply_path = sys.argv[2]
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    os.dup2(2, 1)  # replies go to the file
    os.environ["TVM_NUM_THREADS"] = str(request["threads"])
    try:
        reply = tune(request)
    except ImportError as error:
        reply = {"error": f"TVM's search needs a Python package more: {one_line(error)}"}
    except Exception as error:  # whatever TVM raises is the run's failure
        reply = {"error": f"{type(error).__name__}: {one_line(error)}"}
    with open(reply_path, "w", encoding="utf-8") as file:
        json.dump(reply, file)


if __name__ == "__main__":
    main()
