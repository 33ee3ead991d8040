"""A prepared data set: plain NumPy arrays in one file, whole or absent, verified when read, and its facts in another.

The small file of facts is what runs depend on: Snakemake compares the content of small files, so that a new date of
the large one, or preparing the same images again, re-runs nothing.
"""

import hashlib
import json
from os import PathLike

import numpy as np

from ..storage.whole_files import whole_file
from .dataset import Dataset
from .errors import DataError

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
FACTS = ("name", "description", "stand_in", "classes")


def content_digest(facts: bytes, arrays: dict[str, np.ndarray]) -> bytes:
    """SHA-256 over names, types, shapes and values."""
    digest = hashlib.sha256(facts)
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data)
    return digest.digest()


def save(dataset: Dataset, path: str | PathLike) -> str:
    """Write ``dataset`` as an uncompressed ``.npz`` with a checksum of its content, which is returned.

    The file is read back with verification before it takes its place: no reader ever sees half a file.
    """
    facts = json.dumps({key: getattr(dataset, key) for key in FACTS}).encode()
    arrays = {key: getattr(dataset, key) for key in ARRAYS if getattr(dataset, key) is not None}
    digest = content_digest(facts, arrays)
    with whole_file(path) as part:
        with part.open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                facts=np.frombuffer(facts, np.uint8),
                digest=np.frombuffer(digest, np.uint8),
                **arrays,
            )
        read(part)
    return digest.hex()


def save_facts(dataset: Dataset, digest: str, path: str | PathLike) -> None:
    """Write what a plan and a join must know of a prepared set as JSON.

    Parameters
    ----------
    digest
        Of its content, as :func:`save` gives it.
    """
    facts = {key: getattr(dataset, key) for key in FACTS} | {
        "digest": digest,
        "shape": list(dataset.train_images.shape[1:]),
        "train_images": len(dataset.train_images),
        "test_images": len(dataset.test_images),
    }
    with whole_file(path) as part:
        part.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_facts(path: str | PathLike) -> dict:
    """What :func:`save_facts` wrote.

    Raises
    ------
    DataError
        If it is something else.
    """
    try:
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
        if not {*FACTS, "digest"} <= set(facts):
            raise ValueError("facts are missing")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{path} does not describe a prepared data set ({error}); make it again: rm '{path}', then snakemake "
            f"'{path}'"
        ) from error
    return facts


def read(path: str | PathLike, digest: str | None = None) -> Dataset:
    """The data set that :func:`save` wrote, verified.

    Parameters
    ----------
    digest
        What :func:`save` returned for the set that is meant; any set by default.

    Raises
    ------
    DataError
        If the file is truncated, altered, another set or was not written by :func:`save`.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        facts, found = arrays.pop("facts").tobytes(), arrays.pop("digest").tobytes()
        if content_digest(facts, arrays) != found:
            raise ValueError("its checksum does not fit its content")
        if digest is not None and found.hex() != digest:
            raise ValueError(f"its content is {found.hex()[:16]}, that of the facts beside it {digest[:16]}")
        return Dataset(
            **json.loads(facts),
            train_images=arrays["train_images"],
            train_labels=arrays.get("train_labels"),
            test_images=arrays["test_images"],
            test_labels=arrays.get("test_labels"),
        )
    except FileNotFoundError:
        raise
    except Exception as error:  # damaged headers of zip members and arrays raise nearly anything
        raise DataError(
            f"{path} is no whole prepared data set ({error}); make it again: rm '{path}', then snakemake '{path}'"
        ) from error
