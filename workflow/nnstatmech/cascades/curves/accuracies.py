"""How well networks have learnt."""

import numpy as np
import pandas as pd

from ...readings import Measurement, NotMeasured, by_seed, over_seeds, runs_of, select
from .depth_scales import ordered_beyond


def final_accuracies(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the test accuracy after the last step."""
    rows = select(table, quantity="accuracy")
    return rows[rows["step"] == rows["step"].max()]


def accuracy_map(table: pd.DataFrame) -> pd.DataFrame:
    """Final accuracy averaged over seeds, rows: depth, columns: weight variance."""
    found = over_seeds(by_seed(final_accuracies(table), ["depth", "weight_variance"]))
    return found["mean"].unstack("weight_variance")


def accuracies_over_variances(table: pd.DataFrame) -> pd.DataFrame:
    """Final accuracy of networks of one depth: ``mean`` and standard ``error`` over seeds, by weight variance."""
    return over_seeds(by_seed(final_accuracies(table), "weight_variance"))


def best_rates(table: pd.DataFrame) -> pd.Series:
    """The learning rate that is best on the training images, by weight variance, of runs that differ by it alone.

    The best rate has the lowest training loss, averaged over seeds; a rate at which a network diverged is out, and of
    equals the smallest is taken. The test images are not looked at. Weight variances at which networks diverged at
    every rate are left out.
    """
    runs = {params["learning_rate"]: rows for params, rows in runs_of(table)}
    losses = {
        rate: by_seed(select(rows, quantity="loss"), "weight_variance").mean(skipna=False)
        for rate, rows in sorted(runs.items())
    }
    return pd.DataFrame(losses).dropna(how="all").idxmin(axis=1)


def networks_at_best_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Final accuracy of every network at the rate of :func:`best_rates`; rows: seeds, columns: weight variances."""
    reached = {
        params["learning_rate"]: by_seed(final_accuracies(rows), "weight_variance") for params, rows in runs_of(table)
    }
    chosen = {variance: reached[rate][variance] for variance, rate in best_rates(table).items()}
    return pd.DataFrame(chosen).reindex(columns=next(iter(reached.values())).columns)


def at_best_rates(table: pd.DataFrame) -> pd.DataFrame:
    """``mean`` and standard ``error`` of :func:`networks_at_best_rates` over seeds, by weight variance."""
    return over_seeds(networks_at_best_rates(table))


def accuracies_of_band(table: pd.DataFrame, depth: int, lowest: float, highest: float) -> pd.Series:
    """Final accuracy at one depth, averaged over the weight variances from ``lowest`` to ``highest``, by seed."""
    rows = select(final_accuracies(table), depth=depth)
    rows = rows[rows["weight_variance"].between(lowest, highest)]
    if rows.empty:
        raise NotMeasured(f"no weight variance between {lowest} and {highest} was trained")
    return rows.groupby("seed")["value"].mean()


def accuracies_beyond(table: pd.DataFrame, depths: float) -> pd.Series:
    """Final accuracy of ordered networks deeper than so many ξ_c, averaged over all of them, by seed."""
    return ordered_beyond(final_accuracies(table), depths).groupby("seed")["value"].mean()


def image_accuracy_of(table: pd.DataFrame) -> Measurement:
    """Test accuracy of classifiers; the error is that of the test images, which all seeds share, and of the seeds.

    Raises
    ------
    NotMeasured
        If the network was loaded, not trained here.
    """
    rows = table[table["quantity"] == "accuracy"]
    if rows.empty:
        raise NotMeasured("the network was loaded, not trained here")
    found = over_seeds(by_seed(rows.assign(once=0), "once")).loc[0]
    images = select(table, quantity="test_images")["value"].iloc[0]
    sampling = found["mean"] * (1 - found["mean"]) / images
    between = 0.0 if found["count"] == 1 else found["error"] ** 2
    freedom = np.inf if found["count"] == 1 else found["count"] - 1
    return Measurement(float(found["mean"]), float(np.sqrt(sampling + between)), float(freedom), int(found["holes"]))
