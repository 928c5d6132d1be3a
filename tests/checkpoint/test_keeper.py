"""When a keeper saves, and what becomes of it when it is left."""

import pytest

from jgd.checkpoint.keeper import Keeper


class Noted:
    """What a keeper asks of a store."""

    def __init__(self, fails: bool = False) -> None:
        self.busy, self.fails, self.said = False, fails, []

    def wait(self) -> None:
        self.said.append("wait")

    def close(self) -> None:
        self.said.append("close")
        if self.fails:
            raise OSError("full")


@pytest.fixture
def store() -> Noted:
    return Noted()


def shown(keeper: Keeper, second: float, ended: bool = False) -> None:
    said = keeper.store.said  # type: ignore[attr-defined]
    keeper(second, ended, lambda: said.append(second))


def test_it_saves_every_so_many_seconds(store):
    keeper = Keeper(store, 2.5)
    for second in range(10):
        shown(keeper, second)
    assert store.said == [3, 6, 9]


def test_while_one_is_written_it_does_not_wait_but_takes_the_next(store):
    keeper = Keeper(store, 2.5)
    for second in range(8):
        store.busy = second in (3, 4)
        shown(keeper, second)
    assert store.said == [5]


def test_the_end_is_saved_at_once_and_waited_for(store):
    keeper = Keeper(store, 100.0)
    store.busy = True
    shown(keeper, 1)
    shown(keeper, 2, ended=True)
    assert store.said == [2, "wait"]


def test_what_was_shown_last_is_saved_once_when_it_is_left(store):
    with Keeper(store, 100.0) as keeper:
        shown(keeper, 1)
        shown(keeper, 2)
    with keeper:
        pass
    assert store.said == [2, "close", "close"]


def test_an_error_is_not_hidden_by_one_of_the_store():
    store = Noted(fails=True)

    def failing() -> None:
        with Keeper(store, 1.0) as keeper:  # type: ignore[arg-type]
            shown(keeper, 0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert store.said == [0, "close"]
    with pytest.raises(OSError, match="full"), Keeper(store, 1.0):  # type: ignore[arg-type]
        pass
