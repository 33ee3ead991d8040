"""Finite Bayesian networks with exact priors and posteriors."""

from ..parameters import Family
from .params import (
    Classifier,
    Ensemble,
    FullData,
    NeuralTangent,
    NormLearning,
    Outputs,
    PathPruning,
    Posterior,
    Prior,
    Regression,
    Samplers,
    Untrained,
)

FAMILY = Family(
    work="Priors and posteriors of finite Bayesian networks (Zavatone-Veth, Pehlevan 2021)",
    uses_gpu=False,
    tasks={
        "regression": Regression,
        "classifier": Classifier,
        "untrained": Untrained,
        "norm_learning": NormLearning,
        "neural_tangent": NeuralTangent,
        "path_pruning": PathPruning,
        "prior": Prior,
        "posterior": Posterior,
        "ensemble": Ensemble,
        "full_data": FullData,
        "samplers": Samplers,
        "outputs": Outputs,
    },
)
