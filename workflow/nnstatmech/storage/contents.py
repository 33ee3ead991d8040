"""What is in files that others may change: digests of their content, computed again only where they have changed."""

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .whole_files import whole_file


class Contents:
    """Digests of files, remembered in the file ``memory`` by size, times and place.

    Files whose sizes, times and places are as before are not read again. Times alone change no digest. A memory that
    is lost or cannot be written costs only the reading.
    """

    def __init__(self, memory: str | os.PathLike):
        self.memory = Path(memory)
        self.known: dict[str, list[str]] = {}  # path to the stamp and the digest of its files
        with suppress(OSError, ValueError, TypeError):
            self.known = dict(json.loads(self.memory.read_text(encoding="utf-8")))

    def digest(self, path: str | os.PathLike, files: Iterable[str | os.PathLike] | None = None) -> str | None:
        """SHA-256 over the names and contents of the files of ``path``.

        Where they are gone, it is what it was when they were last seen: what was made from them stays valid. None if
        they were never seen.

        Parameters
        ----------
        path
            A file, or the folder that all ``files`` are in: where it lies does not count.
        files
            Those that count; by default the file ``path`` alone.

        Raises
        ------
        OSError
            If a file cannot be read.
        """
        path = os.path.abspath(path)
        if files is None:
            files = [path] if os.path.isfile(path) else []
        files = sorted(os.path.abspath(file) for file in files)
        stamp, digest = self.known.get(path, (None, None))
        if not files:
            return digest
        seen = hashlib.sha256("\0".join(f"{file}\0{self.stamp(file)}" for file in files).encode()).hexdigest()
        if seen != stamp:
            digest = self.read(files, os.path.dirname(path))
            self.known[path] = [seen, digest]
            self.remember()
        return digest

    @staticmethod
    def stamp(file: str) -> str:
        """What changes where a file is written to: also the time of the change, which no program can set back."""
        facts = os.stat(file)
        return f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_ino}"

    @staticmethod
    def read(files: Iterable[str], below: str | os.PathLike) -> str:
        result = hashlib.sha256()
        for file in files:
            with open(file, "rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            result.update(f"{Path(os.path.relpath(file, below)).as_posix()}\0{digest}\0".encode())
        return result.hexdigest()

    def remember(self) -> None:
        with suppress(OSError), whole_file(self.memory) as part:
            part.write_text(json.dumps(self.known), encoding="utf-8")
