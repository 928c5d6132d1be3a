"""What machines keep of themselves, and how one is put beside another."""

import dataclasses
import json

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from experiments import book, machines
from experiments.claims import load
from experiments.machines import Machine
from experiments.report import Report

accelerator = load(18)


def machine(name, is_accelerator, seconds, steps=104):
    """One that needs so many seconds for a step, whatever its size."""
    rows = [
        {"of": what, "size": size, "steps": steps, "value": 1.0 + size, "off": 0.0, "seconds": seconds}
        for what in accelerator.SIZES
        for size in (10, 1000)
    ]
    return Machine(name, is_accelerator, {}, rows)


def test_a_machine_reads_what_the_others_kept_and_not_itself(tmp_path):
    fast, slow = machine("GPU, big", True, 1e-6), machine("CPU, 2 cores", False, 1e-3)
    for one in (fast, slow):
        (tmp_path / f"{one.stem}.json").write_text(json.dumps(dataclasses.asdict(one)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cpu-2-cores.json", "gpu-big.json"]
    assert machines.others(tmp_path, but=slow) == [fast]
    assert machines.others(tmp_path / "none", but=slow) == []


def test_what_other_machines_kept_stays_and_the_rest_is_renewed(tmp_path):
    module = load(2)
    first, second = module.main(quick=True), module.main(quick=True)
    first.keep("here", {"seconds": 1})
    second.keep("there", {"seconds": 2})
    into = book.write(first, 2, module, tmp_path)
    (into / "old.png").write_text("of another version")
    book.write(second, 2, module, tmp_path)
    assert not (into / "old.png").exists()
    assert json.loads((into / "here.json").read_text()) == {"seconds": 1}
    assert json.loads((into / "there.json").read_text()) == {"seconds": 2}


@pytest.mark.parametrize(("steps", "verdicts"), [(104, ["holds", "holds"]), (105, ["fails", "holds"])])
def test_steps_of_two_machines_must_be_the_same(steps, verdicts):
    report = Report()
    accelerator._equal(report, machine("CPU", False, 1.0), machine("GPU", True, 1.0, steps))
    assert [line.verdict for line in report.lines] == verdicts


def test_without_an_accelerator_the_page_says_that_none_was_measured():
    report = Report()
    accelerator._winners(report, [machine("CPU", False, 1.0)])
    assert "Not measured: any accelerator." in report.paragraphs[0]
    assert not report.lines


@pytest.mark.parametrize(("seconds", "verdict"), [(2.0, "too strong"), (0.5, "fails")])
def test_an_accelerator_is_said_to_win_where_it_does(seconds, verdict):
    report = Report()
    accelerator._winners(report, [machine("CPU", False, 1.0), machine("GPU", True, seconds)])
    assert [line.verdict for line in report.lines] == [verdict]
    wins = "one run: first at 10 parameters;" if seconds < 1 else "one run: at no size"
    assert wins in report.paragraphs[0]
