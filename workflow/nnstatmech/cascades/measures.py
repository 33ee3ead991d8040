"""What the claims about cascades and trained networks measure on the engines' tables."""

import numpy as np
import pandas as pd

from ..mean_field import MeanField, critical_weight_variance
from ..measurement import Measurement, NotMeasured


def of_seeds(values: pd.Series) -> Measurement:
    """Mean over seeds with its standard error."""
    if len(values) < 2:
        raise NotMeasured(f"{len(values)} realisations: at least 2 are needed for a standard error")
    return Measurement(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


# --- trained networks --------------------------------------------------------------------------


def final_accuracies(table: pd.DataFrame, depth: int) -> pd.DataFrame:
    """Test accuracies after the last step at one depth, rows: weight variance, columns: seed."""
    accuracies = table[(table.quantity == "accuracy") & (table.step == table.step.max())]
    if depth not in set(accuracies.depth):
        raise NotMeasured(f"depth {depth} was not trained")
    return accuracies[accuracies.depth == depth].pivot_table(index="weight_variance", columns="seed", values="value")


def mean_accuracy(table: pd.DataFrame, depth: int, lowest: float, highest: float) -> Measurement:
    """Test accuracy at ``depth``, averaged over the weight variances from ``lowest`` to ``highest``."""
    accuracies = final_accuracies(table, depth)
    return of_seeds(accuracies[(accuracies.index >= lowest) & (accuracies.index <= highest)].mean())


def largest_accuracy(table: pd.DataFrame, depth: int) -> Measurement:
    """Test accuracy at ``depth`` at the weight variance where it is largest on average over seeds."""
    accuracies = final_accuracies(table, depth)
    return of_seeds(accuracies.loc[accuracies.mean(axis=1).idxmax()].dropna())


def accuracy_beyond(table: pd.DataFrame, correlation_depths: float) -> Measurement:
    """Test accuracy of ordered networks deeper than so many correlation depths ξ_c, averaged over all of them."""
    bias_variance = next(iter(table.attrs["runs"].values()))["bias_variance"]
    critical = critical_weight_variance(bias_variance)
    accuracies = table[
        (table.quantity == "accuracy") & (table.step == table.step.max()) & (table.weight_variance < critical)
    ]
    scales = {
        variance: MeanField(variance, bias_variance).correlation_depth
        for variance in accuracies.weight_variance.unique()
    }
    beyond = accuracies[accuracies.depth > correlation_depths * accuracies.weight_variance.map(scales)]
    if beyond.empty:
        raise NotMeasured(f"no ordered network is deeper than {correlation_depths:g} correlation depths")
    return of_seeds(beyond.groupby("seed").value.mean())


def falling_depth(table: pd.DataFrame, lowest: float, highest: float) -> Measurement:
    """Depth that the falling procedure found, in units of ξ_c, averaged over a range of weight variances.

    The standard error is that of the mean over weight variances: one walk is one realisation, whose depths are
    bounded by those before.
    """
    bias_variance = next(iter(table.attrs["runs"].values()))["bias_variance"]
    inside = table[(table.weight_variance >= lowest) & (table.weight_variance <= highest)]
    last = inside[inside.quantity == "trained"].sort_values("attempt")
    last = last.groupby(["run", "seed", "weight_variance"], observed=True).tail(1)
    found = last[last.value == 1].groupby("weight_variance").depth.mean()
    ratios = np.array(
        [depth / MeanField(variance, bias_variance).correlation_depth for variance, depth in found.items()]
    )
    if len(ratios) < 2:
        raise NotMeasured(f"networks trained at {len(ratios)} weight variances between {lowest} and {highest}")
    return Measurement(float(ratios.mean()), float(ratios.std(ddof=1) / np.sqrt(len(ratios))))


def intended_classes(table: pd.DataFrame) -> Measurement:
    """How many class-optimal inputs the network gives the class that they were decoded for, averaged over seeds."""
    optimal = table[table.quantity == "class_optimal"]
    hits = (optimal.value == optimal.label).groupby(optimal.seed).sum()
    return Measurement(float(hits.mean()), float(hits.std(ddof=1) / np.sqrt(len(hits))) if len(hits) > 1 else 0.0)


def image_accuracy(table: pd.DataFrame) -> Measurement:
    """Test accuracy of a trained image classifier; the error is that of the test images and of the seeds."""
    values = table[table.quantity == "accuracy"].value
    if values.empty:
        raise NotMeasured("the network was loaded, not trained here")
    images = table[table.quantity == "test_images"].value.iloc[0]
    mean = float(values.mean())
    between = values.var(ddof=1) / len(values) if len(values) > 1 else 0.0
    return Measurement(mean, float(np.sqrt(mean * (1 - mean) / images + between)))
