"""Experiments: statements about gradient descent, and benchmarks against peers."""
