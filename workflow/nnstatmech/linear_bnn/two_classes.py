"""Regression of two classes of images: the training set that posteriors and samplers share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets import Dataset
from .params import TwoClasses


@dataclass(frozen=True)
class TwoClassProblem:
    """Images of norm 1 as rows (P, pixels), targets +1 and -1, and one unseen image of the first class."""

    images: np.ndarray
    targets: np.ndarray
    test_image: np.ndarray


def two_class_problem(params: TwoClasses, dataset: Dataset) -> TwoClassProblem:
    """The first training images of each class and one test image.

    Raises
    ------
    ValueError
        If the data set has no labels or too few images of a class.
    """
    half = params.images // 2
    train = [images_of_class(dataset, "train", label, half) for label in params.classes]
    test = images_of_class(dataset, "test", params.classes[0], params.test_image + 1)
    return TwoClassProblem(np.vstack(train), np.repeat([1.0, -1.0], half), test[-1])


def weight_scales(hidden_widths: Sequence[int], scale: float) -> tuple[float, ...]:
    """Standard deviations of the d weight matrices: ``scale`` in the first, scale / sqrt(fan-in) behind."""
    return (scale, *(scale / np.sqrt(width) for width in hidden_widths))


def network_label(hidden_widths: Sequence[int]) -> str:
    """Name of a network in tables: its hidden widths, as in ``100-5-100``."""
    return "-".join(map(str, hidden_widths))


def images_of_class(dataset, part, label, count):
    images, labels = getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")
    if labels is None:
        raise ValueError(f"{dataset.description} has no labels; two classes are needed")
    found = np.flatnonzero(labels == label)[:count]
    if len(found) < count:
        raise ValueError(f"{dataset.description} has {len(found)} {part} images of class {label}; {count} are needed")
    vectors = images[found].reshape(count, -1).astype(float)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def unit_vectors(
    dataset: Dataset, part: str, classes: Sequence[int], count: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Images of two classes as rows of norm 1 (P, pixels), targets +1 and -1 (P,).

    Parameters
    ----------
    part
        ``train`` or ``test``.
    count
        The first so many images of the two classes; all if None.

    Raises
    ------
    ValueError
        If the data set has no labels or no images of a class.
    """
    labels = getattr(dataset, f"{part}_labels")
    available = [0 if labels is None else int(np.sum(labels == label)) for label in classes]
    first, second = (
        images_of_class(dataset, part, label, max(number, 1)) for label, number in zip(classes, available, strict=True)
    )
    order = np.argsort(np.concatenate([np.flatnonzero(labels == label) for label in classes]), kind="stable")[:count]
    return np.vstack([first, second])[order], np.repeat([1.0, -1.0], available)[order]
