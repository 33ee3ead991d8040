"""Files of one's own are known by their content: a change of it is seen, a change of dates alone is not."""

import gzip
import os

import numpy as np
import pytest

from nnstatmech.datasets.demands import Demand
from nnstatmech.datasets.sources import Bundled, CifarBinary, Idx, ImageFolder, Npz
from nnstatmech.datasets.watching import source_digest
from nnstatmech.storage.contents import Contents

HASH = "0" * 64


def digest(source, folder):
    """As a new call of the workflow finds it."""
    return source_digest(source, folder, Contents(folder / "memory.json"))


def rewrite(path, content):
    """Other content of the same size, with the dates of the old."""
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("source", "file"),
    [
        (Idx(folder="own"), "own/train-labels-idx1-ubyte"),
        (Idx(folder="own", sha256={"t10k-labels-idx1-ubyte": HASH}), "own/train-labels-idx1-ubyte"),
        (CifarBinary(path="own"), "own/test_batch.bin"),
        (CifarBinary(path="own.tar.gz"), "own.tar.gz"),
        (CifarBinary(), "cifar-10-batches-bin/data_batch_1.bin"),
        (ImageFolder(path="own"), "own/a/0.png"),
        (ImageFolder(path="own.zip"), "own.zip"),
        (Npz(path="own.npz"), "own.npz"),
    ],
)
def test_a_change_of_content_is_seen(tmp_path, source, file):
    path = tmp_path / file
    assert digest(source, tmp_path) is None
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(b"content")
    first = digest(source, tmp_path)
    assert first is not None
    os.utime(path, (0, 0))
    assert digest(source, tmp_path) == first
    rewrite(path, b"CONTENT")
    second = digest(source, tmp_path)
    assert second != first
    rewrite(path, b"content")
    assert digest(source, tmp_path) == first
    path.unlink()
    assert digest(source, tmp_path) == first  # what was prepared stays valid


def test_added_renamed_and_removed_files_are_seen(tmp_path):
    source = ImageFolder(path="own")
    (tmp_path / "own/a").mkdir(parents=True)
    (tmp_path / "own/b").mkdir()
    (tmp_path / "own/a/0.png").write_bytes(b"0")
    (tmp_path / "own/a/1.png").write_bytes(b"1")
    seen = [digest(source, tmp_path)]
    (tmp_path / "own/a/1.png").rename(tmp_path / "own/b/1.png")
    seen.append(digest(source, tmp_path))
    (tmp_path / "own/b/2.png").write_bytes(b"2")
    seen.append(digest(source, tmp_path))
    (tmp_path / "own/a/0.png").unlink()
    seen.append(digest(source, tmp_path))
    assert len(set(seen)) == 4
    for left in ("Thumbs.db", "b/.DS_Store"):
        (tmp_path / "own" / left).write_bytes(b"left")
    assert digest(source, tmp_path) == seen[-1]


def test_where_a_set_lies_does_not_count(tmp_path):
    for place in ("here", "there"):
        (tmp_path / place / "own/a").mkdir(parents=True)
        (tmp_path / place / "own/a/0.png").write_bytes(b"0")
    assert digest(ImageFolder(path="here/own"), tmp_path) == digest(ImageFolder(path="there/own"), tmp_path)


@pytest.mark.parametrize(
    "source",
    [
        Bundled(content="digits", size=8),
        Idx(folder="own", release="mnist"),
        Idx(folder="own", urls=["https://example.org/x"]),
        CifarBinary(path="own", release="cifar10"),
        ImageFolder(path="own", sha256=HASH),
        Npz(path="own", sha256=HASH),
    ],
)
def test_what_the_settings_say_is_not_watched(tmp_path, source):
    """Else the first call, which downloads them, would see other files than the second."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own/train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b""))
    assert digest(source, tmp_path) is None


def test_unchanged_files_are_not_read_again(tmp_path, monkeypatch):
    (tmp_path / "own.npz").write_bytes(b"content")
    first = digest(Npz(path="own.npz"), tmp_path)
    monkeypatch.setattr(Contents, "read", lambda *_: pytest.fail("read again"))
    assert digest(Npz(path="own.npz"), tmp_path) == first


@pytest.mark.parametrize("memory", [b"", b"[1]", b'{"x": 1}', b"\xff", None])
def test_a_spoilt_memory_costs_only_the_reading(tmp_path, memory):
    np.savez(tmp_path / "own.npz", images=np.zeros(3))
    source = Npz(path="own.npz")
    first = digest(source, tmp_path)
    if memory is None:
        (tmp_path / "memory.json").unlink()
        (tmp_path / "memory.json").mkdir()  # cannot be written
    else:
        (tmp_path / "memory.json").write_bytes(memory)
    assert digest(source, tmp_path) == first


@pytest.mark.parametrize(
    ("demand", "classes", "said"),
    [
        (Demand("e"), None, None),
        (Demand("e", labels=True), None, "experiment 'e' needs labels, but the images of 'own' have none"),
        (Demand("e", labels=True), 3, None),
        (Demand("e", labels=True, most=10), 10, None),
        (Demand("e", labels=True, most=10), 11, "experiment 'e' needs at most 10 classes of images, but 'own' has 11"),
        (Demand("e", labels=True, least=9), 8, "experiment 'e' needs at least 9 classes of images, but 'own' has 8"),
        (Demand("e", labels=True, least=10, most=10), 9, "needs 10 classes of images, but 'own' has 9"),
        (Demand("e", labels=True, least=2, most=4), 5, "needs 2 to 4 classes"),
    ],
)
def test_demands_are_compared_with_facts(demand, classes, said):
    unmet = demand.unmet({"name": "own", "classes": classes})
    assert unmet is None if said is None else said in unmet
