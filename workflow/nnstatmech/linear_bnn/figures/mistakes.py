"""Errors of the original beside what is right."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..comparison import BINS, floor
from ..curves import classifier, norm_learning
from ..curves import mistakes as curves
from ..prior import log_prior
from ..tables import ClassifierTable, NormLearningTable
from .marks import letters

WRONG = {"color": "tab:orange", "lw": 1.5, "label": "original"}
RIGHT = {"color": "black", "lw": 1.3, "label": "right"}


def wrong_and_right(classifier: ClassifierTable, energies: NormLearningTable, *, scale: str) -> Figure:
    """One panel an error that has a curve."""
    figure, axes = plt.subplots(2, 3, figsize=(14, 7.5))
    halved_argument(axes[0, 0])
    norm_of_the_test_set(axes[0, 1], classifier)
    transposed_matrices(axes[0, 2], classifier)
    unrelated_vectors(axes[1, 0], classifier)
    missing_normaliser(axes[1, 1], energies)
    unnormalised(axes[1, 2], energies)
    letters(axes.flat)
    return figure


def halved_argument(ax: Axes) -> None:
    """The README's prior of 5 hidden units at unit variance."""
    h, kappa = np.linspace(0.01, 5, 400), 5**-0.5
    ax.semilogy(h, np.exp(log_prior(h, [5], 1, kappa)), **RIGHT)
    ax.semilogy(h, curves.halved_argument_density(h, 5, kappa), **WRONG)
    ax.set(xlabel="|h|", ylabel="density p(h)", title="K(|h|/2κ), 5 hidden units")
    ax.legend()


def norm_of_the_test_set(ax: Axes, table: pd.DataFrame) -> None:
    """The script's curve beside the density of one unit's preactivation."""
    h = curves.SCRIPT_GRID[1:]
    ax.semilogy(h, classifier.exact_marginal(table, h), **RIGHT)
    ax.semilogy(h, curves.script_prior(h), **WRONG)
    ax.set(xlabel="|h|", ylabel="density p(h)", ylim=(1e-5, 20), title="prior.png and the law of one unit")
    ax.legend()


def transposed_matrices(ax: Axes, table: pd.DataFrame) -> None:
    """Trained preactivations, and those of the transposed matrices."""
    last = classifier.kept_epochs(table)[-1]
    right, wrong = (classifier.components(table, last, name) for name in ("preactivations", "transposed"))
    limit = np.abs(right).max()
    edges = np.linspace(-limit, limit, 61)
    for values, look in ((right, RIGHT), (wrong, WRONG)):
        ax.stairs(np.histogram(values, edges, density=True)[0], edges, **look)
    ax.set(xlabel="trained preactivation $h$", ylabel="density", yscale="log", title=r"$W_2 W_1 x$ and its transposes")
    ax.legend()


def unrelated_vectors(ax: Axes, table: pd.DataFrame) -> None:
    """The script's distance of each network, and the right one's."""
    wrong = curves.script_distances(table)
    found = classifier.agreements(table, classifier.kept_epochs(table)[-1])
    right = pd.Series({seed: agreement.distance for seed, agreement in found.items()})
    ax.plot(range(len(right)), right, "o", color="black", ms=5, label="trained network to its law before training")
    ax.plot(range(len(wrong)), wrong, "s", color="tab:orange", ms=5, label="the script's nine numbers")
    published = curves.PUBLISHED_DISTANCE
    ax.axhline(published, color="tab:orange", lw=1, label=f"published, {published}")
    ax.axhline(float(floor(BINS, curves.network_width(table))), color="black", ls="--", lw=1, label="sampling alone")
    ax.set(xlabel="network", ylabel="Jensen-Shannon distance", ylim=(0, None), title="what was called a distance")
    ax.legend(fontsize=7)


def missing_normaliser(ax: Axes, table: pd.DataFrame) -> None:
    """Energies of the quadratic correction with and without the derivative of its normaliser."""
    for name, look in (("energy", RIGHT), ("energy_without_normaliser", WRONG)):
        curve = norm_learning.curve_of(table, "quadratic", name, correction=0.6)
        ax.plot(curve.index, curve, **look)
    ax.set(xlabel="output $y$", ylabel="energy $E$", title=r"normaliser left out, $\lambda$ = 0.6")
    ax.legend()


def unnormalised(ax: Axes, table: pd.DataFrame) -> None:
    """Quartic partition functions as proposed, with their integrals, and normalised."""
    proposed = norm_learning.curves_by(table, "coupling", "quartic", "partition_unnormalised")
    normalised = norm_learning.curves_by(table, "coupling", "quartic", "partition")
    for g, colour in zip(proposed, sns.color_palette("flare", len(proposed)), strict=True):
        label = f"g = {g:g}: {norm_learning.mass(table, g):.2f}"
        ax.plot(proposed[g].index, proposed[g], color=colour, lw=1.3, label=label)
        ax.plot(normalised[g].index, normalised[g], color="black", lw=0.8, ls=":")
    ax.set(xlabel="output $y$", ylabel="partition function $Z$", title="quartic (dotted: normalised)")
    ax.legend(title="integral", fontsize=7)
