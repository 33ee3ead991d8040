"""Densities of outputs of finite networks, exact and of random networks."""

import numpy as np
import pandas as pd

from ...readings import matches, parameters_of, runs_of, select
from ..asymptotics import wide_correction
from ..comparison import Agreement, of_counts
from .rows import averaged, exact_curve, exact_number, hidden_widths


def networks_of(rows: pd.DataFrame) -> list[str]:
    """The networks in the order of the table."""
    return list(dict.fromkeys(rows["network"]))


def priors_of(table: pd.DataFrame, activation: str, hidden_layers: int) -> pd.DataFrame:
    """Rows of networks with one output; they may be none."""
    chosen = matches(table, "activation", activation) & matches(table, "n_out", 1)
    return table[chosen & (table["network"].astype(str).str.count("-") == hidden_layers - 1)]


def whole_layers(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Rows of each run with several outputs, in the order of the table."""
    return [rows for settings, rows in runs_of(table) if settings["n_out"] > 1]


def length_density(rows: pd.DataFrame, quantity: str = "log_radial") -> pd.Series:
    """Exact density of the length |h| over its root mean square; ``log_radial_process``: at infinite width."""
    return np.exp(exact_curve(select(rows, quantity=quantity)))


def corrected_gaussian(rows: pd.DataFrame) -> pd.Series:
    """Density of the length of one output at infinite width with its first correction in 1/n (Edgeworth)."""
    process = length_density(rows, "log_radial_process")
    widths = hidden_widths(str(rows["network"].iloc[0]))
    kappa = float(np.prod(widths)) ** -0.5
    return process * wide_correction(process.index.to_numpy(), widths, 1, kappa)


def sampled_density(rows: pd.DataFrame) -> pd.DataFrame:
    """The same of random networks, over realisations: ``mean`` and ``error`` by length."""
    return averaged(select(rows, quantity="sampled_radial"), "position")


def random_network_agreements(table: pd.DataFrame) -> list[Agreement]:
    """Random networks of all realisations in equiprobable bins of their exact prior, one comparison a network."""
    counts = select(table, quantity="bin_count").groupby(["run", "network", "position"], observed=True)["value"].sum()
    return [of_counts(one.to_numpy()) for _, one in counts.groupby(["run", "network"], observed=True)]


def kurtosis_differences(rows: pd.DataFrame) -> pd.Series:
    """Excess kurtosis of random networks minus the exact one, one number a realisation, of one network."""
    return select(rows, quantity="sampled_excess_kurtosis")["value"] - exact_number(
        select(rows, quantity="excess_kurtosis")
    )


def silent_fractions(rows: pd.DataFrame) -> pd.Series:
    """Fraction of random networks whose output is 0, by seed, of one network."""
    alive = select(rows, quantity="bin_count").groupby("seed")["value"].sum()
    return 1 - alive / parameters_of(rows)["samples"]


def tail_fractions(rows: pd.DataFrame, beyond: float) -> pd.Series:
    """Fraction of random networks whose length is beyond a multiple of its root mean square, by seed, of one network.

    Up to the end of the histogram; ``beyond`` is rounded to an edge of its bins.
    """
    density = select(rows, quantity="sampled_radial")
    width = parameters_of(rows)["reach"] / parameters_of(rows)["histogram_bins"]
    return width * density[density["position"] > beyond].groupby("seed")["value"].sum()
