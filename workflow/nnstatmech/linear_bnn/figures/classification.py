"""What training does to a deep linear classifier of digits."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.stats import gaussian_kde

from ...readings import over_seeds, select
from ..curves import classifier as curves
from ..curves import ensemble, posterior
from ..curves.rows import by_width
from ..tables import ClassifierTable, EnsembleTable, PosteriorTable
from .marks import LIMIT, band, histogram_dots, letters


def classifier_training(main: ClassifierTable, *, scale: str) -> Figure:
    """Accuracy and loss of the frozen-readout classifier against the epoch."""
    figure, ax = plt.subplots(figsize=(6, 4))
    for split, style, name in (("train", "-", "training"), ("validation", "--", "validation")):
        for quantity, colour in (("accuracy", "tab:red"), ("loss", "tab:blue")):
            networks = curves.by_epoch(main, quantity, split)
            look = {"color": colour, "ls": style, "marker": "o", "ms": 2.5, "lw": 1.2, "label": f"{name} {quantity}"}
            band(ax, over_seeds(networks), networks.std(), **look)
    ax.set(xlabel="epoch", ylabel="accuracy; cross-entropy (nats)", ylim=(0, 1), xlim=(0, main["epoch"].max()))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="center right")
    return figure


def annealed_prior(main: ClassifierTable, exact: PosteriorTable, sampled: EnsembleTable, *, scale: str) -> Figure:
    """Preactivations of one image, untrained and trained, beside the exact law at initialisation."""
    figure, axes = plt.subplots(2, 2, figsize=(9.5, 7))
    one_network(axes[0, 0], main)
    all_networks(axes[0, 1], main)
    preactivation_deviations(axes[1, 0], main)
    annealed_outputs(axes[1, 1], exact, sampled)
    letters(axes.flat)
    return figure


def one_network(ax: Axes, table: pd.DataFrame) -> None:
    """Kernel density estimate (Scott's rule) of all preactivations of a single network, as in the original."""
    epochs, first = curves.kept_epochs(table), table["seed"].min()
    values = [curves.components(table, epoch, seed=first) for epoch in epochs]
    h = np.linspace(-np.abs(values).max(), np.abs(values).max(), 600)
    for epoch, components, colour in zip(epochs, values, sns.color_palette("flare", len(epochs)), strict=True):
        ax.plot(h, gaussian_kde(components)(h), color=colour, label=epoch_label(epoch))
    ax.plot(h, curves.exact_marginal(table, h), **LIMIT, label="exact, untrained")
    ax.set(xlabel="preactivation $h$", ylabel="density", title="one network", ylim=(0, None), xlim=(h[0], h[-1]))
    ax.legend()


def epoch_label(epoch: float) -> str:
    return "untrained" if epoch == 0 else f"after {epoch:.0f} epoch{'s' if epoch > 1 else ''}"


def all_networks(ax: Axes, table: pd.DataFrame) -> None:
    """Histograms of the preactivations of all networks, in logarithmic scale, and those with transposed weights."""
    epochs = curves.kept_epochs(table)
    pooled = {epoch: curves.components(table, epoch) for epoch in epochs}
    limit = max(np.abs(values).max() for values in pooled.values())
    edges = np.linspace(-limit, limit, 61)
    for epoch, colour in zip(epochs, sns.color_palette("flare", len(epochs)), strict=True):
        ax.stairs(np.histogram(pooled[epoch], edges, density=True)[0], edges, color=colour, label=epoch_label(epoch))
    transposed = curves.components(table, epochs[-1], "transposed")
    density = np.histogram(transposed, edges, density=True)[0]
    ax.stairs(density, edges, color="tab:green", ls=":", lw=1.4, label="trained, matrices transposed")
    h = np.linspace(-limit, limit, 600)
    exact = curves.exact_marginal(table, h)
    ax.plot(h, exact, **LIMIT, label="exact, untrained")
    smallest = 0.3 / (len(transposed) * (edges[1] - edges[0]))
    ax.set(xlabel="preactivation $h$", ylabel="density", yscale="log", ylim=(smallest, 10 * exact.max()))
    ax.set(title=f"{table['seed'].nunique()} networks", xlim=(-limit, limit))
    ax.legend(loc="upper right", fontsize=7)


def preactivation_deviations(ax: Axes, table: pd.DataFrame) -> None:
    """Standard deviation of the preactivations against the epoch."""
    for quantity, colour, label in (
        ("preactivation_deviation", "tab:red", r"preactivations $W_2 W_1 x$"),
        ("transposed_deviation", "tab:green", r"transposed, $W_2^{\mathsf{T}} W_1^{\mathsf{T}} x$"),
    ):
        networks = curves.by_epoch(table, quantity)
        band(ax, over_seeds(networks), networks.std(), color=colour, marker="o", ms=3, lw=1.2, label=label)
    ax.axhline(curves.exact_deviation(table), **LIMIT, label=r"exact, untrained: $\sigma_1 \sigma_2 |x| \sqrt{n}$")
    ax.set(xlabel="epoch", ylabel="standard deviation of $h$", ylim=(0, None), title="mean ± deviation over networks")
    ax.legend(loc="lower right")


def annealed_outputs(ax: Axes, exact: pd.DataFrame, sampled: pd.DataFrame) -> None:
    """Ensembles annealed by Hamiltonian Monte Carlo beside the exact posterior, one colour a temperature."""
    networks = by_width(set(exact["network"]) & set(sampled["network"]))
    network = "4" if "4" in networks else networks[0]
    betas = sorted(sampled["beta"].unique())
    betas = betas[:: max(1, len(betas) // 3)]
    for beta, colour in zip(betas, sns.color_palette("flare", len(betas)), strict=True):
        values = ensemble.values_of(select(sampled, network=network, beta=beta), "output")
        low, high = np.quantile(values, [0.001, 0.999])
        edges = np.linspace(low, high, 31)
        histogram_dots(ax, values, edges, ms=2.5, color=colour, label=rf"$\beta$ = {beta:g}")
        law = posterior.predictive_density(exact, network, beta)
        ax.plot(law.index, law, color=colour, lw=1.2)
    ax.set(xlabel="output $f(x)$ for an unseen image", ylabel="density", xlim=(-4, 4), ylim=(0, None))
    ax.set_title(f"two classes, {network} hidden units")
    ax.legend(title="HMC (dots), exact (lines)")
