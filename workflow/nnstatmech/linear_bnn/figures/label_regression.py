"""Digits as regression: learning curves, predicted label distributions, Gaussian targets."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...figures.style import labelled_ticks
from ...readings import runs_of, select
from ..curves import regression as curves
from ..curves.rows import profiles
from ..tables import RegressionTable
from .marks import band, letters

DECODERS = {
    "accuracy": "highest output is the target's",
    "accuracy_peak": "digit nearest to the highest output",
    "accuracy_template": "nearest target",
}


def learning_curves(main: RegressionTable, *, scale: str, coupling: float = 0.2) -> Figure:
    """Learning curves of one coupling as in the original, of all couplings, and test accuracy against g."""
    coupling = curves.nearest_coupling(main, coupling)
    figure, axes = plt.subplots(2, 2, figsize=(9.5, 7))
    for ax, split in zip(axes[0], ("train", "validation"), strict=True):
        original_curves(ax, main, split, coupling)
        ax.set_title(f"{'training' if split == 'train' else split} images, $g$ = {coupling:g}")
    validation_by_coupling(axes[1, 0], main)
    accuracy_against_coupling(axes[1, 1], main)
    letters(axes.flat)
    return figure


def original_curves(ax: Axes, table: pd.DataFrame, split: str, coupling: float) -> None:
    """Divergence, accuracy and loss against the epoch, in the original's colours and range."""
    relative = curves.is_summed(table)
    for quantity, colour, label in (
        ("divergence", "tab:blue", "Kullback-Leibler divergence"),
        ("accuracy", "tab:red", "accuracy"),
        ("loss", "tab:green", "loss / loss before training" if relative else "loss"),
    ):
        line = curves.learning_curve(table, quantity, split, coupling)
        if quantity == "loss" and relative:
            line = curves.relative_to_start(line)
        band(ax, line, line["error"], marker="o", ms=3, color=colour, label=label)
    ax.axhline(1, color="0.3", ls="--", lw=1)
    ax.set(xlabel="epoch", ylabel="value", ylim=(0, 1.5), xlim=(0, None))
    ax.legend(loc="upper right")


def validation_by_coupling(ax: Axes, table: pd.DataFrame) -> None:
    """Fraction of held-out images that are read wrongly against the epoch, one line a coupling."""
    couplings = sorted(table["coupling"].dropna().unique())
    for coupling, colour in zip(couplings, sns.color_palette("viridis", len(couplings)), strict=True):
        line = curves.learning_curve(table, "accuracy_template", "validation", coupling)
        ax.plot(line.index, 1 - line["mean"], color=colour, lw=1.2, label=f"{coupling:g}")
    ax.set(xlabel="epoch", ylabel="validation error (nearest target)", yscale="log", ylim=(None, 1), xlim=(0, None))
    labelled_ticks(ax.yaxis)
    ax.legend(title="coupling $g$", ncols=2, loc="upper right")


def accuracy_against_coupling(ax: Axes, table: pd.DataFrame) -> None:
    """Test accuracy against g for the ways to read a label; networks that diverged are marked."""
    for (decoder, label), mark, shift in zip(DECODERS.items(), "so^", (-0.008, 0, 0.008), strict=True):
        line = curves.accuracy_by_coupling(table, decoder)
        style = {"fmt": f"{mark}-", "ms": 4, "lw": 0.8, "capsize": 2, "label": label}
        ax.errorbar(line.index + shift, line["mean"], 2 * line["error"], **style)
    lost = curves.diverged_couplings(table)
    if len(lost):
        ax.plot(lost, np.full(len(lost), ax.get_ylim()[0]), "kx", label="diverged", clip_on=False)
    ax.set(xlabel="coupling $g$", ylabel="test accuracy")
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.45 * (high - low), high)
    ax.legend(title="label read from (± 2 standard errors)", loc="lower right")


def label_distributions(main: RegressionTable, *, scale: str, coupling: float = 0.2) -> Figure:
    """Test images beside what the network makes of the same image, and the mean prediction for each digit."""
    coupling = curves.nearest_coupling(main, coupling)
    trained = select(main, coupling=coupling, seed=main["seed"].min())
    images = select(main, quantity="image").drop_duplicates("image").head(10)
    figure = plt.figure(figsize=(13, 6))
    grid = figure.add_gridspec(1, 2, width_ratios=[1.75, 1])
    left, right = (figure.add_subfigure(grid[0, i]) for i in range(2))
    axes = left.subplots(4, 5, height_ratios=[1.35, 1, 1.35, 1])
    for i, (_, row) in enumerate(images.iterrows()):
        top, column = 2 * (i // 5), i % 5
        heat_map(axes[top, column], row)
        prediction = select(trained, quantity="prediction", image=row["image"])
        target = select(main, quantity="target", image=row["image"])
        ax = axes[top + 1, column]
        prediction_and_target(ax, profiles(prediction)[0], profiles(target)[0])
        ax.set_xlabel("position (label)" if top else "", fontsize=8)
        if column:
            ax.set_yticklabels([])
    axes[1, 0].set_ylabel("output", fontsize=8)
    axes[3, 0].set_ylabel("output", fontsize=8)
    axes[1, 0].legend(loc="upper right", fontsize=6.5, handlelength=1.2)
    mean_outputs(right.subplots(), main, coupling)
    return figure


def heat_map(ax: Axes, row: pd.Series) -> None:
    """A test image with its label."""
    pixels = np.asarray(row["profile"], dtype=float)
    side = round(np.sqrt(len(pixels)))
    ax.imshow(pixels.reshape(side, side), cmap="viridis", vmin=0, vmax=1)
    ax.set_title(f"image {int(row['image'])}, label {int(row['label'])}", fontsize=8)
    ax.set_axis_off()


def prediction_and_target(ax: Axes, predicted: np.ndarray, target: np.ndarray) -> None:
    """Predicted (blue) and target (red) distribution over the positions."""
    positions = np.linspace(0, 9, len(predicted))
    ax.plot(positions, target, color="tab:red", lw=2.2, alpha=0.55, label="target")
    ax.plot(positions, predicted, color="tab:blue", lw=0.8, label="prediction")
    ax.set(ylim=(-0.35, 1.25), xticks=range(10), yticks=(0, 0.5, 1))
    ax.tick_params(labelsize=6)


def mean_outputs(ax: Axes, table: pd.DataFrame, coupling: float) -> None:
    """Mean output at the digits' positions, over all test images of a digit."""
    outputs = curves.outputs_at_digits(table, coupling)
    sns.heatmap(
        outputs, ax=ax, cmap="rocket_r", vmin=0, vmax=1, annot=True, fmt=".2f", annot_kws={"fontsize": 6.5},
        square=True, cbar_kws={"location": "bottom", "shrink": 0.8, "label": "mean output"},
    )  # fmt: skip
    ax.set(xlabel="position (label)", ylabel="digit shown", title=f"mean over the test images, $g$ = {coupling:g}")


def gaussian_targets(main: RegressionTable, *, scale: str) -> Figure:
    """The Gaussian targets, what a network learns of them, and how the label is read best."""
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.9))
    target_curves(axes[0], main)
    learned_targets(axes[1], main, label=4)
    accuracy_bars(axes[2], main)
    letters(axes)
    return figure


def target_curves(ax: Axes, table: pd.DataFrame) -> None:
    """The ten targets, each of sum 1, of the first run that has such."""
    unit_sums = [(settings, rows) for settings, rows in runs_of(table) if settings["target_scale"] == "sum"]
    if not unit_sums:
        ax.set_axis_off()
        return
    settings, rows = unit_sums[0]
    for colour, (label, values) in zip(sns.color_palette("tab10"), curves.targets_by_label(rows).items(), strict=False):
        ax.plot(np.linspace(0, 9, len(values)), values, color=colour, label=f"{label}")
    ax.set(xlabel="position (label)", ylabel="target", xticks=range(10))
    ax.set_title(rf"targets of sum 1, $\sigma$ = {settings['target_deviation']:g}")
    ax.legend(title="digit", ncols=2, loc="upper center")


def learned_targets(ax: Axes, table: pd.DataFrame, label: int) -> None:
    """Mean output over the test images of one digit, for peaks of several widths."""
    for deviation, values in curves.learned_peaks(table, label).items():
        ax.plot(np.linspace(0, 9, len(values)), values, lw=1, label=f"{deviation:g}")
    ax.axvline(label, color="0.4", ls=":", lw=1)
    ax.set(xlabel="position (label)", ylabel="mean output", xticks=range(10), title=f"learnt for a {label}, peak 1")
    ax.legend(title=r"width $\sigma$")


def accuracy_bars(ax: Axes, table: pd.DataFrame) -> None:
    """Test accuracy for each target and each way to read a label."""
    for i, (decoder, label) in enumerate(DECODERS.items()):
        runs = curves.accuracy_by_target(table, decoder)
        ax.bar(runs.index + (i - 1) * 0.27, runs["mean"], 0.25, yerr=2 * runs["error"], label=label, error_kw={"lw": 1})
    labels = [f"{run.target_scale} 1\n$\\sigma$ = {run.target_deviation:g}" for run in runs.itertuples()]
    ax.set_xticks(runs.index, labels, fontsize=7.5)
    ax.set(ylabel="test accuracy", ylim=(0, 1.3), yticks=np.linspace(0, 1, 6))
    ax.legend(title="label read from (± 2 standard errors)", loc="upper right")
