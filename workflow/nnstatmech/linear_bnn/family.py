"""Finite Bayesian networks with exact priors and posteriors."""

from ..parameters import Family
from .params import TASKS

FAMILY = Family(
    work="Priors and posteriors of finite Bayesian networks (Zavatone-Veth, Pehlevan 2021)",
    uses_gpu=False,
    tasks=TASKS,
)
