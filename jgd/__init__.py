"""jgd: minimize a JAX function, and know why it went as it did.

Names are loaded when they are first used, so that `import jgd` does not import JAX.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "minimize": "jgd.api",
    "segments": "jgd.api",
    "Snapshot": "jgd.snapshot",
    "minimize_many": "jgd.many",
    "finite_sum": "jgd.sums",
    "check": "jgd.checkup",
    "Result": "jgd.result",
    "Ends": "jgd.ends",
    "Status": "jgd.core.status",
    "Objective": "jgd.core.objective",
    "Point": "jgd.core.types",
    "Info": "jgd.core.types",
    "Step": "jgd.core.types",
    "record": "jgd.core.record",
    "static": "jgd.core.record",
    "Descent": "jgd.methods.descent",
    "gradient_descent": "jgd.methods.recipes",
    "heavy_ball": "jgd.methods.recipes",
    "nesterov": "jgd.methods.recipes",
    "ogm": "jgd.methods.recipes",
    "svrg": "jgd.methods.recipes",
    "newton_raphson": "jgd.methods.curved_recipes",
    "newton": "jgd.methods.curved_recipes",
    "gauss_newton": "jgd.methods.curved_recipes",
    "levenberg_marquardt": "jgd.methods.curved_recipes",
    "residuals": "jgd.core.residuals",
    "as_optax": "jgd.methods.as_optax",
    "lbfgs": "jgd.methods.curved_recipes",
    "bfgs": "jgd.methods.curved_recipes",
    "conjugate_gradient": "jgd.methods.recipes",
    "newton_cg": "jgd.methods.curved_recipes",
    "trust_region": "jgd.methods.curved_recipes",
    "trust_region_cg": "jgd.methods.curved_recipes",
    "adam": "jgd.methods.recipes",
    "from_optax": "jgd.methods.optax",
    "armijo": "jgd.searches.armijo",
    "wolfe": "jgd.searches.wolfe",
    "barzilai_borwein": "jgd.searches.barzilai_borwein",
    "adgd": "jgd.searches.adaptive",
    "polyak": "jgd.searches.adaptive",
    "lengths": "jgd.searches.lengths",
    "exact": "jgd.searches.exact",
    "silver": "jgd.searches.fixed",
    "Recorder": "jgd.driver.recorder",
    "Program": "jgd.driver.carry",
    "solve": "jgd.driver.solve",
    "curvature_gauge": "jgd.geometry.gauge",
    "compare": "jgd.study.compare",
    "sweep": "jgd.study.sweep",
    "multistart": "jgd.study.multistart",
    "normal": "jgd.study.starts",
    "basins": "jgd.study.basins",
    "curvature": "jgd.study.curvature",
    "explain": "jgd.study.explain",
    "gradient_noise": "jgd.study.noise",
    "standardize": "jgd.study.standardize",
    "spectrum_figure": "jgd.study.curvature_plots",
    "slices_figure": "jgd.study.curvature_plots",
    "rate_figure": "jgd.study.gauge_plots",
    "sharpness_figure": "jgd.study.gauge_plots",
    "convexity": "jgd.study.shape",
    "is_convex_along": "jgd.study.shape",
    "taylor": "jgd.study.shape",
    "spectral_density": "jgd.study.shape",
    "hessian_trace": "jgd.study.shape",
}
_MODULES = {
    "data": "jgd.data",
    "problems": "jgd.problems",
    "models": "jgd.models",
    "parallel": "jgd.parallel",
    "stop": "jgd.driver.stop",
}

if TYPE_CHECKING:
    from jgd import data as data
    from jgd import models as models
    from jgd import parallel as parallel
    from jgd import problems as problems
    from jgd.api import minimize as minimize
    from jgd.api import segments as segments
    from jgd.checkup import check as check
    from jgd.core.objective import Objective as Objective
    from jgd.core.record import record as record
    from jgd.core.record import static as static
    from jgd.core.residuals import residuals as residuals
    from jgd.core.status import Status as Status
    from jgd.core.types import Info as Info
    from jgd.core.types import Point as Point
    from jgd.core.types import Step as Step
    from jgd.driver import stop as stop
    from jgd.driver.carry import Program as Program
    from jgd.driver.recorder import Recorder as Recorder
    from jgd.driver.solve import solve as solve
    from jgd.ends import Ends as Ends
    from jgd.geometry.gauge import curvature_gauge as curvature_gauge
    from jgd.many import minimize_many as minimize_many
    from jgd.methods.as_optax import as_optax as as_optax
    from jgd.methods.curved_recipes import bfgs as bfgs
    from jgd.methods.curved_recipes import gauss_newton as gauss_newton
    from jgd.methods.curved_recipes import lbfgs as lbfgs
    from jgd.methods.curved_recipes import levenberg_marquardt as levenberg_marquardt
    from jgd.methods.curved_recipes import newton as newton
    from jgd.methods.curved_recipes import newton_cg as newton_cg
    from jgd.methods.curved_recipes import newton_raphson as newton_raphson
    from jgd.methods.curved_recipes import trust_region as trust_region
    from jgd.methods.curved_recipes import trust_region_cg as trust_region_cg
    from jgd.methods.descent import Descent as Descent
    from jgd.methods.optax import from_optax as from_optax
    from jgd.methods.recipes import adam as adam
    from jgd.methods.recipes import conjugate_gradient as conjugate_gradient
    from jgd.methods.recipes import gradient_descent as gradient_descent
    from jgd.methods.recipes import heavy_ball as heavy_ball
    from jgd.methods.recipes import nesterov as nesterov
    from jgd.methods.recipes import ogm as ogm
    from jgd.methods.recipes import svrg as svrg
    from jgd.result import Result as Result
    from jgd.searches.adaptive import adgd as adgd
    from jgd.searches.adaptive import polyak as polyak
    from jgd.searches.armijo import armijo as armijo
    from jgd.searches.barzilai_borwein import barzilai_borwein as barzilai_borwein
    from jgd.searches.exact import exact as exact
    from jgd.searches.fixed import silver as silver
    from jgd.searches.lengths import lengths as lengths
    from jgd.searches.wolfe import wolfe as wolfe
    from jgd.snapshot import Snapshot as Snapshot
    from jgd.study.basins import basins as basins
    from jgd.study.compare import compare as compare
    from jgd.study.curvature import curvature as curvature
    from jgd.study.curvature_plots import slices_figure as slices_figure
    from jgd.study.curvature_plots import spectrum_figure as spectrum_figure
    from jgd.study.explain import explain as explain
    from jgd.study.gauge_plots import rate_figure as rate_figure
    from jgd.study.gauge_plots import sharpness_figure as sharpness_figure
    from jgd.study.multistart import multistart as multistart
    from jgd.study.noise import gradient_noise as gradient_noise
    from jgd.study.shape import convexity as convexity
    from jgd.study.shape import hessian_trace as hessian_trace
    from jgd.study.shape import is_convex_along as is_convex_along
    from jgd.study.shape import spectral_density as spectral_density
    from jgd.study.shape import taylor as taylor
    from jgd.study.standardize import standardize as standardize
    from jgd.study.starts import normal as normal
    from jgd.study.sweep import sweep as sweep
    from jgd.sums import finite_sum as finite_sum

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value = import_module(_MODULES[name])
    elif name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module 'jgd' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
