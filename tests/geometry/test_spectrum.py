"""Both ends of the spectrum against NumPy's eigh, at what cost, in which dtype, at which precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.geometry import convexity, density, spectrum, taylor
from jgd.linalg import lanczos
from tests.contract.counting import Counting
from tests.geometry.matrices import drawn, form, turned


def found(H, dense=False, **options):
    return jgd.curvature(form, np.zeros(len(H), H.dtype), args=(H,), dense=dense, **options)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("n", [2, 12])
def test_both_ends_are_found_where_the_largest_magnitude_is_at_the_low_one(n, dense):
    H = turned(np.linspace(-40, 10, n), np.random.default_rng(0))
    c = found(H, dense)
    assert (c.lowest.value, c.highest.value) == pytest.approx((-40, 10), rel=1e-12)
    for end in (c.lowest, c.highest):
        y = np.asarray(end.vector)
        assert np.linalg.norm(y) == pytest.approx(1, rel=1e-12)
        assert np.linalg.norm(H @ y - end.value * y) <= end.residual <= 1e-11


def beyond(values, given, noise=0.0):
    """How much further than its residual the nearest of `values` is from what was found."""
    return np.min(np.abs(values - given.value)) - given.residual - noise


@pytest.mark.slow
def test_lanczos_agrees_with_eigh_within_its_residuals_on_200_random_matrices():
    """With a tolerance, each end is within its residual of an eigenvalue; without one, of the end itself."""
    for i in range(200):
        name, H = drawn(i)
        values, noise = np.linalg.eigvalsh(H.astype(float)), 10 * np.finfo(float).eps
        tolerance = (0.0, 1e-3)[i // 2 % 2]
        c = found(H, products=80, tolerance=tolerance, seed=i)
        scale = np.abs(values).max()
        for end, true in ((c.lowest, values[:1]), (c.highest, values[-1:])):
            assert beyond(values if tolerance else true, end, noise * scale) <= 0, (i, name, H.dtype)
            within = end.residual + noise * scale
            assert values[0] - within <= end.value <= values[-1] + within, (i, name, H.dtype)
        assert c.highest.residual <= max(tolerance, 60 * np.finfo(H.dtype).eps) * scale, (i, name, H.dtype)


def test_the_dense_ends_agree_with_eigh_within_their_residuals_on_200_random_matrices():
    for i in range(200):
        name, H = drawn(i)
        values, noise = np.linalg.eigvalsh(H.astype(float)), 10 * np.finfo(float).eps
        c = found(H, dense=True)
        scale = np.abs(values).max()
        for end, true in ((c.lowest, values[:1]), (c.highest, values[-1:])):
            assert beyond(true, end, noise * scale) <= 0, (i, name, H.dtype)
            assert end.residual <= 20 * np.finfo(H.dtype).eps * scale, (i, name, H.dtype)
        np.testing.assert_allclose(c.spectrum.eigenvalues, values, atol=20 * np.finfo(H.dtype).eps * scale)


@pytest.mark.parametrize("products", [3, 6, 15])
def test_an_end_that_has_not_converged_is_a_bound_with_its_true_residual(products):
    H = turned(np.linspace(1, 2, 60), np.random.default_rng(7))
    c = found(H, products=products, tolerance=1e-6)
    assert c.spectrum.converged == (False, False)
    assert c.products == products
    assert c.lowest.value > 1
    assert c.highest.value < 2
    for end in (c.lowest, c.highest):
        y = np.asarray(end.vector)
        assert end.residual == pytest.approx(np.linalg.norm(H @ y - end.value * y), rel=1e-9)


def test_more_starts_find_what_one_start_cannot_see():
    """A start without any part along a direction never finds it; here the first is made one."""
    n, seed = 30, 3
    first = jax.random.normal(jax.random.fold_in(jax.random.key(seed), 0), (n,))
    v = np.random.default_rng(8).standard_normal(n)
    v -= first * (v @ first) / (first @ first)
    v = np.asarray(v / np.linalg.norm(v))
    H = np.eye(n) - 5 * np.outer(v, v)
    assert found(H, seed=seed, starts=2).lowest.value == pytest.approx(-4, rel=1e-12)
    assert found(H, seed=seed).lowest.value == pytest.approx(1, rel=1e-12)
    negative = 0.5 * np.outer(v, v) - np.eye(n)
    assert found(negative, seed=seed, starts=2).highest.value == pytest.approx(-0.5, rel=1e-12)


@pytest.mark.parametrize("distinct", [1, 2, 5])
def test_lanczos_stops_early_on_an_invariant_subspace(distinct):
    H = turned(np.resize(np.arange(1.0, 1 + distinct), 60), np.random.default_rng(9))
    c = found(H, tolerance=0.0)
    assert c.products == distinct + 2
    assert (c.lowest.value, c.highest.value) == pytest.approx((1, distinct), rel=1e-12)


@pytest.mark.parametrize("n", [3, 40])
@pytest.mark.parametrize(("dense", "starts"), [(True, 1), (False, 1), (False, 3)])
def test_the_products_reported_are_those_executed(n, dense, starts):
    counting = Counting(lambda x: jnp.sum(jnp.cosh(x)) + x[0] * x[1], n)
    jgd.curvature(counting.fun, np.linspace(0, 1, n), dense=dense, starts=starts)
    counting.reset()
    c = jgd.curvature(counting.fun, np.linspace(0, 1, n), dense=dense, starts=starts)
    assert c.products == counting.products()
    assert c.products == n if dense else c.products <= 40 * starts
    assert counting.traces <= 6


def test_of_other_data_nothing_is_traced_again():
    counting = Counting(form, 20)
    traces = []
    for seed in (0, 1):
        H = turned(np.linspace(-1, 1, 20), np.random.default_rng(seed))
        jgd.curvature(counting.fun, np.zeros(20), args=(H,), dense=False, tolerance=0.1 * seed, seed=seed)
        traces.append(counting.traces)
    assert traces[0] == traces[1]


TREE = {"a": np.linspace(0, 1, 6).reshape(2, 3), "b": [np.array(0.5), np.linspace(-1, 1, 13)]}


def knotted(flat):
    return jnp.sum(jnp.cosh(flat)) + jnp.prod(flat[:4]) - 3 * flat[5] ** 2 * flat[-1]


def knotted_tree(x):
    return knotted(jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(x)]))


@pytest.mark.parametrize("dense", [True, False])
def test_of_a_pytree_the_result_is_that_of_its_ravelled_vector(dense):
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(TREE)])
    one, other = jgd.curvature(knotted_tree, TREE, dense=dense), jgd.curvature(knotted, flat, dense=dense)
    assert one.products == other.products
    for end, flat_end in ((one.lowest, other.lowest), (one.highest, other.highest)):
        assert end.value == pytest.approx(flat_end.value, rel=1e-12)
        assert jax.tree.structure(end.vector) == jax.tree.structure(TREE)
        assert [leaf.shape for leaf in jax.tree.leaves(end.vector)] == [(2, 3), (), (13,)]
        ravelled = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(end.vector)])
        assert ravelled == pytest.approx(np.asarray(flat_end.vector), abs=1e-9)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_dtype_stays_and_the_eigenvalues_are_right_to_it(dtype, dense):
    def loss(x):
        assert x.dtype == dtype
        return jnp.sum(jnp.arange(1, 9).astype(x.dtype) * x**2) - 6 * x[0] ** 2

    x = jnp.zeros(8, dtype)
    c = jgd.curvature(loss, x, dense=dense)
    relative = {"float32": 1e-6, "float16": 2e-3, "bfloat16": 2e-2}[dtype]
    assert (c.lowest.value, c.highest.value) == pytest.approx((-10, 16), rel=relative)
    assert c.lowest.vector.dtype == c.highest.vector.dtype == c.grad.dtype == dtype
    assert c.kind.startswith("saddle (lambda = -")


def test_mixed_dtypes_are_computed_with_in_their_own():
    def loss(x):
        assert (x["a"].dtype, x["b"].dtype) == ("float32", "bfloat16")
        return 2 * jnp.sum(x["a"] ** 2) - jnp.sum(x["b"] ** 2).astype("float32")

    x = {"a": jnp.ones(3, "float32"), "b": jnp.ones(4, "bfloat16")}
    for dense in (True, False):
        c = jgd.curvature(loss, x, dense=dense)
        assert (c.lowest.value, c.highest.value) == pytest.approx((-2, 4), rel=1e-2)
        assert jax.tree.map(lambda leaf: leaf.dtype, c.lowest.vector) == jax.tree.map(
            lambda leaf: leaf.dtype, x
        )


@pytest.mark.parametrize("scale", [1e-25, 1e25])
@pytest.mark.parametrize("dense", [True, False])
def test_in_float32_the_scale_does_not_matter(scale, dense):
    H = (scale * turned(np.linspace(-1, 3, 9), np.random.default_rng(10))).astype(np.float32)
    c = found(H, dense)
    assert (c.lowest.value, c.highest.value) == pytest.approx((-scale, 3 * scale), rel=1e-5)
    assert scale * 1e-8 < c.highest.residual < scale * 1e-4


LAYERS = [np.ones((4, 5), np.float32), np.ones((5, 5), np.float32), np.ones((5, 2), np.float32)]
ROWS = np.ones((7, 4), np.float32)


def network(layers, rows):
    """Matrix products of every kind: plain, within jit, checkpoint, vmap and scan, and a contraction."""
    hidden = jax.jit(lambda a, w: jnp.tanh(a @ w))(rows, layers[0])
    hidden = jax.checkpoint(lambda a, w: jnp.tanh(a @ w))(hidden, layers[1])
    hidden, _ = jax.lax.scan(lambda a, _: (jnp.tanh(a @ layers[1]), None), hidden, None, length=2)
    out = jax.vmap(lambda a: jnp.einsum("i,ij->j", a, layers[2]))(hidden)
    return jnp.mean(out**2)


def products_of(jaxpr):
    """Every dot_general in a jaxpr and in the jaxprs inside it."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield equation
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda it: hasattr(it, "eqns") or hasattr(it, "jaxpr")
        ):
            if hasattr(inner, "eqns"):
                yield from products_of(inner)
            elif hasattr(inner, "jaxpr"):
                yield from products_of(inner.jaxpr)


F = jgd.Objective(network, (ROWS,))
N = sum(leaf.size for leaf in LAYERS)
VECTOR = np.ones(N, np.float32)

CURVATURE = {
    "Objective.hvp": lambda: F.hvp(LAYERS)(LAYERS),
    "Objective.hessian": lambda: F.hessian(LAYERS),
    "products of a spectrum": lambda: spectrum.flat_hvp(F, LAYERS)(VECTOR),
    "dense spectrum": lambda: spectrum._eigh(F, LAYERS),
    "Lanczos' spectrum": lambda: spectrum._extend(F, LAYERS, lanczos.begin(VECTOR, 5), 5),
    "a Ritz vector": lambda: spectrum._vector(
        F, LAYERS, lanczos.begin(VECTOR, 5), jnp.ones(6, jnp.float32), jnp.float32(1)
    ),
    "Taylor's model": lambda: taylor._decrease(F, jgd.Point(LAYERS, 0.0, LAYERS), LAYERS, 2),
    "convexity along": lambda: convexity._along(F, LAYERS, LAYERS, jnp.ones(3, jnp.float32)),
    "convexity around": lambda: convexity._ends(
        F, jnp.ones((2, N), jnp.float32), LAYERS, 3, jax.random.key(0)
    ),
    "density": lambda: density._quadrature(F, LAYERS, jax.random.key(0), 3, 2),
    "trace": lambda: density._trace(F, LAYERS, jax.random.key(0), 2),
}


@pytest.mark.parametrize("name", CURVATURE)
def test_fault_17_products_of_curvature_are_made_at_the_precision_of_the_accelerator(name):
    """Where float32 products are made of shorter numbers by default, curvature asks for all of them."""
    if name in ("density", "trace"):
        pytest.importorskip("matfree")
    highest = (jax.lax.Precision.HIGHEST, jax.lax.Precision.HIGHEST)
    products = list(products_of(jax.make_jaxpr(CURVATURE[name])().jaxpr))
    assert len(products) >= 8
    assert {product.params["precision"] for product in products} == {highest}


def test_the_gradient_is_left_at_the_precision_that_was_asked_for():
    products = list(products_of(jax.make_jaxpr(F.grad)(LAYERS).jaxpr))
    assert {product.params["precision"] for product in products} == {None}


def powers(x):
    return jnp.sum(jnp.abs(x) ** 1.5)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize(("fun", "x"), [(powers, np.zeros(5)), (lambda x: jnp.sum(jnp.sqrt(x)), -np.ones(5))])
def test_a_hessian_that_is_not_finite_is_refused(fun, x, dense):
    with pytest.raises(ValueError, match=r"^The Hessian at x has entries that are NaN or infinite: [^.]*\.$"):
        jgd.curvature(fun, x, dense=dense)


def test_a_dense_hessian_that_would_not_fit_is_refused_with_its_size_and_what_to_do():
    with pytest.raises(ValueError, match=r"100,000 parameters takes 74\.5 GiB \(limit 2 GiB\).*dense=False"):
        jgd.curvature(lambda x: jnp.sum(x**2), np.ones(100_000), dense=True)
