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


def at_best_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Final accuracies at the learning rate that is best on the training images, weight variance by weight variance.

    The best rate has the lowest training loss, averaged over seeds; a rate at which a network diverged is out, and of
    equals the smallest is taken. The test images are not looked at.

    Parameters
    ----------
    table
        Runs that differ by their learning rate alone.

    Returns
    -------
    pandas.DataFrame
        By weight variance: ``mean`` and standard ``error`` over seeds of the test accuracy, and the ``learning_rate``;
        null where networks diverged at every rate.
    """
    runs = {params["learning_rate"]: rows for params, rows in runs_of(table)}
    losses = {
        rate: by_seed(select(rows, quantity="loss"), "weight_variance").mean(skipna=False)
        for rate, rows in sorted(runs.items())
    }
    best = pd.DataFrame(losses).dropna(how="all").idxmin(axis=1)
    reached = {rate: accuracies_over_variances(rows) for rate, rows in runs.items()}
    found = pd.DataFrame({variance: reached[rate].loc[variance] for variance, rate in best.items()}).T
    variances = next(iter(reached.values())).index
    return found.assign(learning_rate=best).reindex(variances)


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
