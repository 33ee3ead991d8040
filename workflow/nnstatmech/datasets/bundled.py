"""Stand-ins that come with scikit-learn: handwritten digits and crops of two photographs."""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

from .reading import Images, Request, fixed_order
from .sources import Bundled

DIGITS_FOR_TESTING = 297
LARGEST_INK = 16  # of scikit-learn's digits
BANDS = 5  # horizontal bands of a photograph; with two photographs this makes 10 classes
TEST_COLUMNS = 128  # pixels at the right edge of a photograph that only test images show
LUMINANCE = np.array([299, 587, 114]) / 1000  # ITU-R BT.601 weights of red, green and blue


def read(source: Bundled, request: Request) -> Images:
    """The bundled images in a fixed random order."""
    return digits(source.size) if source.content == "digits" else photographs(source)


def digits(size: int) -> Images:
    """scikit-learn's 1797 digits, resized by bicubic interpolation, 1500 for training and 297 for testing."""
    data = load_digits()
    grey = data.images.astype(np.float32) * (255 / LARGEST_INK)
    if size != grey.shape[1]:
        grey = np.stack(
            [np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.BICUBIC)) for one in grey]
        )
    images = np.rint(grey.clip(0, 255)).astype(np.uint8)[..., None]
    labels = data.target.astype(np.int64)
    order = fixed_order(len(images))
    train, test = order[:-DIGITS_FOR_TESTING], order[-DIGITS_FOR_TESTING:]
    return Images(images[train], labels[train], images[test], labels[test])


def photographs(source: Bundled) -> Images:
    """Overlapping crops of scikit-learn's two sample photographs (427 x 640 pixels).

    Each photograph is cut into five horizontal bands; the photograph and the band of a crop make its class,
    a stand-in for CIFAR-10's ten: 0 to 4 from top to bottom of the first photograph, 5 to 9 of the second.
    The right-most 128 columns are kept for testing, so that no pixel is in a training and a test image.
    """
    train, test = [], []
    for photograph in load_sample_images().images:
        for band in np.array_split(photograph, BANDS):
            train.append(crops(band[:, :-TEST_COLUMNS], source.size, source.stride))
            test.append(crops(band[:, -TEST_COLUMNS:], source.size, source.stride))
    train_images, train_labels = shuffled(train)
    test_images, test_labels = shuffled(test)
    if source.grey:
        train_images, test_images = luminance(train_images), luminance(test_images)
    return Images(train_images, train_labels, test_images, test_labels)


def crops(region: np.ndarray, size: int, stride: int) -> np.ndarray:
    """All ``size`` x ``size`` crops of ``region`` at multiples of ``stride``, shape (crops, size, size, 3)."""
    windows = np.lib.stride_tricks.sliding_window_view(region, (size, size), axis=(0, 1))[::stride, ::stride]
    return np.moveaxis(windows, 2, -1).reshape(-1, size, size, region.shape[-1])


def shuffled(classes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The images of all classes and their labels, in a fixed random order."""
    labels = np.repeat(np.arange(len(classes)), [len(images) for images in classes])
    order = fixed_order(len(labels))
    return np.concatenate(classes)[order], labels[order]


def luminance(images: np.ndarray) -> np.ndarray:
    """One channel of luminance."""
    return np.rint(images @ LUMINANCE).astype(np.uint8)[..., None]
