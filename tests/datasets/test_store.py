"""The prepared file: what is written is read, and nothing damaged passes for whole."""

import os

import numpy as np
import pytest

from nnstatmech.datasets import store
from nnstatmech.datasets.dataset import Dataset
from nnstatmech.datasets.errors import DataError


@pytest.fixture
def dataset(rng):
    return Dataset(
        name="own",
        train_images=rng.integers(0, 256, (6, 5, 5, 3), np.uint8),
        train_labels=np.arange(6),
        test_images=rng.integers(0, 256, (2, 5, 5, 3), np.uint8),
        test_labels=np.arange(2),
        description="Bilder für alle",
        stand_in=True,
    )


def assert_equal(one, other):
    for key in store.FACTS:
        assert getattr(one, key) == getattr(other, key)
    for key in store.ARRAYS:
        a, b = getattr(one, key), getattr(other, key)
        assert (a is None) == (b is None)
        if a is not None:
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("labelled", [True, False])
def test_what_is_written_is_read(tmp_path, dataset, labelled):
    if not labelled:
        dataset = Dataset(**vars(dataset) | {"train_labels": None, "test_labels": None})
    store.save(dataset, tmp_path / "below" / "own.npz")
    assert_equal(store.read(tmp_path / "below" / "own.npz"), dataset)
    assert os.listdir(tmp_path / "below") == ["own.npz"]


def test_any_flipped_bit_is_detected_or_harmless(tmp_path, dataset, rng):
    path = tmp_path / "own.npz"
    store.save(dataset, path)
    whole = path.read_bytes()
    detected = []
    for position in rng.choice(len(whole), 400, replace=False):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        try:
            read = store.read(path)
        except DataError as error:
            detected.append(str(error))
        else:
            assert_equal(read, dataset)  # the bit is in a part of a zip file that nobody reads, such as a date
    assert len(detected) > 200
    assert all(str(path) in message and "\n" not in message for message in detected)


def test_any_truncation_is_detected(tmp_path, dataset, rng):
    path = tmp_path / "own.npz"
    store.save(dataset, path)
    whole = path.read_bytes()
    for length in (0, 1, len(whole) - 1, *rng.integers(0, len(whole), 20)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=f"rm '{path}', then snakemake '{path}'"):
            store.read(path)


def test_content_altered_with_a_valid_zip_is_detected(tmp_path, dataset):
    path = tmp_path / "own.npz"
    store.save(dataset, path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["train_labels"][0] += 1
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="checksum"):
        store.read(path)


def test_another_npz_is_no_prepared_data_set(tmp_path):
    np.savez(tmp_path / "own.npz", images=np.zeros(3))
    with pytest.raises(DataError, match="no whole prepared data set"):
        store.read(tmp_path / "own.npz")


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path, dataset, monkeypatch):
    path = tmp_path / "own.npz"
    store.save(dataset, path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.save(dataset, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["own.npz"]
