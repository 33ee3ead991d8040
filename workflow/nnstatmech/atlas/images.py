"""Images as the networks of the atlas see them: small, grey and standardised."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..cascades.images import grey_inputs
from ..datasets import Dataset
from ..probe.checks import ProbeError
from ..seeding import numpy_stream

MOST_IMAGES = 10_000  # of the training images


class Part(NamedTuple):
    """Training images (n, 1, side, side) and labels (n,), and those of the test."""

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor


def standardised(dataset: Dataset, side: int, test_images: int) -> Part:
    """Grey images at ``side`` pixels, with the mean and the variance of the training images' pixels at 0 and 1.

    Raises
    ------
    ProbeError
        If the images have no labels.
    """
    if dataset.train_labels is None or dataset.test_labels is None:
        raise ProbeError(f"{dataset.description} has no labels to train on")
    chosen = numpy_stream(0, "atlas", "training images").permutation(len(dataset.train_images))[:MOST_IMAGES]
    train = grey(dataset.train_images[chosen], side)
    test = grey(dataset.test_images[:test_images], side)
    mean, deviation = train.mean(), train.std()
    return Part(
        (train - mean) / deviation,
        torch.from_numpy(dataset.train_labels[chosen]).long(),
        (test - mean) / deviation,
        torch.from_numpy(dataset.test_labels[:test_images]).long(),
    )


def grey(images: np.ndarray, side: int) -> Tensor:
    """Grey images (n, 1, side, side) in [0, 1] of uint8 ones (n, h, w, c)."""
    return grey_inputs(images, side).unflatten(1, (1, side, side))
