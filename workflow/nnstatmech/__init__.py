"""Statistical mechanics of deep networks: families of experiments, computed from scratch.

The package holds all the science and nothing of Snakemake: every engine can be called from a notebook and gives the
same table as the workflow.

>>> import nnstatmech as nsm
>>> table = nsm.run("moments", architecture="vanilla", depth=20, width=16, seeds=2, dataset=nsm.images("cifar10"))
>>> figure = nsm.draw("Fig_3", main=table)

The names below are found when they are first used, so that importing the package imports nothing heavy. Nothing inside
the package imports from here.
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Public name to the module that defines it, and its name there.
PUBLIC = {
    "run": ("face", "run"),
    "draw": ("face", "draw"),
    "images": ("face", "images"),
    "table": ("face", "table"),
    "list_figures": ("face", "list_figures"),
    "list_experiments": ("face", "list_experiments"),
    "select": ("readings", "select"),
    "by_seed": ("readings", "by_seed"),
    "over_seeds": ("readings", "over_seeds"),
    "mean_over_seeds": ("readings", "mean_over_seeds"),
    "parameters_of": ("readings", "parameters_of"),
    "Measurement": ("readings", "Measurement"),
    "MeanField": ("theory.mean_field", "MeanField"),
    "critical_weight_variance": ("theory.mean_field", "critical_weight_variance"),
    "probe_model": ("probe.probe", "probe_model"),
    "diagnose": ("probe.sentences", "diagnose"),
    "score_model": ("atlas.standing", "score_model"),
    "linear_prior": ("linear_bnn.prior", "log_prior"),
    "linear_posterior": ("linear_bnn.posterior", "Posterior"),
}

if TYPE_CHECKING:
    from .atlas.standing import score_model
    from .face import draw, images, list_experiments, list_figures, run, table
    from .linear_bnn.posterior import Posterior as linear_posterior
    from .linear_bnn.prior import log_prior as linear_prior
    from .probe.probe import probe_model
    from .probe.sentences import diagnose
    from .readings import Measurement, by_seed, mean_over_seeds, over_seeds, parameters_of, select
    from .theory.mean_field import MeanField, critical_weight_variance

__all__ = [
    "MeanField",
    "Measurement",
    "by_seed",
    "critical_weight_variance",
    "diagnose",
    "draw",
    "images",
    "linear_posterior",
    "linear_prior",
    "list_experiments",
    "list_figures",
    "mean_over_seeds",
    "over_seeds",
    "parameters_of",
    "probe_model",
    "run",
    "score_model",
    "select",
    "table",
]


def __getattr__(name: str):
    if name not in PUBLIC:
        raise AttributeError(f"module 'nnstatmech' has no attribute {name!r}; it offers {', '.join(sorted(PUBLIC))}")
    module, attribute = PUBLIC[name]
    return getattr(importlib.import_module(f"nnstatmech.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *PUBLIC])
