"""Drives the real program ($BANYAN_BINARY) in a fresh folder for each test."""

import json
import os
import pathlib
import sqlite3
import subprocess

import pytest

BINARY = os.environ.get("BANYAN_BINARY")
# A program that is small to build and to run; quick samples while searching.
SMALL = "matmul:M=96,N=112,K=80"  # small, and its unscheduled program never the fastest
QUICK = ["--number", "1", "--repeat", "2", "--min-repeat-ms", "1"]


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
