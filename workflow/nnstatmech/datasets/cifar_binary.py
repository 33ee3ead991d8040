"""The binary version of CIFAR-10: records of one label and 3072 bytes, colour plane by colour plane."""

import hashlib
import lzma
import tarfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np

from .archives import check_member
from .download import fetch
from .official import CIFAR_TEST_FILE, CIFAR_TRAIN_FILES, EXTRACTED, RELEASES
from .reading import GIB, Images, Request, Unusable, check_content, check_size, readable
from .sources import CifarBinary

FILES = (*CIFAR_TRAIN_FILES, CIFAR_TEST_FILE)
PLANES = (3, 32, 32)  # colours, rows, columns
RECORD = 1 + 3 * 32 * 32
CLASSES = 10
BLOCK = 1 << 20  # bytes
LONGEST_END = 64  # blocks after the last member
LARGEST_BATCH = GIB  # bytes; the official ones have 30 million


def read(source: CifarBinary, request: Request) -> Images:
    """The images in the order of the batches.

    Where the archive is missing, the folder that it unpacks to is looked for beside it; else it is downloaded.
    """
    release = RELEASES[source.release] if source.release else None
    hashes = source.sha256 or (release.sha256 if release else {})
    archive_hash = release.archive_sha256 if release and not source.sha256 else None

    def parsed(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        batches = batches_of_folder(path) if path.is_dir() else batches_of_archive(path)
        # The archive as published needs no second check; another packing of the same files is as good.
        if path.is_dir() or archive_hash is None or file_hash(path) != archive_hash:
            for name, content in batches.items():
                check_batch(name, content, hashes.get(name))
        return {name: parse(name, content) for name, content in batches.items()}

    path = request.local(source.path)
    if not path.exists() and path.with_name(EXTRACTED).is_dir():
        path = path.with_name(EXTRACTED)
    if not path.exists():
        fetch(path, source.urls or (release.urls if release else ()), parsed, request, wanted=path.name)
    try:
        batches = parsed(path)
    except (OSError, Unusable) as error:
        raise request.damaged(path, error) from error
    train = [batches[name] for name in CIFAR_TRAIN_FILES]
    return Images(
        train_images=np.concatenate([images for images, _ in train]),
        train_labels=np.concatenate([labels for _, labels in train]),
        test_images=batches[CIFAR_TEST_FILE][0],
        test_labels=batches[CIFAR_TEST_FILE][1],
    )


def file_hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def batches_of_folder(path: Path) -> dict[str, bytes]:
    """The content of the batch files of a folder."""
    missing = [name for name in FILES if not (path / name).is_file()]
    if missing:
        raise Unusable(f"has no file {missing[0]}")
    for name in FILES:
        check_size((path / name).stat().st_size, LARGEST_BATCH, f"a {name}")
    return {name: (path / name).read_bytes() for name in FILES}


def batches_of_archive(path: Path) -> dict[str, bytes]:
    """The content of the batch files of a tar archive, read in memory; every member's name is checked."""
    batches = {}
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                check_member(member.name, member.issym() or member.islnk())
                check_size(member.size, LARGEST_BATCH, f"the member {member.name!r}")
                name = PurePosixPath(member.name).name
                content = archive.extractfile(member) if name in FILES and member.isfile() else None
                if content is not None:
                    if name in batches:
                        raise Unusable(f"has more than one {name}")
                    batches[name] = content.read()
            # To the end, where the checksum of the compressed stream is. Archives end in a few blocks of zeros.
            for _ in range(LONGEST_END):
                if not archive.fileobj.read(BLOCK):
                    break
            else:
                raise Unusable(f"goes on for more than {readable(LONGEST_END * BLOCK)} after its last member")
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise Unusable(f"is a damaged archive ({error})") from error
    missing = [name for name in FILES if name not in batches]
    if missing:
        raise Unusable(f"has no member {missing[0]}")
    return batches


def check_batch(name: str, content: bytes, expected: str | None) -> None:
    """Refuse a batch file of the wrong content."""
    try:
        check_content(content, expected)
    except Unusable as error:
        raise Unusable(f"has a {name} that {error}") from error


def parse(name: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Images of shape (n, 32, 32, 3) and labels of one batch file."""
    if not content or len(content) % RECORD:
        raise Unusable(f"has a {name} of {len(content)} bytes, which is no multiple of {RECORD}")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= CLASSES:
        raise Unusable(f"has a {name} with the label {labels.max()}; labels are 0 to {CLASSES - 1}")
    return np.ascontiguousarray(records[:, 1:].reshape(-1, *PLANES).transpose(0, 2, 3, 1)), labels
