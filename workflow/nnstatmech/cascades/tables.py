"""Names for the tables of the family's tasks: drawing functions and measures say with them what they read."""

from typing import Annotated, TypeAlias

import pandas as pd

from .params import Channels, Classification, Entropies, Falling, Reconstruction, Scores, Trainability

EntropiesTable: TypeAlias = Annotated[pd.DataFrame, Entropies]
ClassificationTable: TypeAlias = Annotated[pd.DataFrame, Classification]
TrainabilityTable: TypeAlias = Annotated[pd.DataFrame, Trainability]
ScoresTable: TypeAlias = Annotated[pd.DataFrame, Scores]
FallingTable: TypeAlias = Annotated[pd.DataFrame, Falling]
ReconstructionTable: TypeAlias = Annotated[pd.DataFrame, Reconstruction]
ChannelsTable: TypeAlias = Annotated[pd.DataFrame, Channels]
