"""How far to go along a direction: one idea a file."""
