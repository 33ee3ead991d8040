"""Images of digits as input vectors: scaling, held-out images, mini-batches."""

import numpy as np
import torch

from ..datasets import Dataset

CLASSES = 10


def input_vectors(images: np.ndarray, device: torch.device | str = "cpu") -> torch.Tensor:
    """Images (count, height, width, channels), uint8, as float32 vectors (count, pixels) with values in [0, 1]."""
    return torch.tensor(images, device=device).flatten(1).float().div_(255)


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


def split_sizes(available: int, train: int, held_out: int) -> tuple[int, int]:
    """Numbers of training and validation images when ``available`` exist and at most so many are wanted.

    The first images are the validation set, never more than a fifth of what is available.
    """
    held_out = min(held_out, available // 5)
    return min(train, available - held_out), held_out


def step_size(rate: float, unit: str, x: torch.Tensor) -> float:
    """A learning rate given as it is (``absolute``) or in units of the inverse ``curvature`` of images ``x``.

    The curvature is the largest eigenvalue of the second moments of x (images, inputs), which bounds stable steps.
    """
    if unit == "absolute":
        return rate
    return rate / (torch.linalg.matrix_norm(x, 2).item() ** 2 / len(x))


class MiniBatches:
    """An endless stream of mini-batches of indices, each image once an epoch, from one random stream.

    The last mini-batch of an epoch is shorter where the size does not divide the number of images.
    """

    def __init__(self, images: int, size: int, generator: torch.Generator):
        self.images, self.size, self.generator = images, size, generator
        self.order, self.position = torch.empty(0, dtype=torch.long), 0

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.images // self.size)

    def epochs_of(self, epochs: int, least_steps: int) -> int:
        """``epochs``, or as many as are needed for ``least_steps`` mini-batches."""
        return max(epochs, -(-least_steps // self.steps_per_epoch))

    def next(self) -> torch.Tensor:
        """Indices of the next mini-batch, on the CPU."""
        if self.position >= len(self.order):
            self.order, self.position = torch.randperm(self.images, generator=self.generator), 0
        batch = self.order[self.position : self.position + self.size]
        self.position += self.size
        return batch
