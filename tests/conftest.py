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
checkpoint/test_continuing.py::test_every_method_goes_on_to_the_bit[lbfgs]
checkpoint/test_continuing.py::test_many_runs_that_are_handed_over_too
checkpoint/test_kills.py::test_a_run_that_is_killed_comes_to_the_same_end_to_the_bit[full-2]
cli/test_commands.py::test_an_interrupt_of_other_commands_exits_130_in_the_midst_of_a_compiled_loop
cli/test_commands.py::test_exit_codes_of_runs_that_end_otherwise[3-MAX_STEPS-arguments0]
cli/test_commands.py::test_exit_codes_of_runs_that_end_otherwise[5-SEARCH_FAILED-arguments2]
driver/test_blocks.py::test_a_run_ends_at_the_largest_count_of_steps[100-recorder2]
driver/test_blocks.py::test_results_do_not_depend_on_the_length_of_a_block[converging]
driver/test_blocks.py::test_results_do_not_depend_on_the_length_of_a_block[oscillating]
driver/test_bounds.py::test_the_answer_is_scipys_and_every_point_is_inside[adam]
driver/test_bounds.py::test_the_answer_is_scipys_and_every_point_is_inside[barzilai_borwein]
driver/test_bounds.py::test_the_answer_is_scipys_and_every_point_is_inside[bfgs]
driver/test_bounds.py::test_the_answer_is_scipys_and_every_point_is_inside[default]
driver/test_bounds.py::test_the_answer_is_scipys_and_every_point_is_inside[lbfgs]
driver/test_bounds.py::test_the_answer_is_scipys_and_every_point_is_inside[polak-ribiere]
driver/test_bounds.py::test_the_answer_is_scipys_and_every_point_is_inside[trust_region_cg]
driver/test_chunks.py::test_every_kind_of_run[mini-batches]
driver/test_chunks.py::test_every_method[lbfgs]
driver/test_default.py::test_the_method_follows_from_the_number_of_parameters_and_the_summary_says_so[33-trust_region_cg]
driver/test_stopping.py::test_steps_to_and_fro_by_the_last_bits_are_the_limit_of_precision[default]
experiments/test_benchmarks.py::test_it_ends_with_status_1_where_the_two_differ[0.001-False]
geometry/test_convexity.py::test_a_violation_is_found_with_its_lambda_and_the_point_where[double_well-x0-1.0]
geometry/test_convexity.py::test_a_violation_is_found_with_its_lambda_and_the_point_where[rosenbrock-x1-1.0]
geometry/test_density.py::test_the_density_is_that_of_the_eigenvalues_within_its_errors[None-float64]
geometry/test_gauge.py::test_every_column_is_what_it_says[method0]
geometry/test_spectrum.py::test_of_a_pytree_the_result_is_that_of_its_ravelled_vector[False]
geometry/test_spectrum.py::test_the_dense_ends_agree_with_eigh_within_their_residuals_on_200_random_matrices
geometry/test_taylor.py::test_the_minimizer_of_degree_2_is_newtons_step[breast-cancer]
geometry/test_taylor.py::test_the_model_and_its_decreases_are_those_of_jax[1]
many/test_handed_over.py::test_the_methods_that_follow_go_on_within_what_is_left[none]
many/test_many.py::test_lanes_that_are_refilled_are_the_runs_one_after_another[newton]
many/test_many.py::test_more_runs_than_are_on_a_device_at_once[64]
many/test_queue.py::test_one_after_another_and_in_lanes[2000-1000000]
methods/test_as_optax.py::test_the_steps_are_those_of_the_run[bfgs]
methods/test_as_optax.py::test_the_steps_are_those_of_the_run[conjugate_gradient]
methods/test_as_optax.py::test_the_steps_are_those_of_the_run[lbfgs]
methods/test_as_optax.py::test_the_steps_are_those_of_the_run[newton]
methods/test_as_optax.py::test_the_steps_are_those_of_the_run[trust_region]
methods/test_memory.py::test_a_run_takes_the_copies_of_x_that_its_docstring_says[barzilai_borwein]
methods/test_memory.py::test_a_run_takes_the_copies_of_x_that_its_docstring_says[conjugate_gradient]
methods/test_memory.py::test_a_run_takes_the_copies_of_x_that_its_docstring_says[lbfgs-10]
methods/test_memory.py::test_a_run_takes_the_copies_of_x_that_its_docstring_says[lbfgs-3]
methods/test_memory.py::test_a_run_takes_the_copies_of_x_that_its_docstring_says[newton_cg]
methods/test_memory.py::test_a_run_takes_the_copies_of_x_that_its_docstring_says[trust_region_cg]
methods/test_quasi_newton.py::test_lbfgs_is_bfgs_of_the_last_pairs_from_the_newest_scale[1]
methods/test_quasi_newton.py::test_lbfgs_is_bfgs_of_the_last_pairs_from_the_newest_scale[8]
methods/test_residuals.py::test_the_minimum_is_scipys[levenberg_marquardt]
methods/test_scaled.py::test_it_is_the_run_in_scaled_variables[default]
methods/test_scaled.py::test_it_is_the_run_in_scaled_variables[lbfgs]
methods/test_scaled.py::test_it_is_the_run_in_scaled_variables[newton_cg]
methods/test_scaled.py::test_it_is_the_run_in_scaled_variables[trust_region_cg]
models/test_data.py::test_a_sparse_model_is_the_dense_one[csr]
models/test_data.py::test_no_run_on_separable_data_is_called_converged_without_a_word[None]
models/test_data.py::test_no_run_on_separable_data_is_called_converged_without_a_word[lbfgs]
models/test_data.py::test_three_classes_and_mini_batches_of_sparse_rows
models/test_estimator.py::test_any_method_is_a_solver[jgd]
models/test_estimator.py::test_float32_stays_float32_and_all_else_is_float64_whatever_jax_is_set_to[float32]
models/test_estimator.py::test_it_finds_what_scikit_learn_finds[load_iris-None-True]
models/test_estimator.py::test_it_passes_the_checks_of_scikit_learn_that_are_not_kept_for_old_times_sake
models/test_regressions.py::test_logistic_and_softmax_agree_with_scikit_learn[True]
models/test_regressions.py::test_the_hessian_of_a_model_is_that_of_products[linear-True-7]
models/test_regressions.py::test_the_hessian_of_a_model_is_that_of_products[logistic-True-7]
models/test_regressions.py::test_the_reference_optimum_of_breast_cancer[default-0.01-20.204625673-100]
models/test_standardize.py::test_bounds_go_with_a_diagonal
models/test_standardize.py::test_rows_elsewhere_give_the_same[diagonal]
models/test_standardize.py::test_single_precision_stays_what_it_is[diagonal]
models/test_standardize.py::test_whitened_quadratics_take_one_step_at_rate_1
models/test_uncertainty.py::test_the_covariance_is_the_inverse_of_the_weighted_gram_matrix[poisson-sum]
study/test_compare.py::test_default_methods_leave_newton_out_where_the_hessian_is_large
study/test_curvature_plots.py::test_where_f_is_not_finite_a_slice_has_a_gap_that_is_shaded
study/test_explain.py::test_a_flat_valley
sums/test_batches.py::test_a_comparison_counts_steps_by_all_examples_and_an_explanation_is_refused
sums/test_batches.py::test_gradient_descent_takes_the_steps_of_numpy[all]
sums/test_batches.py::test_gradient_descent_takes_the_steps_of_numpy[one]
sums/test_batches.py::test_gradient_descent_takes_the_steps_of_numpy[ragged]
sums/test_batches.py::test_gradient_descent_takes_the_steps_of_numpy[weights]
sums/test_batches.py::test_reported_work_is_executed_work[armijo]
sums/test_batches.py::test_reported_work_is_executed_work[trust_region_cg]
sums/test_full.py::test_a_run_in_blocks_is_the_run_of_the_function_written_out[default]
sums/test_full.py::test_a_run_in_blocks_is_the_run_of_the_function_written_out[lbfgs]
sums/test_full.py::test_a_run_in_blocks_is_the_run_of_the_function_written_out[newton]
sums/test_full.py::test_a_run_in_blocks_is_the_run_of_the_function_written_out[trust_region_cg]
sums/test_full.py::test_value_gradient_products_and_hessian_are_those_of_numpy[mean-None-None-of_one]
sums/test_noise.py::test_it_is_the_mean_square_of_what_single_gradients_differ_by[mean-2000]
sums/test_noise.py::test_the_noise_floor_rises_with_the_rate_up_to_where_steps_do_not_settle
sums/test_several_devices.py::test_two_processes_make_the_runs_of_one[two]
sums/test_streams.py::test_a_file_that_is_gone_is_an_error_outside_of_runs_too
sums/test_streams.py::test_a_run_from_a_file_can_be_explained
sums/test_streams.py::test_a_run_from_a_file_is_the_run_in_memory[newton_cg]
sums/test_streams.py::test_mini_batches_from_a_file_are_those_in_memory
sums/test_streams.py::test_sums_over_files_are_those_of_numpy[7-of_one]
sums/test_svrg.py::test_a_run_goes_on_from_a_result_as_if_it_had_never_stopped
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
