"""Curves along the depth from the engine's table: one value a realisation and depth.

The table holds raw moments at the locations inside a layer; here are the derived quantities that the figures and
claims are about, each formed within a realisation before any average.
"""

from functools import partial

import numpy as np
import pandas as pd

from .laws import power_law_exponent, power_law_prefactor

# Locations whose ratio of sensitivities is an increment: all of a layer, its batch normalisation, its activation.
INCREMENTS = {
    "vanilla": {"delta_chi": ("output", "input")},
    "bn_ff": {
        "delta_chi": ("output", "input"),
        "delta_BN_chi": ("normalised", "input"),
        "delta_phi_chi": ("output", "normalised"),
    },
    "bn_res": {
        "delta_chi": ("preactivation", "input"),
        "delta_BN_chi": ("normalised", "input"),
        "delta_phi_chi": ("preactivation", "normalised"),
    },
}


def architecture(table: pd.DataFrame) -> str:
    """The architecture that a table of one run is about, told by its locations."""
    locations = set(table["location"].unique())
    if "activation" in locations:
        return "bn_res"
    return "bn_ff" if "normalised" in locations else "vanilla"


def raw(table: pd.DataFrame, location: str, quantity: str) -> pd.DataFrame:
    """Values of one quantity at one location: seeds x depths.

    Raises
    ------
    KeyError
        If the table does not have them.
    """
    rows = table[(table["location"] == location) & (table["quantity"] == quantity)]
    if rows.empty:
        raise KeyError(f"no {quantity} at {location} in this table")
    return rows.pivot(index="seed", columns="depth", values="value").astype(float)


def curve(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """A derived quantity of one run: seeds x depths.

    Parameters
    ----------
    table
        The engine's rows of a single run.
    name
        ``delta_chi``, ``delta_BN_chi``, ``delta_phi_chi`` (geometric increments), ``chi``, ``log_chi``,
        ``reff_signal``, ``reff_noise``, ``mu4_z``, ``nu1_abs_z``, ``log_nu2_signal``, ``log_mu2_noise`` (the last two
        of x^l).

    Raises
    ------
    KeyError
        If the run did not measure it.
    """
    kind = architecture(table)
    of = partial(raw, table)
    if name in INCREMENTS[kind]:
        after, before = INCREMENTS[kind][name]
        return np.exp(of(after, "log_chi") - of(before, "log_chi"))
    if name in ("reff_signal", "reff_noise"):
        return of("activation" if kind == "bn_res" else "output", name)
    simple = {
        "log_chi": lambda: of("output", "log_chi"),
        "chi": lambda: np.exp(of("output", "log_chi")),
        "mu4_z": lambda: of("normalised", "mu4_signal"),
        "nu1_abs_z": lambda: of("normalised", "nu1_abs_signal"),
        "log_nu2_signal": lambda: np.log(of("output", "nu2_signal")),
        "log_mu2_noise": lambda: of("output", "log_mu2_noise"),
    }
    if name not in simple:
        raise KeyError(f"{name} is no curve of {kind}; known: {', '.join([*INCREMENTS[kind], *simple])}")
    return simple[name]()


def band(values: pd.DataFrame) -> pd.DataFrame:
    """Mean and 16th and 84th percentile over the realisations, for each depth (columns mean, p16, p84)."""
    return pd.DataFrame({"mean": values.mean(), "p16": values.quantile(0.16), "p84": values.quantile(0.84)})


def branch_sensitivities(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """chi of a resnet after and before the first branch layer, and at the end of the unit: seeds x depths each."""
    after, before, end = (np.exp(raw(table, at, "log_chi")) for at in ("preactivation", "input", "output"))
    return after, before, end


def power_law(
    sensitivities: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], residual_depth: int
) -> tuple[float, float, float]:
    """The published construction of chi ~ c l^tau for resnets: mean increment, tau and c.

    The increment of a depth is the ratio of the mean :func:`branch_sensitivities` (over realisations) after and
    before the first branch layer, averaged over the measured depths; tau follows from it and only c is fitted.
    """
    after, before, chi = (values.mean() for values in sensitivities)
    increment = float((after / before).mean())
    exponent = power_law_exponent(increment, residual_depth)
    return increment, exponent, power_law_prefactor(chi.index.to_numpy(float), chi.to_numpy(), exponent)
