"""Bad input from outside: a line a case. Each is refused in one sentence that names the set and the fault, quickly.

A case is a source, a function that writes its files into a folder, and a piece of the sentence.
"""

import gzip
import io
import resource
import tarfile
import warnings
import zipfile
from functools import cache

import numpy as np
import pytest
from PIL import Image

from nnstatmech.datasets.errors import DataError
from nnstatmech.datasets.load import load
from nnstatmech.datasets.official import CIFAR_TEST_FILE, CIFAR_TRAIN_FILES, IDX_FILES
from nnstatmech.datasets.sources import CifarBinary, Idx, ImageFolder, Npz

from .data_files import idx_bytes, png_bytes, tar_bytes

GIB = 1 << 30
PICTURE = png_bytes(np.arange(75, dtype=np.uint8).reshape(5, 5, 3))
CLASSES = {f"{name}/{number}.png": PICTURE for name in "ab" for number in range(3)}


def idx(**changes):
    """The four files of a good set of two classes, with changes by part: an array, or the bytes of the file."""
    parts = {
        "train_images": np.zeros((4, 3, 3)),
        "train_labels": np.array([0, 1, 0, 1]),
        "test_images": np.zeros((2, 3, 3)),
        "test_labels": np.array([1, 0]),
    } | changes

    def write(folder):
        for part, content in parts.items():
            (folder / IDX_FILES[part]).write_bytes(content if isinstance(content, bytes) else idx_bytes(content))

    return write


def announced(*shape):
    """The head of an idx file of this shape, and nothing after it."""
    return (0x0800 + len(shape)).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in shape)


def cifar(labels=range(10), extra=(), name="cifar-10-binary.tar.gz", **changes):
    """An archive of good batches of two images each, with changes by name of a batch."""

    def write(folder):
        batches = {
            batch: b"".join(bytes([labels[2 * i % len(labels)]]) + bytes(3072) + bytes([labels[(2 * i + 1) % len(labels)]]) + bytes(3072) for _ in "1")
            for i, batch in enumerate((*CIFAR_TRAIN_FILES, CIFAR_TEST_FILE))
        }  # fmt: skip
        (folder / name).write_bytes(tar_bytes(batches | changes, extra=extra))

    return write


def member(name, size=0, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, "/etc/passwd"
    return info


def npz(**arrays):
    return lambda folder: np.savez(folder / "own.npz", **arrays)


def tree(contents):
    """Files in a folder ``own``."""

    def write(folder):
        for name, content in contents.items():
            path = folder / "own" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    return write


def packed(contents, name="own"):
    """The same as a zip; contents may be pairs, where a name comes twice."""

    def write(folder):
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the name that comes twice
            for entry in contents.items() if isinstance(contents, dict) else contents:
                archive.writestr(*entry)

    return write


def large_in_zip(name, size, entry):
    """A zip whose directory says that its one member has ``size`` bytes unpacked."""

    def write(folder):
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(entry, b"0")
            archive.filelist[0].file_size = size

    return write


def lying_npz(folder):
    """An array whose header announces more than is there."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((3, 8, 8), np.uint8))
    content = buffer.getvalue().replace(b"(3, 8, 8)", b"(1048576, 1024, 1024)").replace(b" " * 12 + b"\n", b"\n")
    with zipfile.ZipFile(folder / "own.npz", "w") as archive:
        archive.writestr("images.npy", content)


@cache
def large_png(side):
    buffer = io.BytesIO()
    Image.new("L", (side, side)).save(buffer, "PNG")
    return buffer.getvalue()


IDX, CIFAR, FOLDER, NPZ = Idx(folder="."), CifarBinary(), ImageFolder(path="own"), Npz(path="own.npz", labels="y")
Y = np.arange(4) % 2
X = np.zeros((4, 5, 5), np.uint8)
CASES = {
    # --- idx
    "idx labels from 1": (IDX, idx(train_labels=np.array([1, 2, 1, 2]), test_labels=np.array([1, 2])), "labels are 1, 2; they must be 0, 1, 2"),
    "idx labels with a gap": (IDX, idx(train_labels=np.array([0, 2, 0, 2])), "labels are 0, 2; they must be"),
    "idx test label of its own": (IDX, idx(test_labels=np.array([0, 7])), "test label 7 is none of the training labels 0 to 1"),
    "idx no images": (IDX, idx(train_images=np.zeros((0, 3, 3)), train_labels=np.zeros(0)), "no train images"),
    "idx images of no pixels": (IDX, idx(train_images=np.zeros((4, 0, 3)), test_images=np.zeros((2, 0, 3))), "no pixels"),
    "idx other counts": (IDX, idx(train_labels=np.zeros(3)), "4 images in train-images"),
    "idx other shapes": (IDX, idx(test_images=np.zeros((2, 3, 4))), "must be equal"),
    "idx of decimals": (IDX, idx(train_images=b"\0\0\x0d\x03" + bytes(40)), "no idx file of unsigned bytes"),
    "idx announces too much": (IDX, idx(train_images=announced(60000, 1 << 15, 1 << 15)), "at most 4 GiB"),
    "idx goes on": (IDX, idx(train_images=gzip.compress(announced(4, 3, 3) + bytes(64 << 20))), "holds more values"),
    "idx cut off": (IDX, idx(train_images=announced(4, 3, 3) + bytes(35)), "holds 35 values"),
    "idx damaged gzip": (IDX, idx(test_labels=gzip.compress(idx_bytes(np.zeros(2)))[:-4]), "damaged gzip"),
    "idx an html page": (IDX, idx(test_images=b"<html>"), "no idx file"),
    "idx missing": (IDX, lambda folder: None, "there is no"),
    # --- CIFAR-10's binary version
    "cifar labels with a gap": (CIFAR, cifar(labels=[0, 1, 2, 3, 4, 5, 6, 7, 9]), "without a gap"),
    "cifar label 10": (CIFAR, cifar(labels=[*range(9), 10]), "the label 10"),
    "cifar link": (CIFAR, cifar(extra=[member("x/y", kind=tarfile.SYMTYPE)]), "which is a link"),
    "cifar outside": (CIFAR, cifar(extra=[member("../y")]), "points out of the archive"),
    "cifar batch cut off": (CIFAR, cifar(**{"test_batch.bin": bytes(100)}), "100 bytes"),
    "cifar batch twice": (CIFAR, cifar(extra=[member("x/test_batch.bin")]), "more than one test_batch.bin"),
    "cifar no archive": (CIFAR, lambda folder: (folder / "cifar-10-binary.tar.gz").write_bytes(b"PK"), "damaged archive"),
    # --- npz
    "npz labels from 1": (NPZ, npz(images=X, y=Y + 1), "labels are 1, 2; they must be"),
    "npz labels 1 to 10": (NPZ, npz(images=np.zeros((20, 2, 2), np.uint8), y=1 + np.arange(20) % 10), "labels are 1, 2, 3, 4, …, 9, 10; they"),
    "npz huge label": (NPZ, npz(images=X, y=np.array([0, 1, 0, 10**12])), "without a gap"),
    "npz labels that overflow": (NPZ, npz(images=X, y=np.array([0, 1, 0, 2**64 - 1], np.uint64)), "integer >= 0"),
    "npz labels as decimals": (NPZ, npz(images=X, y=Y / 1), "one integer >= 0"),
    "npz one image": (NPZ, npz(images=X[:1], y=Y[:1]), "has 1 image and none of the same class"),
    "npz one image a class": (NPZ, npz(images=X[:2], y=Y[:2]), "has 2 images and none of the same class"),
    "npz no labels": (NPZ, npz(images=X), "no array 'y'"),
    "npz decimals": (NPZ, npz(images=X / 255, y=Y), "must hold uint8 images"),
    "npz 16 bits": (NPZ, npz(images=X.astype(np.uint16), y=Y), "must hold uint8 images"),
    "npz images of no pixels": (NPZ, npz(images=X[:, :0], y=Y), "no pixels"),
    "npz pickled": (NPZ, npz(images=np.array([{}] * 4), y=Y), "nothing pickled"),
    "npz 5 GiB": (NPZ, large_in_zip("own.npz", 5 * GIB, "images.npy"), "5 GiB unpacked; at most 4 GiB"),
    "npz lying header": (Npz(path="own.npz"), lying_npz, "announces the shape (1048576, 1024, 1024) but is shorter"),
    "npz name twice": (NPZ, packed([("images.npy", b"1"), ("images.npy", b"2")], "own.npz"), "'images.npy' twice"),
    "npz text": (NPZ, lambda folder: (folder / "own.npz").write_text("x"), "cannot be read"),
    "npz a folder": (NPZ, lambda folder: (folder / "own.npz").mkdir(), "cannot be read"),
    # --- class folders
    "folder one image": (FOLDER, tree({"a/0.png": PICTURE}), "has 1 image and none of the same class"),
    "folder one image a class": (FOLDER, tree({"a/0.png": PICTURE, "b/0.png": PICTURE}), "has 2 images and none"),
    "folder no images": (FOLDER, tree({"Thumbs.db": b"", "a/desktop.ini": b""}), "no images in the class folder 'a'"),
    "folder of a table": (FOLDER, tree(CLASSES | {"a/labels.csv": b"0,1"}), "'a/labels.csv' in a class folder"),
    "folder other size": (FOLDER, tree(CLASSES | {"b/9.png": png_bytes(np.zeros((6, 5, 3), np.uint8))}), "5 x 6 pixels"),
    "folder 16 bits": (FOLDER, tree(CLASSES | {"a/9.png": png_bytes(np.arange(25, dtype=np.uint16).reshape(5, 5))}), "a/9.png has the mode I;16"),
    "folder transparent": (FOLDER, tree(CLASSES | {"a/9.png": png_bytes(np.zeros((5, 5, 4), np.uint8))}), "a/9.png has transparent pixels"),
    "folder large pictures": (ImageFolder(path="own", size=8), tree(dict.fromkeys(CLASSES, large_png(13000))), "more than 8192 x 8192 pixels"),
    "folder no picture": (FOLDER, tree(dict.fromkeys(CLASSES, b"<html>")), ".png is no readable image (it is none of PNG, JPEG"),
    "folder large set": (FOLDER, tree({f"a/{i}.png": large_png(6000) for i in range(60)}), "at most 4 GiB are read; give size:"),
    "folder without home": (ImageFolder(path="~nobody-of-this-name/own"), tree(CLASSES), "no user '~nobody-of-this-name'"),
    "folder without variable": (ImageFolder(path="$NO_SUCH_VARIABLE/own"), tree(CLASSES), "no variable '$NO_SUCH_VARIABLE'"),
    "zip one image": (FOLDER, packed({"a/0.png": PICTURE}), "has 1 image and none of the same class"),
    "zip name twice": (FOLDER, packed([*CLASSES.items(), ("a/0.png", PICTURE)]), "the member 'a/0.png' twice"),
    "zip name twice in other words": (FOLDER, packed([*CLASSES.items(), ("a//0.png", PICTURE)]), "the member 'a//0.png' twice"),
    "zip 1 GiB member": (FOLDER, large_in_zip("own", GIB, "a/0.png"), "'a/0.png' of 1 GiB unpacked; at most 256 MiB"),
    "zip outside": (FOLDER, packed(CLASSES | {"../x.png": PICTURE}), "points out of the archive"),
    "zip text": (FOLDER, lambda folder: (folder / "own").write_text("x"), "no whole zip file"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bad_input_is_refused_in_one_sentence(tmp_path, case):
    source, write, said = CASES[case]
    write(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError) as caught:
        load("own", source, tmp_path, download=False)
    message = str(caught.value)
    assert said in message
    assert message.startswith("own: ")
    assert "\n" not in message
    # Nothing is unpacked before it is refused: far less than any of the large files holds.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400e3  # KiB


def test_large_members_of_a_tar_are_refused_before_they_are_unpacked(tmp_path):
    """Only the head of the member is there, so that reading on would fail otherwise."""
    content = gzip.compress(member("cifar-10-batches-bin/data_batch_1.bin", 2 * GIB).tobuf() + bytes(10240))
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"'cifar-10-batches-bin/data_batch_1\.bin' of 2 GiB unpacked; at most 1 GiB"):
        load("own", CIFAR, tmp_path, download=False)


def test_zeros_after_the_end_of_a_tar_are_not_unpacked_for_ever(tmp_path):
    cifar()(tmp_path)
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(100 << 20), 1))
    with pytest.raises(DataError, match="goes on for more than 64 MiB after its last member"):
        load("own", CIFAR, tmp_path, download=False)


def test_what_file_managers_leave_is_passed_over(tmp_path):
    left = ("Thumbs.db", "THUMBS.DB", "desktop.ini", ".DS_Store", "Icon\r", "@eaDir/0.png")
    tree(CLASSES | {f"a/{name}": b"rubbish" for name in left} | {"__MACOSX/a/._0.png": b""})(tmp_path)
    assert len(load("own", FOLDER, tmp_path).train_images) == 4
    packed(CLASSES | {f"b/{name}": b"rubbish" for name in left})(tmp_path / "own")
    assert len(load("own", ImageFolder(path="own/own"), tmp_path).train_images) == 4


def test_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PICTURES", "own")
    tree(CLASSES)(tmp_path)
    for data_dir, path in (("~", "own"), ("elsewhere", "~/own"), ("$HOME", "$PICTURES")):
        assert len(load("own", ImageFolder(path=path), data_dir).train_images) == 4
    idx()(tmp_path)
    assert load("own", Idx(folder="~"), "elsewhere").classes == 2
    cifar()(tmp_path)
    assert load("own", CifarBinary(), "~").classes == 10


def test_classes_are_counted_before_limits_hide_some(tmp_path):
    npz(images=np.zeros((40, 2, 2), np.uint8), y=np.arange(40) % 4)(tmp_path)
    tree({f"{name}/{i}.png": PICTURE for name in "abcd" for i in range(3)})(tmp_path)
    for source in (
        Npz(path="own.npz", labels="y", limit_train=2, limit_test=1),
        ImageFolder(path="own", limit_train=2),
    ):
        data = load("own", source, tmp_path)
        assert len(data.train_images) == 2
        assert data.classes == 4
    assert load("own", Npz(path="own.npz"), tmp_path).classes is None
