"""Files that are whole or absent: written beside their target, flushed to the disk and renamed into place."""

import contextlib
import fcntl
import glob
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """A file to write to, which becomes ``path`` where the block ends and vanishes where it fails.

    What earlier attempts at ``path`` left behind when they were killed is removed. Processes may write the same
    ``path`` at once: each holds a lock on its own part, and only parts without one count as left behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: then nobody removes anything either
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.chmod(0o644)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    remove_leftovers(path)


def remove_leftovers(path: Path) -> None:
    """Remove parts of ``path`` that no process holds."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError), part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink(missing_ok=True)
