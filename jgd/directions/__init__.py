"""Which way to go: one idea a file."""
