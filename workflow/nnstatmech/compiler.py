"""Functions in C, compiled by the machine's compiler at their first use and kept in the user's cache.

The library is named by its source, its options and the kind of processor, so that machines that share a home share
it only where both can run it. ``NNSTATMECH_NO_COMPILE=1`` stands for a machine without a compiler, ``CC`` names another
one than ``cc``.
"""

import ctypes
import hashlib
import logging
import os
import platform
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

logger = logging.getLogger(__name__)

OPTIONS = ["-O3", "-std=gnu11", "-shared", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd"]
# Vector instructions by what torch has found the processor to have.
INSTRUCTIONS = {
    "AVX512": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
    "AVX2": ["-march=x86-64-v3"],
}


def functions(source: str, arguments: Mapping[str, Sequence], otherwise: str) -> ctypes.CDLL | None:
    """The library of :func:`load` with its functions declared; None where it cannot be built.

    Parameters
    ----------
    arguments
        Function to the types of its arguments; none returns anything.
    otherwise
        What is done without the library: logged, with the reason.
    """
    try:
        library = load(source)
    except (OSError, subprocess.SubprocessError) as error:
        logger.info("%s (%s)", otherwise, error)
        return None
    for name, types in arguments.items():
        function = getattr(library, name)
        function.argtypes, function.restype = types, None
    return library


def load(source: str) -> ctypes.CDLL:
    """The library that a C ``source`` makes.

    Raises
    ------
    OSError, subprocess.SubprocessError
        If there is no compiler, or it fails; or if ``NNSTATMECH_NO_COMPILE`` is set.
    """
    if os.environ.get("NNSTATMECH_NO_COMPILE"):
        raise OSError("NNSTATMECH_NO_COMPILE is set")
    options = [*OPTIONS, *INSTRUCTIONS.get(torch.backends.cpu.get_cpu_capability(), [])]
    content = "\n".join([source, platform.system(), platform.machine(), *options])
    name = f"loops-{hashlib.sha256(content.encode()).hexdigest()[:16]}.so"
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / name).is_file():
            compile_into(folder / name, source, options)
        return ctypes.CDLL(str(folder / name))
    except (OSError, RuntimeError):  # no home, or none that can be written or run from
        with tempfile.TemporaryDirectory() as temporary:
            compile_into(Path(temporary) / name, source, options)
            return ctypes.CDLL(str(Path(temporary) / name))


def cache_folder() -> Path:
    """Where libraries are kept.

    Raises
    ------
    RuntimeError
        If the user has no home.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nnstatmech"


def compile_into(path: Path, source: str, options: list[str]) -> None:
    """Whole or not at all: other processes may be about to do the same.

    Raises
    ------
    OSError, subprocess.SubprocessError
        If there is no compiler, or it fails.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
        made = Path(temporary) / path.name
        command = [*shlex.split(os.environ.get("CC") or "cc"), *options, "-x", "c", "-", "-o", str(made), "-lm"]
        subprocess.run(command, input=source, text=True, capture_output=True, check=True)
        os.replace(made, path)
