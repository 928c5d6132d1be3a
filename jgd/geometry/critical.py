"""What kind of critical point a point is, in words that claim no more than was found."""

from jgd.geometry.spectrum import Spectrum


def kind(spectrum: Spectrum, grad_norm: float, gtol: float) -> str:
    """`minimum (dense)`, `saddle (...)`, `no negative curvature found (...)`, `degenerate (...)`, ...

    An eigenvalue counts as zero within ten times its residual where all eigenvalues were found. A negative
    Ritz value proves negative curvature whatever its residual; none proves nothing.
    """
    low, high = spectrum.lowest, spectrum.highest
    if not grad_norm <= gtol:
        return f"not a critical point (max |grad| = {grad_norm:.3g})"
    if not spectrum.dense:
        starts = f"{spectrum.starts} start" + "s" * (spectrum.starts != 1)
        k = (spectrum.products - 2 * spectrum.starts) // spectrum.starts
        if high.value < 0:
            return f"no positive curvature found (k = {k}, {starts})"
        if low.value < 0 and -low.value > 10 * (low.residual if spectrum.converged[0] else 0):
            return f"saddle (lambda = {low.value:.4g}, residual {low.residual:.1g})"
        return f"no negative curvature found (k = {k}, {starts})"
    if low.value > 10 * low.residual:
        return "minimum (dense)"
    if high.value < -10 * high.residual:
        return "maximum (dense)"
    if low.value < -10 * low.residual:
        if high.value > 10 * high.residual:
            return f"saddle (lambda = {low.value:.4g}, residual {low.residual:.1g})"
        return f"degenerate (lambda = {high.value:.1g} is zero to rounding, the lowest {low.value:.4g})"
    return f"degenerate (lambda = {low.value:.1g} is zero to rounding)"
