"""Checkpoints: a run in a folder, from which it goes on to the bit, and its history in a file."""
