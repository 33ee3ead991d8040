"""Name for the table of the family's task: drawing functions and measures say with it what they read."""

from typing import Annotated, TypeAlias

import pandas as pd

from .params import Cells

CellsTable: TypeAlias = Annotated[pd.DataFrame, Cells]
