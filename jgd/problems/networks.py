"""Neural networks: a small classifier of handwritten digits, its parameters a pytree."""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.problems.casting import same_dtype
from jgd.problems.problem import Problem
from jgd.problems.scikit_learn import load


def network_loss(layers: Any, X: Any, classes: Any, l2: Any) -> jax.Array:
    """Softmax cross-entropy, averaged over the examples, of a tanh network, with a penalty.

        f = mean_i (logsumexp(z_i) - z_i[classes_i]) + l2/2 sum over layers of ||W||^2
        z = a_L W_L + b_L,  a_{k+1} = tanh(a_k W_k + b_k),  a_1 = X

    layers: a list of {"w": (fan in, fan out), "b": (fan out,)}. X: (n, p) examples.
    classes: (n,) integers. l2: the penalty on the weights, not on the biases.
    """
    layers = jax.tree.map(jnp.asarray, layers)
    _, activations, l2 = same_dtype(layers[0]["w"], X, l2)
    for layer in layers[:-1]:
        activations = jnp.tanh(activations @ layer["w"] + layer["b"])
    logits = activations @ layers[-1]["w"] + layers[-1]["b"]
    chosen = jnp.take_along_axis(logits, jnp.asarray(classes)[:, None], axis=1)[:, 0]
    penalty = sum(jnp.vdot(layer["w"], layer["w"]) for layer in layers)
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - chosen) + 0.5 * l2 * penalty


def network(hidden: Sequence[int] = (16,), seed: int = 0, *, l2: float = 1e-4) -> Problem:
    """Network: classify scikit-learn's 1,797 handwritten digits, 8 by 8 pixels, by a tanh network.

    The formula is network_loss's. The start's weights are normal with variance 1 / fan in, from
    NumPy's generator at `seed`; its biases are 0. By default 1,210 parameters.
    hidden: the widths of the hidden layers; () is softmax regression.
    Raises ImportError without scikit-learn, ValueError for a width below 1.

    Reference: Alpaydin & Kaynak (1998), UCI, Optical Recognition of Handwritten Digits; the
    scaling of the start: LeCun, Bottou, Orr & Müller (1998), Efficient BackProp, section 4.6.
    """
    if any(width < 1 for width in hidden):
        raise ValueError(f"hidden must hold widths of at least 1, and is {tuple(hidden)}")
    pixels, classes = load("digits")
    shape = "-".join(str(width) for width in hidden) or "linear"
    random = np.random.default_rng(seed)
    widths = (pixels.shape[1], *hidden, 10)
    return Problem(
        name="network" if tuple(hidden) == (16,) else f"network-{shape}",
        fun=network_loss,
        x0=[
            {"w": random.standard_normal((a, b)) / np.sqrt(a), "b": np.zeros(b)}
            for a, b in itertools.pairwise(widths)
        ],
        args=(pixels / 16.0, classes.astype(np.int32), np.asarray(l2, float)),
        source="Alpaydin & Kaynak (1998)",
    )
