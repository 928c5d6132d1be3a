"""Color on a terminal, and only there."""

import os
import pty
import subprocess
import sys

from jgd.cli import color
from jgd.core.status import Status


def test_text_in_a_pipe_stays_as_it_is():
    program = "from jgd.cli import color; color.say('gd CONVERGED')"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "gd CONVERGED\n"


def test_a_status_on_a_terminal_is_colored():
    ours, theirs = pty.openpty()
    program = "from jgd.cli import color; color.say('gd CONVERGED and DIVERGED')"
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    subprocess.run([sys.executable, "-c", program], stdout=theirs, env=environment, check=True)
    os.close(theirs)
    shown = os.read(ours, 4096).decode()
    assert "\x1b[1;32mCONVERGED" in shown
    assert "\x1b[1;31mDIVERGED" in shown


def test_every_end_of_a_run_has_a_color():
    names = "|".join(color.GROUPS.values()).split("|")
    assert {status.name for status in Status if status > Status.RUNNING} <= set(names)
