"""The idx format of MNIST and Fashion-MNIST."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from .download import fetch
from .official import IDX_FILES, RELEASES
from .reading import Images, Request, Unusable, check_content
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
                f"{request.data_dir / source.folder} has {len(images)} images in {IDX_FILES[f'{part}_images']} but "
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
    release = RELEASES.get(source.release)
    hashes = source.sha256 or (release.sha256 if release else {})
    name = IDX_FILES[part]
    dimensions = 3 if part.endswith("images") else 1

    def parsed(path: Path) -> np.ndarray:
        content = decompressed(path)
        check_content(content, hashes.get(name))
        return parse(content, dimensions)

    folder = request.data_dir / source.folder
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


def decompressed(path: Path) -> bytes:
    """The content of a file that may be compressed by gzip, whatever its name says."""
    content = path.read_bytes()
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise Unusable(f"is a damaged gzip file ({error})") from error


def parse(content: bytes, dimensions: int) -> np.ndarray:
    """The array of unsigned bytes in an idx file: big-endian magic number and sizes, then the values."""
    head = np.frombuffer(content[: 4 * (1 + dimensions)], np.uint8)
    if len(head) < 4 * (1 + dimensions) or int.from_bytes(content[:4], "big") != MAGIC_OF_BYTES + dimensions:
        raise Unusable(f"is no idx file of unsigned bytes in {dimensions} dimension{'s' * (dimensions > 1)}")
    shape = tuple(int(size) for size in head.view(">u4")[1:])
    values = np.frombuffer(content, np.uint8, offset=head.nbytes)
    if len(values) != math.prod(shape):
        raise Unusable(f"announces an array of shape {shape} but holds {len(values)} values")
    return values.reshape(shape)
