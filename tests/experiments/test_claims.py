"""Every experiment's smaller version: its verdict, its page, its figures."""

import csv
import re

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from experiments import book
from experiments.__main__ import main
from experiments.claims import NAMES, load

QUICK = (2,)
"""The others, which compile more, are left for the slow run."""


@pytest.mark.parametrize(
    "number", [pytest.param(number, marks=() if number in QUICK else pytest.mark.slow) for number in NAMES]
)
def test_the_verdict_holds_and_the_page_stands(number, tmp_path):
    module = load(number)
    report = module.main(quick=True)
    assert not report.failed
    into = book.write(report, number, module, tmp_path)  # refuses labels that overlap
    page = (into / "README.md").read_text()
    assert "**Verdict: holds" in page
    assert len(list(csv.DictReader((into / "rows.csv").read_text().splitlines()))) == len(report.rows)
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", page)
    assert pictures
    assert all((into / picture).stat().st_size > 5_000 for picture in pictures)
    assert re.search(r"\*\*Question\.\*\* .+\?", page)


def test_results_are_kept_where_labels_of_the_new_ones_overlap(tmp_path):
    module = load(2)
    report = module.main(quick=True)
    into = book.write(report, 2, module, tmp_path)
    (axes, *_) = report.figures["iterates"][0].axes
    axes.text(0, 5, "here")
    axes.text(0, 5, "there")
    with pytest.raises(ValueError, match=r"labels overlap: \[\('here', 'there'\)\]"):
        book.write(report, 2, module, tmp_path)
    assert (into / "README.md").exists()


def test_the_book_has_every_experiment_in_order_and_all_of_them_hold():
    text = (book.HERE / "README.md").read_text()
    sections = [int(number) for number in re.findall(r"^## (\d+)\. ", text, re.M)]
    assert sections == list(NAMES)
    assert re.findall(r"\*\*Verdict: (\w+)", text) == ["holds"] * len(NAMES)
    for picture in re.findall(r"!\[[^]]+\]\(([^)]+)\)", text):
        assert (book.HERE / picture).exists(), picture


def test_the_command_lists_and_refuses(capsys):
    assert main(["list"]) == 0
    assert capsys.readouterr().out.count("\n") == len(NAMES)
    for which, words in (("99", "There is no experiment 99"), ("five", "run takes numbers, or all")):
        with pytest.raises(SystemExit):
            main(["run", which])
        assert words in capsys.readouterr().err
