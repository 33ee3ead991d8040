"""Arrays in an ``.npz`` file; pickled objects are refused."""

import math
import zipfile
from pathlib import Path

import numpy as np

from .archives import check_zip
from .reading import LARGEST_PART, Images, Request, Unusable, held_out
from .sources import Npz

CHANNELS = (1, 3)


def read(source: Npz, request: Request) -> Images:
    """The arrays of the file, in its order; without test images a fixed random share is held out."""
    path = request.existing(source.path)
    request.check_file(path, source.sha256)
    keys = [key for key in (source.images, source.labels, source.test_images, source.test_labels) if key is not None]
    arrays = read_arrays(path, keys, request)
    images = as_images(arrays[source.images], source.images, path, request)
    labels = as_labels(arrays, source.labels, len(images), path, request)
    if source.test_images is not None:
        test_images = as_images(arrays[source.test_images], source.test_images, path, request)
        return Images(
            images, labels, test_images, as_labels(arrays, source.test_labels, len(test_images), path, request)
        )
    try:
        train, test = held_out(np.zeros(len(images), int) if labels is None else labels, source.test_share)
    except Unusable as error:
        raise request.error(f"{path} {error}") from error
    if labels is None:
        return Images(images[train], None, images[test], None)
    return Images(images[train], labels[train], images[test], labels[test])


def read_arrays(path: Path, keys: list[str], request: Request) -> dict[str, np.ndarray]:
    """The arrays ``keys`` of the file ``path``."""
    try:
        with open(path, "rb") as file:
            stored = np.lib.npyio.NpzFile(file, allow_pickle=False)
            check_zip(archive_of(stored), LARGEST_PART)
            missing = [key for key in keys if key not in stored.files]
            arrays = {key: read_array(stored, key) for key in keys if key in stored.files}
    except Unusable as error:
        raise request.error(f"{path} {error}") from error
    except Exception as error:  # pickled objects: ValueError; damaged headers raise nearly anything
        raise request.error(
            f"{path} cannot be read ({error}); it must be an .npz file of plain arrays, nothing pickled"
        ) from error
    if missing:
        raise request.error(f"{path} has no array {missing[0]!r}; it has {', '.join(stored.files)}")
    return arrays


def archive_of(stored: np.lib.npyio.NpzFile) -> zipfile.ZipFile:
    """The zip file that holds the arrays; NumPy lets go of it when ``stored`` is closed."""
    if stored.zip is None:
        raise ValueError("the file is closed")
    return stored.zip


def read_array(stored: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    """One array, after checking that its member is as long as its header announces: NumPy would make room first."""
    archive = archive_of(stored)
    member = archive.getinfo(key if key in archive.NameToInfo else f"{key}.npy")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize > member.file_size:
        raise Unusable(f"has the array {key!r}, which announces the shape {shape} but is shorter")
    return stored[key]


def as_images(array: np.ndarray, key: str, path: Path, request: Request) -> np.ndarray:
    """Images of shape (n, height, width, channels)."""
    fits = array.ndim == 3 or (array.ndim == 4 and array.shape[-1] in CHANNELS)
    if array.dtype != np.uint8 or not fits or not len(array):
        raise request.error(
            f"array {key!r} of {path} is {array.dtype} of shape {array.shape}; it must hold uint8 images in the shape "
            "(n, height, width) or (n, height, width, 1 or 3)"
        )
    return array if array.ndim == 4 else array[..., None]


def as_labels(arrays: dict, key: str | None, count: int, path: Path, request: Request) -> np.ndarray | None:
    """The labels ``key`` of ``count`` images, or None without a key."""
    if key is None:
        return None
    array = arrays[key]
    fits = array.shape == (count,) and np.issubdtype(array.dtype, np.integer)
    if not fits or array.min() < 0 or array.max() > np.iinfo(np.int64).max:
        raise request.error(
            f"array {key!r} of {path} is {array.dtype} of shape {array.shape}; it must hold one integer >= 0 for each "
            f"of the {count} images"
        )
    return array.astype(np.int64)
