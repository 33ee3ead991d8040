"""What the claims about cascades and trained networks measure on the engines' tables.

``where`` picks runs by their parameters or columns (see :func:`nnstatmech.readings.select`).
"""

from collections.abc import Mapping

import pandas as pd

from ..readings import Measurement, mean_over_seeds, select
from .curves.accuracies import accuracies_beyond, accuracies_of_band, image_accuracy_of
from .curves.decoded import class_optimal_inputs
from .curves.depth_scales import critical_variance
from .curves.entropies import collapsed_entropies, cutoff_depths, cutoff_slopes, effective_strengths, peaks
from .curves.falling import trained_depths

EVERYWHERE: Mapping = {}


def critical_point(table: pd.DataFrame) -> Measurement:
    """The weight variance at which the networks' mean-field theory is critical (exact)."""
    return Measurement(critical_variance(table), 0.0)


def weight_variance_of_peak(
    table: pd.DataFrame, quantity: str, from_depth: int, to_depth: int, where: Mapping = EVERYWHERE
) -> Measurement:
    """The weight variance at which ``quantity`` is largest, averaged over a range of depths."""
    return mean_over_seeds(peaks(select(table, **where), quantity, from_depth, to_depth))


def collapsed_entropy(table: pd.DataFrame, correlation_depths: float, where: Mapping = EVERYWHERE) -> Measurement:
    """Largest differential entropy of ordered networks deeper than so many correlation depths."""
    return mean_over_seeds(collapsed_entropies(select(table, **where), correlation_depths))


def cutoff_depth(table: pd.DataFrame, quantity: str, weight_variances: list[float], strength: float) -> Measurement:
    """Cutoff of ridge decoders of one strength in units of ξ_c, averaged over weight variances."""
    return mean_over_seeds(cutoff_depths(table, quantity, weight_variances, strength))


def cutoff_slope(
    table: pd.DataFrame, quantity: str, weight_variances: list[float], weakest: float, strongest: float
) -> Measurement:
    """Growth of the cutoff, in units of ξ_c, for each decade by which the decoders' ridge strength is lowered."""
    return mean_over_seeds(cutoff_slopes(table, quantity, weight_variances, weakest, strongest))


def effective_ridge_strength(table: pd.DataFrame, quantity: str, weight_variances: list[float]) -> Measurement:
    """log₁₀ of the ridge strength whose decoders lose information at the depth at which trained decoders do."""
    return mean_over_seeds(effective_strengths(table, quantity, weight_variances))


def mean_accuracy(table: pd.DataFrame, depth: int, lowest: float, highest: float) -> Measurement:
    """Test accuracy at ``depth``, averaged over the weight variances from ``lowest`` to ``highest``."""
    return mean_over_seeds(accuracies_of_band(table, depth, lowest, highest))


def accuracy_beyond(table: pd.DataFrame, correlation_depths: float) -> Measurement:
    """Test accuracy of ordered networks deeper than so many correlation depths ξ_c, averaged over all of them."""
    return mean_over_seeds(accuracies_beyond(table, correlation_depths))


def falling_depth(table: pd.DataFrame, lowest: float, highest: float) -> Measurement:
    """Depth that the falling procedure found, in units of ξ_c, averaged over a range of weight variances."""
    return mean_over_seeds(trained_depths(table, lowest, highest))


def intended_classes(table: pd.DataFrame) -> Measurement:
    """How many class-optimal inputs the network gives the class that they were decoded for."""
    return mean_over_seeds(class_optimal_inputs(table).groupby("seed")["intended"].sum())


def image_accuracy(table: pd.DataFrame) -> Measurement:
    """Test accuracy of a trained image classifier; the error is that of the test images and of the seeds."""
    return image_accuracy_of(table)
