"""Small labelled images for tests of the learning tasks."""

import numpy as np
from sklearn.datasets import load_digits

from nnstatmech.datasets import Dataset


def small_digits(train: int = 240, test: int = 60) -> Dataset:
    """scikit-learn's 8×8 digits as they come."""
    digits = load_digits()
    images = np.round(digits.images * 255 / 16).astype(np.uint8)[..., None]
    labels = digits.target.astype(np.int64)
    return Dataset(
        name="digits",
        train_images=images[:train],
        train_labels=labels[:train],
        test_images=images[train : train + test],
        test_labels=labels[train : train + test],
        description="digits",
        stand_in=True,
    )
