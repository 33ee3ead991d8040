"""Whose tables drawing functions and measures take: planning reads it off their annotations."""

from typing import Annotated, TypeAlias

import pandas as pd

from .params import Propagation

PropagationTable: TypeAlias = Annotated[pd.DataFrame, Propagation]
