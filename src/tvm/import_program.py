"""Turns a user's Python file into TVM's JSON of an IRModule.

    python import_program.py FILE NAME OUTPUT

NAME (may be empty) is an IRModule, a PrimFunc, or a function without required arguments that returns
one of these or the tensors of a te.create_prim_func. OUTPUT receives one JSON object: {"module": text}
or {"error": one line}. Whatever FILE prints goes to stderr.
"""

import importlib.util
import inspect
import json
import os
import re
import sys
import traceback


def one_line(text, limit=400):
    text = " ".join(str(text).split())
    return text if len(text) <= limit else text[:limit] + "..."


def where(path, error):
    """FILE:LINE of the last frame in the user's file; a syntax error knows its own line."""
    name = os.path.basename(path)
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{os.path.basename(error.filename or name)}:{error.lineno}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.abspath(frame.filename) == path
    ]
    return f"{name}:{lines[-1]}" if lines else name


def describe(path, error):
    """FILE:LINE: what went wrong, in one line."""
    if isinstance(error, SyntaxError):
        return f"{where(path, error)}: SyntaxError: {one_line(error.msg)}"
    # TVMScript renders its own picture of the place.
    script = re.search(r"error: (.*?)\s*-->\s*(\S+?):(\d+):\d+", str(error), re.DOTALL)
    if script:
        return f"{os.path.basename(script[2])}:{script[3]}: {one_line(script[1])}"
    return f"{where(path, error)}: {type(error).__name__}: {one_line(error)}"


class Unusable(Exception):
    """The file runs, but holds no program."""


def load(path):
    spec = importlib.util.spec_from_file_location("banyan_user_program", path)
    if spec is None:
        raise Unusable(f"{os.path.basename(path)} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # TVMScript reads the source through it
    sys.path.insert(0, os.path.dirname(path))
    spec.loader.exec_module(module)
    return module


def is_program(value):
    import tvm

    return isinstance(value, (tvm.IRModule, tvm.tirx.PrimFunc))


def needs_no_arguments(function):
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters
    )


def choose(module, name, file):
    if name:
        if not hasattr(module, name):
            raise Unusable(f"{file} defines no '{name}'")
        return getattr(module, name)
    public = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    programs = {key: value for key, value in public.items() if is_program(value)}
    functions = {
        key: value
        for key, value in public.items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and needs_no_arguments(value)
    }
    for candidates in (programs, functions):
        if len(candidates) == 1:
            return next(iter(candidates.values()))
        if len(candidates) > 1:
            names = ", ".join(f"{file}:{key}" for key in candidates)
            raise Unusable(f"{file} holds several programs; choose one: {names}")
    raise Unusable(
        f"{file} holds no TVMScript module or function, and no function without arguments that "
        "returns one"
    )


def to_module(value, name, file):
    import tvm
    from tvm import te

    if callable(value) and not is_program(value):
        if not needs_no_arguments(value):
            called = name or getattr(value, "__name__", "the function")
            raise Unusable(f"'{called}' in {file} needs arguments")
        value = value()
    if isinstance(value, (list, tuple)) and value and all(isinstance(v, te.Tensor) for v in value):
        value = te.create_prim_func(list(value))
    if isinstance(value, tvm.tirx.PrimFunc):
        value = tvm.IRModule({"main": value.with_attr("global_symbol", "main")})
    if not isinstance(value, tvm.IRModule):
        kind = type(value).__name__
        raise Unusable(f"'{name or 'the program'}' in {file} is {kind}, not an IRModule or PrimFunc")
    return value


def convert(path, name):
    file = os.path.basename(path)
    try:
        import tvm
    except Exception as error:  # the environment's fault, not the user's
        return {"error": f"cannot import tvm: {one_line(error)}", "environment": True}
    try:
        module = to_module(choose(load(path), name, file), name, file)
        return {"module": tvm.ir.save_json(module)}
    except Unusable as error:
        return {"error": one_line(error)}
    except BaseException as error:  # the user's code may raise anything, SystemExit included
        traceback.print_exc()
        return {"error": describe(path, error)}


def main():
    path, name, output = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]
    sys.stdout = sys.stderr
    result = convert(path, name)
    with open(output, "w", encoding="utf-8") as file:
        json.dump(result, file)
    sys.stderr.flush()
    os._exit(0)  # a user's threads must not keep it alive


if __name__ == "__main__":
    main()
