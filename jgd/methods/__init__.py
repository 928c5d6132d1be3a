"""Methods: what proposes the next point."""
