"""Linear algebra that methods share."""
