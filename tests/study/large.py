"""Curvature of ten million float32 parameters, in a process of its own: `python -m tests.study.large [curvature]`.

Prints its peak memory, and the curvature's too if asked for it. The Hessian is a diagonal in [0.5, 1.5] and two
further terms u u^T with |u|^2 about 50, so that its largest eigenvalue, about 51, stands alone.
"""

import json
import resource
import sys

import jax
import jax.numpy as jnp
import numpy as np

import jgd

N = 10_000_000
SHAPES = {"a": (2000, 2500), "b": (5_000_000,)}


def loss(x, diagonal, u):
    along = [sum(jnp.vdot(u[name][i], x[name]) for name in SHAPES) for i in range(2)]
    return 0.5 * sum(jnp.vdot(diagonal[name], x[name] ** 2) for name in SHAPES) + 0.5 * sum(
        a**2 for a in along
    )


def data():
    rng = np.random.default_rng(0)
    diagonal = {name: rng.random(shape, np.float32) + np.float32(0.5) for name, shape in SHAPES.items()}
    u = {
        name: rng.standard_normal((2, *shape), np.float32) * np.float32((50 / N) ** 0.5)
        for name, shape in SHAPES.items()
    }
    return diagonal, u


def highest(diagonal, u):
    """The highest eigenvalue, in float64: 1 is one of M(t) = u^T (t - D)^-1 u, which falls in t above D."""
    d = np.concatenate([np.ravel(diagonal[name]) for name in SHAPES]).astype(float)
    w = np.concatenate([u[name].reshape(2, -1) for name in SHAPES], axis=1).astype(float)
    low, high = 2.0, 200.0
    while high - low > 1e-9 * high:
        t = (low + high) / 2
        above = np.linalg.eigvalsh((w / (t - d)) @ w.T)[-1] > 1
        low, high = (t, high) if above else (low, t)
    return low, float(d.min())


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    args = data()
    x = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    told = {}
    if "curvature" in sys.argv:
        c = jgd.curvature(loss, x, args=args, products=40)
        told["peak"] = peak()
        try:
            jgd.curvature(loss, x, args=args, dense=True)
        except ValueError as error:
            told["refused"] = str(error)
        ends = [{"value": end.value, "residual": end.residual} for end in (c.lowest, c.highest)]
        told |= {"ends": ends, "products": c.products, "report": str(c), "true": highest(*args)}
        told["dtypes"] = [str(leaf.dtype) for leaf in jax.tree.leaves(c.highest.vector)]
    else:
        jax.block_until_ready(jax.jit(jgd.Objective.evaluate)(jgd.Objective(loss, args), x))
        told["peak"] = peak()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
