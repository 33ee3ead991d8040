"""What the readers of all kinds of sources share."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import DataError
from .names import local_path

GIB = 1 << 30
LARGEST_FILE = GIB // 4  # bytes of one image file, unpacked
LARGEST_PART = 4 * GIB  # bytes of the images of one part, as uint8 values


class Unusable(ValueError):
    """What is wrong with the content of a file; the caller names the file and the mend."""

    @classmethod
    def digest(cls, actual: str, expected: str) -> "Unusable":
        return cls(f"has SHA-256 {actual}, not {expected}: it is damaged or another version")


@dataclass(frozen=True)
class Request:
    """Who asks for images and how they may be got.

    Attributes
    ----------
    name
        The data set's name, which opens every message.
    data_dir
        Folder that the paths of a source are relative to.
    download
        Whether missing official files may be downloaded.
    progress
        A factory of progress bars with tqdm's signature.
    """

    name: str
    data_dir: Path
    download: bool
    progress: Callable

    def error(self, message: str) -> DataError:
        """An error that names the data set."""
        return DataError(f"{self.name}: {message}")

    def local(self, path: str) -> Path:
        """Where the file or folder ``path`` of a source is, or will be.

        Raises
        ------
        DataError
            If it names a home folder or a variable that does not exist.
        """
        try:
            return local_path(self.data_dir, path)
        except DataError as error:
            raise self.error(str(error)) from error

    def existing(self, path: str) -> Path:
        """The local file or folder ``path``.

        Raises
        ------
        DataError
            If there is none; it says where to put it.
        """
        local = self.local(path)
        if not local.exists():
            raise self.error(
                f"there is no {local}; put it there, name its folder with --config data_dir=..., "
                "or use --config data=bundled"
            )
        return local

    def check_file(self, path: Path, expected: str | None) -> None:
        """Refuse the file ``path`` unless its SHA-256 is ``expected`` (None: anything goes)."""
        if expected is not None:
            with open(path, "rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
            if actual != expected:
                raise self.damaged(path, Unusable.digest(actual, expected))

    def damaged(self, path: Path, reason: Exception | str) -> DataError:
        """The error of a local file that cannot be used."""
        return self.error(f"{path} {reason}; remove it and get it again")


def readable(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"


def check_size(size: int, limit: int, what: str) -> None:
    """Refuse what would take more than ``limit`` bytes; nothing has been unpacked yet."""
    if size > limit:
        raise Unusable(f"has {what} of {readable(size)} unpacked; at most {readable(limit)} are read")


def check_content(content: bytes, expected: str | None) -> None:
    """Raise :class:`Unusable` unless the SHA-256 of ``content`` is ``expected`` (None: anything goes)."""
    if expected is not None:
        actual = hashlib.sha256(content).hexdigest()
        if actual != expected:
            raise Unusable.digest(actual, expected)


@dataclass(frozen=True)
class Images:
    """What a reader returns: uint8 images of shape (n, height, width, channels) and int64 labels or None.

    ``classes`` is given where the source names its classes, so that a limit cannot hide one.
    """

    train_images: np.ndarray
    train_labels: np.ndarray | None
    test_images: np.ndarray
    test_labels: np.ndarray | None
    classes: int | None = None


def fixed_order(count: int) -> np.ndarray:
    """A permutation of ``count`` items that never changes.

    ``RandomState`` is legacy, and for that reason NumPy guarantees its numbers for all versions.
    """
    return np.random.RandomState(0).permutation(count)


def held_out(labels: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Ascending indices for training and for testing: a fixed random ``share`` of every class is for testing.

    A class of two or more images is on both sides.

    Raises
    ------
    Unusable
        If nothing is left for testing, because no class has two images.
    """
    testing = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(max(1, round(share * len(members))), len(members) - 1)
        testing.append(members[fixed_order(len(members))[:count]])
    test = np.sort(np.concatenate(testing))
    if not len(test):
        raise Unusable(
            f"has {len(labels)} image{'s' * (len(labels) > 1)} and none of the same class to hold out for testing; "
            "at least one class needs two"
        )
    return np.setdiff1d(np.arange(len(labels)), test), test
