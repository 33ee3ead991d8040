"""What the readers of all kinds of sources share."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import DataError


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

    def existing(self, path: str) -> Path:
        """The local file or folder ``path``.

        Raises
        ------
        DataError
            If there is none; it says where to put it.
        """
        local = self.data_dir / path
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


def check_content(content: bytes, expected: str | None) -> None:
    """Raise :class:`Unusable` unless the SHA-256 of ``content`` is ``expected`` (None: anything goes)."""
    if expected is not None:
        actual = hashlib.sha256(content).hexdigest()
        if actual != expected:
            raise Unusable.digest(actual, expected)


@dataclass(frozen=True)
class Images:
    """What a reader returns: uint8 images of shape (n, height, width, channels) and int64 labels or None."""

    train_images: np.ndarray
    train_labels: np.ndarray | None
    test_images: np.ndarray
    test_labels: np.ndarray | None


def fixed_order(count: int) -> np.ndarray:
    """A permutation of ``count`` items that never changes.

    ``RandomState`` is legacy, and for that reason NumPy guarantees its numbers for all versions.
    """
    return np.random.RandomState(0).permutation(count)


def held_out(labels: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Ascending indices for training and for testing: a fixed random ``share`` of every class is for testing.

    A class of two or more images is on both sides.
    """
    testing = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(max(1, round(share * len(members))), len(members) - 1)
        testing.append(members[fixed_order(len(members))[:count]])
    test = np.sort(np.concatenate(testing))
    return np.setdiff1d(np.arange(len(labels)), test), test
