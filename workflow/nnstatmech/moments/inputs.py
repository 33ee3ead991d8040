"""Batches of normalised images and input noise."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..datasets import Dataset
from ..seeding import numpy_stream
from .params import Propagation


class Batch(NamedTuple):
    """What enters the network: arrays of shape (images, height, width, channels), float32."""

    signal: np.ndarray
    noise: np.ndarray


def normalise(images: np.ndarray) -> np.ndarray:
    """Centre and scale each channel to variance one over images and positions (population variance).

    Raises
    ------
    ValueError
        If a channel is constant: its normalised value would be 0/0.
    """
    images = images.astype(np.float64)
    mean, std = images.mean(axis=(0, 1, 2)), images.std(axis=(0, 1, 2))
    if constant := int((std == 0).sum()):
        raise ValueError(
            f"{constant} of {std.size} input channels are constant over this batch of {len(images)} images, and their"
            " normalisation is 0/0; fully connected networks (kernel_size = 1) take every pixel as a channel: use"
            " images without constant pixels, a larger batch_size, or kernel_size > 1"
        )
    return (images - mean) / std


def independent_draws(images: int, batch_size: int, shape: tuple, seeds: Sequence[int]) -> Iterator[tuple]:
    """Indices of the images and the noise of each realisation, from streams of its own."""
    for seed in seeds:
        indices = numpy_stream(seed, "images").permutation(images)[:batch_size]
        yield indices, numpy_stream(seed, "noise").standard_normal((batch_size, *shape), dtype=np.float32)


def published_draws(images: int, batch_size: int, shape: tuple, seeds: Sequence[int]) -> Iterator[tuple]:
    """Indices and noise of the simulations of the published experiments (Labatie 2019, public code).

    All experiments drew from NumPy's global generator of seed 0, simulation after simulation. Its normal
    variates are found by rejection, so that simulation i can only be reached through all earlier ones: 5 ms
    each for 64 images of CIFAR-10, and ``seeds`` have to ascend.
    """
    stream = np.random.RandomState(0)
    following = 0
    for seed in seeds:
        if seed < following:
            raise ValueError(f"image_stream = 'published': seeds must ascend from 0, got {list(seeds)}")
        for _ in range(following, seed + 1):
            indices = stream.permutation(images)[:batch_size]
            noise = stream.normal(0, 1, (batch_size, *shape))
        following = seed + 1
        yield indices, noise


DRAWS = {"independent": independent_draws, "published": published_draws}


def batches(dataset: Dataset, params: Propagation, seeds: Sequence[int]) -> Iterator[Batch]:
    """The batch of each realisation; flattened to one position for fully connected networks.

    Raises
    ------
    ValueError
        If the data set has fewer images than a batch, or the batch cannot be normalised.
    """
    images = dataset.train_images
    if params.batch_size > len(images):
        raise ValueError(
            f"batch_size = {params.batch_size}: data set {dataset.name!r} ({dataset.description}) has only"
            f" {len(images)} training images"
        )
    draws = DRAWS[params.image_stream](len(images), params.batch_size, images.shape[1:], seeds)
    shape = (params.batch_size, 1, 1, -1) if params.kernel_size == 1 else (params.batch_size, *images.shape[1:])
    for indices, noise in draws:
        try:
            signal = normalise(images[indices].reshape(shape))
        except ValueError as error:
            raise ValueError(f"data set {dataset.name!r} ({dataset.description}): {error}") from error
        yield Batch(signal.astype(np.float32), noise.reshape(shape).astype(np.float32))
