"""The fourteen errors of the original beside what is right: panels have the numbers of the documentation's list."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.stats import chi, norm

from ...figures.style import labelled_ticks
from ...readings import over_seeds
from ..comparison import BINS, floor
from ..curves import classifier, full_data, norm_learning, path_pruning, regression, untrained
from ..curves import mistakes as curves
from ..prior import log_prior
from ..tables import (
    ClassifierTable,
    FullDataTable,
    NormLearningTable,
    PathPruningTable,
    RegressionTable,
    UntrainedTable,
)

WRONG: dict[str, Any] = {"color": "tab:orange", "lw": 1.5, "label": "original"}
RIGHT: dict[str, Any] = {"color": "black", "lw": 1.3, "label": "right"}
LIGHT: dict[str, Any] = {"color": "0.6", "ms": 2.5, "lw": 0.7}


def changed(look: dict[str, Any], **how) -> dict[str, Any]:
    """A look with some of its parts changed."""
    return look | how


def wrong_and_right(
    classifier: ClassifierTable,
    energies: NormLearningTable,
    regression: RegressionTable,
    untrained: UntrainedTable,
    posteriors: FullDataTable,
    pruning: PathPruningTable,
    *,
    scale: str,
) -> Figure:
    """One panel an error, two for the thirteenth."""
    figure, axes = plt.subplots(3, 5, figsize=(17, 9.6))
    panels = iter(axes.flat)
    halved_argument(next(panels))
    for number, (error, name) in enumerate(SCALES.items(), start=2):
        wrong_scale(next(panels), classifier, error, f"{number}  {name}")
    missing_prefactor(next(panels))
    transposed_matrices(next(panels), classifier)
    units_of_one_network(next(panels))
    unrelated_vectors(next(panels), classifier)
    misplaced_prediction(next(panels), regression)
    cubed_sums(next(panels), untrained)
    penalty_for_a_loss(next(panels), regression)
    one_layer_too_many(next(panels), posteriors)
    missing_normaliser(next(panels), energies)
    unnormalised(next(panels), energies)
    fit_for_a_theory(next(panels), pruning)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=10)
    return figure


SCALES = {
    "factor": r"$\kappa = 2\pi\sigma^2$",
    "norm": r"$|x|$ of the whole test set",
    "sigma": r"$\sigma = 1/100^2$",
}
"""Errors of :func:`nnstatmech.linear_bnn.curves.mistakes.wrong_kappas` in words."""


def halved_argument(ax: Axes) -> None:
    """The README's prior of 5 hidden units at unit variance."""
    h, kappa = np.linspace(0.01, 5, 400), 5**-0.5
    ax.semilogy(h, np.exp(log_prior(h, [5], 1, kappa)), **RIGHT)
    ax.semilogy(h, curves.halved_argument_density(h, 5, kappa), **WRONG)
    ax.set(xlabel="$|h|$", ylabel="density $p(h)$", title=r"1  $K(|h|/2\kappa)$, 5 hidden units")


def wrong_scale(ax: Axes, table: pd.DataFrame, error: str, title: str) -> None:
    """Law of an untrained unit's preactivation with one error in κ, the right law, and the units of all networks."""
    width, length = curves.network_width(table), np.geomspace(1e-5, 1e3, 500)
    values = np.log10(np.abs(classifier.components(table, 0)))
    edges = np.arange(-4, 1.01, 0.1)
    centres = (edges[1:] + edges[:-1]) / 2
    ax.plot(10**centres, np.histogram(values, edges, density=True)[0], "o", **LIGHT, label="untrained units")
    ax.plot(length, curves.logarithmic_density(length, width, classifier.kappa(table)), **RIGHT)
    ax.plot(length, curves.logarithmic_density(length, width, curves.wrong_kappas(table)[error]), **WRONG)
    ax.set(xscale="log", xlim=(1e-5, 1e3), xlabel="$|h|$", ylabel=r"density of $\log_{10}|h|$", title=title)
    ax.set_xticks([1e-4, 1e-2, 1, 1e2])


def missing_prefactor(ax: Axes) -> None:
    """The script's curve beside the density of one unit behind 784 at the script's κ."""
    h = curves.SCRIPT_GRID[1:]
    ax.semilogy(h, np.exp(log_prior(h, [784], 1, curves.SCRIPT_SCALE)), **RIGHT)
    ax.semilogy(h, curves.script_prior(h), **WRONG)
    ax.set(xlabel="$|h|$", ylabel="density $p(h)$", ylim=(1e-5, 20), title="5  prior.png: no prefactor, $K_0$")


def transposed_matrices(ax: Axes, table: pd.DataFrame) -> None:
    """Trained preactivations, and those of the transposed matrices."""
    last = classifier.kept_epochs(table)[-1]
    right, wrong = (classifier.components(table, last, name) for name in ("preactivations", "transposed"))
    limit = np.abs(right).max()
    edges = np.linspace(-limit, limit, 61)
    for values, look in ((right, RIGHT), (wrong, WRONG)):
        ax.stairs(np.histogram(values, edges, density=True)[0], edges, **look)
    ax.set(xlabel="trained preactivation $h$", ylabel="density", yscale="log", title=r"6  $W_2 W_1 x$, transposed")


def units_of_one_network(ax: Axes) -> None:
    """Prior of an output behind 5 hidden units, and the laws of the many outputs of single networks."""
    h, kappa = np.linspace(0, 3.5, 300), 5**-0.5
    ax.semilogy(h[1:], np.exp(log_prior(h[1:], [5], 1, kappa)), **RIGHT, zorder=3)
    for probability in (0.1, 0.3, 0.5, 0.7, 0.9):
        ax.semilogy(h, norm.pdf(h, scale=kappa * chi(5).ppf(probability)), **changed(WRONG, lw=0.9))
    ax.set(xlabel="$h$", ylabel="density", ylim=(1e-4, 2), title="7  units of one network as the prior")


def unrelated_vectors(ax: Axes, table: pd.DataFrame) -> None:
    """The script's distance of each network, and the right one's."""
    wrong = curves.script_distances(table)
    found = classifier.agreements(table, classifier.kept_epochs(table)[-1])
    right = pd.Series({seed: agreement.distance for seed, agreement in found.items()})
    ax.plot(range(len(right)), right, "o", color="black", ms=4)
    ax.plot(range(len(wrong)), wrong, "s", color="tab:orange", ms=4)
    ax.axhline(curves.PUBLISHED_DISTANCE, color="tab:orange", lw=1, label="published")
    sampling = float(floor(BINS, curves.network_width(table)))
    ax.axhline(sampling, color="black", ls="--", lw=1, label="sampling alone")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="network", ylabel="Jensen-Shannon distance", ylim=(0, None), title="8  nine unrelated numbers")
    ax.legend(fontsize=7)


def misplaced_prediction(ax: Axes, table: pd.DataFrame) -> None:
    """Output for a test image, and for the training image of its index, which was plotted with the test label."""
    coupling = regression.nearest_coupling(table, 0.7)
    outputs, shares = curves.shown_prediction(table, coupling), curves.read_accuracies(table, coupling)
    positions = np.linspace(0, 9, len(outputs["target"]))
    ax.plot(positions, outputs["target"], color="0.75", lw=3)
    for name, share, look in (
        ("prediction", "accuracy_peak", RIGHT),
        ("misplaced_prediction", "misplaced_accuracy", WRONG),
    ):
        ax.plot(positions, outputs[name], **changed(look, lw=0.8, label=f"label read: {shares[share]:.0%}"))
    ax.set(xlabel="position (label)", ylabel="output", xticks=range(10), title="9  prediction of another image")
    ax.legend(fontsize=7)


def cubed_sums(ax: Axes, table: pd.DataFrame) -> None:
    """Mean output length against temperature: cubed sums of all units, and rectified units."""
    lengths = untrained.output_lengths(table)
    temperatures = np.geomspace(min(lengths), max(lengths), 30)
    exact = curves.mean_lengths(table, temperatures)
    ax.loglog(temperatures, exact["relu"], **changed(RIGHT, label=r"ReLU: $T^2$"))
    ax.loglog(temperatures, exact["cubed"], **changed(WRONG, label=r"cube of the sum: $T^4$"))
    means = [found.mean() for _, found in lengths.values()]
    ax.loglog(list(lengths), means, "o", color="tab:orange", ms=4, label="networks")
    ax.set(xlabel="temperature $T$", ylabel="mean output length", title="10  what is called ReLU")
    ax.legend(fontsize=7)


def penalty_for_a_loss(ax: Axes, table: pd.DataFrame) -> None:
    """Training loss as the original counts it, and the error of the outputs in it."""
    loss = curves.loss_as_published(table, regression.nearest_coupling(table, 0.7))
    ax.semilogy(loss.index, loss["error"], **changed(RIGHT, label="error of the outputs"))
    ax.semilogy(loss.index, loss.sum(axis=1), **changed(WRONG, label="with the penalty"))
    ax.set(xlabel="epoch", ylabel="training loss", title="11  a loss that is the penalty")
    ax.legend(fontsize=7)


def one_layer_too_many(ax: Axes, table: pd.DataFrame) -> None:
    """Kernel scale of one hidden layer, and the saddle for two, by width."""
    beta = full_data.betas_of(table)[-2]
    scales = curves.scales_by_width(table, beta)
    ax.loglog(scales.index, scales["exact"], "o", color="black", ms=4)
    ax.loglog(scales.index, scales["saddle"], **RIGHT)
    ax.loglog(scales.index, scales["two_layers"], **WRONG)
    labelled_ticks(ax.yaxis)
    ax.set(xlabel="hidden width $n$", ylabel="kernel scale $u/E[u]$", title=f"12  $L$ = 2 for one layer, β = {beta:g}")


def missing_normaliser(ax: Axes, table: pd.DataFrame) -> None:
    """Energies of the quadratic correction with and without the derivative of its normaliser."""
    for name, look in (("energy", RIGHT), ("energy_without_normaliser", WRONG)):
        curve = norm_learning.curve_of(table, "quadratic", name, correction=0.6)
        ax.plot(curve.index, curve, **look)
    ax.set(xlabel="output $y$", ylabel="energy $E$", title=r"13a  normaliser left out, $\lambda$ = 0.6")


def unnormalised(ax: Axes, table: pd.DataFrame) -> None:
    """Quartic partition functions as proposed, with their integrals, and normalised."""
    proposed = norm_learning.curves_by(table, "coupling", "quartic", "partition_unnormalised")
    normalised = norm_learning.curves_by(table, "coupling", "quartic", "partition")
    for g, colour in zip(proposed, sns.color_palette("Oranges_d", len(proposed))[::-1], strict=True):
        label = f"g = {g:g}: {norm_learning.mass(table, g):.2f}"
        ax.plot(proposed[g].index, proposed[g], color=colour, lw=1.3, label=label)
        ax.plot(normalised[g].index, normalised[g], color="black", lw=0.8, ls=":")
    ax.set(xlabel="output $y$", ylabel="partition function $Z$", title="13b  not normalised")
    ax.set_ylim(0, 1.6 * ax.get_ylim()[1])
    ax.legend(title="integral", fontsize=6.5, title_fontsize=7, ncols=2, loc="upper center")


def fit_for_a_theory(ax: Axes, table: pd.DataFrame) -> None:
    """Accuracy by number of paths, the fit that the Born curve equals, and what a fit to few paths predicts."""
    accuracies = over_seeds(path_pruning.accuracies_by_paths(table))["mean"]
    paths = accuracies.index.to_numpy(float)
    predicted = curves.fit_to_few_paths(accuracies)
    ax.plot(paths, accuracies, "o", **LIGHT, label="networks")
    ax.plot(paths, path_pruning.mean_fit(table)(paths), **changed(WRONG, label="Born = fit to all"))
    ax.plot(paths, predicted(paths), **changed(RIGHT, ls="--", label="fit to the first quarter"))
    ax.set(xlabel="paths $K$", ylabel="test accuracy", title="14  Born curve = its own fit")
    ax.legend(fontsize=7, loc="lower right")
