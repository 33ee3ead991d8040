"""What an engine sees of a data set."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Dataset:
    """Images and labels as NumPy arrays.

    Attributes
    ----------
    name
        The data set of the paper that this stands for: ``mnist``, ``fashion_mnist``, ``cifar10``, ...
    train_images, test_images
        uint8, shape (images, height, width, channels), in the order of the source.
    train_labels, test_labels
        int64, shape (images,), or None where the source has no labels.
    description
        One phrase for captions and footers, e.g. ``MNIST (official)``.
    stand_in
        True if the images are not those that ``name`` promises.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray | None
    test_images: np.ndarray
    test_labels: np.ndarray | None
    description: str
    stand_in: bool
