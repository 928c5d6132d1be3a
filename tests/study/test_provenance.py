import pytest

from jgd.study.provenance import _command


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["/opt/env/bin/jgd", "run", "valley"], "jgd run valley"),
        (["/src/jgd/cli/__main__.py", "list", "methods"], "jgd list methods"),
        (["study.py"], "study.py"),
        (["jgd", "run", "/home/me/m.py:loss", "--x0=/home/me/m.py:s"], "jgd run m.py:loss --x0=m.py:s"),
        (["jgd", "run", "C:\\me\\m.py:loss"], "jgd run m.py:loss"),
        (["jgd", "--save", "out/a b", "--set", "x.rate=0.1"], "jgd --save 'out/a b' --set x.rate=0.1"),
        ([], "''"),
    ],
)
def test_the_command_is_told_without_absolute_folders(argv, told):
    assert _command(argv) == told
