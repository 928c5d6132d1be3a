"""A queue of problems by itself: more or fewer than there are lanes, longer than what is asked for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import stop
from jgd.batch import COLUMNS, Batch, _room, kept
from jgd.core.kernel import HELD
from jgd.core.status import Status
from jgd.driver.lanes import side_by_side
from jgd.driver.queue import End, Queue, one_by_one

ROOM, WIDTH = 2000, 40
STEPS = np.random.default_rng(2).geometric(0.1, ROOM) - 1
"""How many steps each problem takes, 0 to 70 or so; there is room for as many problems."""
NEVER = 10**6


def slope(x, scale):
    return x / scale


def queue(limit: int = NEVER) -> Queue:
    """Problem i counts to STEPS[i] and has found i + 1: gradient descent on a slope, to an own target."""
    program = jgd.Program(
        jgd.Objective(slope, (np.arange(1.0, ROOM + 1),)),
        jgd.gradient_descent(np.arange(1.0, ROOM + 1) ** 2),
        stop.Stop((stop.Target(0.5 - STEPS),)),
        None,
    )
    own = tuple(np.ndim(leaf) > 0 for leaf in jax.tree.leaves((program, np.zeros(ROOM))))
    return Queue(program, np.zeros(ROOM), np.int32(limit), own, kept)


in_a_row, in_lanes = jax.jit(one_by_one), jax.jit(side_by_side, static_argnums=1)


def check_ends(ends: End, count: int, limit: int = NEVER) -> None:
    """Those of the first `count` problems are as they must be, and nothing is said of the others."""
    steps = np.minimum(STEPS, limit)
    numbers = np.arange(1.0, ROOM + 1)
    assert ends.steps[:count].tolist() == steps[:count].tolist()
    assert np.asarray(ends.value[:count]) == pytest.approx(-steps[:count])
    assert np.asarray(ends.x[:count]) == pytest.approx((-steps * numbers)[:count])
    assert np.asarray(ends.grad_norm[:count]) == pytest.approx((1 / numbers)[:count])
    reached = np.where(limit >= STEPS, Status.TARGET_REACHED, Status.RUNNING)
    assert ends.status[:count].tolist() == reached[:count].tolist()
    assert ends.counts[:count, 0].tolist() == (1 + steps[:count]).tolist()
    assert not np.any(ends.discarded)
    for leaf in jax.tree.leaves(ends):
        assert not np.any(leaf[count:])


@pytest.mark.parametrize("limit", [NEVER, 5])
@pytest.mark.parametrize("count", [ROOM, ROOM - 1, WIDTH - 3, 1, 0])
def test_one_after_another_and_in_lanes(count, limit):
    """Two lanes take their next problems at once, in the end one of them none."""
    problems = queue(limit)
    check_ends(jax.device_get(in_a_row(problems, count)), count, limit)
    state = jax.device_get(in_lanes(problems, WIDTH, count))
    check_ends(state.ends, count, limit)
    assert (state.which == -1).all()
    assert state.next == count
    steps = np.minimum(STEPS[:count], limit)
    executed = WIDTH * int(state.rounds)
    if count <= WIDTH:
        assert state.rounds == max(steps, default=0), "all go side by side"
    else:
        assert steps.sum() <= executed <= 1.10 * steps.sum(), "few steps are made in vain"


def batch(n: int, own: int, recorder: jgd.Recorder | None = None) -> Batch:
    """Problems of n parameters, with `own` numbers of data each."""
    made = jgd.gradient_descent(0.1), stop.Stop((stop.Steps(5),)), recorder
    data, start = np.zeros(own), np.zeros(n)
    all_data, starts = (np.broadcast_to(one, (10**6, *one.shape)) for one in (data, start))
    one, many = (jgd.Program(jgd.Objective(jnp.dot, (args,)), *made) for args in (data, all_data))
    return Batch((one, start), (many, starts), 10**6)


@pytest.mark.parametrize("recorder", [None, jgd.Recorder(64), jgd.Recorder(64, x=True)])
@pytest.mark.parametrize(("n", "own"), [(2, 3), (100, 3), (2, 5000), (10**7, 3)])
@pytest.mark.parametrize("width", [1, 4096])
def test_as_many_problems_are_on_a_device_as_there_is_room_for(width, n, own, recorder):
    """One after another: no array has more than HELD entries; in lanes: all take a quarter of a GB."""
    rows = 0 if recorder is None else 65 * max(COLUMNS, n * recorder.x)
    entries = [own, n, n, 5, rows]
    room = _room(batch(n, own, recorder), 10**6, width)
    assert room & (room - 1) == 0

    def fits(room: int) -> bool:
        return room * max(entries) <= HELD if width == 1 else 8 * room * sum(entries) <= 2**28

    assert room == 1 or fits(room)
    assert not fits(2 * room) or room >= 10**6


@pytest.mark.parametrize(("share", "expected"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1000, 1024)])
def test_no_more_room_is_made_than_there_are_problems(share, expected):
    assert _room(batch(2, 3), share, 1) == _room(batch(2, 3), share, 64) == expected
