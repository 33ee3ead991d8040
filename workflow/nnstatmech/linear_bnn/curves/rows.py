"""Readings of rows that every task's curves need."""

import numpy as np
import pandas as pd

from ...readings import NotMeasured, by_seed, over_seeds


def averaged(rows: pd.DataFrame, position: str) -> pd.DataFrame:
    """One quantity over realisations at each ``position``: columns of :func:`nnstatmech.readings.over_seeds`."""
    return over_seeds(by_seed(rows, position))


def exact_curve(rows: pd.DataFrame, position: str = "position") -> pd.Series:
    """One quantity that belongs to no realisation, by ``position``; every shard has it, the same."""
    return rows.groupby(position, observed=True)["value"].first()


def exact_number(rows: pd.DataFrame) -> float:
    """The one value of rows that belong to no realisation.

    Raises
    ------
    NotMeasured
        If the rows have several values.
    """
    values = rows["value"].to_numpy(float)
    if np.ptp(values) > 1e-9 * np.abs(values).max():
        raise NotMeasured(f"{len(values)} different values where one number was asked for")
    return float(values[0])


def profiles(rows: pd.DataFrame) -> np.ndarray:
    """The profiles of rows, one a row."""
    return np.stack([np.asarray(row, dtype=float) for row in rows["profile"]])


def by_width(networks) -> list[str]:
    """Names of networks, such as ``100-5-100``, from narrow to wide."""
    return sorted(set(networks), key=hidden_widths)


def one_hidden_layer(networks) -> list[str]:
    """Those with one hidden layer, from narrow to wide."""
    return [network for network in by_width(networks) if "-" not in network]


def hidden_widths(network: str) -> list[int]:
    return [int(width) for width in network.split("-")]
