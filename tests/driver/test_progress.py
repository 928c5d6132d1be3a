"""What a run shows of itself: on a terminal, in a log, and where it cannot."""

import os
import pty
import re
import sys
import tty

import numpy as np
import pytest

import jgd
from jgd import progress
from tests.driver.functions import rosenbrock

LINE = re.compile(
    r"(gradient_descent|TIME_LIMIT)  step [\d,]+ \(at most 2,000,000,000\)  value [\d.]+  "
    r"log10\(\|g\|/tolerance\) -?\d+\.\d\d  [\d,.e+]+ steps/s  \d:\d\d"
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(progress, "SHORT", 0.1)
    monkeypatch.setattr(progress, "EVERY", 0.3)


def run(seconds=1.0, steps=2 * 10**9):
    return jgd.minimize(
        rosenbrock,
        np.array([-1.2, 1.0]),
        jgd.gradient_descent(1e-9),
        max_steps=steps,
        progress=True,
        time_limit=seconds,
    ).status


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    run(seconds=100, steps=2)


@pytest.fixture
def on_terminal(monkeypatch):
    """What a run shows where stderr is a terminal."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def shown():
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        with os.fdopen(theirs, "w") as stream, os.fdopen(ours, "rb", 0) as reading:
            monkeypatch.setattr(sys, "stderr", stream)
            run()
            print("END", end="", file=stream, flush=True)
            text = b""
            while not text.endswith(b"END"):
                text += reading.read(1024)
        return text[:-3].decode()

    return shown


@pytest.mark.parametrize("forced", ["", "1"])
def test_where_there_is_no_terminal_a_plain_line_every_few_seconds(capsys, monkeypatch, forced):
    monkeypatch.setenv("FORCE_COLOR", forced)
    run()
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert 2 <= len(lines) <= 5
    for line in lines:
        assert LINE.fullmatch(line), line
    assert [line.split()[0] for line in lines] == ["gradient_descent"] * (len(lines) - 1) + ["TIME_LIMIT"]


def test_on_a_terminal_a_line_that_changes_and_stays_at_the_end(on_terminal):
    shown = on_terminal()
    frames = [line.strip() for line in re.split(r"[\r\n]|\x1b\[[0-9;?]*[A-Za-z]", shown) if line.strip()]
    assert len(frames) >= 2
    assert all(LINE.fullmatch(frame) for frame in frames), frames
    assert frames[-1].startswith("TIME_LIMIT")
    assert shown.count("\x1b[2K") >= len(frames) - 1, "each takes the place of the one before"
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1, "the cursor comes back"


@pytest.mark.parametrize("without", ["rich", "a clever terminal"])
def test_on_a_terminal_that_cannot_show_more_plain_lines(on_terminal, monkeypatch, without):
    if without == "rich":
        monkeypatch.setitem(sys.modules, "rich", None)
    else:
        monkeypatch.setenv("TERM", "dumb")
    lines = on_terminal().splitlines()
    assert len(lines) >= 2
    assert all(LINE.fullmatch(line) for line in lines), lines


def test_a_short_run_says_nothing(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SHORT", 60.0)
    run(0.2)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("how", ["closed", "full", "none"])
def test_where_nothing_can_be_written_the_run_goes_on(monkeypatch, how):
    with open("/dev/full", "w", buffering=1) as full, open(os.devnull, "w") as closed:
        closed.close()
        monkeypatch.setattr(sys, "stderr", {"closed": closed, "full": full, "none": None}[how])
        assert run(0.6) == jgd.Status.TIME_LIMIT
        monkeypatch.undo()
        if how == "full":
            with pytest.raises(OSError, match="No space left"):
                full.close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0:00"), (7.9, "0:07"), (754, "12:34"), (3723, "1:02:03"), (360000, "100:00:00")],
)
def test_time_is_told_as_on_a_clock(seconds, text):
    assert progress.clock(seconds) == text
