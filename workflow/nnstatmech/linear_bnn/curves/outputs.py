"""Posteriors of several outputs by two samplers, over realisations."""

import numpy as np
import pandas as pd

from ...readings import select

KEYS = ["run", "network", "beta", "output"]
"""What tells the compared numbers of one quantity apart."""


def pooled(table: pd.DataFrame, quantity: str, sampler: str) -> pd.DataFrame:
    """A quantity by cell, its realisations weighted alike: ``value`` and ``error`` from the chains' standard errors."""
    rows = {
        name: select(table, quantity=name, sampler=sampler).groupby(KEYS, observed=True, dropna=False)["value"]
        for name in (quantity, f"{quantity}_error")
    }
    errors = rows[f"{quantity}_error"].agg(lambda each: np.sqrt(np.sum(each**2)) / len(each))
    return pd.DataFrame({"value": rows[quantity].mean(), "error": errors})


def deviations(table: pd.DataFrame, quantity: str) -> pd.Series:
    """Difference of the two samplers over its standard error, by cell."""
    factors, layers = (pooled(table, quantity, sampler) for sampler in ("factors", "layers"))
    return (factors["value"] - layers["value"]) / np.hypot(factors["error"], layers["error"])


def mean_difference(table: pd.DataFrame, quantity: str) -> tuple[float, float]:
    """Relative difference of the two samplers, mean over all cells, and its standard error."""
    factors, layers = (pooled(table, quantity, sampler) for sampler in ("factors", "layers"))
    relative = factors["value"] / layers["value"] - 1
    errors = np.hypot(factors["error"], layers["error"]) / layers["value"]
    return float(relative.mean()), float(np.sqrt(np.sum(errors**2)) / len(errors))


def least_effective_samples(table: pd.DataFrame, sampler: str) -> pd.Series:
    """Effective samples of the quantity that has the fewest, by cell, mean over realisations."""
    rows = select(table, quantity="effective_samples", sampler=sampler)
    return rows.groupby(KEYS[:-1], observed=True)["value"].mean()
