"""Attention with softmax, as a user would write it with TE: eight heads of 128 x 64."""

from tvm import te


def main(heads=8, rows=128, cols=128, depth=64):
    q = te.placeholder((heads, rows, depth), name="Q")
    k = te.placeholder((heads, cols, depth), name="K")
    v = te.placeholder((heads, cols, depth), name="V")
    d = te.reduce_axis((0, depth), name="d")
    scores = te.compute((heads, rows, cols), lambda h, i, j: te.sum(q[h, i, d] * k[h, j, d], axis=d), name="scores")
    scaled = te.compute((heads, rows, cols), lambda h, i, j: scores[h, i, j] * (1.0 / depth**0.5), name="scaled")
    m = te.reduce_axis((0, cols), name="m")
    top = te.compute((heads, rows), lambda h, i: te.max(scaled[h, i, m], axis=m), name="top")
    weight = te.compute((heads, rows, cols), lambda h, i, j: te.exp(scaled[h, i, j] - top[h, i]), name="weight")
    s = te.reduce_axis((0, cols), name="s")
    total = te.compute((heads, rows), lambda h, i: te.sum(weight[h, i, s], axis=s), name="total")
    share = te.compute((heads, rows, cols), lambda h, i, j: weight[h, i, j] / total[h, i], name="share")
    n = te.reduce_axis((0, cols), name="n")
    out = te.compute((heads, rows, depth), lambda h, i, c: te.sum(share[h, i, n] * v[h, n, c], axis=n), name="out")
    return te.create_prim_func([q, k, v, out])
