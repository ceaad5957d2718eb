"""Runs clang-tidy over the source files in parallel, skipping those that passed before.

A file is skipped while itself, the project headers it includes (at any depth), the checks and the
program's version and arguments are what they were when it last passed. Marks lie in build/lint.
"""

import argparse
import concurrent.futures
import functools
import hashlib
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MARKS = ROOT / "build" / "lint"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
FINDING_START = re.compile(r"^(?=/[^\n]*: (?:error|warning): )", re.MULTILINE)


@functools.cache
def project_headers(path: pathlib.Path) -> frozenset:
    """The headers under src/ that `path` includes directly."""
    names = INCLUDE.findall(path.read_text(errors="replace"))
    candidates = [base / name for name in names for base in (ROOT / "src", path.parent)]
    return frozenset(c.resolve() for c in candidates if c.is_file())


def key(source: pathlib.Path, common: bytes) -> str:
    seen, todo = {source}, [source]
    while todo:
        new = project_headers(todo.pop()) - seen
        seen |= new
        todo.extend(new)
    digest = hashlib.sha256(common)
    for file in sorted(seen):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def check(program: str, source: pathlib.Path, common: bytes):
    """Returns None if `source` is clean, else the text of its findings."""
    mark = MARKS / (str(source.relative_to(ROOT)).replace("/", "__") + ".ok")
    expected = key(source, common)
    if mark.is_file() and mark.read_text() == expected:
        return None
    run = subprocess.run(
        [program, "-p", str(ROOT / "build" / "tidy"), "--quiet",
         "--extra-arg=-Wno-unknown-warning-option",  # the compile commands are gcc's
         "--extra-arg=-Wno-deprecated-declarations",  # GCC 12's own stable_sort uses what it deprecates
         str(source)],
        capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return run.stdout + (run.stderr if not run.stdout.strip() else "")
    mark.write_text(expected)
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clang-tidy", default="clang-tidy")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()

    database = json.loads((ROOT / "build" / "tidy" / "compile_commands.json").read_text())
    known = {pathlib.Path(entry["file"]).resolve() for entry in database}
    sources = sorted(s for s in known if s.is_file() and ((ROOT / "src") in s.parents or s.parent.name == "Unity"))
    version = subprocess.run([args.clang_tidy, "--version"], capture_output=True, text=True, check=True)
    common = (ROOT / ".clang-tidy").read_bytes() + pathlib.Path(__file__).read_bytes() + version.stdout.encode()

    MARKS.mkdir(parents=True, exist_ok=True)
    print(f"[lint] clang-tidy: {len(sources)} files", flush=True)
    failed, printed = 0, set()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for findings in pool.map(lambda s: check(args.clang_tidy, s, common), sources):
            if findings is not None:
                failed += 1
                # A header's finding comes again with every file that includes it.
                for finding in FINDING_START.split(findings.strip()):
                    if finding not in printed:
                        printed.add(finding)
                        print(finding.rstrip(), flush=True)
    if failed:
        print(f"[lint] error: clang-tidy has findings in {failed} files", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
