"""Small data sets of every kind, and a server that misbehaves on demand."""

import gzip

import numpy as np
import pytest

from nnstatmech.datasets.official import CIFAR_TEST_FILE, CIFAR_TRAIN_FILES, IDX_FILES

from .data_files import Server, idx_bytes, png_bytes


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def idx_arrays(rng):
    """A data set of 12 training and 5 test images of 4 x 6 pixels."""
    return {
        "train_images": rng.integers(0, 256, (12, 4, 6), np.uint8),
        "train_labels": rng.permutation(np.arange(12) % 10),
        "test_images": rng.integers(0, 256, (5, 4, 6), np.uint8),
        "test_labels": rng.integers(0, 10, 5),
    }


@pytest.fixture
def idx_contents(idx_arrays):
    """File name to decompressed content."""
    return {IDX_FILES[part]: idx_bytes(array) for part, array in idx_arrays.items()}


@pytest.fixture
def idx_folder(tmp_path, idx_contents):
    """``tmp_path`` with the four compressed files in ``own``."""
    folder = tmp_path / "own"
    folder.mkdir()
    for name, content in idx_contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return tmp_path


@pytest.fixture
def cifar_contents(rng):
    """File name to content: two images in each batch, of labels 0 to 9 in the training batches."""
    return {
        name: b"".join(bytes([label]) + rng.bytes(3072) for label in (2 * number % 10, 2 * number % 10 + 1))
        for number, name in enumerate((*CIFAR_TRAIN_FILES, CIFAR_TEST_FILE))
    }


@pytest.fixture
def png_tree(rng):
    """Name to content: classes ``ant`` and ``bee`` with six training and two test images of 5 x 5 pixels each."""
    return {
        f"{part}/{name}/{i}.png": png_bytes(rng.integers(0, 256, (5, 5, 3), np.uint8))
        for part, count in (("train", 6), ("test", 2))
        for name in ("ant", "bee")
        for i in range(count)
    }


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    yield server
    server.close()
