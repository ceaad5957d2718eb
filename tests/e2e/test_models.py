"""`banyan models`, pools as files, and the ready examples."""

import ctypes
import json
import pathlib
import subprocess

import pytest

from conftest import KEY, QUICK, SMALL, environment
from model_servers import Answer, Hang, ModelServer, Status

EXAMPLES = sorted((pathlib.Path(__file__).parents[2] / "examples" / "pools").glob("*.toml"))
KEYS = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY, "GEMINI_API_KEY": KEY}


def unpacked(blob):
    """A zstd frame's content; anything else as it is."""
    if blob[:4] != b"\x28\xb5\x2f\xfd":
        return blob
    zstd = ctypes.CDLL("libzstd.so.1")
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    room = ctypes.create_string_buffer(4 << 20)
    size = zstd.ZSTD_decompress(room, ctypes.c_size_t(len(room)), blob, ctypes.c_size_t(len(blob)))
    assert size <= len(room), "cannot be unpacked"
    return room.raw[:size]


def test_lists_the_experts_without_files(banyan):
    listed = banyan.ok("models", env=environment())
    for name in ("builtin:analytic", "builtin:heuristic", "builtin:random"):
        assert name in listed.out
    assert "examples/pools" in listed.out
    models = banyan.ok("models", "--json").json["models"]
    assert [model["role"] for model in models] == ["strong", "light", "light"]
    assert all(model["usable"] for model in models)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_right(banyan, path):
    without = banyan.ok("models", path, "--json", env=environment()).json["models"]
    models = banyan.ok("models", path, "--json", env=environment(**KEYS)).json["models"]
    assert models and all(model["usable"] for model in models)
    for model, keyless in zip(models, without):
        assert keyless["usable"] == (not model.get("key_env"))
        if model.get("key_env"):
            assert model["key_env"] in keyless["problem"]
    assert KEY not in banyan.ok("models", path, env=environment(**KEYS)).out
    # What stands behind '#' as a further model has to be right, too.
    text = path.read_text()
    if "# [[model]]" in text:
        first = text.index("# [[model]]")
        more = "\n".join(line[2:] if line.startswith("# ") else "" for line in text[first:].splitlines())
        name = banyan.write("more.toml", more)
        assert len(banyan.ok("models", name, "--json").json["models"]) == more.count("[[model]]")


def test_there_are_examples():
    assert {path.stem for path in EXAMPLES} == {"cloud", "local", "mixed"}


def test_ping_says_what_each_model_answers(banyan):
    def script(request):
        return {"fine": Answer({"ok": True}, tokens_in=50, tokens_out=5), "dead": Status(500),
                "unknown": Status(404)}[request.body["model"]]

    with ModelServer(script) as server:
        pool = banyan.write("pool.toml", "".join(
            server.entry("openai", name=name, model=name, key_env="BANYAN_TEST_API_KEY", price_in=10.0,
                         price_out=100.0) for name in ("fine", "dead", "unknown")))
        env = environment(BANYAN_TEST_API_KEY=KEY)
        done = banyan("models", pool, "--ping", env=env)
        assert done.status == 1 and done.err == ""
        rows = {line.split()[0]: line for line in done.out.splitlines() if line}
        assert "50 tokens in, 5 out; $0.001" in rows["fine"]
        assert "HTTP 500" in rows["dead"] and "HTTP 404: no model 'unknown'" in rows["unknown"]
        assert len(server.requests) == 3, "a ping does not try again"
        pings = {m["name"]: m["ping"] for m in banyan("models", pool, "--ping", "--json", env=env).json["models"]}
        assert pings["fine"]["ok"] and pings["fine"]["usage"]["cost_usd"] == pytest.approx(0.001)
        assert not pings["dead"]["ok"] and pings["dead"]["failure"] == "http"
        fine = banyan("models", f"{pool}#fine", "--ping", env=env)
        assert fine.status == 0 and KEY not in fine.out + done.out
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_ping_of_what_cannot_be_used(banyan):
    with ModelServer([Hang()]) as server:
        pool = banyan.write("pool.toml", server.entry("gemini", name="keyless", key_env="BANYAN_TEST_API_KEY")
                            + server.entry("anthropic", name="slow", first_byte_timeout_s=0.2)
                            + "[[model]]\nname = 'gone'\nprovider = 'command'\ncommand = ['./gone']\n")
        done = banyan("models", pool, "builtin:random", "--ping", env=environment())
    assert done.status == 1
    assert "no key; set the environment variable BANYAN_TEST_API_KEY" in done.out
    assert "timeout" in done.out and "first_byte_timeout_s" in done.out
    assert "there is no program './gone'" in done.out
    assert [request.api for request in server.requests] == ["anthropic"]


def test_ping_of_a_program(banyan):
    banyan.write("mine.py", "import json, sys\n"
                            "for line in sys.stdin:\n"
                            "    request = json.loads(line)\n"
                            "    print(json.dumps({'id': request['id'], 'text': request['type']}), flush=True)\n")
    pool = banyan.write("pool.toml", "[[model]]\nname = 'mine'\nprovider = 'command'\n"
                                     "command = ['python3', 'mine.py']\n")
    assert "answers in" in banyan.ok("models", pool, "--ping").out
    banyan.write("mine.py", "raise SystemExit('no licence')\n")
    done = banyan("models", pool, "--ping")
    assert done.status == 1 and "'python3' exited with status 1: no licence" in done.out


def test_mistakes_in_a_pool_are_one_line(banyan):
    pool = banyan.write("pool.toml", "[[model]]\nname = 'a'\nprovider = 'openai'\nmodle = 'x'\n")
    done = banyan("models", pool)
    assert done.status == 2
    assert done.error_line() == "banyan: error: pool.toml:4: unknown key 'modle'; did you mean 'model'?"
    assert "none.toml" in banyan("models", "none.toml").error_line()
    assert "did you mean 'builtin:random'" in banyan("models", "builtin:randm").error_line()
    assert json.loads(banyan("models", "x", "--json").out)["error"]["code"] == "not_found"


def test_the_program_of_the_documentation_runs(banyan):
    text = (pathlib.Path(__file__).parents[2] / "docs" / "models.md").read_text()
    banyan.write("mine.py", text.split("```python\n")[1].split("```")[0])
    pool = banyan.write("pool.toml", text.split("## A program as a model\n")[1].split("\nThe program")[0])
    assert "answers in" in banyan.ok("models", pool, "--ping").out
    request = {"version": 1, "type": "propose", "id": 7, "state": {"plan": {"text": "", "steps": [{}, {}]}}}
    done = subprocess.run(["python3", "mine.py"], input=json.dumps(request) + "\n", text=True, cwd=banyan.folder,
                          capture_output=True, check=True)
    reply = json.loads(done.stdout)
    assert reply["id"] == 7 and reply["reply"]["proposals"][0]["keep_steps"] == 2


def test_a_key_shows_nowhere_in_a_run(banyan):
    """A server that repeats the key in answers and errors: nothing of it is printed, logged or stored."""
    answers = [Answer({"analysis": f"your key is {KEY}", "proposals": [
        {"reason": f"because {KEY}", "keep_steps": 0, "steps": ["unroll(loop=none)"], "confidence": 0.5}],
                       "next_model": ""}), Status(400, f"what about {KEY}?"), Status(401, f"bad key {KEY}")]

    with ModelServer(answers) as server:
        pool = banyan.write("pool.toml", server.entry("openai", key_env="BANYAN_TEST_API_KEY", retries=0))
        done = banyan("tune", SMALL, "--pool", pool, "--calls", 3, "--trials", 2, "--json", "--events", "events.jsonl",
                      "--log-level", "debug", *QUICK, env=environment(BANYAN_TEST_API_KEY=KEY))
        assert server.requests and server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert done.status == 0, done.err
    assert KEY not in done.out + done.err
    files = [path for path in banyan.folder.rglob("*") if path.is_file()]
    assert {"banyan.db", "events.jsonl"} <= {path.name for path in files}
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path
    # Requests and replies are stored packed. The echoes did arrive: what stands in their place is kept.
    bodies = [unpacked(blob) for (blob,) in banyan.query("select bytes from blob")]
    assert not any(KEY.encode() in body for body in bodies)
    assert sum(b"[key]" in body for body in bodies) == 3
    assert done.json["models"]["m"]["calls"] == len(server.requests)
