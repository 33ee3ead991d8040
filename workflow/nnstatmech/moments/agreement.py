"""How far measured moments are from the published ones, over all quantities and depths at once."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ..readings import NotMeasured
from .curves import curve
from .published_values import published_means


class Agreement(NamedTuple):
    """Root mean square of standardised deviations from published means.

    Attributes
    ----------
    rms
        1 is expected if both are samples of one law.
    error
        Its standard error then: values of one realisation are correlated over depths and quantities, and count as
        that many independent ones as give the same variance.
    count, holes
        Realisations with all values, and without.
    """

    rms: float
    error: float
    count: int
    holes: int


def standardised(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Values of each realisation less the published mean, over the published standard deviation.

    Seeds in rows; quantity and depth in columns, as far as both have them. chi stands for log chi.
    """
    names = [name for name in published.index.unique("quantity") if name != "log_chi"]
    values = pd.concat({name: curve(table, name) for name in names}, axis=1, names=["quantity", "depth"])
    shared = values.columns.intersection(published.index)
    return (values[shared] - published.loc[shared, "mean"]) / published.loc[shared, "sd"]


def sum_of_squared_correlations(values: np.ndarray) -> float:
    """Trace of the squared covariance matrix of the columns, without bias for normal rows (Srivastava 2005)."""
    freedom = len(values) - 1
    deviations = values - values.mean(axis=0)
    gram = deviations @ deviations.T / freedom  # the same eigenvalues as the covariance of the columns
    factor = freedom**2 / ((freedom - 1) * (freedom + 2))
    return float(factor * (np.sum(gram**2) - np.trace(gram) ** 2 / freedom))


def agreement(table: pd.DataFrame, experiment: str) -> Agreement:
    """:class:`Agreement` of one run with the published curves of ``experiment``.

    Raises
    ------
    NotMeasured
        If fewer than three realisations have all values.
    """
    published = published_means(experiment)
    values = standardised(table, published)
    whole = values.dropna()
    count, holes = len(whole), len(values) - len(whole)
    if count < 3:
        raise NotMeasured(f"{count} realisations with all values: at least 3 are needed")
    variance = 1 / count + 1 / published.loc[whole.columns, "realisations"].to_numpy()
    size = whole.shape[1]
    independent = np.clip(size**2 / max(sum_of_squared_correlations(whole.to_numpy()), 1e-9), 1, size)
    rms = np.sqrt(np.mean(whole.mean().to_numpy() ** 2 / variance))
    return Agreement(float(rms), float(1 / np.sqrt(2 * independent)), count, holes)
