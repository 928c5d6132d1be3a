"""The findings that can explain a run, each a function of the evidence, in the order they are looked for."""

from jgd.study.findings.endless import no_minimizer, unbounded
from jgd.study.findings.failures import not_finite_at_the_start, precision_limit, unexplained, wall
from jgd.study.findings.points import (
    converged,
    cut_short,
    local_minimum,
    newton_climbs,
    saddle,
    target_reached,
)
from jgd.study.findings.rates import edge_of_stability, noise_floor, rate_over_limit, rate_too_small
from jgd.study.findings.valleys import bad_scaling, flat_valley, narrow_valley, zigzag

FINDINGS = (
    not_finite_at_the_start,
    unbounded,
    wall,
    rate_over_limit,
    newton_climbs,
    saddle,
    edge_of_stability,
    no_minimizer,
    precision_limit,
    rate_too_small,
    zigzag,
    bad_scaling,
    narrow_valley,
    noise_floor,
    flat_valley,
    local_minimum,
    converged,
    target_reached,
    unexplained,
    cut_short,
)
"""Each is given the names of those found before it."""
