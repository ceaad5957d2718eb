"""Checks that the source tree keeps to its own rules; prints every breach as FILE:LINE: reason.

The rules: the include direction between rooms, as the table in ARCHITECTURE.md states it; the same
direction in the CMake link dependencies; tvm-ffi's headers and the names of its global functions only
in src/tvm; limits on file length; `#pragma once`. Usage: check_structure.py ROOT
"""

import pathlib
import re
import sys
from typing import Dict, Iterator, List, NamedTuple, Set

MAX_HEADER_LINES = 300
MAX_SOURCE_LINES = 600
FFI_ROOM = "tvm"

TABLE_ROW = re.compile(r"^\|\s*`(\w+)`\s*\|.*\|\s*([^|]*?)\s*\|\s*$", re.MULTILINE)
PROJECT_INCLUDE = re.compile(r'^\s*#\s*include\s+"(?:\.\./)*([a-z]+)/[^"]*"')
PARENT_INCLUDE = re.compile(r'^\s*#\s*include\s+"\.\.?/')
FFI_INCLUDE = re.compile(r'^\s*#\s*include\s+(?:<tvm/|[<"](?:tvm/(?:ffi|runtime|ir|node)|dlpack)/)')
ROOM_CALL = re.compile(r"banyan_room\(\s*(\w+)([^)]*)\)")
ROOMS_LIST = re.compile(r"set\(BANYAN_ROOMS([^)]*)\)")
# A whole string literal that reads like a name in TVM's registry of global functions.
FFI_NAME = re.compile(
    r'"(?:(?:ir|meta_schedule|node|rpc|runtime|script|support|target|te|tir|transform)'
    r'\.(?:\w+\.)*(?:[A-Z]\w*|_\w+)'
    r'|(?:arith|device_api|ffi|prim|relax|s_tir|tirx|topi|vm\.builtin|tvm\.runtime)\.[.\w]+'
    r'|target\.(?:build|llvm_\w+)[.\w]*|runtime\.(?:config_threadpool|timer\.\w+))"')


class Breach(NamedTuple):
    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


def closure(direct: Dict[str, Set[str]]) -> Dict[str, Set[str]]:
    """All rooms each room may reach, itself not included."""
    reach = {}
    for room in direct:
        seen: Set[str] = set()
        todo = list(direct[room])
        while todo:
            other = todo.pop()
            if other not in seen:
                seen.add(other)
                todo.extend(direct.get(other, ()))
        reach[room] = seen
    return reach


def rooms_table(root: pathlib.Path) -> Dict[str, Set[str]]:
    """Room -> the rooms its row in ARCHITECTURE.md lets it include."""
    rows = TABLE_ROW.findall((root / "ARCHITECTURE.md").read_text())
    names = [name for name, _ in rows]
    table = {}
    for name, allowed in rows:
        words = set(re.findall(r"[a-z]+", allowed))
        table[name] = set(names) - {name} if words == {"all"} else words & set(names)
    return table


def code_files(root: pathlib.Path) -> List[pathlib.Path]:
    return sorted(p for p in (root / "src").rglob("*") if p.suffix in (".h", ".cc"))


def check_file(path: pathlib.Path, root: pathlib.Path, reach: Dict[str, Set[str]]) -> Iterator[Breach]:
    name = str(path.relative_to(root))
    room = path.relative_to(root / "src").parts[0]
    text = path.read_text(errors="replace")
    lines = text.splitlines()

    limit = MAX_HEADER_LINES if path.suffix == ".h" else MAX_SOURCE_LINES
    if len(lines) > limit:
        yield Breach(name, limit + 1, f"{len(lines)} lines, the limit is {limit}: split it by role")
    if path.suffix == ".h" and "#pragma once" not in text:
        yield Breach(name, 1, "a header without #pragma once")

    for number, line in enumerate(lines, 1):
        if PARENT_INCLUDE.match(line):
            yield Breach(name, number, "include from src/, not relative to this file")
        if room != FFI_ROOM:
            if FFI_INCLUDE.match(line):
                yield Breach(name, number, f"only src/{FFI_ROOM} may include tvm-ffi's headers")
                continue
            for literal in FFI_NAME.findall(line):
                yield Breach(name, number, f"{literal}: TVM's function names stay in src/{FFI_ROOM}")
        include = PROJECT_INCLUDE.match(line)
        if include and include[1] in reach and include[1] != room and include[1] not in reach[room]:
            yield Breach(name, number, f"room {room} may not include room {include[1]}")


def check_cmake(root: pathlib.Path, reach: Dict[str, Set[str]]) -> Iterator[Breach]:
    direct: Dict[str, Set[str]] = {}
    for path in sorted((root / "src").glob("*/CMakeLists.txt")):
        name = str(path.relative_to(root))
        room = path.parent.name
        call = ROOM_CALL.search(path.read_text())
        if not call or call[1] != room:
            yield Breach(name, 1, f"no banyan_room({room} ...)")
            continue
        words = call[2].split()
        deps: Set[str] = set()
        if "DEPS" in words:
            for word in words[words.index("DEPS") + 1:]:
                if word == "LIBS":
                    break
                deps.add(word)
        direct[room] = deps
    linked = closure(direct)
    for room, deps in linked.items():
        for extra in sorted(deps - reach.get(room, set())):
            yield Breach(f"src/{room}/CMakeLists.txt", 1, f"links {extra}, which it may not include")
        for lacking in sorted((reach.get(room, set()) & set(direct)) - deps):
            yield Breach(f"src/{room}/CMakeLists.txt", 1, f"does not link {lacking}, which it may include")

    listed_match = ROOMS_LIST.search((root / "CMakeLists.txt").read_text())
    listed = listed_match[1].split() if listed_match else []
    for room in sorted(set(listed) ^ set(direct)):
        yield Breach("CMakeLists.txt", 1, f"BANYAN_ROOMS and src/ disagree about {room}")
    for place, room in enumerate(listed):
        for dep in sorted(linked.get(room, set()) - set(listed[:place])):
            yield Breach("CMakeLists.txt", 1, f"BANYAN_ROOMS has {room} before {dep}, which it links")


def check_tree(root: pathlib.Path) -> List[Breach]:
    table = rooms_table(root)
    reach = closure(table)
    breaches = []
    if not table:
        breaches.append(Breach("ARCHITECTURE.md", 1, "no table of rooms"))
    for room in sorted(p.name for p in (root / "src").iterdir() if p.is_dir()):
        if room not in table:
            breaches.append(Breach(f"src/{room}", 1, "a room that ARCHITECTURE.md does not list"))
    for room, reached in reach.items():
        if room in reached:
            breaches.append(Breach("ARCHITECTURE.md", 1, f"room {room} reaches itself"))
    for path in code_files(root):
        if path.relative_to(root / "src").parts[0] in reach:
            breaches.extend(check_file(path, root, reach))
    breaches.extend(check_cmake(root, reach))
    return breaches


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve()
    breaches = check_tree(root)
    for breach in breaches:
        print(breach)
    print(f"{len(code_files(root))} files checked, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
