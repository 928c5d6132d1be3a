"""The vocabulary of the whole program: records, points, objectives, statuses."""
