"""One call at a time in a folder: the second is refused with the first one's host, process and start.

The lock is the operating system's: it ends with the process that holds it, however that ends, so that a call that was
killed never has to be cleared up after.
"""

import fcntl
import json
import os
import platform
from datetime import datetime
from pathlib import Path
from typing import IO

from ..errors import NamedProblem


class FolderInUse(NamedProblem):
    """Another call works in the folder."""


def hold(path: Path, command: str) -> IO[str]:
    """Take the lock at ``path`` until the file that is returned is closed or the process ends.

    Parameters
    ----------
    path
        The lock's file; it stays when the lock is given up.
    command
        What the holder does, for the message to the next one.

    Raises
    ------
    FolderInUse
        If another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise FolderInUse(
            f"another call works in this folder: {described(file.read())}; wait for it, or stop it"
        ) from None
    holder = {
        "host": platform.node(),
        "process": os.getpid(),
        "start": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": command,
    }
    file.truncate(0)
    file.write(json.dumps(holder))
    file.flush()
    return file


def described(text: str) -> str:
    """The holder in words; it may not have written its name yet."""
    try:
        holder = json.loads(text)
    except ValueError:
        return "it has just started"
    return f"host {holder['host']}, process {holder['process']}, since {holder['start']} ({holder['command']})"
