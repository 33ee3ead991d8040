"""Names for the tables of the family's tasks: drawing functions and measures say with them what they read."""

from typing import Annotated

import pandas as pd

from .params import Channels, Classification, Entropies, Falling, Reconstruction, Trainability

EntropiesTable = Annotated[pd.DataFrame, Entropies]
ClassificationTable = Annotated[pd.DataFrame, Classification]
TrainabilityTable = Annotated[pd.DataFrame, Trainability]
FallingTable = Annotated[pd.DataFrame, Falling]
ReconstructionTable = Annotated[pd.DataFrame, Reconstruction]
ChannelsTable = Annotated[pd.DataFrame, Channels]
