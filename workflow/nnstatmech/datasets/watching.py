"""Whether the files that a data set was prepared from are still the same.

Read on the Snakefile's side by each call, so that nothing heavy is imported and no file is read twice.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from ..storage.contents import Contents
from .errors import DataError
from .names import is_hidden, local_path
from .official import CIFAR_TEST_FILE, CIFAR_TRAIN_FILES, EXTRACTED, IDX_FILES
from .sources import Bundled, CifarBinary, Idx, ImageFolder, Npz, Source


def source_digest(source: Source, data_dir: str | os.PathLike, contents: Contents) -> str | None:
    """A digest of the local files of ``source``, as far as :class:`Contents` knows it; None if nothing is watched.

    Not watched are bundled images, files whose content the settings demand by a hash, and files that are downloaded
    where they are missing: they are what they are called, wherever they come from.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    if isinstance(source, Bundled) or is_fixed(source):
        return None
    folder = local_path(data_dir, source.folder if isinstance(source, Idx) else source.path)
    try:
        return contents.digest(folder, files_of(source, folder))
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror or error}") from error


def is_fixed(source: Idx | CifarBinary | ImageFolder | Npz) -> bool:
    """Whether the settings say which content the files have, or where missing ones are downloaded from."""
    if isinstance(source, Idx | CifarBinary):
        files = IDX_FILES.values() if isinstance(source, Idx) else (*CIFAR_TRAIN_FILES, CIFAR_TEST_FILE)
        return bool(source.release or source.urls) or set(source.sha256) >= set(files)
    return source.sha256 is not None


def files_of(source: Idx | CifarBinary | ImageFolder | Npz, path: Path) -> Iterator[Path]:
    """The files that a source reads, of those that are there."""
    if isinstance(source, Idx):
        for name in IDX_FILES.values():
            yield from [file for file in (path / f"{name}.gz", path / name) if file.is_file()][:1]
        return
    if isinstance(source, CifarBinary) and not path.exists():
        path = path.with_name(EXTRACTED)
    if path.is_file():
        yield path
    elif isinstance(source, CifarBinary):
        yield from (path / name for name in (*CIFAR_TRAIN_FILES, CIFAR_TEST_FILE) if (path / name).is_file())
    else:
        for folder, _, names in os.walk(path, followlinks=True):
            files = [Path(folder, name) for name in names]
            yield from (file for file in files if not is_hidden(file.relative_to(path).as_posix()))
