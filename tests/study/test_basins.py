"""Maps of basins: who ends where, and what is drawn of it."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import jgd
from jgd.problems import get
from jgd.study.basins_plot import FAILED
from jgd.study.ink import COLORS

HIMMELBLAU = get("himmelblau")
RATE = jgd.gradient_descent(0.01)


def double_well(x):
    return (x[0] ** 2 - 1) ** 2 + jnp.sum(x[1:] ** 2)


@pytest.fixture(scope="module")
def himmelblau():
    return jgd.basins(HIMMELBLAU.fun, (-9.0, 9.0), RATE, x0=jnp.zeros(2), size=40)


def test_a_double_well_is_divided_in_the_middle():
    found = jgd.basins(double_well, (-2.0, 2.0), jgd.gradient_descent(0.02), x0=jnp.zeros(2), size=20)
    left = int(found.found.minima[0].x[0] > 0)
    assert (found.labels[:, :10] == left).all()
    assert (found.labels[:, 10:] == 1 - left).all()
    assert found.across.tolist() == found.up.tolist() == np.linspace(-2, 2, 20).tolist()


def test_each_cell_is_the_run_of_its_start(himmelblau):
    for i, j in ((3, 30), (20, 21), (39, 0)):
        start = jnp.array([himmelblau.across[j], himmelblau.up[i]])
        result = jgd.minimize(HIMMELBLAU.fun, start, RATE)
        assert himmelblau.steps[i, j] == result.steps
        label = himmelblau.labels[i, j]
        if result.success:
            np.testing.assert_allclose(himmelblau.found.points[label].x, result.x, atol=1e-6)
        else:
            assert label == -1


def test_saddles_are_found_although_no_start_ends_there(himmelblau):
    assert not himmelblau.found.others
    kinds = [saddle.kind.partition(" ")[0] for saddle in himmelblau.saddles]
    assert sorted(kinds) == ["maximum", *["saddle"] * 4]


def test_the_map_is_colored_by_the_ends_and_paler_where_they_take_longer(himmelblau):
    figure = himmelblau.figure()
    axes = figure.axes[0]
    picture = np.asarray(axes.images[0].get_array())
    assert picture.shape == (40, 40, 3)
    np.testing.assert_array_equal(
        picture[himmelblau.labels < 0], np.tile(to_rgb(FAILED), ((himmelblau.labels < 0).sum(), 1))
    )
    assert (himmelblau.labels < 0).any()
    for i, color in enumerate(COLORS[:4]):
        chosen = himmelblau.labels == i
        pale = (picture[chosen] - to_rgb(color)) / (1 - np.array(to_rgb(color)))
        order = np.argsort(himmelblau.steps[chosen], kind="stable")
        assert (np.diff(pale[order, 0]) >= -1e-12).all()
        assert pale.min() >= -1e-12
    low, high = axes.get_xlim()
    assert low == pytest.approx(-9 - 9 / 39)
    assert high == pytest.approx(9 + 9 / 39)


def test_minima_saddles_and_failures_are_in_the_legend_under_the_map(himmelblau):
    figure = himmelblau.figure()
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told[0].startswith("1  minimum, f = ")
    assert told[4].startswith("no critical point: ")
    assert told[5:] == ["minimum", "saddle or maximum"]
    axes = figure.axes[0]
    stars = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "*"]
    np.testing.assert_allclose(stars, [minimum.x for minimum in himmelblau.found.minima])
    assert sum(line.get_marker() == "x" for line in axes.lines) == 5
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().y1 < axes.get_window_extent().y0


@pytest.mark.slow
def test_many_minima_share_a_color():
    waves = lambda x: jnp.sum(0.1 * x**2 - jnp.cos(2 * jnp.pi * x))  # noqa: E731
    found = jgd.basins(waves, (-2.4, 2.4), jgd.gradient_descent(0.02), x0=jnp.zeros(2), size=25)
    assert len(found.found.minima) == 25
    told = [text.get_text() for text in found.figure().legends[0].get_texts()]
    assert told[6].startswith("19 other points: ")


def test_two_coordinates_of_more_are_a_plane_of_them():
    x0 = {"a": jnp.array([0.5, 0.25]), "b": jnp.array(0.75)}

    def loss(x):
        return (x["b"] ** 2 - 1) ** 2 + jnp.sum(x["a"] ** 2)

    found = jgd.basins(
        loss, (-2.0, 2.0), jgd.gradient_descent(0.02), x0=x0, coordinates=(2, 0), size=6, max_steps=2000
    )
    starts = found.found.starts
    assert (starts["a"][:, 1] == 0.25).all()
    assert starts["b"].reshape(6, 6)[0].tolist() == found.across.tolist()
    assert starts["a"][:, 0].reshape(6, 6)[:, 0].tolist() == found.up.tolist()
    assert (found.labels[:, :3] != found.labels[:, 3:][:, ::-1]).all()
    assert found.saddles == ()
    assert found.figure().axes[0].get_xlabel() == "x[2]"


def test_what_is_saved_is_strict_json_and_a_picture(himmelblau, tmp_path):
    paths = himmelblau.save(tmp_path / "deep")
    assert [path.name for path in paths] == ["basins.json", "basins-map.png"]
    told = json.loads(paths[0].read_text(), parse_constant=pytest.fail)
    assert told["labels"] == himmelblau.labels.tolist()
    assert told["steps"] == himmelblau.steps.tolist()
    assert paths[1].read_bytes().startswith(b"\x89PNG")


REFUSED = {
    "two parameters at least": ((-1.0, 1.0), {"x0": jnp.zeros(1)}),
    "x0 is missing: x has 3 entries": ((np.zeros(3), np.ones(3)), {}),
    "coordinates must be two different numbers below 2": (
        (-1.0, 1.0),
        {"x0": jnp.zeros(2), "coordinates": (0, 2)},
    ),
    "coordinates must be two different numbers": ((-1.0, 1.0), {"x0": jnp.zeros(2), "coordinates": (1, 1)}),
    "size must be at least 2": ((-1.0, 1.0), {"x0": jnp.zeros(2), "size": 1}),
    "The box must be \\(lower, upper\\)": (3.0, {"x0": jnp.zeros(2)}),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_bad_input_is_refused_in_a_sentence(sentence):
    box, given = REFUSED[sentence]
    with pytest.raises((TypeError, ValueError), match=sentence):
        jgd.basins(double_well, box, **given)
