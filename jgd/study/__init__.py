"""Studies of runs: comparisons of methods, their tables, figures and provenance."""
