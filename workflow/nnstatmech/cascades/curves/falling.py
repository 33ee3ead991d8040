"""Where the falling procedure ended at each weight variance."""

import pandas as pd

from ...readings import NotMeasured, over_seeds
from .depth_scales import in_correlation_depths

WALK = ["run", "seed", "weight_variance"]


def last_attempts(table: pd.DataFrame) -> pd.DataFrame:
    """The last network of each walk at each weight variance: its depth, ``accuracy``, ``trained`` and ``epochs``."""
    wide = table.astype({"run": str, "quantity": str}).pivot(
        index=[*WALK, "attempt", "depth"], columns="quantity", values="value"
    )
    return wide.reset_index().sort_values("attempt").groupby(WALK).tail(1)


def found_depths(table: pd.DataFrame) -> pd.DataFrame:
    """Depth and accuracy of the last network, averaged over directions and seeds, by weight variance."""
    last = last_attempts(table).groupby(["seed", "weight_variance"])[["depth", "accuracy"]].mean()
    return pd.DataFrame({name: over_seeds(last[name].unstack("weight_variance"))["mean"] for name in last})


def trained_depths(table: pd.DataFrame, lowest: float, highest: float) -> pd.Series:
    """Depth that trained in units of ξ_c, averaged over weight variances from ``lowest`` to ``highest``, by seed.

    Raises
    ------
    NotMeasured
        If nothing trained there.
    """
    last = last_attempts(table)
    last = last[last["weight_variance"].between(lowest, highest) & (last["trained"] == 1)]
    if last.empty:
        raise NotMeasured(f"no network trained at weight variances between {lowest} and {highest}")
    found = last.groupby(["seed", "weight_variance"])["depth"].mean().reset_index()
    return in_correlation_depths(table, found, "depth").groupby(found["seed"]).mean()
