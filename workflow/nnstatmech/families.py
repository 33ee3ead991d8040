"""The experiment families: which tasks each has and which module runs a task.

Read on the Snakefile's side only. An engine or a script that imported this table would make every run
depend on every family.
"""

import importlib
from dataclasses import dataclass

from .parameters import Parameters


@dataclass(frozen=True)
class Family:
    """A family of experiments, named like its sub-package.

    Attributes
    ----------
    name
        Sub-package of ``nnstatmech`` and folder below ``results/<scale>-<data>/``.
    work
        The work whose figures the family reproduces, as the report's heading.
    uses_gpu
        Whether its jobs ask for a GPU when there is one.
    """

    name: str
    work: str
    uses_gpu: bool

    @property
    def tasks(self) -> dict[str, type[Parameters]]:
        """Task name to the class of its parameters."""
        return importlib.import_module(f"nnstatmech.{self.name}.params").TASKS

    def engine(self, task: str) -> str:
        """Dotted name of the module that runs ``task``."""
        if len(self.tasks) == 1:
            return f"nnstatmech.{self.name}.experiment"
        return f"nnstatmech.{self.name}.experiments.{task}"


FAMILIES = {
    family.name: family
    for family in (
        Family("moments", "Moments of signal and noise (Labatie 2019)", uses_gpu=True),
        Family(
            "message_passing",
            "Learning by message passing (Lucibello, Pittorino, Perugini, Zecchina 2022)",
            uses_gpu=True,
        ),
        Family(
            "linear_bnn",
            "Priors and posteriors of finite Bayesian networks (Zavatone-Veth, Pehlevan 2021)",
            uses_gpu=False,
        ),
        Family("cascades", "Reconstruction cascades (Thurn, Jefferson, Erdmenger 2024)", uses_gpu=True),
    )
}
