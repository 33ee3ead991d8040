"""Selections from the long tables of the learning tasks."""

import numpy as np
import pandas as pd


def parameters(table: pd.DataFrame) -> dict:
    """Parameters of the run that the first row belongs to."""
    return table.attrs["runs"][table["run"].iloc[0]]


def select(table: pd.DataFrame, **where) -> pd.DataFrame:
    """Rows that fulfil all conditions ``column=value``."""
    chosen = np.ones(len(table), dtype=bool)
    for column, value in where.items():
        chosen &= (table[column] == value).to_numpy()
    return table[chosen]


def profiles(rows: pd.DataFrame) -> np.ndarray:
    """The profiles of a selection, one a row."""
    return np.stack([np.asarray(row, dtype=float) for row in rows["profile"]])


def over_seeds(rows: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Mean and standard error over realisations at each value of ``axis``; one realisation has no error."""
    groups = rows.groupby(axis, observed=True)["value"]
    return pd.DataFrame({"mean": groups.mean(), "error": groups.sem().fillna(0.0)})
