"""Runs whose models answer over HTTP: strategies, budgets, faults, keys."""

import itertools
import json
import re

import pytest

from conftest import KEY, QUICK, SMALL, environment
from model_servers import (Answer, Cut, Hang, ModelServer, Raw, Status, check_reply, check_request, check_schema)

TILED = ["tile(block=C, factors={i: [4], j: [16], k: [4]}, order=[i.0, j.0, k.0, k.1, i.1, j.1])",
         "vectorize(loop=C.j.1)"]
SPLIT = ["tile(block=C, factors={j: [16]})", "vectorize(loop=C.j.1)"]


def proposal(steps, confidence=0.7):
    return {"keep_steps": 0, "steps": steps, "confidence": confidence, "reason": "register tile"}


def plans(request):
    """Two plans that apply and one that does not."""
    return Answer({"proposals": [proposal(TILED), proposal(SPLIT), proposal(["vectorize(loop=C.nothing)"], 0.2)],
                   "next_model": "light"}, tokens_in=1000, tokens_out=200, tokens_cached=500)


def mutators(request):
    return Answer({"mutators": ["tile_size", "unroll"], "next_model": "light"}, tokens_in=300, tokens_out=30)


def pool(banyan, server, **keys):
    prices = {"price_in": 10.0, "price_out": 40.0, "price_cached": 1.0, "parameters_b": 400.0}
    text = server.entry("openai", name="strong", role="strong", **prices, **keys)
    light = {"price_in": 1.0, "price_out": 4.0, "price_cached": 0.1, "parameters_b": 20.0}
    return banyan.write("pool.toml", text + server.entry("anthropic", name="light", role="light", **light, **keys))


def call_rows(banyan):
    return banyan.query("select call_id, model, answered, error, accepted, tokens_in, tokens_out, cost_usd, why from call")


def test_banyan_takes_what_models_propose(banyan):
    with ModelServer(plans) as server:
        result = banyan.tune("--pool", pool(banyan, server), trials=8, calls=3, env=environment())
    rows = call_rows(banyan)
    assert 1 <= len(rows) == result["calls"] <= 3 and result["trials"] <= 8
    assert rows[0][1] == "strong" and rows[0][4] >= 1  # the first structure is the strong model's
    assert all(row[2] and not row[3] for row in rows)
    assert "structure" in rows[0][8] and "strong" in rows[0][8]
    use = result["models"]["strong"]
    assert use["tokens_in"] == 1000 * use["calls"] and use["tokens_cached"] == 500 * use["calls"]
    assert use["cost_usd"] == pytest.approx(use["calls"] * (500 * 10 + 500 * 1 + 200 * 40) / 1e6)
    assert result["strong_calls"] == use["calls"]
    origins = {origin for origin, in banyan.query("select distinct origin from node")}
    assert "strong" in origins
    shown = banyan.ok("explain", "last").out
    assert "register tile" in shown and "strong" in shown


@pytest.mark.parametrize("strategy, script", [("reasoning", mutators), ("colt", mutators), ("colt-plan", plans),
                                              ("reasoning-plan", plans), ("banyan-single", plans)])
def test_every_strategy_asks_models_over_http(banyan, strategy, script):
    with ModelServer(script) as server:
        result = banyan.tune("--pool", pool(banyan, server), "--strategy", strategy, trials=8, calls=3,
                             env=environment())
        asked = {request.body["model"] for request in server.requests}
    assert asked == {"test-model"}
    assert 1 <= result["calls"] <= 3 and result["trials"] <= 8 and result["best_latency_ms"] > 0
    used = {name for name, use in result["models"].items() if use["calls"]}
    if strategy.startswith("reasoning") or strategy == "banyan-single":
        assert used == {"strong"}
    assert all(not row[3] for row in call_rows(banyan)), call_rows(banyan)


@pytest.mark.parametrize("strategy, script, answer", [("banyan", plans, "proposals"), ("colt", mutators, "mutators")])
@pytest.mark.parametrize("api", ["openai", "anthropic", "gemini"])
def test_requests_of_a_run_are_what_the_sdks_know(banyan, api, strategy, script, answer):
    with ModelServer(script) as server:
        file = banyan.write("pool.toml", server.entry(api, name="strong", role="strong", structured="schema", parameters_b=400.0)
                            + server.entry(api, name="light", role="light", structured="tool", parameters_b=20.0))
        result = banyan.tune("--pool", file, "--strategy", strategy, "--set", "routing=round_robin", trials=8, calls=4)
    assert {request.way for request in server.requests} == {"schema", "tool"}, "both ways are seen"
    assert result["calls"] == len(server.requests) == len(server.served)
    for request, (_, reply) in zip(server.requests, server.served, strict=True):
        check_request(request)
        check_schema(request)
        check_reply(api, reply)
        fields = request.schema["properties"]
        assert answer in fields and sorted(fields["next_model"]["enum"]) == ["light", "strong"]
        assert request.schema["required"] and set(request.schema["required"]) == set(fields)
        if answer == "proposals":
            assert set(fields["proposals"]["items"]["properties"]) == {"reason", "keep_steps", "steps", "confidence"}
        else:
            assert {"tile_size", "unroll"} <= set(fields["mutators"]["items"]["enum"])
    assert all(row[2] and not row[3] for row in call_rows(banyan)), call_rows(banyan)


FAULTS = {"500": Status(500), "401": Status(401), "404": Status(404), "529": Status(529), "429": Status(429),
          "no choices": Raw(b'{"choices": []}'), "20 MB": Raw(b"x" * (20 << 20)), "throttled": Status(429, headers={"Retry-After": "0"}),
          "hang": Hang(), "hang in body": Hang(within_body=True), "cut": Cut(within_body=True), "prose": Answer("I would tile it."),
          "bytes": Raw(b"\xff\xfe\x00{{{"), "empty": Raw(b""), "refusal": Answer("No.", finish="refusal"),
          "length": Answer('{"proposals": [{"steps": ["tile(blo', finish="length")}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_model_costs_its_calls_and_no_more(banyan, fault):
    with ModelServer([FAULTS[fault]]) as server:
        quick = {"first_byte_timeout_s": 1, "total_timeout_s": 2, "retries": 0}
        result = banyan.tune("--pool", pool(banyan, server, **quick), trials=6, calls=2, env=environment())
    assert result["calls"] <= 2 and result["trials"] <= 6
    assert result["best_latency_ms"] > 0  # free moves and the unscheduled program are there all the same
    assert all(row[3] for row in call_rows(banyan)), "each call tells its failure"


def test_no_budget_is_overshot(banyan):
    def dear(request):
        answer = plans(request)
        answer.tokens_in = 8000  # below the bound, a token a byte of the prompt
        return answer

    def spent(*flags):
        with ModelServer(dear) as server:
            file = pool(banyan, server, max_output_tokens=300, max_prompt_tokens=4000, retries=0)
            result = banyan.tune("--pool", file, "--strategy", "banyan-single", *flags, trials=12, calls=8, env=environment())
        return {"--tokens": sum(use["tokens_in"] + use["tokens_out"] for use in result["models"].values()),
                "--cost-usd": sum(use["cost_usd"] for use in result["models"].values()),
                "--strong-calls": result["strong_calls"]}

    free = spent()
    for flag, limit in (("--tokens", 20_000), ("--cost-usd", 0.15), ("--strong-calls", 2)):
        assert free[flag] > limit, "the limit is not felt"
        assert 0 < spent(flag, str(limit))[flag] <= limit, flag


def test_a_key_shows_up_nowhere(banyan):
    def echo(request):  # a server that says the key back
        text = json.dumps(dict(request.headers))
        return Status(400, f"bad request with {text}") if len(server.requests) == 1 else plans(request)

    with ModelServer(echo) as server:
        file = pool(banyan, server, key_env="PLANTED_KEY", retries=0)
        env = environment(PLANTED_KEY=KEY)
        done = banyan("tune", SMALL, "--pool", file, "--trials", 5, "--calls", 3, "--json", "--log-level", "debug",
                      "--events", "events.jsonl", *QUICK, env=env)
        assert done.status == 0, done.err
        assert any(KEY in value for request in server.requests for value in request.headers.values())
        shown = [done.out, done.err, banyan.ok("explain", "last", env=env).out, banyan.ok("explain", "last", "--json", env=env).out,
                 banyan.ok("replay", "last", "--dump", env=env).out, banyan.ok("report", "--out", "page.html", env=env).out,
                 banyan.ok("export", "last", "--out", "exported", env=env).out, banyan.ok("models", file, env=env).out, banyan.ok("models", file, "--ping", env=env).out]
    assert not any(KEY in text for text in shown)
    for path in banyan.folder.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def many_plans():
    """Four other tilings for each call: more than are tried at once, so that the cost model has to choose."""
    tilings = itertools.product((2, 4, 8, 16), (8, 16, 32), (2, 4, 8))

    def script(_):
        return Answer({"proposals": [proposal([
            f"tile(block=C, factors={{i: [{i}], j: [{j}], k: [{k}]}}, order=[i.0, j.0, k.0, k.1, i.1, j.1])",
            "vectorize(loop=C.j.1)"]) for i, j, k in itertools.islice(tilings, 4)], "next_model": "light"})

    return script


def log_of(banyan, server, *flags, workload=SMALL):
    """The log of a run, line by line, and its events."""
    done = banyan.ok("tune", workload, "--pool", pool(banyan, server), "--trials", 16, "--calls", 4, "--json", *QUICK, *flags)
    events = [json.loads(text) for text, in banyan.query(
        f"select json from event join run on event.run = run.number where run_id = '{done.json['run_id']}' order by event_index")]
    return done.err.splitlines(), events


@pytest.mark.parametrize("scored", [False, True])
def test_the_log_says_priors_and_trust(banyan, scored):
    with ModelServer(many_plans() if scored else plans) as server:
        lines, events = log_of(banyan, server)
    said = [line for line in lines if "log-speedup of a call" in line]
    belief = r"structure \d\.\d\d±\d\.\d\d, refinement \d\.\d\d±\d\.\d\d, stuck \d\.\d\d±\d\.\d\d"
    assert len(said) == 1 and re.fullmatch(
        f"banyan: expected log-speedup of a call, no history, so priors: strong {belief}; light {belief}", said[0]), said
    assert not events[0].get("gains") and not events[0].get("examples")
    # The trust at first and when it has changed by a tenth, as the journal has it, and at the end.
    told = [float(number) for line in lines for number in re.findall(
        r"^banyan: cost model: trusted (\d\.\d\d), the rank correlation of its predictions with what was measured$", line)]
    journalled = [event["trust"] for event in events if event["event"] == "scores"]
    assert journalled or not scored
    expected = []
    for trust in journalled:
        if not expected or abs(trust - expected[-1]) >= 0.1:
            expected.append(trust)
    assert told[:len(expected)] == pytest.approx(expected, abs=0.0051)
    assert 1 <= len(told) <= len(expected) + 1, "and at the end"


def test_no_transfer_learns_nothing_from_earlier_runs(banyan):
    def learnt(*flags):
        """What a run on a related size takes from those before it in the store."""
        with ModelServer(many_plans()) as server:
            lines, events = log_of(banyan, server, *flags, workload="matmul:M=64,N=32,K=48")
            prompts = [json.dumps(request.body) for request in server.requests]
        (said,) = [line for line in lines if "log-speedup of a call" in line]
        assert ("with earlier runs" in said) != ("no history, so priors" in said)
        (origins,) = zip(*banyan.query("select origin from node where run = (select max(number) from run)"))
        outcomes = [at for at, event in enumerate(events) if event["event"] == "outcome"]
        early = [event for event in events[:outcomes[7]] if event["event"] == "scores"]  # a fresh model learns with the eighth
        return {"plans": "transfer" in origins,
                "examples in the journal": bool(events[0].get("examples")),
                "examples in every prompt": all("# Winners on related workloads" in prompt for prompt in prompts),
                "examples in a prompt": any("# Winners on related workloads" in prompt or SMALL in prompt for prompt in prompts),
                "gains in the journal": bool(events[0].get("gains")),
                "gains in the log": "with earlier runs" in said,
                "pretrained": any(score is not None for event in early for score in event["scores"])}

    with ModelServer(many_plans()) as server:
        log_of(banyan, server)
    without = learnt("--no-transfer")
    assert not any(without.values()), without
    switched_off = learnt("--set", "transfer=false")
    assert not any(switched_off.values()), switched_off
    related = learnt()
    assert all(related.values()), related


def test_a_program_can_be_a_model(banyan):
    banyan.write("model.py", f"""
import json, sys
for line in sys.stdin:
    json.loads(line)
    print(json.dumps({{"proposals": [{{"keep_steps": 0, "steps": {TILED!r}, "confidence": 0.9, "reason": "mine"}}]}}), flush=True)
""")
    file = banyan.write("pool.toml", '[[model]]\nname = "mine"\nprovider = "command"\ncommand = ["python3", "model.py"]\n')
    result = banyan.tune("--pool", file, trials=4, calls=1)
    assert result["models"]["mine"]["calls"] == 1 and result["models"]["mine"]["accepted"] == 1


def test_a_pool_that_cannot_be_used_is_refused_at_once(banyan):
    file = banyan.write("pool.toml", '[[model]]\nname = "a"\nprovider = "openai"\nmodel = "m"\nkey_env = "NO_SUCH_KEY"\n')
    done = banyan("tune", SMALL, "--pool", file)
    assert done.status == 2 and "NO_SUCH_KEY" in done.error_line()
    done = banyan("tune", SMALL, "--pool", "absent.toml")
    assert done.status == 2 and "absent.toml" in done.error_line()
    assert not (banyan.folder / "banyan.db").exists() or not banyan.query("select * from run")


def test_strategies_and_their_parts(banyan):
    listed = banyan.ok("strategies").out
    for name in ("banyan", "banyan-single", "colt", "colt-plan", "reasoning", "reasoning-plan", "mcts", "evolutionary", "random"):
        assert f"\n{name}\n" in "\n" + listed
    parts = banyan.ok("strategies", "colt").out
    assert "course_alteration" in parts and "(banyan: false)" in parts
    assert banyan.ok("strategies", "colt", "--json").json["config"]["generations"] == 3
    result = banyan.tune("--set", "routing=round_robin", "--set", "cost_model=none", trials=4, calls=2)
    config = json.loads(banyan.query("select config from run")[0][0])
    assert config["strategy"]["routing"] == "round_robin" and config["strategy"]["cost_model"] == "none"
    assert 1 <= result["calls"] <= 2
    assert "puct_c" in banyan("tune", SMALL, "--set", "puctc=1").error_line()
    assert "FIELD=VALUE" in banyan("tune", SMALL, "--set", "routing").error_line()
