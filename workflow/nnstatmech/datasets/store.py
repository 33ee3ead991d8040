"""A prepared data set as one file: plain NumPy arrays, whole or absent, verified when read."""

import hashlib
import json
from os import PathLike

import numpy as np

from ..storage.whole_files import whole_file
from .dataset import Dataset
from .errors import DataError

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
FACTS = ("name", "description", "stand_in")


def content_digest(facts: bytes, arrays: dict[str, np.ndarray]) -> bytes:
    """SHA-256 over names, types, shapes and values."""
    digest = hashlib.sha256(facts)
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data)
    return digest.digest()


def save(dataset: Dataset, path: str | PathLike) -> None:
    """Write ``dataset`` as an uncompressed ``.npz`` with a checksum of its content.

    The file is read back with verification before it takes its place: no reader ever sees half a file.
    """
    facts = json.dumps({key: getattr(dataset, key) for key in FACTS}).encode()
    arrays = {key: getattr(dataset, key) for key in ARRAYS if getattr(dataset, key) is not None}
    with whole_file(path) as part:
        with part.open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                facts=np.frombuffer(facts, np.uint8),
                digest=np.frombuffer(content_digest(facts, arrays), np.uint8),
                **arrays,
            )
        read(part)


def read(path: str | PathLike) -> Dataset:
    """The data set that :func:`save` wrote, verified.

    Raises
    ------
    DataError
        If the file is truncated, altered or was not written by :func:`save`.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        facts, digest = arrays.pop("facts").tobytes(), arrays.pop("digest").tobytes()
        if content_digest(facts, arrays) != digest:
            raise ValueError("its checksum does not fit its content")
        return Dataset(**json.loads(facts), **{key: arrays.get(key) for key in ARRAYS})
    except FileNotFoundError:
        raise
    except Exception as error:  # damaged headers of zip members and arrays raise nearly anything
        raise DataError(
            f"{path} is no whole prepared data set ({error}); make it again: rm '{path}', then snakemake '{path}'"
        ) from error
