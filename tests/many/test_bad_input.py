"""Bad input to many runs is refused in a sentence that names the argument."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests.many.runs import ARGS, FUN, STARTS

BAD = {
    "no axis": (lambda: jgd.minimize_many(jnp.sum, 1.0), "x0s must have a first axis"),
    "two lengths": (
        lambda: jgd.minimize_many(FUN, {"a": np.zeros((3, 2)), "b": np.zeros((4, 2))}),
        "x0s must have a first axis",
    ),
    "none": (lambda: jgd.minimize_many(FUN, np.zeros((0, 2)), args=ARGS), "x0s must have a first axis"),
    "rates": (
        lambda: jgd.minimize_many(FUN, STARTS, jgd.gradient_descent(np.ones(3)), args=ARGS),
        "method has numbers of shape (3,) for 24 runs",
    ),
    "gtol": (
        lambda: jgd.minimize_many(FUN, STARTS, args=ARGS, gtol=np.ones(3)),
        "gtol must be one number or one for each of 24 runs",
    ),
    "negative gtol": (
        lambda: jgd.minimize_many(FUN, STARTS, args=ARGS, gtol=np.linspace(1, -1, 24)),
        "gtol must be non-negative",
    ),
    "axis": (
        lambda: jgd.minimize_many(lambda x, a: jnp.sum(a * x), STARTS, args=(1.0,), args_axis=1),
        "args_axis must be 0 or None",
    ),
    "data": (
        lambda: jgd.minimize_many(lambda x, a: jnp.sum(a * x), STARTS, args=(np.ones(3),), args_axis=0),
        "args[0] has an array of shape (3,) for 24 runs",
    ),
    "args": (lambda: jgd.minimize_many(FUN, STARTS, args=np.ones(3)), "args must be a tuple"),
    "axes": (
        lambda: jgd.minimize_many(FUN, STARTS, args=ARGS, args_axis=(None, 0)),
        "args_axis must be 0 or None, or a tuple of these for each of args",
    ),
    "target": (
        lambda: jgd.minimize_many(FUN, STARTS, args=ARGS, target=np.ones((24, 1))),
        "target must be one number or one for each of 24 runs, got (24, 1)",
    ),
    "lanes": (lambda: jgd.minimize_many(FUN, STARTS, args=ARGS, lanes=0), "lanes must be at least 1"),
    "recorder": (
        lambda: jgd.minimize_many(FUN, STARTS, args=ARGS, recorder=64),
        "recorder must be a jgd.Recorder or None",
    ),
    "integers": (
        lambda: jgd.minimize_many(FUN, np.ones((3, 2), int), args=ARGS),
        "x0s must be of a float dtype",
    ),
    "all NaN": (
        lambda: jgd.minimize_many(FUN, np.full((3, 2), np.nan), args=ARGS),
        "x0s has entries that are NaN or infinite",
    ),
    "complex": (lambda: jgd.minimize_many(FUN, np.ones((3, 2), complex), args=ARGS), "x0s is complex"),
    "words": (
        lambda: jgd.minimize_many(FUN, np.array(["a", "b"]), args=ARGS),
        "x0s must be a float array, got <U1",
    ),
    "a word": (
        lambda: jgd.minimize_many(FUN, {"a": np.ones((2, 3)), "b": np.array(["a", "b"])}, args=ARGS),
        "x0s['b'] must be a float array, got <U1",
    ),
    "list of axes": (
        lambda: jgd.minimize_many(FUN, STARTS, args=(1.0, 2.0), args_axis=[0, None]),
        "args_axis must be 0 or None, or a tuple of these for each of args",
    ),
    "random keys": (
        lambda: jgd.minimize_many(FUN, STARTS, args=(jax.random.split(jax.random.key(0), 24),), args_axis=0),
        "args[0] has random keys, which are no numbers: give jax.random.key_data(keys)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_a_sentence(name):
    attempt, words = BAD[name]
    with pytest.raises((TypeError, ValueError)) as caught:
        attempt()
    assert words in str(caught.value)
    assert str(caught.value).count("\n") == 0
