"""The stand-ins that come with scikit-learn."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_sample_images

from nnstatmech.datasets.load import load
from nnstatmech.datasets.sources import Bundled


def rows(images):
    return images.reshape(len(images), -1)


@pytest.fixture(scope="module")
def photographs():
    return load("cifar10", Bundled(content="photographs", size=32), ".")


def test_photographs_are_enough_distinct_colour_patches(photographs):
    assert photographs.train_images.dtype == np.uint8
    assert photographs.train_images.shape[1:] == (32, 32, 3)
    assert len(photographs.train_images) >= 2000
    assert len(np.unique(rows(photographs.train_images), axis=0)) == len(photographs.train_images)
    assert set(photographs.train_labels) == set(photographs.test_labels) == set(range(10))


def test_photographs_share_no_region_between_training_and_testing(photographs):
    """A training crop shows none of the 128 right-most columns, a test crop shows nothing else."""
    scenes = load_sample_images().images
    for images, labels, columns in (
        (photographs.train_images, photographs.train_labels, range(0, 640 - 128 - 31)),
        (photographs.test_images, photographs.test_labels, range(640 - 128, 640 - 31)),
    ):
        for image, label in zip(images[:20], labels[:20], strict=True):
            scene = scenes[label // 5]
            places = [
                (top, left)
                for top, left in np.argwhere((scene[:-31, :-31] == image[0, 0]).all(-1))
                if (scene[top : top + 32, left : left + 32] == image).all()
            ]
            assert places, "a crop must be cut from the photograph of its class"
            assert all(left in columns for _, left in places)
            # A band has 85 or 86 of the 427 rows.
            assert all(label % 5 * 85 <= top and top + 32 <= (label % 5 + 1) * 86 for top, _ in places)


def test_leading_crops_are_a_mixture_of_classes(photographs):
    # 100 draws miss a given class of ten with probability 0.9^100 = 3e-5.
    assert set(photographs.train_labels[:100]) == set(range(10))


def test_grey_is_the_luminance(photographs):
    grey = load("cifar10", Bundled(content="photographs", size=32, grey=True), ".")
    assert grey.train_images.shape[1:] == (32, 32, 1)
    expected = photographs.train_images @ [0.299, 0.587, 0.114]
    assert abs(grey.train_images[..., 0] - expected).max() <= 0.5 + 1e-9
    np.testing.assert_array_equal(grey.train_labels, photographs.train_labels)


def test_native_digits_are_scikit_learns_in_another_order():
    digits = load("digits", Bundled(content="digits", size=8), ".")
    assert (len(digits.train_images), len(digits.test_images)) == (1500, 297)
    data = load_digits()
    images = np.concatenate([digits.train_images, digits.test_images])[..., 0] / 255 * 16
    ours = np.column_stack([rows(images), np.concatenate([digits.train_labels, digits.test_labels])])
    theirs = np.column_stack([data.data, data.target])
    # 256 grey levels for 17 amounts of ink: half a level is 16 / 510.
    np.testing.assert_array_equal(np.unique(np.rint(ours), axis=0), np.unique(theirs, axis=0))
    assert abs(ours - np.rint(ours)).max() <= 16 / 510
    assert not digits.stand_in


def test_resized_digits_keep_their_ink():
    small = load("digits", Bundled(content="digits", size=8), ".")
    large = load("mnist", Bundled(content="digits", size=28), ".")
    assert large.train_images.shape == (1500, 28, 28, 1)
    np.testing.assert_array_equal(large.train_labels, small.train_labels)
    # Smooth interpolation keeps the mean up to what is clipped at black and white.
    ratio = large.train_images.mean((1, 2, 3)) / small.train_images.mean((1, 2, 3))
    assert 0.95 < np.median(ratio) < 1.1
    assert large.stand_in
    assert large.description == "scikit-learn digits, resized, for MNIST"


def test_the_order_is_the_same_each_time(photographs):
    again = load("cifar10", Bundled(content="photographs", size=32), ".")
    np.testing.assert_array_equal(again.train_images, photographs.train_images)
    # The first labels, written down so that another version of a library cannot change them unseen.
    assert photographs.train_labels[:12].tolist() == [4, 1, 8, 0, 3, 4, 1, 4, 9, 5, 0, 6]
    assert load("digits", Bundled(content="digits", size=8), ".").train_labels[:12].tolist() == [
        2,
        8,
        2,
        6,
        6,
        7,
        1,
        9,
        8,
        5,
        2,
        8,
    ]


def test_limits_keep_the_leading_images(photographs):
    few = load("cifar10", Bundled(content="photographs", size=32, limit_train=7, limit_test=3), ".")
    np.testing.assert_array_equal(few.train_images, photographs.train_images[:7])
    np.testing.assert_array_equal(few.test_labels, photographs.test_labels[:3])


@pytest.mark.parametrize(
    "source",
    [
        Bundled(content="digits", size=8),
        Bundled(content="digits", size=8, limit_train=100),
        Bundled(content="photographs", size=32),
        Bundled(content="photographs", size=28, stride=4, grey=True),
        Bundled(content="photographs", size=64, stride=16),
        Bundled(content="photographs", size=32, limit_train=10**6),
    ],
)
def test_a_source_knows_how_many_training_images_it_has(source):
    """Costs are counted for so many, without reading any."""
    assert source.training_images == len(load("cifar10", source, ".").train_images)
