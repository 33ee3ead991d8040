"""Whose tables drawing functions and measures take: planning reads it off their annotations."""

from typing import Annotated

import pandas as pd

from .params import Propagation

PropagationTable = Annotated[pd.DataFrame, Propagation]
