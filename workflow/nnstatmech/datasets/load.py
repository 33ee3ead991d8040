"""Reads a data set from any source, checks it and says what it is."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np

from ..storage.progress import no_progress
from . import bundled, cifar_binary, idx, image_folder, npz
from .dataset import Dataset
from .official import RELEASES
from .reading import Images, Request
from .sources import Bundled, CifarBinary, Idx, ImageFolder, Npz, Source

READERS = {
    Bundled: bundled.read,
    Idx: idx.read,
    CifarBinary: cifar_binary.read,
    ImageFolder: image_folder.read,
    Npz: npz.read,
}
DIGITS_SIDE = 8  # pixels of scikit-learn's digits as they come


def load(
    name: str,
    source: Source,
    data_dir: str | PathLike,
    download: bool = True,
    progress: Callable = no_progress,
) -> Dataset:
    """The data set ``name`` from ``source``.

    Parameters
    ----------
    name
        The name that experiments use: ``mnist``, ``fashion_mnist``, ``cifar10``, ``digits`` or your own.
    source
        Where it comes from, one of the models of :mod:`nnstatmech.datasets.sources`.
    data_dir
        Folder that the source's paths are relative to and that downloads go to.
    download
        Whether official files that are missing may be downloaded.
    progress
        A factory of progress bars with tqdm's signature.

    Raises
    ------
    DataError
        In one line: what is missing, damaged or not what it should be, and what to do.
    """
    request = Request(name, Path(data_dir), download, progress)
    whole = READERS[type(source)](source, request)
    check(whole, request)
    classes = count_classes(whole, request)
    images = limited(whole, source)
    return Dataset(
        name=name,
        train_images=images.train_images,
        train_labels=images.train_labels,
        test_images=images.test_images,
        test_labels=images.test_labels,
        description=source.description or describe(name, source),
        stand_in=is_stand_in(name, source) if source.stand_in is None else source.stand_in,
        classes=classes,
    )


def limited(images: Images, source: Source) -> Images:
    """The leading images, as many as the source's limits allow."""
    train, test = slice(source.limit_train), slice(source.limit_test)
    return Images(
        images.train_images[train],
        None if images.train_labels is None else images.train_labels[train],
        images.test_images[test],
        None if images.test_labels is None else images.test_labels[test],
    )


def check(images: Images, request: Request) -> None:
    """Refuse empty sets, labels that do not fit, and training and test images of different shapes."""
    for part in ("train", "test"):
        pixels, labels = getattr(images, f"{part}_images"), getattr(images, f"{part}_labels")
        if not len(pixels):
            raise request.error(f"the source has no {part} images")
        if labels is not None and len(labels) != len(pixels):
            raise request.error(f"there are {len(pixels)} {part} images but {len(labels)} {part} labels")
    train, test = images.train_images.shape[1:], images.test_images.shape[1:]
    if 0 in train:
        raise request.error(f"its images have no pixels: their shape is {train}")
    if train != test:
        raise request.error(f"training images have the shape {train}, test images {test}; they must be equal")


def count_classes(images: Images, request: Request) -> int | None:
    """Number of classes of a labelled set, whose labels must be 0, 1, 2, … without a gap.

    Tasks give every label up to the largest an output of its own, and choose images by their label.
    """
    if images.classes is not None or images.train_labels is None:
        return images.classes
    if images.test_labels is None:
        raise request.error("its training images have labels, its test images have none")
    found = np.unique(images.train_labels)
    classes = len(found)
    if found[-1] != classes - 1:
        shown = [*found[:4], "…", *found[-2:]] if classes > 8 else found
        raise request.error(
            f"the training labels are {', '.join(map(str, shown))}; they must be 0, 1, 2, … without a gap, here 0 to "
            f"{classes - 1}: renumber them"
        )
    unknown = np.setdiff1d(images.test_labels, found)
    if len(unknown):
        raise request.error(f"the test label {unknown[0]} is none of the training labels 0 to {classes - 1}")
    return classes


def title(name: str) -> str:
    """How captions call a data set."""
    return RELEASES[name].title if name in RELEASES else name


def is_stand_in(name: str, source: Source) -> bool:
    """Whether the images may not be those that a name of the papers promises."""
    return name in RELEASES and getattr(source, "release", None) != name


def describe(name: str, source: Source) -> str:
    """One phrase for captions and footers."""
    release = getattr(source, "release", None)
    if isinstance(source, Bundled):
        phrase = f"scikit-learn {source.content}"
        if source.content == "digits" and source.size != DIGITS_SIDE:
            phrase += ", resized"
        if source.content == "photographs":
            phrase = "crops of scikit-learn's photographs"
    elif release:
        phrase = RELEASES[release].title
    else:
        phrase = f"images of {source.folder if isinstance(source, Idx) else source.path}"
    return f"{phrase}, for {title(name)}" if is_stand_in(name, source) else phrase
