"""Convolutions beside the built-in one: depthwise and strided, as functions that return a program."""

from tvm import te, tirx


def padded(data, pad):
    n, c, h, w = data.shape
    return te.compute(
        (n, c, h + 2 * pad, w + 2 * pad),
        lambda b, i, y, x: tirx.if_then_else(
            tirx.all(y >= pad, y < h + pad, x >= pad, x < w + pad), data[b, i, y - pad, x - pad], 0.0
        ),
        name="padded",
    )


def depthwise(channels=128, size=56):
    data = te.placeholder((1, channels, size, size), name="data")
    weight = te.placeholder((channels, 3, 3), name="weight")
    around = padded(data, 1)
    ry, rx = te.reduce_axis((0, 3), name="ry"), te.reduce_axis((0, 3), name="rx")
    out = te.compute(
        (1, channels, size, size),
        lambda b, c, y, x: te.sum(around[b, c, y + ry, x + rx] * weight[c, ry, rx], axis=[ry, rx]),
        name="out",
    )
    return te.create_prim_func([data, weight, out])


def strided(inputs=64, outputs=128, size=56):
    data = te.placeholder((1, inputs, size, size), name="data")
    weight = te.placeholder((outputs, inputs, 3, 3), name="weight")
    around = padded(data, 1)
    rc = te.reduce_axis((0, inputs), name="rc")
    ry, rx = te.reduce_axis((0, 3), name="ry"), te.reduce_axis((0, 3), name="rx")
    out = te.compute(
        (1, outputs, size // 2, size // 2),
        lambda b, o, y, x: te.sum(
            around[b, rc, 2 * y + ry, 2 * x + rx] * weight[o, rc, ry, rx], axis=[rc, ry, rx]
        ),
        name="out",
    )
    return te.create_prim_func([data, weight, out])
