"""Errors and overlaps of the committees of the task ``committee`` against their number of features."""

import numpy as np
import pandas as pd

from ...readings import by_seed, select


def by_features(table: pd.DataFrame, algorithm: str, quantity: str) -> pd.DataFrame:
    """A quantity of one learner: realisations times numbers of features."""
    return by_seed(select(table, algorithm=algorithm, quantity=quantity), "features")


def unit_overlaps(table: pd.DataFrame, algorithm: str) -> tuple[int, np.ndarray]:
    """The largest number of features whose overlaps were kept, and W Wᵀ/N (K, K) there, of the first realisation."""
    rows = select(table, algorithm=algorithm, quantity="unit_overlaps")
    rows = rows[(rows["features"] == rows["features"].max()) & (rows["seed"] == rows["seed"].min())]
    overlaps = np.asarray(rows["matrix"].iloc[0])
    units = round(len(overlaps) ** 0.5)
    return int(rows["features"].iloc[0]), overlaps.reshape(units, units)


def sorted_by_leading_vector(overlaps: np.ndarray) -> np.ndarray:
    """Rows and columns in the order of the entries of the leading eigenvector: clusters become blocks."""
    order = np.argsort(np.linalg.eigh(overlaps)[1][:, -1])
    return overlaps[np.ix_(order, order)]
