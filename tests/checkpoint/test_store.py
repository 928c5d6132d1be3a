"""The store: what comes back, what is found damaged, what is refused, and what survives."""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.checkpoint.store import ARRAYS, FACTS, KEPT, Store
from tests.checkpoint.runs import bits

pytest.importorskip("orbax.checkpoint")
ROOT = Path(__file__).parents[2]
LARGE = 10_000


def tree(step: float = 0.0):
    """Leaves of every kind, small and large."""
    return {
        "x": jnp.arange(3.0) + step,
        "large": jnp.linspace(0.0, 1.0, LARGE) + step,
        "narrow": jnp.ones((2, 3), jnp.bfloat16),
        "single": np.float32(0.1),
        "k": jnp.int32(step),
        "yes": jnp.array(True),
        "nan": jnp.array(jnp.nan),
        "none": None,
        "empty": jnp.zeros((0, 2)),
        "keys": (jax.random.key(3), jax.random.split(jax.random.key(4, impl="rbg"), 2)),
    }


def like(facts):
    return tree()


def fill(folder: Path, *steps: int) -> None:
    with Store(folder) as store:
        for step in steps:
            store.save(step, tree(step), {"step": step})


def flip(file: Path, place: int = -1) -> None:
    """Change one bit."""
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def folder_of(folder: Path, step: int) -> Path:
    return folder / f"{step:012d}"


def large_file(folder: Path) -> Path:
    """The file with the entries of the large leaf."""
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("expected", [tree, lambda: jax.eval_shape(tree)], ids=["arrays", "shapes"])
def test_all_comes_back_to_the_bit(tmp_path, expected):
    fill(tmp_path, 7)
    with Store(tmp_path) as store:
        found = store.restore(lambda facts: expected())
    assert (found.step, found.facts, found.notes) == (7, {"step": 7}, ())
    assert bits(found.tree) == bits(tree(7))
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(found.tree))
    drawn = [jax.random.normal(key, (2,)) for key in (found.tree["keys"][0], tree()["keys"][0])]
    assert drawn[0].tolist() == drawn[1].tolist()


def test_a_part_comes_back_by_its_path(tmp_path):
    fill(tmp_path, 7)
    with Store(tmp_path) as store:
        assert store.restore(lambda facts: jnp.zeros(3), "['x']").tree.tolist() == [7.0, 8.0, 9.0]


def test_the_last_ones_are_kept_and_a_save_goes_on_beside_the_run(tmp_path):
    with Store(tmp_path) as store:
        assert store.restore(like) is None
        beside = []
        for step in range(5):
            store.save(step, tree(step), {})
            beside.append(store.busy)
        store.save(4, tree(9), {})
        store.wait()
        assert any(beside)
        assert not store.busy
        assert store.restore(like).tree["k"] == 4
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [*(f"{step:012d}" for step in range(5 - KEPT, 5)), "lock"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("jgd-checkpoint")]


DAMAGE = {
    "a bit of its arrays": (lambda folder: flip(large_file(folder)), "together/0 is not what"),
    "half of an array": (
        lambda folder: os.truncate(large_file(folder), 100),
        "together/0 is not what was written",
    ),
    "an array that is empty": (lambda folder: os.truncate(large_file(folder), 0), "together/0 is not what"),
    "an array's file": (lambda folder: large_file(folder).unlink(), "together/0 is not there"),
    "its arrays": (lambda folder: shutil.rmtree(folder / ARRAYS), "is not there"),
    "a digit of the facts": (
        lambda folder: (folder / FACTS).write_text((folder / FACTS).read_text().replace("200", "201")),
        "is not what was written",
    ),
    "half of the facts": (lambda folder: os.truncate(folder / FACTS, 100), "cannot be read"),
    "other facts": (lambda folder: (folder / FACTS).write_text("[1, 2]"), "cannot be read"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_one_gives_way_to_the_one_before_and_is_set_aside(name, tmp_path):
    damage, why = DAMAGE[name]
    fill(tmp_path, 100, 200)
    damage(folder_of(tmp_path, 200))
    with Store(tmp_path) as store:
        found = store.restore(like)
        assert found.step == 100
        assert bits(found.tree) == bits(tree(100))
        (note,) = found.notes
        assert note.startswith("The checkpoint of step 200 is damaged: ")
        assert why in note
        assert (tmp_path / "damaged-000000000200").is_dir()
        store.save(200, tree(200), {})
        assert store.restore(like).step == 200
        damage(folder_of(tmp_path, 200))
        assert store.restore(like).step == 100
        assert (tmp_path / "damaged-000000000200-1").is_dir()


def test_a_half_written_one_gives_way_to_the_one_before(tmp_path):
    fill(tmp_path, 100, 200)
    (folder_of(tmp_path, 200) / FACTS).unlink()
    with Store(tmp_path) as store:
        found = store.restore(like)
        assert found.step == 100
        assert found.notes == ("The checkpoint of step 200 is half-written: the process ended meanwhile.",)
        store.save(150, tree(150), {})
    assert not folder_of(tmp_path, 200).exists()


def test_a_first_one_that_is_half_written_is_none(tmp_path):
    folder_of(tmp_path, 100).mkdir()
    with Store(tmp_path) as store:
        assert store.restore(like) is None


def test_where_all_are_damaged_it_says_so_and_leaves_them(tmp_path):
    fill(tmp_path, 100, 200)
    for step in (100, 200):
        flip(large_file(folder_of(tmp_path, step)))
    with Store(tmp_path) as store:
        with pytest.raises(ValueError, match=r"has none that is intact\. The checkpoint of step 200 .* 100 "):
            store.restore(like)
        with pytest.raises(ValueError, match="of step 200 of an earlier run"):
            store.save(50, tree(), {})
    assert folder_of(tmp_path, 100).is_dir()
    assert folder_of(tmp_path, 200).is_dir()


OTHERS = {
    "shape": ({"x": jnp.zeros(4)}, r"\['x'\] was float64\[3\] and is float64\[4\]"),
    "dtype": ({"x": jnp.zeros(3, jnp.float32)}, r"\['x'\] was float64\[3\] and is float32\[3\]"),
    "keys": ({"keys": (jax.random.key(1), jax.random.key(1))}, r"\['keys'\]\[1\] was key<rbg>\[2\]"),
    "a leaf more": ({"y": jnp.zeros(3)}, r"\['y'\] was not there and is float64\[3\]"),
    "a leaf less": ({"k": None}, r"\['k'\] was int32\[\] and is not there"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_tree_is_refused_with_what_differs_and_nothing_is_touched(name, tmp_path):
    change, sentence = OTHERS[name]
    fill(tmp_path, 100)
    with Store(tmp_path) as store:
        with pytest.raises(ValueError, match=f"^checkpoint: .* is of another run: {sentence}"):
            store.restore(lambda facts: tree() | change)
        assert store.restore(like).step == 100


def test_what_is_expected_may_refuse_the_facts(tmp_path):
    def expected(facts):
        raise ValueError(f"not of step {facts['step']}")

    fill(tmp_path, 100)
    with Store(tmp_path) as store, pytest.raises(ValueError, match="not of step 100"):
        store.restore(expected)


def test_a_later_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("jgd.checkpoint.store.FORMAT", 2)
    fill(tmp_path, 100)
    monkeypatch.undo()
    with Store(tmp_path) as store, pytest.raises(ValueError, match="of format 2, and this jgd reads 1"):
        store.restore(like)


def test_an_earlier_run_is_not_written_over(tmp_path):
    fill(tmp_path, 100)
    with Store(tmp_path) as store:
        with pytest.raises(ValueError, match="that of step 100 of an earlier run: go on from it, or name"):
            store.save(50, tree(), {})
        assert store.restore(like).step == 100


IN_USE = """
import sys
from jgd.checkpoint.store import Store
with Store(sys.argv[1]) as store:
    print("open", flush=True)
    sys.stdin.readline()
"""


def test_a_folder_is_one_runs_and_free_when_its_process_dies(tmp_path):
    command = [sys.executable, "-c", IN_USE, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        assert process.stdout.readline() == "open\n"
        with pytest.raises(ValueError, match=rf"is in use by a run of process {process.pid}: wait for its"):
            Store(tmp_path)
        process.kill()
    with Store(tmp_path), pytest.raises(ValueError, match=rf"of process {os.getpid()}"):
        Store(tmp_path)
    Store(tmp_path)  # which nobody holds, and so lets go of the folder
    Store(tmp_path).close()


@contextmanager
def nobody():
    """Without the rights of root, if these are there."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_where_nothing_can_be_written_is_refused_at_once(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below"):
        with pytest.raises(OSError, match=rf"^checkpoint: {folder} cannot be written to and locked \("):
            Store(folder)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        with nobody(), pytest.raises(OSError, match=r"\(Permission denied\): name another folder"):
            Store(folder)


@contextmanager
def small_files(size: int):
    """No file can have more bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_one_that_cannot_be_written_leaves_those_before(tmp_path):
    noise = jax.random.normal(jax.random.key(0), (LARGE,))  # does not compress
    with Store(tmp_path) as store:
        store.save(100, tree(100), {})
        store.wait()
        with small_files(2**14):
            store.save(200, tree() | {"large": noise}, {})
            with pytest.raises(
                OSError, match=r"of step 200 could not .* \(File too large\); that of step 100 is"
            ):
                store.wait()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["000000000100", "lock"], (
            "it takes no room"
        )
        store.save(200, tree(200), {})
        assert store.restore(like).step == 200


@pytest.fixture
def little_disk(tmp_path):
    """A disk of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("a disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_leaves_what_is_there(little_disk):
    with Store(little_disk / "run") as store:
        store.save(100, {"x": jnp.ones(3)}, {})
        store.wait()
        (little_disk / "rest").write_bytes(b"0" * 130_000)
        noise = jax.random.normal(jax.random.key(0), (20_000,))
        store.save(200, {"x": noise}, {})
        with pytest.raises(
            OSError, match=r"step 200 could not .* \(No space left on device\); that of step 100"
        ):
            store.wait()
        assert store.restore(lambda facts: {"x": jnp.ones(3)}).step == 100
        (little_disk / "rest").unlink()
        store.save(300, {"x": jnp.zeros(3)}, {})
        assert store.restore(lambda facts: {"x": jnp.ones(3)}).step == 300


QUIET = """
import sys
import jax.numpy as jnp
from jgd.checkpoint.store import Store
pickled = []
sys.addaudithook(lambda event, _: event.startswith("pickle") and pickled.append(event))
if sys.argv[2] == "save":
    store = Store(sys.argv[1])
    store.save(1, {"x": jnp.ones(3)}, {})
    store.wait()
    store.save(2, {"x": jnp.ones(3)}, {})
else:
    with Store(sys.argv[1]) as store:
        pickled.clear()
        store.restore(lambda facts: {"x": jnp.ones(3)})
        assert not pickled, pickled
"""


def test_it_says_nothing_and_reading_unpickles_nothing(tmp_path):
    """Also where a program ends without closing it, in the midst of a save."""
    for what in ("save", "restore"):
        command = [sys.executable, "-W", "error", "-c", QUIET, str(tmp_path), what]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_without_orbax_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(ImportError, match=r'pip install "jgd\[checkpoint\]"'):
        Store(tmp_path)


def test_facts_are_json_beside_the_arrays(tmp_path):
    fill(tmp_path, 100)
    told = json.loads((folder_of(tmp_path, 100) / FACTS).read_text())
    assert told["facts"] == {"step": 100}
    assert told["step"] == 100
