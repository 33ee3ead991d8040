"""Images as the networks of this family see them, and the order in which training visits them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..datasets import Dataset
from ..seeding import numpy_stream

# Luma of ITU-R BT.601, with which the original turned CIFAR-10 grey.
GREY_WEIGHTS = (0.299, 0.587, 0.114)


def subset(count: int, at_most: int, name: str) -> np.ndarray:
    """Positions of at most ``at_most`` of ``count`` images, in increasing order.

    The choice is random (sources are often sorted by class) but always the same for one ``name``, so that all
    realisations see the same images.
    """
    if at_most >= count:
        return np.arange(count)
    return np.sort(numpy_stream(0, "image subset", name).permutation(count)[:at_most])


def resized(images: Tensor, resolution: int) -> Tensor:
    """Square images (n, c, h, w) at ``resolution`` pixels a side: area average downwards, bilinear upwards."""
    if images.shape[-2:] == (resolution, resolution):
        return images
    if resolution < images.shape[-1]:
        return interpolate(images, size=(resolution, resolution), mode="area")
    return interpolate(images, size=(resolution, resolution), mode="bilinear", align_corners=False)


def grey_inputs(images: np.ndarray, resolution: int, device: torch.device | str = "cpu") -> Tensor:
    """Grey images in [0, 1] as rows of pixels: uint8 (n, h, w, c) -> float32 (n, resolution²)."""
    tensor = torch.tensor(images, device=device).float().div_(255)
    grey = tensor @ torch.tensor(GREY_WEIGHTS, device=device) if tensor.shape[-1] == 3 else tensor[..., 0]
    return resized(grey.unsqueeze(1), resolution).flatten(1)


def grey_part(
    dataset: Dataset, part: str, at_most: int, resolution: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor | None]:
    """Grey images (n, resolution²) of the ``train`` or ``test`` part, and their labels (n,) if it has any."""
    images, labels = getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")
    chosen = subset(len(images), at_most, part)
    pixels = grey_inputs(images[chosen], resolution, device)
    return pixels, None if labels is None else torch.tensor(labels[chosen], device=device)


def labelled_part(
    dataset: Dataset | None, part: str, at_most: int, resolution: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """:func:`grey_part` of a data set that must have labels.

    Raises
    ------
    ValueError
        If there is no data set, or it has none.
    """
    known = require_labels(dataset)
    pixels, labels = grey_part(known, part, at_most, resolution, device)
    assert labels is not None
    return pixels, labels


@dataclass(frozen=True)
class ColourImages:
    """Colour images, kept as bytes and turned into what a network sees one batch at a time.

    Attributes
    ----------
    pixels
        uint8, shape (n, h, w, 1 or 3).
    resolution
        Pixels a side of what the network sees.
    mean, deviation
        Of each colour, shape (3, 1, 1): a network sees (image - mean) / deviation of an image in [0, 1].
    """

    pixels: Tensor
    resolution: int
    mean: Tensor
    deviation: Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, positions) -> Tensor:
        """Normalised images, float32, shape (positions, 3, resolution, resolution)."""
        images = self.pixels[positions].permute(0, 3, 1, 2).float().div_(255).expand(-1, 3, -1, -1)
        return (resized(images, self.resolution) - self.mean) / self.deviation

    def restore(self, images: Tensor) -> Tensor:
        """From what a network sees, (..., 3, h, w), back to colours in [0, 1]."""
        return (images * self.deviation + self.mean).clamp(0, 1)


def minibatches(seed: int, purpose: str, images: int, batch_size: int, steps: int) -> Tensor:
    """Which images each step of training sees: reshuffled passes over all images, cut into ``steps`` batches.

    Counting steps instead of epochs gives small stand-in data sets as much training as the real ones. A pass that
    does not divide into whole batches goes on in the next one, so every batch is full.

    Returns
    -------
    Tensor
        int64, shape (steps, batch_size).
    """
    stream = numpy_stream(seed, "minibatches", purpose)
    passes = -(-steps * batch_size // images)
    order = np.concatenate([stream.permutation(images) for _ in range(passes)])
    return torch.from_numpy(order[: steps * batch_size].reshape(steps, batch_size))


@dataclass(frozen=True)
class Batches:
    """The minibatches of E networks, each with the order of its seed; they lie where the images do.

    Attributes
    ----------
    images, labels
        Training images (n, ...) and their labels (n,).
    order
        Which images each step shows to the networks of each distinct seed, (steps, seeds, batch).
    owners
        Which of these seeds each network has, (E,).
    steps_of_epoch
        How many minibatches :meth:`of_epoch` gives.
    """

    images: Tensor
    labels: Tensor
    order: Tensor
    owners: Tensor
    steps_of_epoch: int

    @classmethod
    def of(
        cls,
        seeds: Sequence[int],
        purpose: str,
        images: Tensor,
        labels: Tensor,
        batch_size: int,
        steps: int,
        steps_of_epoch: int,
    ) -> "Batches":
        """``steps`` minibatches for the network of each of ``seeds`` (see :func:`minibatches`)."""
        distinct = sorted(set(seeds))
        order = [minibatches(seed, purpose, len(images), batch_size, steps) for seed in distinct]
        owners = torch.tensor([distinct.index(seed) for seed in seeds])
        shown = torch.stack(order, 1)
        return cls(images, labels, shown.to(images.device), owners.to(images.device), steps_of_epoch)

    def of_epoch(self, epoch: int, members: Sequence[int] | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels, (E, batch, ...), of the networks ``members`` (all by default) in an epoch from 1 on."""
        owners = self.owners if members is None else self.owners[list(members)]
        end = epoch * self.steps_of_epoch
        for shown in self.order[end - self.steps_of_epoch : end]:
            yield self.batch(shown[owners])

    def batch(self, shown: Tensor) -> tuple[Tensor, Tensor]:
        """Images and labels at positions (E, batch); where all networks see the same they lie in memory once."""
        if self.order.shape[1] == 1:
            members = len(shown)
            images, labels = self.images[shown[0]], self.labels[shown[0]]
            return images.expand(members, *images.shape), labels.expand(members, -1)
        return self.images[shown], self.labels[shown]


def require_images(dataset: Dataset | None) -> Dataset:
    """The data set; refuses to decode without images."""
    if dataset is None:
        raise ValueError("no data set: reconstructions need images")
    return dataset


def require_labels(dataset: Dataset | None) -> Dataset:
    """The data set; refuses to train a classifier without labelled images."""
    if dataset is None or dataset.train_labels is None or dataset.test_labels is None:
        raise ValueError(f"{'no data set' if dataset is None else dataset.name}: training a classifier needs labels")
    return dataset
