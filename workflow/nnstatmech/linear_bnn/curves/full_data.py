"""Exact posteriors after all images of two classes."""

import numpy as np
import pandas as pd

from ...readings import matches, select
from .rows import by_width, exact_curve, exact_number, hidden_widths


def number(table: pd.DataFrame, quantity: str, network: str, beta: float) -> float:
    """One number of the posterior."""
    return exact_number(select(table, quantity=quantity, network=network, beta=beta))


def evidence_gain(table: pd.DataFrame, network: str, beta: float) -> float:
    """Log evidence of a network above that of the infinitely wide one, in nats."""
    return number(table, "log_evidence", network, beta) - number(table, "process_log_evidence", network, beta)


def layers_of(table: pd.DataFrame) -> dict[int, list[str]]:
    """Networks by their number of hidden layers, from narrow to wide."""
    networks = by_width(table["network"].dropna())
    return {
        layers: [network for network in networks if len(hidden_widths(network)) == layers]
        for layers in sorted({len(hidden_widths(network)) for network in networks})
    }


def betas_of(table: pd.DataFrame) -> list[float]:
    """Inverse temperatures, rising."""
    return sorted(table["beta"].dropna().unique())


def by_hidden_width(table: pd.DataFrame, quantity: str, networks: list[str], beta: float) -> pd.Series:
    """A number of each of some equally deep networks by the width of their first layer."""
    values = exact_curve(select(table, quantity=quantity, network=networks, beta=beta), "network")
    return pd.Series({hidden_widths(network)[0]: values[network] for network in networks})


def gains(table: pd.DataFrame, networks: list[str], beta: float) -> pd.Series:
    """:func:`evidence_gain` of each of some equally deep networks by width."""
    return pd.Series({hidden_widths(network)[0]: evidence_gain(table, network, beta) for network in networks})


def effective_depths(table: pd.DataFrame, networks: list[str]) -> np.ndarray:
    """L·min(P, rank)/n of equally wide layers (Hanin and Zlokapa 2023)."""
    images, rank = (exact_number(select(table, quantity=name, network=None)) for name in ("images", "rank"))
    widths = [hidden_widths(network) for network in networks]
    return np.array([len(each) * min(images, rank) / each[0] for each in widths])


def sampled_points(table: pd.DataFrame, quantity: str, layers: int, beta: float) -> pd.DataFrame:
    """A sampled number of networks with so many hidden layers: ``mean``, ``error``, ``width`` and ``depth``.

    ``quantity``: ``scale``, ``loss`` or ``test_error``; by network, none if none was sampled. ``error`` is that of the
    chains; ``depth`` is the effective one.
    """
    rows = table[matches(table, "quantity", f"sampled_{quantity}") & matches(table, "beta", beta)]
    points = {}
    for network, found in rows.groupby("network", observed=True):
        if len(hidden_widths(network)) == layers:
            errors = table[matches(table, "quantity", f"sampled_{quantity}_error") & matches(table, "beta", beta)]
            errors = errors[errors["network"] == network]["value"]
            error = np.sqrt(np.sum(errors**2)) / len(errors) if len(errors) else 0.0
            depth = float(effective_depths(table, [network])[0])
            points[network] = (found["value"].mean(), error, hidden_widths(network)[0], depth)
    return pd.DataFrame.from_dict(points, orient="index", columns=["mean", "error", "width", "depth"])


def sampled_ratio(table: pd.DataFrame, quantity: str) -> tuple[float, float]:
    """Sampled ``scale`` or ``loss`` over the exact one, mean over networks and temperatures, and its standard error."""
    ratios, errors = [], []
    for beta in betas_of(table):
        for layers in layers_of(table):
            for network, point in sampled_points(table, quantity, layers, beta).iterrows():
                exact = number(table, f"mean_{quantity}", str(network), beta)
                ratios.append(point["mean"] / exact)
                errors.append(point["error"] / exact)
    return float(np.mean(ratios)), float(np.sqrt(np.sum(np.square(errors))) / len(errors))
