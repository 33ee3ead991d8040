"""Where the falling procedure ended at each weight variance, and how deep the same networks carry the image."""

import numpy as np
import pandas as pd

from ...readings import NotMeasured, by_seed, over_seeds, select
from ..cutoffs import crossing_depth
from .depth_scales import correlation_depths, in_correlation_depths

WALK = ["run", "seed", "weight_variance"]


def last_attempts(table: pd.DataFrame) -> pd.DataFrame:
    """The last network of each walk at each weight variance: its depth, ``accuracy``, ``trained`` and ``epochs``."""
    attempts = table.dropna(subset="attempt").astype({"run": str, "quantity": str})
    wide = attempts.pivot(index=[*WALK, "attempt", "depth"], columns="quantity", values="value")
    return wide.reset_index().sort_values("attempt").groupby(WALK).tail(1)


def found_networks(table: pd.DataFrame) -> pd.DataFrame:
    """Depth and ``accuracy`` of the network that each walk found, averaged over directions, by seed and σ_w².

    NaN where one walk found none that trains.
    """
    last = last_attempts(table)
    found = last.assign(depth=last["depth"].where(last["trained"] == 1))
    return found.groupby(["seed", "weight_variance"])[["depth", "accuracy"]].agg(lambda one: one.mean(skipna=False))


def found_depths(table: pd.DataFrame) -> pd.DataFrame:
    """``depth``, its standard ``error`` and ``accuracy`` of what was found, averaged over seeds, by weight variance."""
    found = found_networks(table)
    depths, accuracies = (over_seeds(found[name].unstack("weight_variance")) for name in ("depth", "accuracy"))
    return depths[["error", "holes"]].assign(depth=depths["mean"], accuracy=accuracies["mean"])


def of_the_seeds(table: pd.DataFrame, quantity: str) -> float:
    """``threshold`` or ``linear_accuracy`` (NaN where no network without hidden layers was trained), over all seeds."""
    return float(table.loc[table["quantity"] == quantity, "value"].mean())


def scaled_depths(table: pd.DataFrame, lowest: float, highest: float) -> pd.DataFrame:
    """Depth that trained in units of ξ_c; rows: seeds, columns: weight variances from ``lowest`` to ``highest``."""
    found = found_networks(table).reset_index()
    found = found[found["weight_variance"].between(lowest, highest)]
    return found.assign(value=in_correlation_depths(table, found, "depth")).pipe(by_seed, "weight_variance")


def trained_shares(table: pd.DataFrame, lowest: float, highest: float) -> pd.Series:
    """Share of the weight variances in a range at which each seed's walks all end with a network that trains."""
    return scaled_depths(table, lowest, highest).notna().mean(axis=1)


def reached_depths(table: pd.DataFrame, lowest: float = 0.1) -> pd.DataFrame:
    """How deep a shrinking network may be for its *outputs* to explain the share ``lowest`` of the images' variance.

    Parameters
    ----------
    table
        Cascades through shrinking networks of several depths, each of which is a run.

    Returns
    -------
    pandas.DataFrame
        Depth as the number of sizes, interpolated between the networks at hand; rows: seeds, columns: weight variances.
        NaN where the deepest network at hand still explains more.
    """
    rows = select(table, quantity="explained_variance").astype({"run": str})
    layers = rows["run"].map({run: params["depth"] for run, params in table.attrs["runs"].items()})
    outputs = rows[rows["depth"] == layers].assign(sizes=layers + 1)
    curves = outputs.pivot(index=["seed", "weight_variance"], columns="sizes", values="value")
    reached = crossing_depth(curves.columns.to_numpy(float), curves.to_numpy(float), lowest)
    return pd.Series(reached, index=curves.index).unstack("weight_variance")


def scaled_reaches(table: pd.DataFrame, lowest: float, highest: float) -> pd.Series:
    """:func:`reached_depths` in units of ξ_c, averaged over weight variances, by seed; NaN where one has none.

    Raises
    ------
    NotMeasured
        If no weight variance is within the range.
    """
    reached = reached_depths(table)
    reached = reached.loc[:, [lowest <= variance <= highest for variance in reached.columns]]
    if reached.empty:
        raise NotMeasured(f"no weight variance between {lowest} and {highest} was decoded")
    return (reached / correlation_depths(table, reached.columns)).mean(axis=1, skipna=False)


def reach_ratios(walks: pd.DataFrame, cascades: pd.DataFrame, lowest: float, highest: float) -> pd.Series:
    """Depth that trained over the depth that cascades reach, averaged over weight variances, by seed.

    ``lowest`` and ``highest`` bound the weight variances; between those of the cascades the reach is interpolated.
    """
    found = found_networks(walks)["depth"].unstack("weight_variance")
    found = found.loc[:, [lowest <= variance <= highest for variance in found.columns]]
    reach = over_seeds(reached_depths(cascades))["mean"].dropna()
    ratios = found / np.interp(found.columns.to_numpy(float), reach.index.to_numpy(float), reach.to_numpy(float))
    return ratios.mean(axis=1, skipna=False)
