"""Matrix products that no built-in workload spells this way: whole numbers, other names, loops in another order."""

from tvm import te
from tvm.script import ir as I
from tvm.script import tirx as T


def whole_numbers(size=512):
    left = te.placeholder((size, size), name="left", dtype="int32")
    right = te.placeholder((size, size), name="right", dtype="int32")
    z = te.reduce_axis((0, size), name="z")
    out = te.compute((size, size), lambda x, y: te.sum(left[x, z] * right[z, y], axis=z), name="out")
    return te.create_prim_func([left, right, out])


@I.ir_module
class permuted:
    """The built-in matmul of 512^3 with renamed buffers and the loops the other way round."""

    @T.prim_func(s_tir=True)
    def main(
        first: T.Buffer((512, 512), "float32"),
        second: T.Buffer((512, 512), "float32"),
        result: T.Buffer((512, 512), "float32"),
    ):
        T.func_attr({"tirx.noalias": True})
        for c, q, r in T.grid(512, 512, 512):
            with T.sblock("product"):
                vc, vr, vq = T.axis.remap("SSR", [c, r, q])
                T.reads(first[vr, vq], second[vq, vc])
                T.writes(result[vr, vc])
                with T.init():
                    result[vr, vc] = T.float32(0)
                result[vr, vc] = result[vr, vc] + first[vr, vq] * second[vq, vc]
