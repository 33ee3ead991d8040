"""Images to inputs: labels, standardisation, and the choice of the training images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..datasets import Dataset
from ..seeding import torch_stream


@dataclass(frozen=True)
class Samples:
    """Flattened, standardised images (samples, N_0) and their labels (samples,): ±1, or the integer class."""

    inputs: Tensor
    labels: Tensor


def prepare(dataset: Dataset, labels: str, device: torch.device) -> tuple[Samples, Samples]:
    """Training and test samples of ``dataset``, on ``device``.

    Pixels in [0, 1] are centred and divided by (standard deviation + 1e-5): one mean and one deviation of the whole
    training set, or one for each colour. The test set takes the same constants.

    Parameters
    ----------
    labels
        ``odd_even``: odd classes are +1, even ones −1. ``ten_classes``: the class itself.

    Raises
    ------
    ValueError
        If the data set has no labels.
    """
    if dataset.train_labels is None or dataset.test_labels is None:
        raise ValueError(f"{dataset.name}: the images have no labels, and training needs them")
    axes = (0, 1, 2)
    mean = dataset.train_images.mean(axes, dtype=np.float64) / 255
    deviation = dataset.train_images.std(axes, dtype=np.float64) / 255

    def samples(images: np.ndarray, classes: np.ndarray) -> Samples:
        scale, shift = 1 / (255 * (deviation + 1e-5)), mean / (deviation + 1e-5)
        inputs = images.astype(np.float32)
        inputs *= scale.astype(np.float32)
        inputs -= shift.astype(np.float32)
        targets = torch.from_numpy(np.asarray(classes, dtype=np.int64))
        if labels == "odd_even":
            targets = (2 * (targets % 2) - 1).float()
        return Samples(torch.from_numpy(inputs).flatten(1).to(device), targets.to(device))

    return (
        samples(dataset.train_images, dataset.train_labels),
        samples(dataset.test_images, dataset.test_labels),
    )


def training_rows(available: int, wanted: int | None, seeds: Sequence[int], subset_seed: int | None) -> Tensor:
    """Which training images each replica sees: row numbers (replicas, P).

    The images are shuffled once, with ``subset_seed`` or else with the replica's own seed, and the first P are taken
    (all, where there are fewer).
    """
    count = available if wanted is None else min(wanted, available)

    def rows(seed: int) -> Tensor:
        return torch.randperm(available, generator=torch_stream(seed, "subset"))[:count]

    if subset_seed is not None:
        return rows(subset_seed).expand(len(seeds), -1)
    return torch.stack([rows(seed) for seed in seeds])
