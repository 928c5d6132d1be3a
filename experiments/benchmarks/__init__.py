"""Benchmarks against peers: each a script that prints its figures."""
