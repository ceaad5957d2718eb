"""TVM's own evolutionary search (MetaSchedule), for comparison: a study's arm `tvm-evolutionary`.

    python tune_with_tvm.py REQUEST REPLY

REQUEST is a JSON object: module (an IRModule as TVM's JSON), target (JSON), trials, trials_per_round, seed, number,
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


def tune(request):
    import tvm
    from tvm.s_tir import meta_schedule as ms
    from tvm.s_tir.meta_schedule.utils import derived_object

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
    timing = ms.runner.EvaluatorConfig(number=request["number"], repeat=request["repeat"],
                                       min_repeat_ms=int(request["min_repeat_ms"]), enable_cpu_cache_flush=False)
    callbacks = [ms.measure_callback.AddToDatabase(), ms.measure_callback.UpdateCostModel(), Collect()]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="banyan-tvm-") as folder:
        database = ms.tune_tir(
            mod=module, target=target, work_dir=folder, max_trials_global=request["trials"],
            num_trials_per_iter=request["trials_per_round"], seed=request["seed"], num_tuning_cores=1,
            builder=ms.builder.LocalBuilder(max_workers=request["builders"], timeout_sec=30),
            runner=ms.runner.LocalRunner(timeout_sec=30, evaluator_config=timing),
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
