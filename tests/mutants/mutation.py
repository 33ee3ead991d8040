"""One mistake in one module: a piece of its source is replaced while it is imported; no file is changed."""

import importlib.abc
import importlib.machinery
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parents[1] / "workflow/nnstatmech"
if str(PACKAGE.parent) not in sys.path:
    sys.path.insert(0, str(PACKAGE.parent))
FAMILIES = ("moments", "message_passing", "linear_bnn", "cascades")


@dataclass(frozen=True)
class Mutant:
    """A mistake.

    Attributes
    ----------
    module
        Of the package, without its name: ``moments.networks``.
    replace, by
        Source that occurs once in the module, and what stands there instead.
    mistake
        What a reader would call it.
    headline
        The claim whose number it shifts.
    """

    id: str
    family: str
    module: str
    replace: str
    by: str
    mistake: str
    headline: str

    @property
    def file(self) -> Path:
        return PACKAGE.joinpath(*self.module.split(".")).with_suffix(".py")

    def source(self) -> str:
        """The module's source with the mistake.

        Raises
        ------
        ValueError
            If the piece to be replaced does not occur once: the module was rewritten, and so must the mutant be.
        """
        text = self.file.read_text(encoding="utf-8")
        if (count := text.count(self.replace)) != 1:
            raise ValueError(f"{self.family}/{self.id}: {self.replace!r} occurs {count} times in {self.file.name}")
        return text.replace(self.replace, self.by)


def mutants_of(family: str) -> dict[str, Mutant]:
    """The catalogue of a family, by id."""
    entries = yaml.safe_load((HERE / "catalogue" / f"{family}.yaml").read_text(encoding="utf-8"))
    return {entry["id"]: Mutant(family=family, **entry) for entry in entries}


class MutantLoader(importlib.machinery.SourceFileLoader):
    """Compiles the source with the mistake."""

    def __init__(self, name: str, mutant: Mutant):
        super().__init__(name, str(mutant.file))
        self.mutant = mutant

    def get_code(self, fullname):
        return compile(self.mutant.source(), str(self.mutant.file), "exec", dont_inherit=True)


class MutantFinder(importlib.abc.MetaPathFinder):
    """Finds the one module that has the mistake."""

    def __init__(self, mutant: Mutant):
        self.mutant = mutant

    def find_spec(self, fullname, path=None, target=None):
        if fullname != f"nnstatmech.{self.mutant.module}":
            return None
        loader = MutantLoader(fullname, self.mutant)
        return importlib.machinery.ModuleSpec(fullname, loader, origin=str(self.mutant.file))


def install(mutant: Mutant) -> None:
    """Let the package be imported with the mistake from now on, afresh: meant for a process of its own."""
    mutant.source()
    os.environ["NNSTATMECH_NO_COMPILE"] = "1"  # mistakes are made in the formulas that torch computes
    for name in [name for name in sys.modules if name.partition(".")[0] == "nnstatmech"]:
        del sys.modules[name]
    sys.meta_path.insert(0, MutantFinder(mutant))
