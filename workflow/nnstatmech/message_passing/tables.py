"""The tables of the family's tasks, as drawing functions and measures say which of them they take."""

from typing import Annotated, TypeAlias

import pandas as pd

from .params import (
    Calibration,
    Channels,
    Committee,
    Continual,
    LocalEnergy,
    Perceptron,
    Repetition,
    Specialisation,
    Timing,
    Training,
)

TrainingTable: TypeAlias = Annotated[pd.DataFrame, Training]
PerceptronTable: TypeAlias = Annotated[pd.DataFrame, Perceptron]
CommitteeTable: TypeAlias = Annotated[pd.DataFrame, Committee]
TimingTable: TypeAlias = Annotated[pd.DataFrame, Timing]
ChannelsTable: TypeAlias = Annotated[pd.DataFrame, Channels]
SpecialisationTable: TypeAlias = Annotated[pd.DataFrame, Specialisation]
ContinualTable: TypeAlias = Annotated[pd.DataFrame, Continual]
CalibrationTable: TypeAlias = Annotated[pd.DataFrame, Calibration]
RepetitionTable: TypeAlias = Annotated[pd.DataFrame, Repetition]
LocalEnergyTable: TypeAlias = Annotated[pd.DataFrame, LocalEnergy]
