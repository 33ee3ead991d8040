"""Batches, their streams and their errors."""

import numpy as np

from nnstatmech.moments.inputs import batches, normalise

from .small import dataset, params


def test_inputs_are_normalised_channel_by_channel():
    for kernel_size in (1, 3):
        settings = params(kernel_size=kernel_size)
        (batch,) = batches(dataset(), settings, [3])
        assert batch.signal.shape == ((8, 1, 1, 192) if kernel_size == 1 else (8, 8, 8, 3))
        np.testing.assert_allclose(batch.signal.mean((0, 1, 2)), 0, atol=1e-6)
        np.testing.assert_allclose(batch.signal.std((0, 1, 2)), 1, atol=1e-6)


def test_published_stream_is_the_legacy_one_of_seed_zero():
    """Simulation i: a permutation of all images, of which the first B are taken, then the noise."""
    data, settings = dataset(), params(image_stream="published")
    np.random.seed(0)  # noqa: NPY002 (the stream in question)
    expected = []
    for _ in range(4):
        indices = np.random.permutation(len(data.train_images))[:8]  # noqa: NPY002
        expected.append((indices, np.random.normal(0, 1, (8, 8, 8, 3))))  # noqa: NPY002
    for seeds in ([0, 1, 2, 3], [3], [1, 2]):
        for seed, batch in zip(seeds, batches(data, settings, seeds), strict=True):
            indices, noise = expected[seed]
            np.testing.assert_allclose(batch.noise, noise, rtol=1e-6)
            np.testing.assert_allclose(batch.signal, normalise(data.train_images[indices]), atol=1e-6)
