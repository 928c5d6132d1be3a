"""The 35 problems of Moré, Garbow & Hillstrom (1981), each a sum of squared residuals.

Every loss is f(x) = sum_i r_i(x)^2 and carries its residuals r as `fun.__wrapped__`. Starts are
the paper's, and so are dimensions where it fixes them; a minimum agrees with the paper's digits and
has more, found again in float64.

Reference: Moré, Garbow & Hillstrom (1981), Testing unconstrained optimization software, ACM
Transactions on Mathematical Software 7, 17-41.
"""

from jgd.problems.more_garbow_hillstrom.exponentials import (
    biggs,
    box,
    brown_dennis,
    gulf,
    jennrich_sampson,
)
from jgd.problems.more_garbow_hillstrom.extended import (
    extended_powell_singular,
    extended_rosenbrock,
    powell_singular,
    rosenbrock,
)
from jgd.problems.more_garbow_hillstrom.fits import (
    bard,
    gaussian,
    kowalik_osborne,
    meyer,
    osborne_1,
    osborne_2,
)
from jgd.problems.more_garbow_hillstrom.small import (
    beale,
    brown_badly_scaled,
    freudenstein_roth,
    helical_valley,
    powell_badly_scaled,
    wood,
)
from jgd.problems.more_garbow_hillstrom.systems import (
    broyden_banded,
    broyden_tridiagonal,
    discrete_boundary_value,
    discrete_integral_equation,
    linear_full_rank,
    linear_rank_1,
    linear_rank_1_zeros,
)
from jgd.problems.more_garbow_hillstrom.variable import (
    brown_almost_linear,
    chebyquad,
    penalty_1,
    penalty_2,
    trigonometric,
    variably_dimensioned,
    watson,
)

IN_ORDER = (
    rosenbrock,
    freudenstein_roth,
    powell_badly_scaled,
    brown_badly_scaled,
    beale,
    jennrich_sampson,
    helical_valley,
    bard,
    gaussian,
    meyer,
    gulf,
    box,
    powell_singular,
    wood,
    kowalik_osborne,
    brown_dennis,
    osborne_1,
    biggs,
    osborne_2,
    watson,
    extended_rosenbrock,
    extended_powell_singular,
    penalty_1,
    penalty_2,
    variably_dimensioned,
    trigonometric,
    brown_almost_linear,
    discrete_boundary_value,
    discrete_integral_equation,
    broyden_tridiagonal,
    broyden_banded,
    linear_full_rank,
    linear_rank_1,
    linear_rank_1_zeros,
    chebyquad,
)
"""The 35 factories; IN_ORDER[i - 1] builds the paper's problem i."""
