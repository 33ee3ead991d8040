"""The real data sets, where a folder holds them."""

import numpy as np
import pytest

pytestmark = pytest.mark.official_data


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_official_idx_files_have_their_known_content(official_dataset, name):
    """Reading checks the SHA-256 of all four files; shapes and the balance of classes are public knowledge."""
    data = official_dataset(name)
    assert data.train_images.shape == (60000, 28, 28, 1)
    assert data.test_images.shape == (10000, 28, 28, 1)
    assert not data.stand_in
    counts = np.bincount(data.train_labels)
    assert counts.tolist() == [6000] * 10 if name == "fashion_mnist" else counts.max() == counts[1] == 6742


def test_jpeg_copies_of_cifar10_have_its_classes_and_mean_colour(official_dataset):
    data = official_dataset("cifar10")
    assert data.train_images.shape == (50000, 32, 32, 3)
    assert np.bincount(data.train_labels).tolist() == [5000] * 10
    assert np.bincount(data.test_labels).tolist() == [1000] * 10
    # Mean of CIFAR-10's training images per channel. An image's own mean scatters by about 35, so that the mean of
    # 5000 images scatters by 35 / sqrt(5000); compression changes it by less than 1.
    sample = data.train_images[:5000]
    np.testing.assert_allclose(sample.mean((0, 1, 2)), [125.3, 123.0, 113.9], atol=1 + 4 * 35 / np.sqrt(5000))


def test_lossless_images_of_cifar10_are_a_sample_of_it(official_dataset):
    data = official_dataset("cifar10", "copies_lossless")
    images = np.concatenate([data.train_images, data.test_images])
    assert images.shape == (4000, 32, 32, 3)
    assert data.train_labels is None
    # The means of 4000 images scatter by the standard deviation of an image's mean, about 35, over sqrt(4000).
    np.testing.assert_allclose(images.mean((0, 1, 2)), [125.3, 123.0, 113.9], atol=4 * 35 / np.sqrt(4000))
