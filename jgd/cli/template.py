"""`jgd init`: a commented objective file to start from."""

from pathlib import Path

import click

from jgd.cli.errors import unwritable

TEMPLATE = '''\
"""An objective for jgd: edit `loss` and `start`.

    jgd run {name}:loss --x0 {name}:start
    jgd compare {name}:loss --x0 {name}:start --save out
    jgd compare {name}:fit --x64 --method newton --method optax.lbfgs
"""

import jax.numpy as jnp
import numpy as np

from jgd.problems import Problem


def loss(x):
    """A curved valley: any pure function of x that returns one number, written with jax.numpy."""
    return 0.5 * x[0] ** 2 + 50.0 * (x[1] - jnp.sin(x[0])) ** 2


# Where to begin: an array of floats, or a dict, list or other pytree of them.
start = jnp.array([3.0, 1.0])


# An objective with data: the data come after x, and travel in args so that other data of the same
# shape need no second compilation.
def residual_loss(x, t, y):
    """The squared error of y = x[0] exp(-x[1] t)."""
    return jnp.mean((x[0] * jnp.exp(-x[1] * t) - y) ** 2)


t = np.linspace(0.0, 4.0, 50)
y = 2.0 * np.exp(-0.7 * t) + 0.05 * np.random.default_rng(0).standard_normal(50)

# A Problem holds an objective with its start and data, and its least value where that is known.
fit = Problem(name="fit", fun=residual_loss, x0=jnp.array([1.0, 1.0]), args=(t, y), minimum=None)
'''


@click.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path), default="my_model.py")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def init(path: Path, force: bool) -> None:
    """Write a commented objective file to start from (my_model.py unless PATH is given)."""
    if path.suffix != ".py":
        raise click.UsageError(f"{path} must end in .py, as in {path}.py.")
    if path.exists() and not force:
        raise click.UsageError(f"{path} exists already; --force overwrites it.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEMPLATE.format(name=path), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{unwritable(path, error)}; name another PATH.") from None
    click.echo(f"Wrote {path}. Now try:\n  jgd run {path}:loss --x0 {path}:start")
