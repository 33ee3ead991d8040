"""Accuracy by the number of paths that are kept, and its logistic fit."""

import numpy as np
import pandas as pd

from ...readings import by_seed, mean_over_seeds, over_seeds, parameters_of, select
from ..logistic import Logistic, fit_logistic


def accuracies_by_paths(table: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy, realisations times numbers of paths."""
    return by_seed(select(table, quantity="pruned_accuracy"), "paths")


def fit_of(accuracies: pd.Series) -> Logistic:
    """The logistic law fitted to accuracies by number of paths."""
    return fit_logistic(accuracies.index.to_numpy(float), accuracies.to_numpy(float))


def mean_fit(table: pd.DataFrame) -> Logistic:
    """The fit to the mean over realisations."""
    return fit_of(over_seeds(accuracies_by_paths(table))["mean"])


def fits_by_seed(table: pd.DataFrame) -> list[Logistic]:
    """The fit to each realisation."""
    return [fit_of(accuracies) for _, accuracies in accuracies_by_paths(table).iterrows()]


def unpruned_accuracy(table: pd.DataFrame) -> float:
    """Mean test accuracy with all paths."""
    return mean_over_seeds(select(table, quantity="accuracy", split="test")["value"]).value


def accuracy_gains(accuracies: pd.Series) -> pd.Series:
    """Accuracy that each further path adds, by the larger number of paths."""
    return pd.Series(np.diff(accuracies) / np.diff(accuracies.index), index=accuracies.index[1:])


def relative_accuracies(table: pd.DataFrame) -> pd.Series:
    """Accuracy over that of all paths, by the fraction of a layer's units that is kept."""
    relative = over_seeds(accuracies_by_paths(table))["mean"] / unpruned_accuracy(table)
    return relative.set_axis(relative.index / parameters_of(table)["width"])


def active_fractions(table: pd.DataFrame) -> np.ndarray:
    """Fraction of active units, of all layers and realisations."""
    return select(table, quantity="active_fraction")["value"].to_numpy(float)
