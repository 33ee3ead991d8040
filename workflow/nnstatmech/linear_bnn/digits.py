"""Images of digits as input vectors: scaling, held-out images, mini-batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..datasets import Dataset

CLASSES = 10


def input_vectors(images: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Images (count, height, width, channels), uint8, as float32 vectors (count, pixels) with values in [0, 1]."""
    return torch.tensor(images, device=device).flatten(1).float().div_(255)


def require(dataset: Dataset | None) -> Dataset:
    """The data set of a task that needs one.

    Raises
    ------
    ValueError
        If there is none.
    """
    if dataset is None:
        raise ValueError("this task reads images; give it a data set")
    return dataset


def labels_of(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Training and test labels.

    Raises
    ------
    ValueError
        If the data set has none.
    """
    if dataset.train_labels is None or dataset.test_labels is None:
        raise ValueError(f"{dataset.description} has no labels; this task learns from labelled images")
    return dataset.train_labels, dataset.test_labels


@dataclass(frozen=True)
class LabelledDigits:
    """Images to train on, and those to measure on.

    Attributes
    ----------
    x, labels
        Training images as vectors (images, pixels), and their labels (images,).
    splits
        The same pair for ``train`` (the first of the training images, as many as there are in ``validation``),
        ``validation`` and ``test``.
    """

    x: Tensor
    labels: Tensor
    splits: dict[str, tuple[Tensor, Tensor]]


def labelled_digits(dataset: Dataset, train_images: int, validation_images: int, device) -> LabelledDigits:
    """At most so many training and validation images of a data set, and all of its test images.

    The first images are the validation set, never more than a fifth of what is available.

    Raises
    ------
    ValueError
        If the data set has no labels.
    """
    train_labels, test_labels = labels_of(dataset)
    held_out = min(validation_images, len(train_labels) // 5)
    used = held_out + min(train_images, len(train_labels) - held_out)
    x = input_vectors(dataset.train_images[:used], device)
    labels = torch.as_tensor(train_labels[:used], device=device)
    splits = {
        "train": (x[held_out:][:held_out], labels[held_out:][:held_out]),
        "validation": (x[:held_out], labels[:held_out]),
        "test": (input_vectors(dataset.test_images, device), torch.as_tensor(test_labels, device=device)),
    }
    return LabelledDigits(x[held_out:], labels[held_out:], splits)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Fraction of images whose largest logit is the label's, float64, for logits (..., images, classes)."""
    return (logits.argmax(-1) == labels).double().mean(-1)


def step_size(rate: float, unit: str, x: Tensor) -> float:
    """A learning rate given as it is (``absolute``) or in units of the inverse ``curvature`` of images ``x``.

    The curvature is the largest eigenvalue of the second moments of x (images, inputs), which bounds stable steps.
    """
    if unit == "absolute":
        return rate
    return rate / (torch.linalg.matrix_norm(x, 2).item() ** 2 / len(x))


class MiniBatches:
    """An endless stream of mini-batches of indices for networks side by side, each image once an epoch.

    The last mini-batch of an epoch is shorter where the size does not divide the number of images.

    Parameters
    ----------
    images, size
        Number of images, and how many make a mini-batch.
    generators
        One random stream a seed, which orders the images of its epochs.
    """

    def __init__(self, images: int, size: int, generators: Sequence[torch.Generator]):
        self.images, self.size, self.generators = images, size, generators
        self.orders, self.position = torch.empty(len(generators), 0, dtype=torch.long), 0

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.images // self.size)

    def epochs_of(self, epochs: int, least_steps: int) -> int:
        """``epochs``, or as many as are needed for ``least_steps`` mini-batches."""
        return max(epochs, -(-least_steps // self.steps_per_epoch))

    def next(self) -> Tensor:
        """Indices of the next mini-batch of every seed, shape (seeds, size), on the CPU."""
        if self.position >= self.orders.shape[1]:
            orders = [torch.randperm(self.images, generator=generator) for generator in self.generators]
            self.orders, self.position = torch.stack(orders), 0
        batch = self.orders[:, self.position : self.position + self.size]
        self.position += self.size
        return batch
