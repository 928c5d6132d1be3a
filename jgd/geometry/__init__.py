"""The shape of an objective: its curvature, and what follows from it for methods of descent."""
