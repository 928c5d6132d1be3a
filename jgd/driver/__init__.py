"""The loop: it evaluates, decides and records, and knows no method by name."""
