"""Pictures as rows of a table, and back."""

import pandas as pd

from nnstatmech.cascades.pictures import picture

from .samples import pictures_row


def test_pictures_are_clipped_and_shaped():
    grey = next(pd.DataFrame([pictures_row(2, 3, 1)]).itertuples())
    assert picture(grey).shape == (2, 3)
    assert (picture(grey).min(), picture(grey).max()) == (0, 1)
    colour = next(pd.DataFrame([pictures_row(2, 3, 3), {}]).itertuples())  # sizes as decimal numbers
    assert picture(colour).shape == (2, 3, 3)
