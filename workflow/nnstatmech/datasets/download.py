"""Downloads: verified before they are seen under their name, whole or absent."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests

from .reading import Request, Unusable

ROUNDS = 2  # each address is tried so often
TIMEOUTS = (5, 30)  # seconds to connect and between two pieces: offline, the answer comes at once
BLOCK = 1 << 18  # bytes
STALE = 24 * 3600  # seconds after which the remains of a killed download are removed


def fetch(target: Path, urls: Sequence[str], verify: Callable, request: Request, wanted: str) -> None:
    """Download ``target`` from the first of ``urls`` whose content ``verify`` accepts.

    ``verify`` gets the path of the downloaded file and raises :class:`Unusable` where it is wrong. Nothing
    is left behind by a failure.

    Parameters
    ----------
    wanted
        The names of the files to put beside ``target`` by hand, for the message of a failure.

    Raises
    ------
    DataError
        Saying why no address served and which files to put where.
    """
    mend = f"put {wanted} into {target.parent}/ or use --config data=bundled"
    if not request.download or not urls:
        raise request.error(f"there is no {target}; {mend}")
    problems = []
    try:
        with temporary_folder(target.parent) as folder:
            part = folder / target.name
            for url in list(urls) * ROUNDS:
                try:
                    retrieve(url, part, request)
                    verify(part)
                    part.replace(target)
                    return
                except requests.RequestException as error:
                    problems.append(reason(url, error))
                except Unusable as error:
                    problems.append(f"what {url} gave {error}, and was removed")
    except OSError as error:
        problems.append(f"{target.parent}: {error.strerror or error}")
    raise request.error(f"cannot download {target.name} ({'; '.join(dict.fromkeys(problems))}); {mend}")


def retrieve(url: str, part: Path, request: Request) -> None:
    """Write what ``url`` gives to the file ``part`` and to the disk."""
    with request.progress(total=0, desc=part.name, unit="B", unit_scale=True, delay=1) as bar:
        pooch.HTTPDownloader(progressbar=bar, chunk_size=BLOCK, timeout=TIMEOUTS)(url, part, None)
    with open(part, "rb") as file:
        os.fsync(file.fileno())


def reason(url: str, error: requests.RequestException) -> str:
    """Why a download failed, in a few words."""
    host = urlsplit(url).netloc
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{url} answers {error.response.status_code}"
    if isinstance(error, requests.ConnectTimeout | requests.ReadTimeout):
        return f"{host} does not answer; no network?"
    if isinstance(error, requests.ConnectionError):
        return f"no connection to {host}; no network?"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"{host} broke off"
    return f"{url}: {error}"


@contextmanager
def temporary_folder(parent: Path):
    """A folder below ``parent`` that is removed in the end, and ``parent`` too if it is new and stays empty."""
    new = not parent.exists()
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.glob(".download-*"):
        if time.time() - old.stat().st_mtime > STALE:
            shutil.rmtree(old, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".download-", dir=parent) as folder:
            yield Path(folder)
    finally:
        if new:
            with suppress(OSError):
                parent.rmdir()
