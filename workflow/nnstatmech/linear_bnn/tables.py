"""Tables by the task that made them: what drawings and measures ask for, and planning compares before anything runs."""

from typing import Annotated, TypeAlias

import pandas as pd

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

ClassifierTable: TypeAlias = Annotated[pd.DataFrame, Classifier]
EnsembleTable: TypeAlias = Annotated[pd.DataFrame, Ensemble]
FullDataTable: TypeAlias = Annotated[pd.DataFrame, FullData]
NeuralTangentTable: TypeAlias = Annotated[pd.DataFrame, NeuralTangent]
NormLearningTable: TypeAlias = Annotated[pd.DataFrame, NormLearning]
OutputsTable: TypeAlias = Annotated[pd.DataFrame, Outputs]
PathPruningTable: TypeAlias = Annotated[pd.DataFrame, PathPruning]
PosteriorTable: TypeAlias = Annotated[pd.DataFrame, Posterior]
PriorTable: TypeAlias = Annotated[pd.DataFrame, Prior]
RegressionTable: TypeAlias = Annotated[pd.DataFrame, Regression]
SamplersTable: TypeAlias = Annotated[pd.DataFrame, Samplers]
UntrainedTable: TypeAlias = Annotated[pd.DataFrame, Untrained]
