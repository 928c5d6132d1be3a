"""Figures of curvature: what is drawn where."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

import jgd
from jgd.geometry.density import Density
from jgd.problems import get
from jgd.study.curvature_plots import BLUE, GREY, RED, slices_figure, spectrum_figure
from jgd.study.gauge_plots import rate_figure, sharpness_figure
from jgd.study.scale import fit_scale

MIXED = np.array([-2.0, 0.0, 0.01, 50.0])


def weighted(x, weights):
    return 0.5 * jnp.sum(weights * x**2)


def walled(x):
    return jnp.sum(x - jnp.log(x)) + x[0] * x[1]


@pytest.fixture(scope="module")
def mixed():
    return jgd.curvature(weighted, np.zeros(4), args=(MIXED,))


@pytest.fixture(scope="module")
def start():
    problem = get("rosenbrock")
    return jgd.curvature(problem.fun, problem.x0)


def drawn(figure):
    figure.draw_without_rendering()
    return figure.axes


def entries(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def verticals(axes):
    """Where lines stand upright across the axes."""
    return [line.get_xdata()[0] for line in axes.lines if list(line.get_ydata()) == [0, 1]]


def horizontals(axes):
    return [line.get_ydata()[0] for line in axes.lines if list(line.get_xdata()) == [0, 1]]


def test_eigenvalues_stand_at_their_ranks_colored_by_their_signs(mixed):
    figure = spectrum_figure(mixed)
    (axes,) = drawn(figure)
    heads = [line for line in axes.lines if line.get_marker() == "o"]
    points = {to_hex(line.get_color()).upper(): line.get_xydata().tolist() for line in heads}
    assert points == {RED: [[-2, 1]], GREY: [[0, 2]], BLUE: [[0.01, 3], [50, 4]]}
    assert axes.get_xlabel() == "eigenvalue $\\lambda$ of the Hessian"
    assert axes.get_ylabel().startswith("rank")
    assert entries(figure) == ["negative eigenvalues: 1", "zero to rounding: 1", "positive eigenvalues: 2"]


def test_zero_and_both_ends_are_marked(mixed):
    (axes,) = drawn(spectrum_figure(mixed))
    assert sorted(verticals(axes)) == [-2, 0, 50]
    names = {text.get_text(): text for text in axes.texts}
    assert names.keys() == {"$\\lambda_{min}$ = -2", "$\\lambda_{max}$ = 50"}
    for name, text in names.items():
        assert text.xy[0] == float(name.split("= ")[1])
    boxes = [text.get_window_extent() for text in names.values()]
    assert not boxes[0].overlaps(boxes[1])


def test_names_of_ends_that_are_close_stand_over_each_other():
    found = jgd.curvature(weighted, np.zeros(2), args=(np.array([100.0, 100.5]),))
    (axes,) = drawn(spectrum_figure(found))
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not boxes[0].overlaps(boxes[1])


@pytest.mark.parametrize(
    ("weights", "scale"), [(MIXED, "symlog"), ([0.1, 1.0, 9.0], "symlog"), ([-1.0, 2.0, 3.0], "linear")]
)
def test_the_axis_of_eigenvalues_is_logarithmic_where_they_span_decades(weights, scale):
    weights = np.array(weights)
    found = jgd.curvature(weighted, np.zeros(weights.size), args=(weights,))
    (axes,) = drawn(spectrum_figure(found))
    assert axes.get_xscale() == scale
    low, high = axes.get_xlim()
    assert low < min(0, weights.min()) <= 0 < weights.max() < high


def test_ritz_values_have_no_ranks_and_are_called_so():
    weights = np.linspace(1.0, 2.0, 30)
    found = jgd.curvature(weighted, np.zeros(30), args=(weights,), dense=False, products=6)
    figure = spectrum_figure(found)
    (axes,) = drawn(figure)
    assert not axes.get_yticks().size
    assert entries(figure) == ["positive Ritz values: 4"]
    assert "Lanczos" in figure.get_suptitle()


def test_a_density_is_drawn_over_the_eigenvalues_on_a_logarithmic_axis(mixed):
    grid = np.linspace(-5.0, 55.0, 61)
    density = np.exp(-(grid**2) / 50)
    figure = spectrum_figure(mixed, Density(grid, density, 0.1 * density, 1.0, grid[None], density[None]))
    (axes,) = drawn(figure)
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    assert "density" in axes.get_ylabel()
    (curve,) = [line for line in axes.lines if len(line.get_xdata()) == grid.size]
    np.testing.assert_array_equal(curve.get_xydata(), np.stack([grid, density], axis=1))
    stems = [c for c in axes.collections if str(c.get_label()).startswith("positive")]
    assert [stem[0][0] for stem in stems[0].get_segments()] == [0.01, 50]
    assert sorted(verticals(axes)) == [-2, 0, 50]


def test_slices_show_f_and_its_model_along_each_direction(start):
    figure = slices_figure(start)
    panels = drawn(figure)
    titles = [panel.get_title() for panel in panels]
    assert ["nabla" in titles[0], "Newton" in titles[1]] == [True, True]
    assert ["v_{max}" in titles[2], "v_{min}" in titles[3]] == [True, True]
    assert all(panel.get_xlabel().startswith("t") and panel.get_ylabel() == "f" for panel in panels)
    assert entries(figure) == ["f", "model"]
    fun, x = get("rosenbrock").fun, start.x
    g, H = start.grad, jax.hessian(fun)(x)
    directions = [-g, -jnp.linalg.solve(H, g), start.highest.vector, start.lowest.vector]
    for panel, d in zip(panels, directions, strict=True):
        d = d if g @ d < 0 else -d
        t = panel.lines[0].get_xdata()
        values = [float(fun(x + s * d)) for s in t[::50]]
        np.testing.assert_allclose(panel.lines[0].get_ydata()[::50], values, rtol=1e-9)
        model = start.value + t * (g @ d) + t**2 * (d @ H @ d) / 2
        np.testing.assert_allclose(panel.lines[1].get_ydata(), model, rtol=1e-9)


def test_slices_mark_x_the_models_minimizer_and_the_rates(start):
    panels = drawn(slices_figure(start))
    high = start.highest.value
    assert verticals(panels[0]) == pytest.approx([1 / high, 2 / high])
    assert [text.get_text() for text in panels[0].texts] == ["$1/\\lambda_{max}$", "$2/\\lambda_{max}$"]
    assert not any(verticals(panel) for panel in panels[1:])
    for panel in panels:
        marks = {line.get_marker(): line.get_xydata()[0] for line in panel.lines}
        np.testing.assert_array_equal(marks["o"], [0, start.value])
        low, right = panel.get_xlim()
        assert low < 0 < marks["X"][0] < right < 4 * marks["X"][0]
    assert {line.get_marker(): line.get_xdata()[0] for line in panels[1].lines}["X"] == pytest.approx(1)


def test_at_a_critical_point_the_slices_are_near_and_along_eigenvectors_alone():
    found = jgd.curvature(get("rosenbrock").fun, np.ones(2))
    panels = drawn(slices_figure(found))
    assert ["v_{max}" in panels[0].get_title(), "v_{min}" in panels[1].get_title()] == [True, True]
    for panel in panels:
        np.testing.assert_allclose(panel.get_xlim(), [-0.05 * 2**0.5, 0.05 * 2**0.5])


@pytest.mark.parametrize(("weights", "dense"), [([-1.0, 2.0], True), ([1.0, 2.0], False)])
def test_newtons_step_is_left_out_where_it_is_none_or_not_known(weights, dense):
    found = jgd.curvature(weighted, np.ones(2), args=(np.array(weights),), dense=dense)
    titles = [panel.get_title() for panel in drawn(slices_figure(found))]
    assert len(titles) == 3
    assert not any("Newton" in title for title in titles)


def test_where_f_is_not_finite_a_slice_has_a_gap_that_is_shaded():
    found = jgd.curvature(walled, np.array([0.2, 3.0]))
    figure = slices_figure(found)
    panel = drawn(figure)[1]
    t, values = panel.lines[0].get_xydata().T
    x = np.array([0.2, 3.0]) + np.outer(t, np.linalg.solve(jax.hessian(walled)(found.x), -found.grad))
    np.testing.assert_array_equal(np.isnan(values), (x <= 0).any(axis=1))
    assert 0 < np.isnan(values).sum() < t.size
    assert entries(figure) == ["f", "model", "f is not finite"]
    assert np.isfinite(panel.get_ylim()).all()


def test_a_flat_function_and_a_single_parameter_can_be_drawn():
    drawn(slices_figure(jgd.curvature(lambda x: 0.0 * jnp.sum(x), np.ones(3))))
    one = jgd.curvature(lambda x: jnp.sum(x**2), np.ones(1))
    assert len(drawn(slices_figure(one))) == 3
    drawn(spectrum_figure(one))


def test_files_carry_their_provenance_and_the_record_is_json(start, tmp_path):
    paths = start.plot(tmp_path / "deep" / "start")
    assert [path.name for path in paths] == ["start-spectrum.png", "start-slices.png"]
    record = json.loads(json.dumps(start.record(), allow_nan=False))
    for path in paths:
        with Image.open(path) as picture:
            assert min(picture.size) > 600
            assert json.loads(picture.text["Description"]) == record["provenance"]
    assert record["x"] == start.x.tolist()
    assert record["highest"]["value"] == start.highest.value
    assert record["eigenvalues"] == start.spectrum.eigenvalues.tolist()
    assert record["best"]["heavy_ball"]["momentum"] == start.best["heavy_ball"].momentum
    assert record["negative_direction"] is None


def test_the_record_has_a_negative_direction_unless_it_is_large(mixed):
    record = mixed.record()
    np.testing.assert_allclose(np.abs(record["negative_direction"]), [1, 0, 0, 0], atol=1e-12)
    assert record["condition"] is None
    weights = np.linspace(-1.0, 1.0, 1001)
    large = jgd.curvature(weighted, np.ones(1001), args=(weights,), products=5)
    assert large.negative_direction is not None
    assert not {"negative_direction", "x"} & large.record().keys()


def gauged(method, fun=weighted, args=(np.array([1.0, 10.0]),), **options):  # noqa: B008
    recorder = jgd.Recorder(gauge=jgd.curvature_gauge(sharpness=2))
    return jgd.minimize(fun, np.ones(2), method, args=args, recorder=recorder, **options)


@pytest.fixture(scope="module")
def descent():
    return gauged(jgd.gradient_descent(0.15), max_steps=30)


def test_rate_times_curvature_and_cosines_stand_over_the_steps(descent):
    figure = rate_figure(descent)
    upper, lower = drawn(figure)
    history = descent.history
    for axes, name in ((upper, "rate_curvature"), (lower, "cosine")):
        across, up = axes.lines[0].get_xydata().T
        np.testing.assert_array_equal(across, history["step"])
        np.testing.assert_array_equal(up, history[name])
    assert horizontals(upper) == [1, 2]
    assert entries(figure) == ["1: monotone below", "2: unstable above"]
    assert lower.get_ylim()[0] < -1 < 1 < lower.get_ylim()[1]
    assert (lower.get_xlabel(), "cosine" in lower.get_ylabel()) == ("steps", True)
    assert "rate times" in upper.get_ylabel()


def test_momentum_has_a_stable_limit_of_its_own_among_the_lines():
    figure = rate_figure(gauged(jgd.heavy_ball(0.2, 0.5), max_steps=20))
    assert horizontals(drawn(figure)[0]) == pytest.approx([1, 2, 3])
    assert entries(figure)[1:] == [
        "2: unstable above for gradient descent",
        "$(2 + 2 \\beta)$ = 3: unstable above",
    ]


@pytest.mark.parametrize(
    ("method", "height"),
    [
        (jgd.gradient_descent(0.1), 20),
        (jgd.gradient_descent(0.1, momentum=0.5), 30),
        (jgd.heavy_ball(0.1, 0.5), 30),
        (jgd.nesterov(0.1, 0.5), 15),
        (jgd.gradient_descent(), None),
        (jgd.nesterov(0.1), 40 / 3),
        (jgd.adam(0.1), None),
    ],
)
def test_the_line_of_sharpness_is_that_of_the_method(method, height):
    figure = sharpness_figure(gauged(method, max_steps=3))
    (axes,) = drawn(figure)
    assert horizontals(axes) == ([] if height is None else pytest.approx([height]))
    assert bool(figure.legends) == (height is not None)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 10, rtol=1e-9)
    assert "sharpness" in axes.get_ylabel()


def test_sharpness_that_spans_decades_is_on_a_logarithmic_axis(descent):
    def quartic(x):
        return jnp.sum(x**4)

    (axes,) = drawn(sharpness_figure(gauged(jgd.newton(), quartic, args=(), max_steps=20)))
    assert axes.get_yscale() == "log"
    assert drawn(sharpness_figure(descent))[0].get_yscale() == "linear"


def test_a_run_without_a_gauge_or_its_sharpness_is_refused_with_the_way_out(descent):
    way_out = r"recorder=jgd.Recorder\(gauge=jgd.curvature_gauge\(sharpness=10\)\)"
    plain = jgd.minimize(weighted, np.ones(2), jgd.newton(), args=(np.ones(2),))
    blunt = gauged(jgd.newton())
    blunt.history.pop("sharpness")
    for figure, result in ((rate_figure, plain), (sharpness_figure, plain), (sharpness_figure, blunt)):
        with pytest.raises(ValueError, match=way_out):
            figure(result)


def test_entries_that_are_not_finite_are_gaps(descent):
    run = gauged(jgd.gradient_descent(0.15), max_steps=30)
    run.history["rate_curvature"][3] = np.inf
    run.history["sharpness"][3] = -np.inf
    for figure in (rate_figure(run), sharpness_figure(run)):
        axes = drawn(figure)[0]
        gaps = np.isnan(axes.lines[0].get_ydata())
        assert gaps[3]
        assert np.isfinite(axes.get_ylim()).all()


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1, 49], "linear"),
        ([1, 51], "log"),
        ([-1, 0, 49], "linear"),
        ([-1, 0, 51], "symlog"),
        ([np.nan, np.inf], "linear"),
    ],
)
def test_scales_follow_their_values(values, scale):
    axes = Figure().subplots()
    assert fit_scale(axes, "y", values, 1.0) == scale
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", scale)
