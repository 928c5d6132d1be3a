"""Strict in the tests: float64 at hand, no silent promotion; warnings are errors by pyproject.toml."""

from collections.abc import Iterator

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(scope="module", autouse=True)
def _programs_forgotten() -> Iterator[None]:
    """A module's compiled programs go with it: XLA keeps memory maps for each, and a process may hold 65,530."""
    yield
    jax.clear_caches()


LEFT = """
methods/test_as_optax.py::test_the_steps_are_those_of_the_run[bfgs]
methods/test_as_optax.py::test_the_steps_are_those_of_the_run[conjugate_gradient]
methods/test_as_optax.py::test_the_steps_are_those_of_the_run[trust_region]
methods/test_memory.py::test_a_run_takes_the_copies_of_x_that_its_docstring_says[barzilai_borwein]
methods/test_memory.py::test_a_run_takes_the_copies_of_x_that_its_docstring_says[conjugate_gradient]
methods/test_memory.py::test_a_run_takes_the_copies_of_x_that_its_docstring_says[lbfgs-3]
methods/test_memory.py::test_a_run_takes_the_copies_of_x_that_its_docstring_says[newton_cg]
methods/test_memory.py::test_a_run_takes_the_copies_of_x_that_its_docstring_says[trust_region_cg]
models/test_data.py::test_three_classes_and_mini_batches_of_sparse_rows
models/test_regressions.py::test_logistic_and_softmax_agree_with_scikit_learn[True]
models/test_regressions.py::test_the_hessian_of_a_model_is_that_of_products[linear-True-7]
models/test_regressions.py::test_the_hessian_of_a_model_is_that_of_products[logistic-True-7]
models/test_standardize.py::test_bounds_go_with_a_diagonal
models/test_standardize.py::test_rows_elsewhere_give_the_same[diagonal]
models/test_standardize.py::test_whitened_quadratics_take_one_step_at_rate_1
study/test_compare.py::test_default_methods_leave_newton_out_where_the_hessian_is_large
study/test_curvature_plots.py::test_where_f_is_not_finite_a_slice_has_a_gap_that_is_shaded
sums/test_batches.py::test_a_comparison_counts_steps_by_all_examples_and_an_explanation_is_refused
sums/test_batches.py::test_reported_work_is_executed_work[armijo]
sums/test_batches.py::test_reported_work_is_executed_work[trust_region_cg]
sums/test_full.py::test_a_run_in_blocks_is_the_run_of_the_function_written_out[trust_region_cg]
sums/test_several_devices.py::test_two_processes_make_the_runs_of_one[two]
sums/test_streams.py::test_a_file_that_is_gone_is_an_error_outside_of_runs_too
sums/test_streams.py::test_a_run_from_a_file_can_be_explained
sums/test_streams.py::test_a_run_from_a_file_is_the_run_in_memory[newton_cg]
sums/test_streams.py::test_mini_batches_from_a_file_are_those_in_memory
sums/test_svrg.py::test_in_scaled_variables_a_step_is_the_square_of_the_scale_as_long
sums/test_svrg.py::test_reported_work_is_the_examples_that_were_read
sums/test_svrg.py::test_the_steps_are_those_of_numpy[ragged-1]
sums/test_svrg.py::test_the_steps_are_those_of_numpy[weights-1]
"""
"""Tests that take seconds and have a sibling that is quicker: left for the slow run."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is left for the slow run."""
    left = set(LEFT.split())
    for item in items:
        if item.nodeid.removeprefix("tests/") in left:
            item.add_marker(pytest.mark.slow)
