"""Posteriors of several outputs by two samplers, over realisations."""

import numpy as np
import pandas as pd

from ...readings import runs_of, select
from .rows import by_width, exact_curve, exact_number, hidden_widths

KEYS = ["run", "network", "beta", "output"]
"""What tells the compared numbers of one quantity apart."""


def pooled(table: pd.DataFrame, quantity: str, sampler: str) -> pd.DataFrame:
    """A quantity by cell, its realisations weighted alike: ``value`` and ``error`` from the chains' standard errors."""
    rows = {
        name: select(table, quantity=name, sampler=sampler).groupby(KEYS, observed=True, dropna=False)["value"]
        for name in (quantity, f"{quantity}_error")
    }
    errors = rows[f"{quantity}_error"].agg(lambda each: np.sqrt(np.sum(each**2)) / len(each))
    return pd.DataFrame({"value": rows[quantity].mean(), "error": errors})


def deviations(table: pd.DataFrame, quantity: str) -> pd.Series:
    """Difference of the two samplers over its standard error, by cell."""
    factors, layers = (pooled(table, quantity, sampler) for sampler in ("factors", "layers"))
    return (factors["value"] - layers["value"]) / np.hypot(factors["error"], layers["error"])


def mean_difference(table: pd.DataFrame, quantity: str) -> tuple[float, float]:
    """Relative difference of the two samplers, mean over all cells, and its standard error."""
    factors, layers = (pooled(table, quantity, sampler) for sampler in ("factors", "layers"))
    relative = factors["value"] / layers["value"] - 1
    errors = np.hypot(factors["error"], layers["error"]) / layers["value"]
    return float(relative.mean()), float(np.sqrt(np.sum(errors**2)) / len(errors))


def least_effective_samples(table: pd.DataFrame, sampler: str) -> pd.Series:
    """Effective samples of the quantity that has the fewest, by cell, mean over realisations."""
    rows = select(table, quantity="effective_samples", sampler=sampler)
    return rows.groupby(KEYS[:-1], observed=True)["value"].mean()


def runs_by_images(table: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Rows of each run by its number of training images."""
    return {settings["images"]: rows for settings, rows in runs_of(table)}


def layers_of(table: pd.DataFrame) -> list[int]:
    """Numbers of hidden layers."""
    return sorted({len(hidden_widths(network)) for network in table["network"].dropna().unique()})


def relative_to_process(table: pd.DataFrame, layers: int, beta: float) -> dict[str, pd.DataFrame | pd.Series]:
    """Mean losses of one run over that of infinite width, by width of equally wide layers.

    ``saddle``: at the saddle point; ``factors`` and ``layers``: sampled, with ``value`` and ``error``.
    """
    rows = select(table, beta=beta)
    networks = [name for name in by_width(rows["network"].dropna()) if equally_wide(name, layers)]
    process = exact_number(select(rows, quantity="process_mean_loss", network=networks))
    saddle = exact_curve(select(rows, quantity="saddle_mean_loss", network=networks), "network")
    found: dict[str, pd.DataFrame | pd.Series] = {
        "saddle": pd.Series({hidden_widths(name)[0]: saddle[name] / process for name in networks})
    }
    for sampler in ("factors", "layers"):
        sampled = pooled(select(rows, network=networks), "mean_loss", sampler)
        widths = [hidden_widths(name)[0] for name in sampled.index.get_level_values("network")]
        found[sampler] = (sampled / process).set_axis(pd.Index(widths)).sort_index()
    return found


def equally_wide(network: str, layers: int) -> bool:
    """Whether a network has so many hidden layers of one width."""
    widths = hidden_widths(network)
    return len(widths) == layers and len(set(widths)) == 1


def loss_over_saddle(table: pd.DataFrame, network: str, beta: float, images: int) -> tuple[float, float]:
    """Mean loss of the Gram matrix's posterior over that at its saddle point, and its standard error."""
    rows = select(runs_by_images(table)[images], network=network, beta=beta)
    sampled = pooled(rows, "mean_loss", "factors").iloc[0]
    saddle = exact_number(select(rows, quantity="saddle_mean_loss"))
    return float(sampled["value"] / saddle), float(sampled["error"] / saddle)
