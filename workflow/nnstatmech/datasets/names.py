"""Names of files: where a path of the settings is, and which files a folder only happens to hold."""

import os
import re
from pathlib import Path, PurePosixPath

from .errors import DataError

VARIABLE = re.compile(r"\$(\w+|\{\w+\})")
# What file managers leave in folders of pictures, in lower case; names that begin with a dot count as well.
LEFT_BY_FILE_MANAGERS = {
    "__macosx",
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "icon\r",
    "$recycle.bin",
    "system volume information",
    "@eadir",
}


def is_hidden(name: str) -> bool:
    """Whether a file or a folder above it is none of the user's: hidden, or left by a file manager."""
    return any(part.startswith(".") or part.lower() in LEFT_BY_FILE_MANAGERS for part in PurePosixPath(name).parts)


def expanded(path: str | os.PathLike) -> Path:
    """``path`` with ``~`` and ``$NAME`` replaced, as a shell would.

    Raises
    ------
    DataError
        If there is no such user or variable: a folder of the literal name is never what was meant.
    """
    text = os.path.expanduser(os.path.expandvars(path))
    if text.startswith("~"):
        raise DataError(f"there is no user {text.split('/')[0]!r}, whose home folder the path {str(path)!r} names")
    if unknown := VARIABLE.search(text):
        raise DataError(f"there is no variable {unknown[0]!r}, which the path {str(path)!r} names")
    return Path(text)


def local_path(data_dir: str | os.PathLike, path: str) -> Path:
    """Where ``path`` of a source is: below ``data_dir``, unless it is absolute."""
    return expanded(data_dir) / expanded(path)
