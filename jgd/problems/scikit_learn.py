"""The one place that asks scikit-learn for its bundled data."""

import numpy as np


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, p) in float64 and integer classes (n,) of scikit-learn's data set `name`.

    Raises ImportError where scikit-learn is not installed.
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(f'the {name} data come with scikit-learn: pip install "jgd[data]"') from error
    features, classes = getattr(datasets, f"load_{name}")(return_X_y=True)
    return np.asarray(features, float), np.asarray(classes)
