"""What is timed: Banyan's and TVM's kernels as exported C objects, the vendor libraries, IREE's programs."""

import ctypes
import hashlib
import json
import pathlib
import subprocess
import sys

import numpy as np

POINTERS = ctypes.POINTER(ctypes.c_void_p)
RUN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, POINTERS)


class Failed(Exception):
    """A contestant cannot take part; the text says why."""


class Vendor:
    """libbanyan_vendor.so: OpenBLAS, oneDNN, and the timing loop that all kernels share."""

    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))
        self.library.vendor_error.restype = ctypes.c_char_p
        self.library.vendor_versions.restype = ctypes.c_char_p
        self.library.vendor_make.restype = ctypes.c_void_p
        self.library.vendor_make.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int64)]
        self.library.time_calls.restype = ctypes.c_double
        self.library.time_calls.argtypes = [ctypes.c_void_p, ctypes.c_void_p, POINTERS, ctypes.c_double]

    @property
    def versions(self):
        return self.library.vendor_versions().decode()

    def kernel(self, library, workload):
        sizes = (ctypes.c_int64 * len(workload.sizes))(*workload.sizes.values())
        made = self.library.vendor_make(library.encode(), workload.family.encode(), sizes)
        if not made:
            raise Failed(self.library.vendor_error().decode())
        run = ctypes.cast(self.library.vendor_run, ctypes.c_void_p).value
        return Kernel(self, library, run, made, lambda: self.library.vendor_error().decode())


class Kernel:
    """A function `int run(context, tensors)` in this process."""

    def __init__(self, vendor, name, run, context, why):
        self.name, self._vendor, self._run, self._context, self._why = name, vendor, run, context, why

    def bind(self, inputs, output):
        tensors = [*inputs, output]
        self._tensors = (ctypes.c_void_p * len(tensors))(*[tensor.ctypes.data for tensor in tensors])

    def check(self, output, expected, scale):
        output.fill(np.nan)
        if RUN(self._run)(self._context, self._tensors) != 0:
            raise Failed(self._why())
        check(output, expected, scale)

    def sample_ms(self, least_ms):
        return self._vendor.library.time_calls(self._run, self._context, self._tensors, least_ms)


class IreeKernel:
    """A compiled module, timed by IREE's own tool: calling it through Python would cost small kernels dear."""

    def __init__(self, name, module, workload, folder):
        self.name, self._module, self._workload, self._folder = name, module, workload, folder
        self._arguments = []

    def bind(self, inputs, output):
        del output
        for i, tensor in enumerate(inputs):
            path = self._folder / f"{hashlib.sha256(tensor.tobytes()).hexdigest()[:16]}.npy"
            if not path.exists():
                np.save(path, tensor)
            self._arguments.append(f"--input=@{path}")

    def check(self, output, expected, scale):
        out = self._folder / f"{self.name}-out.npy"
        run_tool("iree-run-module", f"--module={self._module}", "--device=local-sync", "--function=main",
                 *self._arguments, f"--output=@{out}")
        output[...] = np.load(out)
        check(output, expected, scale)

    def sample_ms(self, least_ms):
        text = run_tool("iree-benchmark-module", f"--module={self._module}", "--device=local-sync", "--function=main",
                        *self._arguments, f"--benchmark_min_time={least_ms / 1e3}s", "--benchmark_format=json")
        try:
            row = json.loads(text[text.index("{"):])["benchmarks"][0]
            return row["real_time"] * {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}[row["time_unit"]]
        except (KeyError, ValueError, IndexError) as unusable:
            raise Failed(f"IREE's benchmark tool gave no time: {text.strip()[-200:]}") from unusable


def check(output, expected, scale):
    """Within what float32 sums of this length may lose."""
    error = np.max(np.abs(output - expected) / np.maximum(scale, 1e-30))
    if not error < 1e-4:
        raise Failed(f"wrong result: relative error {error:.2g}")


def run_tool(name, *arguments):
    tool = pathlib.Path(sys.executable).parent / name
    done = subprocess.run([str(tool), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{name}: {last_line(done.stderr)}")
    return done.stdout


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def iree(workload, folder):
    source, module = folder / "iree.mlir", folder / "iree.vmfb"
    source.write_text(workload.mlir())
    run_tool("iree-compile", str(source), "-o", str(module), "--iree-hal-target-device=local",
             "--iree-hal-local-target-device-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3")
    return IreeKernel("iree", module, workload, folder)


def exported(vendor, name, folder):
    """The kernel that `banyan export` wrote into the folder."""
    header = next(iter(sorted(folder.glob("banyan_*.h"))), None)
    if header is None:
        raise Failed(f"{folder} holds no exported kernel")
    function = header.stem
    count = header.read_text().count("_SIZE ")
    arguments = ", ".join(f"tensors[{i}]" for i in range(count))
    shim = folder / "shim.c"
    shim.write_text(f'#include "{header.name}"\n'
                    f"int shim_run(void* context, float* const* tensors) {{ (void)context; return {function}({arguments}); }}\n"
                    f"const char* shim_error(void) {{ return {function}_error(); }}\n")
    library = folder / "kernel.so"
    done = subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(shim), str(folder / f"{function}_runtime.c"),
                           str(folder / f"{function}.o"), "-lm"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(last_line(done.stderr))
    # Symbols of several kernels must not meet: each library resolves its own first.
    loaded = ctypes.CDLL(str(library), mode=ctypes.RTLD_LOCAL | 0x8)  # RTLD_DEEPBIND
    loaded.shim_error.restype = ctypes.c_char_p
    run = ctypes.cast(loaded.shim_run, ctypes.c_void_p).value
    kernel = Kernel(vendor, name, run, None, lambda: loaded.shim_error().decode())
    kernel.library = loaded
    return kernel
