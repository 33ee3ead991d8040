"""Images to inputs: labels, standardisation, and the choice of the training images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..datasets import Dataset
from ..seeding import torch_stream
from .checks import check_inputs


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
        If the data set has no labels, labels that are no classes 0, 1, … (ten classes: 0 to 9; odd against even: both
        kinds), or a pixel that is not finite.
    """
    if dataset.train_labels is None or dataset.test_labels is None:
        raise ValueError(f"{dataset.name}: the images have no labels, and training needs them")
    check_classes(f"{dataset.name}, training set", dataset.train_labels, labels)
    check_classes(f"{dataset.name}, test set", dataset.test_labels, labels)
    if labels == "odd_even" and len(np.unique(dataset.train_labels % 2)) < 2:
        raise ValueError(f"{dataset.name}: labels: odd_even needs odd and even classes in the training set")
    axes = (0, 1, 2)
    mean = dataset.train_images.mean(axes, dtype=np.float64) / 255
    deviation = dataset.train_images.std(axes, dtype=np.float64) / 255

    def samples(images: np.ndarray, classes: np.ndarray) -> Samples:
        scale, shift = 1 / (255 * (deviation + 1e-5)), mean / (deviation + 1e-5)
        inputs = images.astype(np.float32)
        inputs *= scale.astype(np.float32)
        inputs -= shift.astype(np.float32)
        targets = torch.from_numpy(np.array(classes, dtype=np.int64))
        if labels == "odd_even":
            targets = (2 * (targets % 2) - 1).float()
        flat = torch.from_numpy(inputs).flatten(1)
        check_inputs(flat)
        return Samples(flat.to(device), targets.to(device))

    return (
        samples(dataset.train_images, dataset.train_labels),
        samples(dataset.test_images, dataset.test_labels),
    )


def check_classes(name: str, classes: np.ndarray, labels: str) -> None:
    """Refuse labels that are no classes 0, 1, …, or more than the ten that ``ten_classes`` tells apart."""
    found = np.unique(classes)
    shown = ", ".join(map(str, found[:12].tolist())) + ", …" * (len(found) > 12)
    if not np.issubdtype(found.dtype, np.integer) or (len(found) and found[0] < 0):
        raise ValueError(f"labels of {name}: {shown}; allowed: whole numbers 0, 1, …")
    if labels == "ten_classes" and len(found) and found[-1] > 9:
        raise ValueError(f"labels of {name}: {shown}; allowed for labels: ten_classes: 0 to 9")


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


def random_orders(count: int, generators: Sequence[torch.Generator]) -> Tensor:
    """A random order of 0, …, count − 1 from each generator: (generators, count)."""
    return torch.stack([torch.randperm(count, generator=generator) for generator in generators])


def shuffled(rows: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Every replica's ``rows`` (R, P) in a random order of its own."""
    return rows.gather(1, random_orders(rows.shape[1], generators).to(rows.device))
