"""Exact posteriors by width and inverse temperature; ``beta`` None is zero temperature."""

import pandas as pd

from ...readings import select
from ..asymptotics import js_distance_to_gaussian_process
from .rows import exact_curve, exact_number, hidden_widths, one_hidden_layer


def predictive_density(exact: pd.DataFrame, network: str, beta: float | None, quantity: str = "density") -> pd.Series:
    """Density of the output for the unseen image; ``process_density``: at infinite width."""
    return exact_curve(select(exact, network=network, beta=beta, quantity=quantity))


def distance_by_width(exact: pd.DataFrame, beta: float | None, quantity: str = "js_distance") -> pd.Series:
    """Jensen-Shannon distance of the exact law to the Gaussian process by width, networks of one hidden layer.

    ``saddle_js_distance``: to the renormalised kernel.
    """
    distances = exact_curve(select(exact, beta=beta, quantity=quantity), "network")
    return pd.Series({int(network): distances[network] for network in one_hidden_layer(distances.index)})


def ratio_to_wide_law(exact: pd.DataFrame, network: str) -> float:
    """Distance of a prior to the Gaussian process over its first order (√3/4) Σ 1/n."""
    distance = exact_number(select(exact, network=network, beta=0.0, quantity="js_distance"))
    return distance / js_distance_to_gaussian_process(hidden_widths(network))


def by_beta(exact: pd.DataFrame, quantity: str, network: str) -> pd.Series:
    """A number of the posterior by inverse temperature, without zero temperature."""
    return exact_curve(select(exact, quantity=quantity, network=network), "beta")
