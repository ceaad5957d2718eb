"""The workloads of the comparison: sizes, tensors, a reference in float64, and IREE's programs."""

import dataclasses
import re

import numpy as np

# Sizes in the order in which vendor.cc takes them, with Banyan's defaults.
DEFAULTS = {
    "matmul": {"M": 512, "N": 512, "K": 512},
    "mlp": {"T": 128, "H": 512, "I": 2048},
    "attention": {"B": 1, "H": 8, "T": 128, "D": 64},
    "moe": {"T": 64, "E": 4, "H": 512, "I": 1024},
    "conv": {"N": 1, "C": 128, "O": None, "H": 64, "W": 64, "R": 3, "stride": 1, "pad": 1},
}


@dataclasses.dataclass
class Workload:
    text: str
    family: str
    sizes: dict

    @property
    def shapes(self):
        """Of the inputs, then of the output."""
        s = self.sizes
        if self.family == "matmul":
            return [(s["M"], s["K"]), (s["K"], s["N"]), (s["M"], s["N"])]
        if self.family == "mlp":
            return [(s["T"], s["H"]), (s["H"], s["I"]), (s["H"], s["I"]), (s["I"], s["H"]), (s["T"], s["H"])]
        if self.family == "attention":
            return [(s["B"], s["H"], s["T"], s["D"])] * 4
        if self.family == "moe":
            t, e, h, i = s["T"], s["E"], s["H"], s["I"]
            return [(t, h), (t, e), (e, h, i), (e, i, h), (t, h)]
        return [(s["N"], s["C"], s["H"], s["W"]), (s["O"], s["C"], s["R"], s["R"]), (s["N"], s["O"], *self.pixels)]

    @property
    def pixels(self):
        s = self.sizes
        return tuple((s[side] + 2 * s["pad"] - s["R"]) // s["stride"] + 1 for side in "HW")

    @property
    def flops(self):
        s = self.sizes
        if self.family == "matmul":
            return 2 * s["M"] * s["N"] * s["K"]
        if self.family == "mlp":
            return 6 * s["T"] * s["H"] * s["I"]
        if self.family == "attention":
            return 4 * s["B"] * s["H"] * s["T"] ** 2 * s["D"]
        if self.family == "moe":
            return 4 * s["T"] * s["E"] * s["H"] * s["I"]
        return 2 * s["N"] * s["O"] * s["C"] * s["R"] ** 2 * self.pixels[0] * self.pixels[1]

    def inputs(self, seed=0):
        rng = np.random.default_rng(seed)
        return [aligned(rng.uniform(-1, 1, shape).astype(np.float32)) for shape in self.shapes[:-1]]

    def reference(self, inputs):
        """In float64, and for each element the sum of absolute products, the scale of its rounding error."""
        wide = [tensor.astype(np.float64) for tensor in inputs]
        return self._compute(wide), self._compute([np.abs(tensor) for tensor in wide])

    def _compute(self, t):
        if self.family == "matmul":
            return t[0] @ t[1]
        if self.family == "mlp":
            return (t[0] @ t[1]) * (t[0] @ t[2]) @ t[3]
        if self.family == "attention":
            return t[0] @ np.swapaxes(t[1], -1, -2) @ t[2]
        if self.family == "moe":
            return np.einsum("eth,te->th", t[0] @ t[2] @ t[3], t[1])
        s, (out_h, out_w) = self.sizes, self.pixels
        padded = np.pad(t[0], ((0, 0), (0, 0), (s["pad"],) * 2, (s["pad"],) * 2))
        out = np.zeros((s["N"], s["O"], out_h, out_w))
        for ry in range(s["R"]):
            for rx in range(s["R"]):
                window = padded[:, :, ry : ry + out_h * s["stride"] : s["stride"], rx : rx + out_w * s["stride"] : s["stride"]]
                out += np.einsum("nchw,oc->nohw", window[:, :, :out_h, :out_w], t[1][:, :, ry, rx], optimize=True)
        return out * 1.0001

    def mlir(self):
        """A program on tensors for IREE: the named operations of linalg, from which its best code comes."""
        inputs = [tensor_type(shape) for shape in self.shapes[:-1]]
        arguments = ", ".join(f"%a{i}: {kind}" for i, kind in enumerate(inputs))
        out = tensor_type(self.shapes[-1])
        body = Body()
        result = getattr(self, f"_mlir_{self.family}")(body, inputs)
        return f"func.func @main({arguments}) -> {out} {{\n{body.text}  return {result} : {out}\n}}\n"

    def _mlir_matmul(self, body, kinds):
        return body.product("matmul", "%a0", kinds[0], "%a1", kinds[1], self.shapes[-1])

    def _mlir_mlp(self, body, kinds):
        s = self.sizes
        hidden = (s["T"], s["I"])
        gate = body.product("matmul", "%a0", kinds[0], "%a1", kinds[1], hidden)
        up = body.product("matmul", "%a0", kinds[0], "%a2", kinds[2], hidden)
        kind = tensor_type(hidden)
        gated = body.add(f"arith.mulf {gate}, {up} : {kind}")
        return body.product("matmul", gated, kind, "%a3", kinds[3], self.shapes[-1])

    def _mlir_attention(self, body, kinds):
        s = self.sizes
        heads = s["B"] * s["H"]
        rows, square = (heads, s["T"], s["D"]), (heads, s["T"], s["T"])
        q, k, v = (body.collapse(f"%a{i}", kinds[i], rows) for i in range(3))
        scores = body.generic(q, tensor_type(rows), k, tensor_type(rows), square,
                              "(b, i, j, k)", ["(b, i, k)", "(b, j, k)", "(b, i, j)"], 3)
        mixed = body.product("batch_matmul", scores, tensor_type(square), v, tensor_type(rows), rows)
        return body.add(f"tensor.expand_shape {mixed} [[0, 1], [2], [3]] output_shape [{s['B']}, {s['H']}, {s['T']}, {s['D']}]"
                        f" : {tensor_type(rows)} into {tensor_type(self.shapes[-1])}")

    def _mlir_moe(self, body, kinds):
        s = self.sizes
        t, e, h, i = s["T"], s["E"], s["H"], s["I"]
        hidden = body.generic("%a0", kinds[0], "%a2", kinds[2], (e, t, i),
                              "(e, t, i, k)", ["(t, k)", "(e, k, i)", "(e, t, i)"], 3)
        parts = body.product("batch_matmul", hidden, tensor_type((e, t, i)), "%a3", kinds[3], (e, t, h))
        return body.generic(parts, tensor_type((e, t, h)), "%a1", kinds[1], (t, h),
                            "(t, h, e)", ["(e, t, h)", "(t, e)", "(t, h)"], 2)

    def _mlir_conv(self, body, kinds):
        s = self.sizes
        padded = (s["N"], s["C"], s["H"] + 2 * s["pad"], s["W"] + 2 * s["pad"])
        zero = body.add("arith.constant 0.0 : f32")
        data = body.add(
            f"tensor.pad %a0 low[0, 0, {s['pad']}, {s['pad']}] high[0, 0, {s['pad']}, {s['pad']}] {{\n"
            f"  ^bb0(%i0: index, %i1: index, %i2: index, %i3: index):\n    tensor.yield {zero} : f32\n"
            f"  }} : {kinds[0]} to {tensor_type(padded)}")
        kind = tensor_type(self.shapes[-1])
        plain = body.operation(
            "linalg.conv_2d_nchw_fchw {dilations = dense<1> : tensor<2xi64>, strides = dense<%d> : tensor<2xi64>}" % s["stride"],
            data, tensor_type(padded), "%a1", kinds[1], self.shapes[-1])
        scale = body.add(f"arith.constant dense<1.0001> : {kind}")
        return body.add(f"arith.mulf {plain}, {scale} : {kind}")


class Body:
    """Lines of an MLIR function."""

    def __init__(self):
        self.text = ""
        self.count = 0

    def add(self, operation):
        self.count += 1
        self.text += f"  %v{self.count} = {operation}\n"
        return f"%v{self.count}"

    def zeros(self, shape):
        zero = self.add("arith.constant 0.0 : f32")
        empty = self.add(f"tensor.empty() : {tensor_type(shape)}")
        return self.add(f"linalg.fill ins({zero} : f32) outs({empty} : {tensor_type(shape)}) -> {tensor_type(shape)}")

    def operation(self, name, a, a_kind, b, b_kind, shape):
        kind = tensor_type(shape)
        zeros = self.zeros(shape)
        return self.add(f"{name} ins({a}, {b} : {a_kind}, {b_kind}) outs({zeros} : {kind}) -> {kind}")

    def product(self, name, a, a_kind, b, b_kind, shape):
        return self.operation(f"linalg.{name}", a, a_kind, b, b_kind, shape)

    def collapse(self, value, kind, shape):
        return self.add(f"tensor.collapse_shape {value} [[0, 1], [2], [3]] : {kind} into {tensor_type(shape)}")

    def generic(self, a, a_kind, b, b_kind, shape, space, maps, parallel):
        """sum of products over the last of the loops in `space`."""
        loops = space.count(",") + 1
        kinds = ", ".join(['"parallel"'] * parallel + ['"reduction"'] * (loops - parallel))
        affine = ", ".join(f"affine_map<{space} -> {one}>" for one in maps)
        kind = tensor_type(shape)
        zeros = self.zeros(shape)
        return self.add(
            f"linalg.generic {{indexing_maps = [{affine}], iterator_types = [{kinds}]}}"
            f" ins({a}, {b} : {a_kind}, {b_kind}) outs({zeros} : {kind}) {{\n"
            f"  ^bb0(%x: f32, %y: f32, %z: f32):\n    %p = arith.mulf %x, %y : f32\n    %s = arith.addf %z, %p : f32\n"
            f"    linalg.yield %s : f32\n  }} -> {kind}")


def tensor_type(shape):
    return "tensor<" + "x".join(map(str, shape)) + "xf32>"


def aligned(array):
    """A copy that starts at a multiple of 64 bytes."""
    memory = np.empty(array.nbytes + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def parse(text):
    family, _, sizes = text.partition(":")
    if family not in DEFAULTS:
        raise ValueError(f"no workload '{family}' here; there are: {', '.join(DEFAULTS)}")
    values = dict(DEFAULTS[family])
    for key, value in re.findall(r"(\w+)=(\d+)", sizes):
        if key not in values:
            raise ValueError(f"{family} has no size '{key}'")
        values[key] = int(value)
    if family == "conv" and values["O"] is None:
        values["O"] = values["C"]
    return Workload(text, family, values)
