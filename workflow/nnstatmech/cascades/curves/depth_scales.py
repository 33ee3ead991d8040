"""Depth scales of mean-field theory for the networks of a table."""

from collections.abc import Iterable

import pandas as pd

from ...readings import NotMeasured, parameters_of
from ...theory.mean_field import MeanField, critical_weight_variance


def critical_variance(table: pd.DataFrame) -> float:
    """The weight variance at which the table's networks are critical."""
    return critical_weight_variance(parameters_of(table)["bias_variance"])


def correlation_depths(table: pd.DataFrame, weight_variances: Iterable[float]) -> pd.Series:
    """ξ_c of the table's networks, indexed by weight variance."""
    bias_variance = parameters_of(table)["bias_variance"]
    variances = list(dict.fromkeys(weight_variances))
    depths = [MeanField(float(variance), bias_variance).correlation_depth for variance in variances]
    return pd.Series(depths, index=variances, dtype=float)


def in_correlation_depths(table: pd.DataFrame, rows: pd.DataFrame, column: str) -> pd.Series:
    """A depth in each of ``rows``, which have a ``weight_variance``, in units of its ξ_c."""
    return rows[column] / rows["weight_variance"].map(correlation_depths(table, rows["weight_variance"]))


def ordered_beyond(rows: pd.DataFrame, depths: float) -> pd.DataFrame:
    """The rows of ordered networks that are deeper than so many correlation depths.

    Raises
    ------
    NotMeasured
        If there is none.
    """
    rows = rows[rows["weight_variance"] < critical_variance(rows)]
    beyond = rows[in_correlation_depths(rows, rows, "depth") > depths] if len(rows) else rows
    if beyond.empty:
        raise NotMeasured(f"no ordered network is deeper than {depths:g} correlation depths")
    return beyond
