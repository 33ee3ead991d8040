"""Exact posteriors after all images of two classes."""

import numpy as np
import pandas as pd

from ...readings import select
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
