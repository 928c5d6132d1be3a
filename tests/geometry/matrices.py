"""Random symmetric matrices of known spectra, and the quadratic form that has them for its Hessian."""

from typing import Any

import jax.numpy as jnp
import numpy as np

SIZES = (2, 3, 7, 20, 60)

SPECTRA = {
    "definite": lambda n, rng: rng.uniform(0.1, 1, n),
    "indefinite": lambda n, rng: rng.uniform(-1, 1, n),
    "negative": lambda n, rng: -rng.uniform(0.1, 1, n),
    "clustered": lambda n, rng: np.where(np.arange(n) % 2, 1, -0.5) + 1e-7 * rng.standard_normal(n),
    "repeated": lambda n, rng: rng.choice([-1.0, 0.5, 1.0], n),
    "low rank": lambda n, rng: np.where(np.arange(n) < max(1, n // 4), rng.standard_normal(n), 0.0),
    "wide": lambda n, rng: np.geomspace(1e-8, 1, n),
    "identity": lambda n, rng: np.ones(n),
}


def form(x: Any, H: Any) -> Any:
    return 0.5 * jnp.vdot(x, H @ x)


def turned(eigenvalues: Any, rng: np.random.Generator) -> np.ndarray:
    """A symmetric matrix with these eigenvalues in random directions."""
    eigenvalues = np.asarray(eigenvalues, float)
    q, _ = np.linalg.qr(rng.standard_normal((eigenvalues.size,) * 2))
    H = (q * eigenvalues) @ q.T
    return 0.5 * (H + H.T)


def drawn(i: int) -> tuple[str, np.ndarray]:
    """The i-th random matrix, of one of the spectra, sizes, dtypes and scales, and the spectrum's name."""
    rng = np.random.default_rng(i)
    names = list(SPECTRA)
    name, n = names[i // len(SIZES) % len(names)], SIZES[i % len(SIZES)]
    H = turned(10.0 ** rng.integers(-6, 7) * SPECTRA[name](n, rng), rng)
    return name, H.astype([np.float64, np.float32][i % 2])
