import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jgd
from jgd.problems import get
from jgd.study.contour import contour, view
from jgd.study.plots import convergence


@pytest.fixture(scope="module")
def table():
    return jgd.compare(
        get("valley"),
        methods={
            "zigzag": jgd.gradient_descent(0.019),
            "too large": jgd.gradient_descent(0.0205),
            "newton_raphson": jgd.newton_raphson(),
            "adam": jgd.adam(0.3),
        },
    )


@pytest.fixture(scope="module")
def curves(table):
    figure = convergence(table)
    figure.draw_without_rendering()
    return figure


@pytest.fixture(scope="module")
def paths(table):
    figure = contour(table)
    figure.draw_without_rendering()
    return figure


def entries(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_files_are_pictures_that_carry_their_provenance(table, tmp_path):
    paths = table.plot(tmp_path / "deep" / "valley")
    assert [path.name for path in paths] == ["valley-convergence.png", "valley-contour.png"]
    for path in paths:
        with Image.open(path) as picture:
            assert min(picture.size) > 600
            assert len(set(picture.convert("P").histogram())) > 20
            assert json.loads(picture.text["Description"]) == table.provenance


def test_three_panels_share_a_logarithmic_axis(curves):
    panels = curves.axes
    assert [panel.get_yscale() for panel in panels] == ["log"] * 3
    assert [panel.get_xscale() for panel in panels] == ["symlog", "log", "log"]
    labels = [panel.get_xlabel() for panel in panels]
    assert labels[0] == "steps"
    assert labels[1].startswith("work")
    assert "shared out by work" in labels[2]


def test_failures_are_in_the_legend_last_and_it_covers_no_axes(table, curves, paths):
    for figure in (curves, paths):
        assert entries(figure)[0] == "newton_raphson: CONVERGED, 1 step"
        assert entries(figure)[-1].startswith("too large: DIVERGED, ")
        top = figure.legends[0].get_window_extent().y1
        assert all(axes.get_window_extent().y0 > top for axes in figure.axes)


def test_a_diverging_curve_is_cut_at_the_frame_and_marked(curves):
    for panel in curves.axes:
        low, high = panel.get_ylim()
        assert high < 1e6
        cut = [line for line in panel.lines if line.get_marker() == "^"]
        assert [line.get_ydata()[0] for line in cut] == [high]
        reached = [line for line in panel.lines if line.get_marker() == "v"]
        assert reached
        assert all(line.get_ydata()[0] == low for line in reached)


def test_work_and_seconds_end_at_the_figures_of_the_row(table, curves):
    rows = {row.label: row for row in table.rows}
    ends = [panel.lines[0].get_xdata()[-1] for panel in curves.axes]
    zigzag = rows["zigzag"]
    np.testing.assert_allclose(ends, [zigzag.steps, zigzag.work, zigzag.run_seconds])


def test_a_diverging_path_does_not_stretch_the_view(table):
    others = [row for row in table.rows if not row.failed]
    without = dataclasses.replace(table, rows=tuple(others))
    np.testing.assert_array_equal(view(table), view(without))
    low, high = view(table)
    assert (high - low < 6).all()
    assert (low < 0).all()
    assert (high > [3.0, 1.0]).all()


def test_paths_have_a_dot_a_step_and_a_diverging_one_an_arrow(table, paths):
    axes = paths.axes[0]
    dotted = [line for line in axes.lines if line.get_marker() == "."]
    assert len(dotted) == 4
    np.testing.assert_array_equal(dotted[0].get_xydata(), table.histories["zigzag"]["x"][:101])
    assert len(dotted[1].get_xydata()) < 5
    arrows = [text for text in axes.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == 1
    assert arrows[0].xy[1] == pytest.approx(axes.get_ylim()[0])


def test_start_and_minimum_are_marked(paths):
    axes = paths.axes[0]
    marks = {line.get_marker(): line.get_xydata()[0] for line in axes.lines if len(line.get_xdata()) == 1}
    np.testing.assert_array_equal(marks["*"], [0, 0])
    np.testing.assert_array_equal(marks["o"], [3, 1])


def test_two_parameters_in_a_tree_have_a_contour_and_three_have_none():
    def loss(x):
        return (x["a"] - 1.0) ** 2 + 4.0 * (x["b"] + x["a"]) ** 2

    start = {"a": jnp.array(0.0), "b": jnp.array(2.0)}
    assert list(jgd.compare(loss, start, [jgd.newton()]).figures()) == ["convergence", "contour"]
    assert list(jgd.compare(get("two-slopes"), methods=[jgd.newton()]).figures()) == ["convergence"]


def test_landscapes_that_are_flat_or_hardly_finite_can_be_drawn():
    flat = jgd.compare(lambda x: 0.0 * jnp.sum(x), jnp.ones(2), [jgd.gradient_descent(0.1)])
    contour(flat).draw_without_rendering()

    def walled(x):
        return jnp.where(x[0] > 0.9, jnp.sum(x**2), jnp.nan)

    contour(jgd.compare(walled, jnp.ones(2), [jgd.gradient_descent(0.1)])).draw_without_rendering()


def test_the_view_holds_the_end_of_every_run_that_converged():
    problem = get("himmelblau")
    table = jgd.compare(problem, methods=[jgd.heavy_ball(0.01), jgd.gradient_descent()])
    low, high = view(table)
    ends = [np.asarray(result.x) for result in table.results.values()]
    assert np.linalg.norm(ends[0] - ends[1]) > 1  # they end at different minima
    for end in ends:
        assert (low < end).all()
        assert (end < high).all()
    assert (high > table.histories["gradient_descent"]["x"].max(axis=0)).all()
