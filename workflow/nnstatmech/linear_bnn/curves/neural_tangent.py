"""Trained linear networks beside linearised ones, the exact noiseless posterior and its limit of infinite width."""

import numpy as np
import pandas as pd

from ...readings import NotMeasured, by_seed, over_seeds, select
from .rows import profiles


def one_digit_outputs(table: pd.DataFrame, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of the first network on the images of one digit, and those of the least-squares fit from pixels."""
    rows = select(table, task="digit", split=split)
    outputs = select(rows, quantity="outputs", seed=rows["seed"].min())
    return profiles(outputs)[0], profiles(select(rows, quantity="pixel_fit"))[0]


def one_digit_number(table: pd.DataFrame, quantity: str, split: str) -> pd.Series:
    """Mean (``outputs``) or standard deviation (``outputs_deviation``) of each network's outputs, by seed."""
    return by_seed(select(table, task="digit", split=split, quantity=quantity), "quantity").iloc[:, 0]


def widths_of(table: pd.DataFrame) -> list[int]:
    """Widths of the two-digit networks."""
    return sorted(int(width) for width in table["hidden_width"].dropna().unique())


def distance_quartiles(table: pd.DataFrame) -> pd.DataFrame:
    """Quartiles (0.25, 0.5, 0.75) over all networks of the distance to the linearised network, by width."""
    rows = select(table, task="pair", quantity="distance")
    return rows.groupby("hidden_width")["value"].quantile([0.25, 0.5, 0.75]).unstack()


def distance_exponents(table: pd.DataFrame, from_width: int) -> np.ndarray:
    """Power of n with which the median distance to the linearised network falls, by seed.

    Raises
    ------
    NotMeasured
        If there are fewer than two widths.
    """
    rows = select(table, task="pair", quantity="distance")
    medians = rows[rows["hidden_width"] >= from_width].groupby(["seed", "hidden_width"])["value"].median().unstack()
    if medians.shape[1] < 2:
        raise NotMeasured(f"{medians.shape[1]} widths from n = {from_width}: no slope")
    return np.polyfit(np.log(medians.columns.to_numpy(dtype=float)), np.log(medians.to_numpy()).T, 1)[0]


def converged_networks(table: pd.DataFrame) -> np.ndarray:
    """1 for each two-digit network that converged, 0 for the others."""
    return select(table, task="pair", quantity="converged")["value"].to_numpy(float)


def pair_profile(table: pd.DataFrame, quantity: str, width: int | None) -> np.ndarray:
    """One profile of the exact posterior of a width; None: of the process of infinite width."""
    return profiles(select(table, task="pair", quantity=quantity, hidden_width=width))[0]


def outputs_of_networks(table: pd.DataFrame, width: int) -> np.ndarray:
    """Outputs of all networks of one width, shape (networks, unseen images)."""
    return profiles(select(table, task="pair", quantity="outputs", hidden_width=width))


def variance_ratios(table: pd.DataFrame, width: int) -> list[float]:
    """Mean square deviation from the exact mean over the exact variance, averaged over images and networks, by seed."""
    mean, deviation = (pair_profile(table, f"exact_{name}", width) for name in ("mean", "deviation"))
    rows = select(table, task="pair", quantity="outputs", hidden_width=width)
    return [float(np.mean((profiles(group) - mean) ** 2 / deviation**2)) for _, group in rows.groupby("seed")]


def deviation_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Deviation over networks, over the exact one, averaged over images: ``mean`` and ``error`` by width."""
    ratios = {}
    for width in widths_of(table):
        exact = pair_profile(table, "exact_deviation", width)
        rows = select(table, task="pair", quantity="outputs", hidden_width=width)
        ratios[width] = {seed: np.mean(profiles(group).std(0, ddof=1) / exact) for seed, group in rows.groupby("seed")}
    return over_seeds(pd.DataFrame(ratios))


def wide_deviation_ratios(table: pd.DataFrame) -> pd.Series:
    """Deviation of the process of infinite width over the exact one, averaged over images, by width."""
    process = pair_profile(table, "process_deviation", None)
    return pd.Series(
        {width: np.mean(process / pair_profile(table, "exact_deviation", width)) for width in widths_of(table)}
    )
