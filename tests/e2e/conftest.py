"""Drives the real program ($BANYAN_BINARY) in a fresh folder for each test, or only its HTTP clients ($BANYAN_CHAT)."""

import json
import os
import pathlib
import sqlite3
import subprocess
import time

import pytest

BINARY = os.environ.get("BANYAN_BINARY")
CHAT = os.environ.get("BANYAN_CHAT")
KEY = "sk-PLANTED0123456789abcdef"
# A program that is small to build and to run; quick samples while searching.
SMALL = "matmul:M=96,N=112,K=80"  # small, and its unscheduled program never the fastest
QUICK = ["--number", "1", "--repeat", "2", "--min-repeat-ms", "1"]


def environment(**more):
    """This process' environment, without the user's keys, proxies and certificates."""
    ours = {"CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    kept = {name: value for name, value in os.environ.items()
            if name not in ours and not name.lower().endswith(("_api_key", "_proxy"))}
    return {**kept, **{name: str(value) for name, value in more.items()}}


class Done:
    """A finished command."""

    def __init__(self, process, out, err):
        self.status = process.returncode
        self.out = out
        self.err = err

    @property
    def json(self):
        return json.loads(self.out)

    def error_line(self):
        """The one line of an error; fails if there are more or fewer."""
        lines = [line for line in self.err.splitlines() if line]
        assert len(lines) == 1, self.err
        assert lines[0].startswith("banyan: error: "), lines[0]
        return lines[0]


class Banyan:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def start(self, *arguments, **options):
        options.setdefault("env", environment())
        return subprocess.Popen(
            [BINARY, *map(str, arguments)], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def __call__(self, *arguments, timeout=240, **options):
        process = self.start(*arguments, **options)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"banyan {' '.join(map(str, arguments))} hangs:\n{out}\n{err}")
        return Done(process, out, err)

    def ok(self, *arguments, **options):
        done = self(*arguments, **options)
        assert done.status == 0, f"{arguments}: {done.status}\n{done.out}\n{done.err}"
        return done

    def tune(self, *arguments, trials=6, calls=2, **options):
        return self.ok("tune", SMALL, "--trials", trials, "--calls", calls, "--json", *QUICK,
                       *arguments, **options).json

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return name

    def query(self, sql, store="banyan.db"):
        connection = sqlite3.connect(self.folder / store)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def execute(self, sql, store="banyan.db"):
        """Changes the store behind the program's back."""
        connection = sqlite3.connect(self.folder / store)
        try:
            with connection:
                assert connection.execute(sql).rowcount > 0, sql
        finally:
            connection.close()


@pytest.fixture
def banyan(tmp_path):
    if not BINARY:
        pytest.fail("BANYAN_BINARY is not set: run the tests with ctest")
    return Banyan(tmp_path)


@pytest.fixture(scope="session")
def tuned(tmp_path_factory):
    """A folder with one finished run; tests must not change its store."""
    program = Banyan(tmp_path_factory.mktemp("tuned"))
    program.result = program.tune("--seed", "3")
    return program


class Asked:
    """What the model's server was asked `times` times gave: the attributes of the last reply, and all `replies`."""

    def __init__(self, replies, seconds):
        self.replies = replies
        self.seconds = seconds

    def __getattr__(self, name):
        return self.replies[-1][name]


@pytest.fixture
def ask(tmp_path):
    """Asks the server's model, `times` times by one client; the key must show nowhere."""
    def run(server, api, *flags, key=KEY, lines="", env=None, **entry):
        if key:
            entry.setdefault("key_env", "BANYAN_TEST_API_KEY")
        pool = tmp_path / "pool.toml"
        pool.write_text(server.entry(api, **entry) + lines + "\n")
        start = time.monotonic()
        done = subprocess.run([CHAT, str(pool), *map(str, flags)], capture_output=True, timeout=60,
                              env=environment(BANYAN_TEST_API_KEY=key or "", **(env or {})))
        seconds = time.monotonic() - start
        assert done.returncode == 0, done.stderr
        out = done.stdout.decode()  # strictly UTF-8
        if key:
            assert key not in out and key not in done.stderr.decode()
            assert key not in json.dumps(json.loads(out), ensure_ascii=False)
        replies = json.loads(out)
        for reply in replies:
            assert "\n" not in reply["error"]
            assert (reply["failure"] == "none") == (reply["error"] == "")
        return Asked(replies, seconds)

    if not CHAT:
        pytest.fail("BANYAN_CHAT is not set: run the tests with ctest")
    return run
