"""The idx format of MNIST and Fashion-MNIST."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from .download import fetch
from .official import IDX_FILES, RELEASES
from .reading import LARGEST_PART, Images, Request, Unusable, check_content, check_size
from .sources import Idx

GZIP_MAGIC = b"\x1f\x8b"
MAGIC_OF_BYTES = 0x0800  # idx type code of unsigned bytes; the last byte of the magic number counts dimensions


def read(source: Idx, request: Request) -> Images:
    """The images and labels in the order of the files; missing files are downloaded first."""
    arrays = {part: read_file(source, part, request) for part in IDX_FILES}
    for part in ("train", "test"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if len(images) != len(labels):
            raise request.error(
                f"{request.local(source.folder)} has {len(images)} images in {IDX_FILES[f'{part}_images']} but "
                f"{len(labels)} labels in {IDX_FILES[f'{part}_labels']}; get both again"
            )
    return Images(
        train_images=arrays["train_images"][..., None],
        train_labels=arrays["train_labels"].astype(np.int64),
        test_images=arrays["test_images"][..., None],
        test_labels=arrays["test_labels"].astype(np.int64),
    )


def read_file(source: Idx, part: str, request: Request) -> np.ndarray:
    """The verified array of one of the four files, downloaded if there is no local copy."""
    release = RELEASES[source.release] if source.release else None
    hashes = source.sha256 or (release.sha256 if release else {})
    name = IDX_FILES[part]
    dimensions = 3 if part.endswith("images") else 1

    def parsed(path: Path) -> np.ndarray:
        content = decompressed(path, dimensions)
        check_content(content, hashes.get(name))
        return parse(content, dimensions)

    folder = request.local(source.folder)
    path = next((path for path in (folder / f"{name}.gz", folder / name) if path.exists()), None)
    if path is None:
        path = folder / f"{name}.gz"
        addresses = source.urls or (release.urls if release else ())
        fetch(
            path,
            [f"{address.rstrip('/')}/{path.name}" for address in addresses],
            parsed,
            request,
            wanted=", ".join(f"{file}.gz" for file in IDX_FILES.values()),
        )
    try:
        return parsed(path)
    except (OSError, Unusable) as error:
        raise request.damaged(path, error) from error


def decompressed(path: Path, dimensions: int) -> bytes:
    """The content of a file that may be compressed by gzip, whatever its name says.

    No more than the file announces is unpacked, and one byte, which shows that there is more.
    """
    with path.open("rb") as file:
        packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        file.seek(0)
        unpacked = gzip.GzipFile(fileobj=file) if packed else file
        try:
            head = unpacked.read(4 * (1 + dimensions))
            return head + unpacked.read(math.prod(shape_of(head, dimensions)) + 1)
        except (OSError, EOFError, zlib.error) as error:
            if not packed:
                raise
            raise Unusable(f"is a damaged gzip file ({error})") from error


def shape_of(head: bytes, dimensions: int) -> tuple[int, ...]:
    """The shape that the first bytes of an idx file announce: big-endian magic number and sizes."""
    if len(head) < 4 * (1 + dimensions) or int.from_bytes(head[:4], "big") != MAGIC_OF_BYTES + dimensions:
        raise Unusable(f"is no idx file of unsigned bytes in {dimensions} dimension{'s' * (dimensions > 1)}")
    shape = tuple(int(size) for size in np.frombuffer(head, ">u4")[1:])
    check_size(math.prod(shape), LARGEST_PART, f"an array of shape {shape}")
    return shape


def parse(content: bytes, dimensions: int) -> np.ndarray:
    """The array of unsigned bytes in an idx file."""
    start = 4 * (1 + dimensions)
    shape = shape_of(content[:start], dimensions)
    values = np.frombuffer(content, np.uint8, offset=start)
    if len(values) != math.prod(shape):
        count = "more" if len(values) > math.prod(shape) else len(values)
        raise Unusable(f"announces an array of shape {shape} but holds {count} values")
    return values.reshape(shape)
