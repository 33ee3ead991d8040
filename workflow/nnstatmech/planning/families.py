"""The experiment families that are found: every folder of the package with a ``family.py``, and folders of the user's.

Read on the Snakefile's side only. An engine or a script that imported this table would make every run
depend on every family.
"""

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..parameters import Parameters
from .codehash import add_package
from .mistakes import ConfigError

PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class FoundFamily:
    """A family and where it is.

    Attributes
    ----------
    name
        Name of its folder, and of the folder of its results.
    package
        Dotted name of its package: ``nnstatmech.moments``, or ``hopfield`` for one of the user's.
    folder
        Its folder.
    work, uses_gpu, tasks
        What it declares, see :class:`nnstatmech.parameters.Family`.
    """

    name: str
    package: str
    folder: Path
    work: str
    uses_gpu: bool
    tasks: dict[str, type[Parameters]]

    def engine(self, task: str) -> str:
        """Dotted name of the module that runs ``task``."""
        return f"{self.package}.tasks.{task}"

    @property
    def search_folder(self) -> str:
        """What has to be on the import path for a family of the user's own; empty for one of the package."""
        return "" if self.package.startswith("nnstatmech.") else str(self.folder.parent)

    @property
    def measures(self) -> str:
        """Dotted name of the module of its measures."""
        return f"{self.package}.measures"


Families = dict[str, FoundFamily]


@cache
def families_of(folders: tuple[Path, ...] = ()) -> Families:
    """The package's families, in alphabetical order, and those in ``folders``.

    Raises
    ------
    ConfigError
        If a folder holds no family, its name is taken, or what it declares is no family.
    """
    found = {
        path.parent.name: declared(path.parent, f"nnstatmech.{path.parent.name}")
        for path in sorted(PACKAGE.glob("*/family.py"))
    }
    for folder in folders:
        name = folder.name
        if not (folder / "family.py").is_file():
            raise ConfigError(f"families: {folder} holds no family.py")
        if not name.isidentifier() or name in found or is_taken(name, folder):
            raise ConfigError(f"families: {folder}: the name {name!r} is taken or no Python name; rename the folder")
        add_package(name, folder)
        if str(folder.parent) not in sys.path:
            sys.path.append(str(folder.parent))
        found[name] = declared(folder, name)
    return found


def is_taken(name: str, folder: Path) -> bool:
    """Whether ``import name`` gives something else than the folder."""
    if name in sys.stdlib_module_names:
        return True
    spec = importlib.util.find_spec(name)
    if spec is None:
        return False
    places = list(spec.submodule_search_locations or []) or [spec.origin]
    return folder not in [Path(place).resolve() for place in places if place]


def declared(folder: Path, package: str) -> FoundFamily:
    try:
        family = importlib.import_module(f"{package}.family").FAMILY
    except (ImportError, AttributeError, SyntaxError) as error:
        raise ConfigError(f"{folder.name}/family.py: declares no family ({' '.join(str(error).split())})") from error
    return FoundFamily(folder.name, package, folder, family.work, family.uses_gpu, dict(family.tasks))
