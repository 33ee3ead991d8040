"""Functions that settings name, imported."""

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure


def drawing_function(text: str, package: str, folder: str | Path = ".") -> Callable[..., Figure]:
    """The function ``module.function`` below ``<package>.figures``, or ``file.py:function`` in ``folder``."""
    if ":" in text:
        path, _, name = text.rpartition(":")
        return getattr(module_of_file(Path(folder) / Path(path).expanduser()), name)
    module, _, name = text.rpartition(".")
    return getattr(importlib.import_module(f"{package}.figures.{module}"), name)


def module_of_file(path: Path):
    """The module that a file of the user's own is."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
