"""Partition functions and energies as curves over the output y."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from ...readings import select
from .rows import exact_curve


def curve_of(table: pd.DataFrame, curve: str, quantity: str, **where) -> pd.Series:
    """One quantity of a partition function by output, at the parameters ``where``."""
    return exact_curve(select(table, curve=curve, quantity=quantity, **where), "output")


def curves_by(table: pd.DataFrame, parameter: str, curve: str, quantity: str, **where) -> dict[float, pd.Series]:
    """The same for each value of a ``parameter``."""
    rows = select(table, curve=curve, quantity=quantity, **where)
    values = sorted(rows[parameter].dropna().unique())
    return {float(value): exact_curve(rows[rows[parameter] == value], "output") for value in values}


def mass(table: pd.DataFrame, coupling: float) -> float:
    """Integral over y of the quartic partition function as it was proposed."""
    proposed = curve_of(table, "quartic", "partition_unnormalised", coupling=coupling)
    return float(np.trapezoid(proposed, proposed.index))


def normaliser_energy(table: pd.DataFrame, correction: float) -> float:
    """Energy of the quadratic correction less that without its normaliser, at the smallest |y|."""
    names = ("energy", "energy_without_normaliser")
    complete, without = (curve_of(table, "quadratic", name, correction=correction) for name in names)
    return float((complete - without).iloc[np.abs(complete.index).argmin()])


def over_gaussian(density: pd.Series) -> pd.Series:
    """A density over that of a standard normal output."""
    return density / norm.pdf(density.index)
