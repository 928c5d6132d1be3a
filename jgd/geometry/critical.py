"""What kind of critical point a point is, in words that claim no more than was found."""

from jgd.core.words import plural
from jgd.geometry.spectrum import Spectrum


def kind(spectrum: Spectrum, grad_norm: float, gtol: float) -> str:
    """The kind of a critical point, or that this is none."""
    if not grad_norm <= gtol:
        return f"not a critical point (max |grad| = {grad_norm:.3g})"
    return critical_kind(spectrum)


def critical_kind(spectrum: Spectrum) -> str:
    """`minimum (dense)`, `saddle (...)`, `no negative curvature found (...)`, `degenerate (...)`, ...

    A negative Ritz value proves negative curvature, whatever its residual; none proves nothing.
    """
    low, high, zero = spectrum.lowest, spectrum.highest, spectrum.zero
    if low.value < -zero and high.value > zero:
        return f"saddle (lambda = {low.value:.4g}, residual {low.residual:.1g})"
    if not spectrum.dense:
        k = (spectrum.products - 2 * spectrum.starts) // spectrum.starts
        missed = "positive" if low.value < -zero else "negative"
        return f"no {missed} curvature found (k = {k}, {plural(spectrum.starts, 'start')})"
    if low.value > zero:
        return "minimum (dense)"
    if high.value < -zero:
        return "maximum (dense)"
    if low.value < -zero:
        return f"degenerate (lambda = {high.value:.1g} is zero to rounding, the lowest {low.value:.4g})"
    return f"degenerate (lambda = {low.value:.1g} is zero to rounding)"
