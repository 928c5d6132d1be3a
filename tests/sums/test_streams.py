"""Rows that stay in their file: exact, read once an evaluation, and clear about files that fail."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.float64 import enable_x64
from jgd.core.objective import Objective
from tests.contract.counting import compilations
from tests.sums.fits import COUNT, SIZE, START, WEIGHTS, X, Y, of_many, of_one, oracle, ridge


@pytest.fixture
def saved(tmp_path):
    """The paths of X and Y."""
    for name, array in (("X", X), ("Y", Y)):
        np.save(tmp_path / f"{name}.npy", array)
    return tmp_path / "X.npy", tmp_path / "Y.npy"


def as_parquet(path, groups):
    import pyarrow
    import pyarrow.parquet

    columns = {f"x{i}": column for i, column in enumerate(X.T)} | {"label": Y}
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=groups)
    return path


class Counting:
    """The rows of an array, counting what is read and failing when it is told to."""

    name, dtype = "counting", X.dtype

    def __init__(self, array, fails=lambda reads: None):
        self.array, self.shape, self.reads, self.fails = array, array.shape, [], fails

    def read(self, start, stop):
        self.reads.append(start)
        self.fails(self.reads)
        return self.array[start:stop]

    def take(self, indices):
        return self.array[indices]


@pytest.mark.parametrize(
    ("size", "loss"),
    [
        (7, of_one),
        (500, of_many),
        *(pytest.param(*a, marks=pytest.mark.slow) for a in ((103, of_one), (7, of_many))),
    ],
)
def test_sums_over_files_are_those_of_numpy(saved, loss, size):
    rows = tuple(jgd.data.stream(path) for path in saved)
    f = jgd.finite_sum(loss, rows, regularizer=ridge, weights=WEIGHTS, block_size=size).objective(START)
    value, grad, hessian = oracle(START, X, Y, WEIGHTS, 1 / WEIGHTS.sum())
    point = jax.jit(Objective.evaluate)(f, START)
    assert float(point.value) == pytest.approx(value, rel=1e-13)
    assert np.asarray(point.grad) == pytest.approx(grad, rel=1e-11)
    assert np.asarray(f.hvp(START)(jnp.asarray(START))) == pytest.approx(hessian @ START, rel=1e-11)
    assert np.asarray(f.hessian(START)) == pytest.approx(hessian, rel=1e-11)


@pytest.mark.parametrize("groups", [10, 64, 200])
def test_parquet_gives_its_rows_in_any_order_of_blocks(tmp_path, groups):
    rows, label = jgd.data.stream(as_parquet(tmp_path / "data.parquet", groups), target="label")
    assert label == pytest.approx(Y)
    assert rows.shape == X.shape
    for start, stop in ((0, 7), (7, 14), (50, 103), (90, 103), (3, 4), (0, 103)):
        assert rows.read(start, stop) == pytest.approx(X[start:stop])


def test_a_part_of_a_memory_map_is_read_from_its_place(tmp_path):
    whole = np.memmap(tmp_path / "raw", X.dtype, "w+", offset=24, shape=X.shape)
    whole[:] = X
    whole.flush()
    part = jgd.data.stream(whole[20:50][5:])
    assert part.read(3, 10) == pytest.approx(X[28:35])
    assert part.take(np.array([24, 0])) == pytest.approx(X[[49, 25]])


@pytest.mark.parametrize(
    "name",
    ["lbfgs", "newton_cg", *(pytest.param(n, marks=pytest.mark.slow) for n in ("newton", "trust_region_cg"))],
)
def test_a_run_from_a_file_is_the_run_in_memory(saved, name):
    rows = tuple(jgd.data.stream(path) for path in saved)
    given = {"recorder": jgd.Recorder(x=True), "max_steps": 20}
    one, other = (
        jgd.minimize(
            jgd.finite_sum(of_one, data, regularizer=ridge, block_size=40),
            START,
            getattr(jgd, name)(),
            **given,
        )
        for data in (rows, (X, Y))
    )
    assert (one.status, one.steps, one.work) == (other.status, other.steps, other.work)
    assert one.history["x"] == pytest.approx(other.history["x"], abs=1e-10)


def test_mini_batches_from_a_file_are_those_in_memory(saved):
    runs = [
        jgd.minimize(
            jgd.finite_sum(of_one, data, batch_size=16, key=1),
            START,
            jgd.gradient_descent(0.05),
            max_steps=40,
            recorder=jgd.Recorder(x=True),
        )
        for data in ((jgd.data.stream(saved[0]), Y), (X, Y))
    ]
    assert runs[0].history["x"] == pytest.approx(runs[1].history["x"], abs=1e-13)


def test_every_block_is_read_once_an_evaluation_and_in_order():
    rows = Counting(X)
    result = jgd.minimize(
        jgd.finite_sum(of_one, (rows, Y), block_size=25), START, jgd.gradient_descent(0.1), max_steps=6
    )
    assert result.work.grads == 7
    assert rows.reads == [0, 25, 50, 75, 100] * 7


@pytest.mark.parametrize("size", [None, 10**9])
def test_a_block_is_no_larger_than_the_file(size):
    fit = jgd.finite_sum(of_one, (Counting(X), Y), block_size=size)
    assert fit.examples.reader.size == len(X)


def test_the_next_block_is_read_while_one_is_computed_on():
    rows = Counting(X)
    fit = jgd.finite_sum(of_one, (rows, Y), block_size=52)
    fit.examples.reader.block(0)
    fit.examples.reader.block(1)
    assert rows.reads == [0, 52], "the second was read ahead, and once"
    fit.examples.reader.block(0)
    fit.examples.reader._thread.shutdown(wait=True)
    assert rows.reads == [0, 52, 0, 52], "without being asked for"


def cut_short(reads):
    if len(reads) > 8:
        raise OSError("the disk is gone")


def killed(reads):
    if len(reads) > 8:
        raise RuntimeError("reader process 4711 was killed")


@pytest.mark.parametrize(
    ("fails", "words"),
    [(cut_short, "the disk is gone"), (killed, "RuntimeError: reader process 4711 was killed")],
)
def test_a_reader_that_fails_ends_the_run_and_loses_nothing(fails, words):
    rows = Counting(X, fails)
    fit = jgd.finite_sum(of_one, (rows, Y), regularizer=ridge, block_size=52)
    result = jgd.minimize(fit, START, jgd.gradient_descent(0.5))
    assert result.status == jgd.Status.DATA_FAILED
    assert words in result.message
    assert words in str(result)
    assert 0 < result.steps < 4
    assert np.isfinite(result.value)
    with pytest.raises(RuntimeError, match=words):
        result.raise_if_failed()
    rows.fails = lambda reads: None
    again = jgd.minimize(fit, start=result)
    assert again.success
    assert again.fault == ""


def test_a_missing_value_is_named_by_row_and_column(tmp_path):
    bad = X.copy()
    bad[77, 3] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    rows = jgd.data.stream(tmp_path / "bad.npy")
    result = jgd.minimize(jgd.finite_sum(of_one, (rows, Y), block_size=10), START)
    assert result.status == jgd.Status.DATA_FAILED
    assert "bad.npy: row 77, column 3, is nan" in result.message
    batch = jgd.finite_sum(of_one, (rows, Y), batch_size=103, key=2)
    assert "row 77, column 3, is nan" in jgd.minimize(batch, START, jgd.gradient_descent(0.1)).message
    _, weights = batch.batch(0)
    assert np.isnan(weights).all()
    assert "row 77, column 3, is nan" in batch.examples.reader.fault()


def test_many_runs_say_that_a_value_is_missing(tmp_path):
    bad = X.copy()
    bad[77, 3] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    fit = jgd.finite_sum(of_one, (jgd.data.stream(tmp_path / "bad.npy"), Y))
    ends = jgd.minimize_many(fit, np.stack([START, START]), jgd.gradient_descent(0.1))
    assert (ends.status == jgd.Status.DATA_FAILED).all()
    assert "bad.npy: row 77, column 3, is nan" in str(ends)
    swept = jgd.sweep(fit, START, jgd.gradient_descent, learning_rate=np.array([0.1, 0.2]))
    assert (swept.ends.status == jgd.Status.DATA_FAILED).all()


def test_a_file_that_is_cut_short_is_named_before_and_during_a_run(saved):
    path = saved[0]
    rows, size = jgd.data.stream(path), path.stat().st_size
    fit = jgd.finite_sum(of_one, (rows, Y), regularizer=ridge, block_size=10)
    assert jgd.minimize(fit, START).success
    with path.open("r+b") as file:
        file.truncate(size - 13 * SIZE * 8 - 8)
    result = jgd.minimize(fit, START)
    assert result.status == jgd.Status.DATA_FAILED
    assert f"X.npy was cut short: it ends in row {COUNT - 14} of {COUNT}" in result.message
    with pytest.raises(ValueError, match=r"source: .*X.npy is not a whole .npy file"):
        jgd.data.stream(path)
    path.unlink()
    assert "No such file" in jgd.minimize(fit, START).message


def test_a_file_that_is_gone_is_an_error_outside_of_runs_too(saved):
    fit = jgd.finite_sum(of_one, (jgd.data.stream(saved[0]), Y), regularizer=ridge)
    value = float(fit(START))
    away = saved[0].rename(saved[0].with_suffix(".away"))
    with pytest.raises(RuntimeError, match=r"The data could not be read. .*No such file"):
        fit(START)
    with pytest.raises(RuntimeError, match=r"The data could not be read. .*No such file"):
        jgd.curvature(fit, START)
    away.rename(saved[0])
    assert float(fit(START)) == value


def test_a_run_from_a_file_can_be_explained(saved):
    fit = jgd.finite_sum(of_one, (jgd.data.stream(saved[0]), Y), regularizer=ridge, block_size=40)
    result = jgd.minimize(fit, START, jgd.gradient_descent(100.0), max_steps=50)
    assert "rate" in str(jgd.explain(result))


def test_streams_of_one_form_share_programs_and_are_let_go(saved):
    def run():
        fit = jgd.finite_sum(of_one, (jgd.data.stream(saved[0]), Y), block_size=30)
        jgd.minimize(fit, START, jgd.gradient_descent(0.1), max_steps=3)
        return weakref.ref(fit.examples.reader)

    run()
    before = compilations()
    gone = [run(), run()]
    gc.collect()
    assert compilations() == before
    assert [reader() for reader in gone] == [None, None]


def test_blocks_in_any_order_are_read_one_at_a_time(tmp_path):
    rows, label = jgd.data.stream(as_parquet(tmp_path / "data.parquet", 10), target="label")
    reader = jgd.finite_sum(of_one, (rows, label), block_size=20).examples.reader
    for i in (0, 1, 0, 1, 2, 0, 5, 3) * 5:
        (block, _), sound = reader.block(i)
        assert sound == 1
        length = min(20, COUNT - 20 * i)
        assert block[:length] == pytest.approx(X[20 * i : 20 * i + length])


def test_sums_over_one_file_may_be_evaluated_in_several_threads(tmp_path):
    rows, label = jgd.data.stream(as_parquet(tmp_path / "data.parquet", 10))
    readers = [jgd.finite_sum(of_one, (rows, label), block_size=size).examples.reader for size in (7, 20)]

    def read(reader):
        for i in (0, 1, 2, 1, 0, 3) * 20:
            (block, _), sound = reader.block(i)
            start = reader.size * i
            length = min(reader.size, COUNT - start)
            assert sound == 1
            assert (block[:length] == X[start : start + length]).all()

    with ThreadPoolExecutor(2) as threads:
        for found in [threads.submit(read, reader) for reader in readers]:
            found.result()


def test_a_file_is_found_after_a_change_of_folder(tmp_path, monkeypatch):
    as_parquet(tmp_path / "data.parquet", 10)
    monkeypatch.chdir(tmp_path)
    rows, _ = jgd.data.stream("data.parquet")
    monkeypatch.chdir("/")
    assert rows.read(0, COUNT) == pytest.approx(X)


@pytest.mark.parametrize("streamed", [True, False])
def test_whole_numbers_that_would_wrap_round_are_refused(tmp_path, streamed):
    with enable_x64(False):
        data = np.array([2**31 + 5, 3, 4, 5])
        np.save(tmp_path / "n.npy", data)

        def loss(w, row):
            return (w - row.astype(jnp.float32)) ** 2

        said = "2147483653 is more than int32 holds; give floats or smaller numbers"
        if streamed:
            fit = jgd.finite_sum(loss, jgd.data.stream(tmp_path / "n.npy"))
            assert said in jgd.minimize(fit, np.float32(0)).message
        else:
            with pytest.raises(ValueError, match=f"data: {said}"):
                jgd.finite_sum(loss, data)


def test_whole_numbers_of_a_stream_of_floats_are_cast():
    counts = np.arange(COUNT * X.shape[1]).reshape(X.shape)
    reader = jgd.finite_sum(of_one, (Counting(counts), Y), block_size=20).examples.reader
    (block, _), sound = reader.block(0)
    assert (sound, block.dtype) == (1, X.dtype)
    assert (block == counts[:20]).all()


def test_a_check_says_what_is_wrong_with_the_data(tmp_path):
    bad = X.copy()
    bad[77, 3] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    fit = jgd.finite_sum(of_one, (jgd.data.stream(tmp_path / "bad.npy"), Y))
    (error,) = jgd.check(fit, START).errors
    assert "bad.npy: row 77, column 3, is nan" in error


def test_what_cannot_be_streamed_is_refused_in_a_sentence(tmp_path, saved):
    with pytest.raises(TypeError, match="source must be a NumPy memory map or a path, got ndarray"):
        jgd.data.stream(X)
    with pytest.raises(ValueError, match=r"rows.csv is none of .npy and .parquet"):
        jgd.data.stream("rows.csv")
    with pytest.raises(ValueError, match="must be in C order"):
        jgd.data.stream(np.load(saved[0], mmap_mode="r").T)
    for name, array in (("columns", np.asfortranarray(X)), ("other", X.astype(X.dtype.newbyteorder()))):
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(ValueError, match=r"^source: a memory map must be in C order and in this"):
            jgd.data.stream(tmp_path / f"{name}.npy")
    np.savez(tmp_path / "several.npz", X=X)
    (tmp_path / "several.npz").rename(tmp_path / "several.npy")
    with pytest.raises(ValueError, match=r"several.npy is not a .npy file; an .npz holds several"):
        jgd.data.stream(tmp_path / "several.npy")
    (tmp_path / "empty.npy").touch()
    with pytest.raises(ValueError, match=r"^source: .*empty.npy is not a whole .npy file of numbers\.$"):
        jgd.data.stream(tmp_path / "empty.npy")
    with pytest.raises(ValueError, match="must be that of a file"):
        jgd.data.stream(np.load(saved[0], mmap_mode="r").astype(np.float32))
    with pytest.raises(ValueError, match="without changes of its own"):
        jgd.data.stream(np.load(saved[0], mmap_mode="c"))
    with pytest.raises(ValueError, match="has no columns with names"):
        jgd.data.stream(saved[0], target="y")
    path = as_parquet(tmp_path / "data.parquet", 50)
    with pytest.raises(ValueError, match=r"target: data.parquet has the columns x0, .*, got 'y'"):
        jgd.data.stream(path, target="y")
    rows, label = jgd.data.stream(path)
    with pytest.raises(ValueError, match=r"batch_size: single rows of data.parquet cannot be read"):
        jgd.finite_sum(of_one, (rows, label), batch_size=8)
    with pytest.raises(ValueError, match=r"data\[0\] has 103, data\[1\] has 102"):
        jgd.finite_sum(of_one, (rows, label[1:]))
    with pytest.raises(ValueError, match="streamed from a file"):
        jgd.parallel.shard(jgd.finite_sum(of_one, (rows, label)))
