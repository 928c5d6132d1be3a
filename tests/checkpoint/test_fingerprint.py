"""A run is told apart from another one by what it computes and what on."""

import dataclasses
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.checkpoint import digest
from jgd.checkpoint.fingerprint import check_same, fingerprint
from tests.checkpoint.runs import program_of, valley
from tests.sums.fits import START, X, Y, of_one, ridge

ROOT = Path(__file__).parents[2]


def of(fun, x0, method=None, **given) -> dict[str, str]:
    return fingerprint(*program_of(fun, x0, method or jgd.gradient_descent(1e-3), **given))


def loss(x, a):
    return jnp.sum(a * x**2)


def steeper(x, a):
    return jnp.sum(2 * a * x**2)


def fit(**given):
    data = {"data": (X, Y), "regularizer": ridge, "batch_size": 16, "key": 3} | given
    return jgd.finite_sum(data.pop("loss", of_one), **data)


def closed(array):
    @jax.jit
    def inner(x):
        return jnp.sum((x - array) ** 2)

    return lambda x: inner(x)


x0, ones = jnp.ones(3), jnp.ones(3)
with_args = partial(of, loss, x0, args=(ones,))
on_batches = partial(of, x0=START)
optimizer = partial(optax.sgd, momentum=0.5)

DIFFERENT = {
    "function": (with_args, partial(of, steeper, x0, args=(ones,)), "objective was loss of digest"),
    "what it is closed over": (
        partial(of, closed(ones), x0),
        partial(of, closed(2 * ones), x0),
        "objective was",
    ),
    "shape of x": (
        partial(of, valley, x0),
        partial(of, valley, jnp.ones(4)),
        r"x was float64\[3\] and is float64\[4\]",
    ),
    "dtype of x": (
        partial(of, valley, x0),
        partial(of, valley, jnp.ones(3, "float32")),
        r"and is float32\[3\]",
    ),
    "structure of x": (
        partial(of, lambda x: jnp.sum(x["a"] ** 2), {"a": x0}),
        partial(of, lambda x: jnp.sum(x["b"] ** 2), {"b": x0}),
        r"x\['a'\] was float64\[3\] and is not there",
    ),
    "data": (with_args, partial(of, loss, x0, args=(ones.at[1].set(2.0),)), r"args\[0\] was float64\[3\]"),
    "kind of method": (
        partial(of, valley, x0),
        partial(of, valley, x0, jgd.newton()),
        r"method was Descent\(direction=Steepest\(\), search=Fixed\(rate=…\).* and is Descent\(direction=SafeNewton",
    ),
    "rate": (
        partial(of, valley, x0),
        partial(of, valley, x0, jgd.gradient_descent(1e-3 + 1e-12)),
        r"method\.search\.rate was 0\.001 and is 0\.001000000001\.",
    ),
    "static number of a method": (
        partial(of, valley, x0, jgd.lbfgs(memory=5)),
        partial(of, valley, x0, jgd.lbfgs(memory=6)),
        r"LBFGS\(memory=5\)",
    ),
    "optax optimizer": (
        partial(of, valley, x0, optimizer(1e-3)),
        partial(of, valley, x0, optimizer(2e-3)),
        "code of the method was digest",
    ),
    "recorder": (
        partial(of, valley, x0, recorder=jgd.Recorder()),
        partial(of, valley, x0, recorder=jgd.Recorder(rows=128)),
        r"recorder was Recorder\(rows=64.* and is Recorder\(rows=128",
    ),
    "batch size": (
        partial(on_batches, fit()),
        partial(on_batches, fit(batch_size=17)),
        "batches.size was 16 and is 17",
    ),
    "key": (partial(on_batches, fit()), partial(on_batches, fit(key=4)), "batches.key was"),
    "replacement": (
        partial(on_batches, fit()),
        partial(on_batches, fit(replacement=True)),
        "batches.replacement was False and is True",
    ),
    "all examples": (
        partial(on_batches, fit()),
        partial(on_batches, fit(batch_size=None)),
        "batches.size was 16 and is not",
    ),
    "loss": (
        partial(on_batches, fit()),
        partial(on_batches, fit(loss=lambda w, row: 2 * of_one(w, row))),
        "objective was SumOf",
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_another_run_is_refused_with_what_differs(name):
    one, other, sentence = DIFFERENT[name]
    check_same(one(), one(), "folder")
    with pytest.raises(ValueError, match=f"^checkpoint: folder is of another run: .*{sentence}"):
        check_same(one(), other(), "folder")


def test_bounds_are_a_part_of_it():
    program, x = program_of(valley, x0, jgd.adam(0.1))
    from jgd.variables import box_of

    boxes = [dataclasses.replace(program.objective, box=box_of((None, upper), x)) for upper in (2.0, 3.0)]
    one, other = (fingerprint(dataclasses.replace(program, objective=box), x) for box in boxes)
    with pytest.raises(ValueError, match=r"bounds\.upper was"):
        check_same(one, other, "folder")


@pytest.mark.parametrize("name", ["JAX", "jgd", "platform", "precision", "devices"])
def test_other_versions_and_machines_are_named_alone(name):
    one = with_args()
    other = of(steeper, x0, args=(ones,)) | {name: "0.0.1"}
    with pytest.raises(ValueError, match=rf"another run: {name} was \S+( bits)? and is 0\.0\.1\. Give"):
        check_same(one, other, "folder")


def test_tolerances_and_budgets_may_differ():
    assert of(valley, x0, gtol=1e-3) == of(valley, x0, gtol=1e-6, target=3.0)


def test_large_data_are_sampled(monkeypatch):
    monkeypatch.setattr(digest, "WHOLE", 2**20)
    large = np.zeros((1000, 300))
    one = digest.contents(large)
    assert one == digest.contents(jnp.asarray(large))
    assert one != digest.contents(np.zeros((300, 1000)))
    for place in ((0, 0), (-1, -1)):
        other = large.copy()
        other[place] = 1.0
        assert digest.contents(other) != one


@pytest.mark.parametrize("suffix", ["npy", "parquet"])
def test_streams_are_told_apart_by_their_ends(suffix, tmp_path):
    def made(name: str, X):
        path = tmp_path / f"{name}.{suffix}"
        if suffix == "npy":
            np.save(path, X)
            return jgd.data.stream(path)
        arrow = pytest.importorskip("pyarrow")
        columns = {f"x{i}": column for i, column in enumerate(X.T)} | {"y": Y}
        pytest.importorskip("pyarrow.parquet").write_table(arrow.table(columns), path)
        return jgd.data.stream(path)[0]

    def told(rows):
        return of(jgd.finite_sum(of_one, (rows, Y), block_size=10), START)

    one = told(made("one", X))
    assert told(made("same", X)) == one, "from another file"
    for row in (0, -1):
        other = X.copy()
        other[row, 2] += 1
        with pytest.raises(ValueError, match=r"args\[0\]\['ends'\]"):
            check_same(one, told(made(f"other{row}", other)), "folder")
    path = tmp_path / f"one.{suffix}"
    rows = jgd.data.stream(path) if suffix == "npy" else jgd.data.stream(path)[0]
    os.truncate(path, 10)
    with pytest.raises(RuntimeError, match="The data could not be read"):
        told(rows)


ELSEWHERE = """
import json, jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
from tests.checkpoint.test_fingerprint import some
print(json.dumps(some()))
"""


def some() -> list[dict[str, str]]:
    methods = (jgd.lbfgs(), jgd.trust_region_cg(), optimizer(1e-3))
    return [*(of(valley, x0, method) for method in methods), on_batches(fit())]


def test_it_is_the_same_in_another_process():
    environment = os.environ | {"PYTHONHASHSEED": "1", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", ELSEWHERE]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == some()
