"""Which runs ended at the same point, however they are ordered."""

import numpy as np


def clustered(
    points: np.ndarray, values: np.ndarray, grad_norms: np.ndarray, reach: np.ndarray, rounding: float
) -> list[np.ndarray]:
    """Groups of rows of `points`, (runs, n), that are one point, each led by its lowest.

    The lowest of all leads the first group, which are the ends that are the same as it; the lowest of those
    that are left leads the next, and so on. Two ends are the same where no entry of x differs by more than
    `reach`, (n,), and their values by no more than `rounding` max(1, |f|) and what a convex function with
    such gradients can change by over that distance: max |grad| |x - x'|_1.
    """
    left = np.lexsort((*points.T[::-1], values))
    groups = []
    while left.size:
        leader = left[0]
        apart = np.abs(points[left] - points[leader])
        slope = np.maximum(grad_norms[left], grad_norms[leader])
        allowed = rounding * max(1.0, abs(float(values[leader]))) + slope * apart.sum(axis=1)
        same = (apart <= reach).all(axis=1) & (values[left] - values[leader] <= allowed)
        groups.append(left[same])
        left = left[~same]
    return groups
