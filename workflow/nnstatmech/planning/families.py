"""The experiment families that are found: every folder with a ``family.py``.

Read on the Snakefile's side only. An engine or a script that imported this table would make every run
depend on every family.
"""

import importlib
from functools import cache
from pathlib import Path

from ..parameters import Family

PACKAGE = Path(__file__).resolve().parents[1]


@cache
def families() -> dict[str, Family]:
    """Name (that of the folder) to declaration of every family in the package, in alphabetical order."""
    names = sorted(path.parent.name for path in PACKAGE.glob("*/family.py"))
    return {name: importlib.import_module(f"nnstatmech.{name}.family").FAMILY for name in names}


FAMILIES = families()


def engine(family: str, task: str) -> str:
    """Dotted name of the module that runs ``task``."""
    return f"nnstatmech.{family}.tasks.{task}"
