"""Rows on disk: each is there once, whatever became of the process that wrote them."""

import json
from pathlib import Path

import numpy as np
import pytest

from jgd.checkpoint.rows import Rows, read_rows
from tests.checkpoint.test_store import flip, small_files

COLUMNS = {
    "step": np.arange(10),
    "grads": np.arange(10, dtype=np.int32),
    "value": np.array([1e300, 0.1, 1 / 3, np.nan, np.inf, -np.inf, -0.0, 5e-324, 7.0, 8.0]),
    "rate": np.linspace(0, 1, 10, dtype=np.float32),
    "x": np.arange(30.0).reshape(10, 3) / 7,
}


def some(start: int, stop: int) -> dict[str, np.ndarray]:
    return {name: column[start:stop] for name, column in COLUMNS.items()}


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "below" / "history.jsonl"


def check(path: Path, stop: int) -> None:
    found = read_rows(path)
    assert list(found) == (list(COLUMNS) if stop else [])
    for name, column in found.items():
        np.testing.assert_array_equal(column, COLUMNS[name][:stop].astype(column.dtype))
        assert column.dtype.kind == COLUMNS[name].dtype.kind


def test_rows_come_back_to_the_last_digit_and_once(path):
    rows = Rows(path)
    check(path, 0)
    for start, stop in ((0, 1), (0, 4), (2, 4), (4, 10), (0, 10)):
        rows.append(some(start, stop))
        check(path, stop)


@pytest.mark.parametrize("upto", [-1, 0, 4, 5, 9, 20])
def test_a_run_that_goes_on_has_each_row_once(path, upto):
    rows = Rows(path)
    for start in (0, 3, 6):
        rows.append(some(start, start + 3))
    rows = Rows(path, upto)
    check(path, min(upto + 1, 9))
    rows.append(some(0, 10))
    check(path, 10)


def test_going_on_with_none_begins_one(path):
    Rows(path, upto=100).append(some(0, 2))
    check(path, 2)


def test_a_row_that_was_being_written_is_left_out_and_mended(path):
    Rows(path).append(some(0, 4))
    with path.open("a") as file:
        file.write('{"step": 4, "gra')
    check(path, 4)
    Rows(path, 4).append(some(0, 6))
    check(path, 6)


def test_every_line_is_json_of_the_standard(path):
    Rows(path).append(COLUMNS)
    lines = path.read_text().splitlines()
    found = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert [row["value"] for row in found[3:6]] == [None, "inf", "-inf"]


def test_beginning_anew_takes_what_was_there_away(path):
    Rows(path).append(some(0, 2))
    Rows(path)
    check(path, 0)


def test_rows_of_several_methods_have_the_columns_of_all(path):
    rows = Rows(path)
    rows.append(some(0, 2))
    rows.append({"step": np.array([2]), "radius": np.array([0.5])})
    found = read_rows(path)
    assert list(found) == [*COLUMNS, "radius"]
    np.testing.assert_array_equal(found["radius"], [np.nan, np.nan, 0.5])
    np.testing.assert_array_equal(found["value"], [1e300, 0.1, np.nan])


def test_damage_is_told_with_its_place(path):
    Rows(path).append(some(0, 4))
    flip(path, 1)
    with pytest.raises(ValueError, match=r"history\.jsonl: line 1 is damaged"):
        read_rows(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="There is no file"):
        read_rows(tmp_path / "history.jsonl")


def test_where_nothing_can_be_written_it_says_so(path):
    path.parent.parent.joinpath("below").write_text("a file")
    with pytest.raises(OSError, match=r"^history: .* cannot be written \("):
        Rows(path)


def test_a_full_disk_leaves_the_rows_that_are_there(path):
    rows = Rows(path)
    rows.append(some(0, 4))
    with (
        small_files(600),
        pytest.raises(OSError, match=r"cannot be written \(File too large\); the rows before"),
    ):
        rows.append(some(4, 10))
    check(path, 4)
    assert not list(path.parent.rglob("*.new")), "what was begun takes no room"
    rows.append(some(4, 10))
    check(path, 10)
