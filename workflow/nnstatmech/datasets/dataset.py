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
    classes
        Number of classes: labels are 0, …, ``classes`` - 1. None where there are no labels; by default one more
        than the largest label, which is wrong only where too few images were kept to show every class.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray | None
    test_images: np.ndarray
    test_labels: np.ndarray | None
    description: str
    stand_in: bool
    classes: int | None = None

    def __post_init__(self):
        if self.classes is None and self.train_labels is not None:
            if self.test_labels is None:
                raise ValueError(f"{self.name} has training labels but no test labels")
            largest = max(int(labels.max(initial=-1)) for labels in (self.train_labels, self.test_labels))
            object.__setattr__(self, "classes", largest + 1)
