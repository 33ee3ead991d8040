"""Jensen-Shannon distances between exact laws, and of ensembles to them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...figures.style import labelled_ticks
from ...readings import matches, select
from ..asymptotics import js_distance_to_gaussian_process
from ..comparison import BINS, critical_distance, floor
from ..curves import ensemble, posterior
from ..curves.rows import by_width, one_hidden_layer
from ..tables import EnsembleTable, PosteriorTable
from .marks import LIMIT, legend_below, letters


def js_vs_width(exact: PosteriorTable, hmc: EnsembleTable, descent: EnsembleTable, *, scale: str) -> Figure:
    """Distances between exact laws and of ensembles to them, and what dropping unconverged networks does."""
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 5), width_ratios=(1.35, 1, 1))
    between_laws(axes[0], exact)
    of_ensembles(axes[0], hmc, descent)
    of_selected_networks(axes[1], descent)
    convergence(axes[2], descent)
    letters(axes)
    return figure


def js_vs_samples(
    exact: PosteriorTable, hmc: EnsembleTable, langevin: EnsembleTable, descent: EnsembleTable, *, scale: str
) -> Figure:
    """How distances to the exact posterior fall with the number of networks, in bins and by density estimates."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4))
    shown = [
        ("HMC, n = 1, β = 0.3", hmc, "1", 0.3),
        ("HMC, n = 4, β = 10", hmc, "4", 10.0),
        ("Langevin, n = 2, β = 10", langevin, "2", 10.0),
        ("Langevin, n = 8, β = 10", langevin, "8", 10.0),
        ("gradient descent, n = 2", descent, "2", None),
        ("gradient descent, n = 16", descent, "16", None),
        ("gradient descent, n = 64", descent, "64", None),
    ]
    known = set(exact["network"])
    shown = [one for one in shown if one[2] in known and has_ensemble(*one[1:])]
    ensembles = [select(table, network=network, beta=beta) for _, table, network, beta in shown]
    largest = max(len(ensemble.values_of(rows, "probability")) for rows in ensembles)
    sampling_floor(axes[0], np.geomspace(100, largest, 50))
    for (label, _, network, beta), rows, colour in zip(shown, ensembles, sns.color_palette("deep"), strict=False):
        density = posterior.predictive_density(exact, network, beta)
        distances = (ensemble.distance_by_size(rows), ensemble.kde_distance_by_size(rows, density))
        for ax, distance in zip(axes, distances, strict=True):
            ax.loglog(distance.index, distance, "o-", markersize=3, color=colour, label=label)
    axes[0].set_title(f"{BINS} equiprobable bins")
    axes[1].set_title("kernel density estimate")
    axes[1].sharey(axes[0])
    letters(axes)
    for ax in axes:
        ax.set_xlabel("networks M")
        ax.set_ylabel("Jensen-Shannon distance")
        labelled_ticks(ax.yaxis)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def has_ensemble(table: pd.DataFrame, network: str, beta: float | None) -> bool:
    """Whether a table has networks of these hidden widths at this inverse temperature."""
    return bool((matches(table, "network", network) & matches(table, "beta", beta)).any())


def between_laws(ax: Axes, exact: pd.DataFrame) -> None:
    """Exact law to the Gaussian process and to the renormalised kernel, by width."""
    for beta, quantity, label, marker in (
        (0.0, "js_distance", "exact to process, β = 0", "^-"),
        (None, "js_distance", "exact to process, T = 0", "v-"),
        (None, "saddle_js_distance", "exact to renormalised kernel, T = 0", "d-"),
    ):
        distance = posterior.distance_by_width(exact, beta, quantity)
        ax.loglog(distance.index, distance, marker, markersize=4, linewidth=1, label=label)
    widths = np.array([4, 1000])
    law = [js_distance_to_gaussian_process([width]) for width in widths]
    ax.loglog(widths, law, color="black", linestyle=":", label=r"$(\sqrt{3}/4)\,/\,n$")


def of_ensembles(ax: Axes, hmc: pd.DataFrame, descent: pd.DataFrame) -> None:
    """Sampled networks to their exact law, sampling contribution removed, with the 99 % point."""
    samples = ensemble.agreement(select(descent, network=one_hidden_layer(descent["network"])[0])).samples
    for table, label, colour in (
        (descent, "gradient descent to exact, T = 0", "C3"),
        (hmc, "HMC to exact, all β", "C4"),
    ):
        networks = one_hidden_layer(table["network"])
        ends = [ensemble.net_divergence(select(table, network=network)).ends for network in networks]
        distance, low, high = np.array(ends).T
        widths, errors = [int(network) for network in networks], (distance - low, high - distance)
        ax.errorbar(widths, distance, errors, fmt="o", color=colour, markersize=5, capsize=2, label=label)
    level = float(np.sqrt(max(critical_distance(BINS, samples) ** 2 - floor(BINS, samples) ** 2, 0.0)))
    ax.axhline(level, color="0.6", linewidth=1)
    ax.text(700, level * 1.05, f"99 %, M = {samples}", color="0.4", fontsize=7, ha="right")
    ax.set(xlabel="hidden units n", ylabel="Jensen-Shannon distance", ylim=(3e-4, 0.4))
    legend_below(ax)


def of_selected_networks(ax: Axes, descent: pd.DataFrame) -> None:
    """Distance, sampling contribution included, of the networks that converge within a number of steps."""
    networks = {int(network): select(descent, network=network) for network in one_hidden_layer(descent["network"])}

    def draw(within, **style):
        kept = [ensemble.agreement_of_converged(rows, within) for rows in networks.values()]
        distances = [found.distance if found else np.nan for found in kept]
        ax.loglog(list(networks), distances, marker="o", markersize=4, **style)

    typical = ensemble.typical_steps(descent)
    for multiple, colour in zip((1.5, 3, 6), sns.color_palette("flare", 3), strict=True):
        draw(multiple * typical, color=colour, label=f"within {multiple * typical:.0f} steps")
    draw(np.inf, color="k", label="ever")
    samples = ensemble.agreement(next(iter(networks.values()))).samples
    ax.axhline(float(floor(BINS, samples)), color="0.6", linewidth=1, label="sampling floor")
    ax.set(xlabel="hidden units n", ylabel="Jensen-Shannon distance to the exact law")
    labelled_ticks(ax.yaxis)
    legend_below(ax, title="networks kept if converged", title_fontsize=7)


def convergence(ax: Axes, descent: pd.DataFrame) -> None:
    """Fraction of networks that have not converged, by steps."""
    networks = by_width(descent["network"])
    for network, colour in zip(networks, sns.color_palette("viridis", len(networks)), strict=True):
        left = ensemble.unconverged_fraction(select(descent, network=network))
        ax.step(left.index, left, where="post", color=colour, label=f"n = {network}")
    ax.set(xscale="log", yscale="log", xlabel="gradient steps", ylabel="networks with loss above tolerance")
    legend_below(ax, 3)


def sampling_floor(ax: Axes, sizes: np.ndarray) -> None:
    """Distances that draws from the exact law itself have."""
    low, high = ([critical_distance(BINS, int(size), level) for size in sizes] for level in (0.01, 0.99))
    ax.fill_between(sizes, low, high, color="0.85", label="samples of the exact law, 98 %")
    ax.loglog(sizes, floor(BINS, sizes), label=rf"$\sqrt{{{BINS - 1}/8M}}$", **LIMIT)
