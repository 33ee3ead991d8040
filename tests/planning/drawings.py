"""Drawing functions that the tests' figures name; none is ever called."""

from typing import Annotated

import pandas as pd
from matplotlib.figure import Figure

from nnstatmech.linear_bnn.params import Untrained
from nnstatmech.moments.params import Propagation

Moments = Annotated[pd.DataFrame, Propagation]


def growth(main: Moments, baseline: Moments | None = None, *, scale: str, colour: str = "C0") -> Figure:
    raise NotImplementedError


def several(tables: list[Moments], *, scale: str, law: str) -> Figure:
    raise NotImplementedError


def untrained(main: Annotated[pd.DataFrame, Untrained]) -> Figure:
    raise NotImplementedError
