"""Local files of every kind: read as they should be, refused in one line where they are not."""

import gzip
import hashlib
import io
import os
import stat
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from nnstatmech.datasets.errors import DataError
from nnstatmech.datasets.load import load
from nnstatmech.datasets.official import CIFAR_TRAIN_FILES
from nnstatmech.datasets.sources import CifarBinary, Idx, ImageFolder, Npz

from .data_files import idx_bytes, png_bytes, tar_bytes

OWN = Idx(folder="own")


def refusal(name, source, data_dir):
    """The message that refuses a source; it must be one line that opens with the data set's name."""
    with pytest.raises(DataError) as caught:
        load(name, source, data_dir, download=False)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{name}: ")
    return message


# --- idx ---------------------------------------------------------------------------------------


def test_idx_gives_the_arrays(idx_folder, idx_arrays):
    data = load("own", OWN, idx_folder)
    np.testing.assert_array_equal(data.train_images[..., 0], idx_arrays["train_images"])
    np.testing.assert_array_equal(data.test_images[..., 0], idx_arrays["test_images"])
    np.testing.assert_array_equal(data.train_labels, idx_arrays["train_labels"])
    np.testing.assert_array_equal(data.test_labels, idx_arrays["test_labels"])
    assert data.train_labels.dtype == np.int64
    assert not data.stand_in


def test_idx_content_counts_not_its_packing(idx_folder, idx_contents):
    """Re-compressed, unpacked and misnamed copies pass the same content hash."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in idx_contents.items()}
    source = Idx(folder="own", sha256=hashes)
    expected = load("own", source, idx_folder).train_images
    for number, (name, content) in enumerate(idx_contents.items()):
        packed = idx_folder / "own" / f"{name}.gz"
        if number % 2:
            packed.unlink()
            packed.with_suffix("").write_bytes(content)
        else:
            packed.write_bytes(gzip.compress(content, 1) if number else content)
    np.testing.assert_array_equal(load("own", source, idx_folder).train_images, expected)


def test_idx_of_wrong_content_is_named_with_both_hashes_and_kept(idx_folder, idx_contents):
    name = "train-labels-idx1-ubyte"
    message = refusal("own", Idx(folder="own", sha256={name: "0" * 64}), idx_folder)
    assert name in message
    assert "0" * 64 in message
    assert hashlib.sha256(idx_contents[name]).hexdigest() in message
    assert (idx_folder / "own" / f"{name}.gz").exists()


def test_another_release_is_no_mnist(idx_folder):
    assert "has SHA-256" in refusal("mnist", Idx(folder="own", release="mnist"), idx_folder)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda good: gzip.compress(good)[:-20], "damaged gzip"),
        (lambda good: good[:-1], "holds 287 values"),
        (lambda good: good + b"x", "holds more values"),
        (lambda good: good[:9], "is no idx file"),
        (lambda good: b"", "is no idx file"),
        (lambda good: b"\0\0\x0d\x03" + good[4:], "is no idx file"),
        (lambda good: idx_bytes(np.zeros(12)), "in 3 dimensions"),
        (lambda good: good[:4] + b"\xff" * 12, "at most 4 GiB"),
        (lambda good: b"<html>not found</html>", "is no idx file"),
    ],
)
def test_damaged_idx_is_named(idx_folder, idx_contents, damage, reason):
    name = "train-images-idx3-ubyte"
    path = idx_folder / "own" / f"{name}.gz"
    path.write_bytes(damage(idx_contents[name]))
    message = refusal("own", OWN, idx_folder)
    assert reason in message
    assert str(path) in message
    assert "remove it" in message


def test_idx_counts_that_differ_are_named(idx_folder):
    (idx_folder / "own" / "t10k-labels-idx1-ubyte.gz").write_bytes(idx_bytes(np.zeros(4)))
    message = refusal("own", OWN, idx_folder)
    assert "5 images in t10k-images-idx3-ubyte" in message
    assert "4 labels in t10k-labels-idx1-ubyte" in message


def test_missing_idx_says_which_files_go_where(tmp_path):
    message = refusal("mnist", Idx(folder="mnist", release="mnist"), tmp_path)
    for name in ("train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", f"{tmp_path}/mnist/", "data=bundled"):
        assert name in message
    assert not (tmp_path / "mnist").exists()


# --- CIFAR-10's binary version -----------------------------------------------------------------


def cifar_arrays(contents, names):
    records = np.frombuffer(b"".join(contents[name] for name in names), np.uint8).reshape(-1, 3073)
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), records[:, 0]


@pytest.mark.parametrize("packing", ["archive", "uncompressed", "folder", "unpacked beside"])
def test_cifar_binary_gives_the_arrays(tmp_path, cifar_contents, packing):
    path = "cifar-10-binary.tar.gz"
    if packing in ("archive", "uncompressed"):
        packed = tar_bytes(cifar_contents)
        (tmp_path / path).write_bytes(packed if packing == "archive" else gzip.decompress(packed))
    else:
        folder = tmp_path / ("mine" if packing == "folder" else "cifar-10-batches-bin")
        folder.mkdir()
        for name, content in cifar_contents.items():
            (folder / name).write_bytes(content)
        path = "mine" if packing == "folder" else path
    data = load("own", CifarBinary(path=path), tmp_path, download=False)
    images, labels = cifar_arrays(cifar_contents, CIFAR_TRAIN_FILES)
    np.testing.assert_array_equal(data.train_images, images)
    np.testing.assert_array_equal(data.train_labels, labels)
    np.testing.assert_array_equal(data.test_images, cifar_arrays(cifar_contents, ["test_batch.bin"])[0])


def link(name, kind):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize(
    "member",
    [
        tarfile.TarInfo("../evil.bin"),
        tarfile.TarInfo("a/../../evil.bin"),
        tarfile.TarInfo("/tmp/evil.bin"),
        link("cifar-10-batches-bin/link.bin", tarfile.SYMTYPE),
        link("cifar-10-batches-bin/hard.bin", tarfile.LNKTYPE),
    ],
)
def test_tar_members_that_point_outside_are_refused_by_name(tmp_path, cifar_contents, member):
    (tmp_path / "evil.tar.gz").write_bytes(tar_bytes(cifar_contents, extra=[member]))
    message = refusal("cifar10", CifarBinary(path="evil.tar.gz"), tmp_path)
    assert repr(member.name) in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.tar.gz"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda contents: contents.pop("data_batch_3.bin"), "no member data_batch_3.bin"),
        (lambda contents: contents.update({"test_batch.bin": b"\1" * 3000}), "test_batch.bin of 3000 bytes"),
        (lambda contents: contents.update({"test_batch.bin": b""}), "test_batch.bin of 0 bytes"),
        (lambda contents: contents.update({"data_batch_2.bin": b"\x0a" + bytes(3072)}), "the label 10"),
    ],
)
def test_wrong_batches_are_named(tmp_path, cifar_contents, change, reason):
    change(cifar_contents)
    (tmp_path / "own.tar.gz").write_bytes(tar_bytes(cifar_contents))
    assert reason in refusal("own", CifarBinary(path="own.tar.gz"), tmp_path)


def test_truncated_and_altered_archives_are_named(tmp_path, cifar_contents):
    packed = tar_bytes(cifar_contents)
    for length in (0, 10, 5000, len(packed) // 2, len(packed) - 9):
        (tmp_path / "own.tar.gz").write_bytes(packed[:length])
        message = refusal("own", CifarBinary(path="own.tar.gz"), tmp_path)
        assert "own.tar.gz is a damaged archive" in message
    flipped = bytearray(packed)
    flipped[-6] ^= 1  # in the checksum of the compressed stream
    (tmp_path / "own.tar.gz").write_bytes(flipped)
    assert "own.tar.gz is a damaged archive" in refusal("own", CifarBinary(path="own.tar.gz"), tmp_path)


def test_another_archive_is_no_cifar10(tmp_path, cifar_contents):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(tar_bytes(cifar_contents))
    message = refusal("cifar10", CifarBinary(release="cifar10"), tmp_path)
    assert "has a data_batch_1.bin that has SHA-256" in message


def test_cifar_content_counts_not_its_packing(tmp_path, cifar_contents):
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in cifar_contents.items()}
    (tmp_path / "own.tar.gz").write_bytes(tar_bytes(cifar_contents, folder="elsewhere/"))
    assert len(load("own", CifarBinary(path="own.tar.gz", sha256=hashes), tmp_path).train_images) == 10


# --- class folders -----------------------------------------------------------------------------


def write_tree(folder, contents):
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_zip(path, contents):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def as_set(images, labels):
    return {(label, image.tobytes()) for image, label in zip(images, labels, strict=True)}


@pytest.mark.parametrize("packing", ["folder", "zip", "zip with one folder on top"])
def test_class_folders_give_images_with_sorted_labels(tmp_path, png_tree, packing):
    extra = {"README.md": b"about", ".DS_Store": b"", "__MACOSX/train/ant/._0.png": b"", "train/ant/.hidden": b""}
    if packing == "folder":
        write_tree(tmp_path / "own", png_tree | extra)
    else:
        top = "all/" if "top" in packing else ""
        write_zip(tmp_path / "own", {top + name: content for name, content in (png_tree | extra).items()})
    data = load("own", ImageFolder(path="own"), tmp_path)
    for part in ("train", "test"):
        expected = {
            (int("/bee/" in name), np.asarray(Image.open(io.BytesIO(content))).tobytes())
            for name, content in png_tree.items()
            if name.startswith(part)
        }
        assert as_set(getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")) == expected
    # Classes are mixed, not one after the other.
    assert (np.diff(data.train_labels) != 0).sum() > 1


def test_without_test_folder_a_share_of_every_class_is_held_out(tmp_path, png_tree):
    tree = {name.removeprefix("train/"): content for name, content in png_tree.items() if name.startswith("train")}
    write_tree(tmp_path / "own", tree)
    data = load("own", ImageFolder(path="own", test_share=0.34), tmp_path)
    assert np.bincount(data.train_labels).tolist() == [4, 4]
    assert np.bincount(data.test_labels).tolist() == [2, 2]
    train, test = as_set(data.train_images, data.train_labels), as_set(data.test_images, data.test_labels)
    assert not train & test
    assert len(train | test) == 12
    again = load("own", ImageFolder(path="own", test_share=0.34), tmp_path)
    np.testing.assert_array_equal(again.test_images, data.test_images)


def test_limits_decode_only_what_they_keep(tmp_path, png_tree):
    write_tree(tmp_path / "own", png_tree)
    whole = load("own", ImageFolder(path="own"), tmp_path)
    totals = []

    class Bar:
        def __init__(self, total, desc):
            totals.append(total)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def update(self, count):
            totals[0] -= count

    few = load("own", ImageFolder(path="own", limit_train=3, limit_test=2), tmp_path, progress=Bar)
    np.testing.assert_array_equal(few.train_images, whole.train_images[:3])
    np.testing.assert_array_equal(few.test_labels, whole.test_labels[:2])
    assert totals == [0]


def test_linked_class_folders_are_followed(tmp_path, png_tree):
    write_tree(tmp_path / "store", png_tree)
    (tmp_path / "own").mkdir()
    for name in ("ant", "bee"):
        (tmp_path / "own" / name).symlink_to(tmp_path / "store" / "train" / name)
    assert len(load("own", ImageFolder(path="own"), tmp_path).train_images) == 10


def test_resize_and_grey(tmp_path, png_tree, rng):
    odd = np.full((9, 15), 77, np.uint8)
    write_tree(tmp_path / "own", png_tree | {"train/ant/odd.jpg": png_bytes(odd, "JPEG")})
    data = load("own", ImageFolder(path="own", size=4, grey=True), tmp_path)
    assert data.train_images.shape == (13, 4, 4, 1)
    assert any((image == 77).all() for image in data.train_images)


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"train/ant/odd.png": png_bytes(np.zeros((5, 6, 3), np.uint8))}, ["train/ant/odd.png", "6 x 5", "size:"]),
        ({"train/bee/broken.png": b"\x89PNG\r\n\x1a\nrubbish"}, ["train/bee/broken.png", "no readable image"]),
        ({"train/bee/page.png": b"<html>"}, ["train/bee/page.png", "no readable image"]),
        ({"train/bee/table.csv": b"1,2"}, ["train/bee/table.csv", ".png"]),
        ({"train/bee/deep/1.png": b""}, ["train/bee/deep/", "bee"]),
        ({"test/cow/1.png": png_bytes(np.zeros((5, 5, 3), np.uint8))}, ["'cow'", "without training images"]),
        ({"validation/ant/1.png": b""}, ["'validation'"]),
    ],
)
@pytest.mark.parametrize("packing", ["folder", "zip"])
def test_images_that_do_not_fit_are_named(tmp_path, png_tree, extra, reason, packing):
    if packing == "folder":
        write_tree(tmp_path / "own", png_tree | extra)
    else:
        write_zip(tmp_path / "own", png_tree | extra)
    message = refusal("own", ImageFolder(path="own"), tmp_path)
    for piece in (str(tmp_path / "own"), *reason):
        assert piece in message


def test_truncated_images_are_named(tmp_path, png_tree, rng):
    noise = rng.integers(0, 256, (40, 40, 3), np.uint8)
    for form in ("PNG", "JPEG"):
        content = png_bytes(noise, form)
        write_tree(tmp_path / form, {"ant/1.png": content, "ant/2.png": content[: len(content) // 2]})
        assert "ant/2.png is no readable image" in refusal("own", ImageFolder(path=form), tmp_path)


def test_empty_class_folders_are_named(tmp_path, png_tree):
    write_tree(tmp_path / "own", png_tree)
    (tmp_path / "own" / "train" / "cow").mkdir()
    assert "'train/cow'" in refusal("own", ImageFolder(path="own"), tmp_path)
    (tmp_path / "void").mkdir()
    assert "no class folders" in refusal("own", ImageFolder(path="void"), tmp_path)
    write_tree(tmp_path / "flat", {"1.png": b""})
    assert "no class folders" in refusal("own", ImageFolder(path="flat"), tmp_path)


def test_missing_path_says_what_to_do(tmp_path):
    for source in (ImageFolder(path="own"), Npz(path="own")):
        message = refusal("own", source, tmp_path)
        assert f"there is no {tmp_path}/own; put it there" in message


@pytest.mark.parametrize(
    "name", ["../evil.png", "train/../../evil.png", "/tmp/evil.png", "C:\\evil.png", "a\\..\\b.png"]
)
def test_zip_members_that_point_outside_are_refused_by_name(tmp_path, png_tree, name):
    write_zip(tmp_path / "own.zip", png_tree | {name: b""})
    assert repr(name) in refusal("own", ImageFolder(path="own.zip"), tmp_path)


def test_links_in_a_zip_are_refused(tmp_path, png_tree):
    write_zip(tmp_path / "own.zip", png_tree)
    with zipfile.ZipFile(tmp_path / "own.zip", "a") as archive:
        member = zipfile.ZipInfo("train/ant/link.png")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    assert "'train/ant/link.png', which is a link" in refusal("own", ImageFolder(path="own.zip"), tmp_path)


def test_damaged_zips_are_named(tmp_path, png_tree):
    path = tmp_path / "own.zip"
    write_zip(path, png_tree)
    whole = path.read_bytes()
    digest = hashlib.sha256(whole).hexdigest()
    path.write_bytes(whole[: len(whole) // 2])
    assert f"{path} is no whole zip file" in refusal("own", ImageFolder(path="own.zip"), tmp_path)
    flipped = bytearray(whole)
    flipped[len(whole) // 4] ^= 1
    path.write_bytes(flipped)
    message = refusal("own", ImageFolder(path="own.zip", sha256=digest), tmp_path)
    assert digest in message
    assert hashlib.sha256(flipped).hexdigest() in message


# --- npz ---------------------------------------------------------------------------------------


@pytest.fixture
def colours(rng):
    return rng.integers(0, 256, (30, 4, 4, 3), np.uint8)


def test_npz_with_test_images_and_keys_of_its_own(tmp_path, colours):
    np.savez(tmp_path / "own.npz", x=colours, y=np.arange(30) % 3, u=colours[:5, ..., 0], v=np.zeros(5, int))
    source = Npz(path="own.npz", images="x", labels="y", test_images="x", test_labels="y")
    data = load("own", source, tmp_path)
    np.testing.assert_array_equal(data.train_images, colours)
    np.testing.assert_array_equal(data.test_labels, np.arange(30) % 3)
    grey = Npz(path="own.npz", images="u", labels="v", test_images="u", test_labels="v")
    assert load("own", grey, tmp_path).train_images.shape == (5, 4, 4, 1)
    mixed = Npz(path="own.npz", images="x", labels="y", test_images="u", test_labels="v")
    assert "(4, 4, 3), test images (4, 4, 1)" in refusal("own", mixed, tmp_path)


def test_npz_without_test_images_holds_out_the_same_share_each_time(tmp_path, colours):
    np.savez(tmp_path / "own.npz", images=colours)
    data = load("own", Npz(path="own.npz", test_share=0.2), tmp_path)
    assert (len(data.train_images), len(data.test_images)) == (24, 6)
    assert data.train_labels is None
    assert data.test_labels is None
    both = np.concatenate([data.train_images, data.test_images])
    assert {image.tobytes() for image in both} == {image.tobytes() for image in colours}
    again = load("own", Npz(path="own.npz", test_share=0.2), tmp_path)
    np.testing.assert_array_equal(data.test_images, again.test_images)


def test_pickled_arrays_are_refused_without_being_run(tmp_path, colours):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trapped"),)

    np.savez(tmp_path / "own.npz", images=np.array([Trap()], object))
    assert "nothing pickled" in refusal("own", Npz(path="own.npz"), tmp_path)
    np.savez(tmp_path / "own.npz", images=colours, labels=np.array([Trap()], object))
    assert "nothing pickled" in refusal("own", Npz(path="own.npz", labels="labels"), tmp_path)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"pictures": np.zeros((3, 2, 2), np.uint8)}, "no array 'images'; it has pictures, labels"),
        ({"images": np.zeros((3, 2, 2))}, "float64 of shape (3, 2, 2)"),
        ({"images": np.zeros((3, 3, 8, 8), np.uint8)}, "uint8 of shape (3, 3, 8, 8)"),
        ({"images": np.zeros((0, 8, 8), np.uint8)}, "uint8 of shape (0, 8, 8)"),
        ({"images": np.zeros((5, 8, 8), np.uint8)}, "each of the 5 images"),
        ({"images": np.zeros((3, 8, 8), np.uint8), "labels": np.zeros(3)}, "'labels'"),
        ({"images": np.zeros((3, 8, 8), np.uint8), "labels": np.array([0, -1, 2])}, "integer >= 0"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, arrays, reason):
    np.savez(tmp_path / "own.npz", **{**arrays, "labels": arrays.get("labels", np.arange(3))})
    message = refusal("own", Npz(path="own.npz", labels="labels"), tmp_path)
    assert reason in message
    assert str(tmp_path / "own.npz") in message


def test_damaged_npz_is_named(tmp_path, colours):
    path = tmp_path / "own.npz"
    np.savez(path, images=colours)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    assert f"{path} cannot be read" in refusal("own", Npz(path="own.npz"), tmp_path)
    flipped = bytearray(whole)
    flipped[1000] ^= 4
    path.write_bytes(flipped)
    assert f"{path} cannot be read" in refusal("own", Npz(path="own.npz"), tmp_path)
    message = refusal("own", Npz(path="own.npz", sha256=hashlib.sha256(whole).hexdigest()), tmp_path)
    assert hashlib.sha256(flipped).hexdigest() in message
    np.save(tmp_path / "single.npy", colours)
    assert "must be an .npz file" in refusal("own", Npz(path="single.npy"), tmp_path)
