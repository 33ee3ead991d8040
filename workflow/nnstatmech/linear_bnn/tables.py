"""Tables by the task that made them: what drawings and measures ask for, and planning compares before anything runs."""

from typing import Annotated

import pandas as pd

from .params import (
    Classifier,
    Ensemble,
    NeuralTangent,
    NormLearning,
    PathPruning,
    Posterior,
    Prior,
    Regression,
    Untrained,
)

ClassifierTable = Annotated[pd.DataFrame, Classifier]
EnsembleTable = Annotated[pd.DataFrame, Ensemble]
NeuralTangentTable = Annotated[pd.DataFrame, NeuralTangent]
NormLearningTable = Annotated[pd.DataFrame, NormLearning]
PathPruningTable = Annotated[pd.DataFrame, PathPruning]
PosteriorTable = Annotated[pd.DataFrame, Posterior]
PriorTable = Annotated[pd.DataFrame, Prior]
RegressionTable = Annotated[pd.DataFrame, Regression]
UntrainedTable = Annotated[pd.DataFrame, Untrained]
