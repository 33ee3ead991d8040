"""Digits as regression: learning curves, predicted label distributions, Gaussian targets."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ...figures.style import panel_letter
from .frames import over_seeds, parameters, profiles, select

DECODERS = {
    "accuracy": "highest output is the target's",
    "accuracy_peak": "digit nearest to the highest output",
    "accuracy_template": "nearest target",
}


def nearest_coupling(table: pd.DataFrame, coupling: float) -> float:
    """The coupling of the table nearest to the one asked for."""
    couplings = np.array(sorted(table["coupling"].dropna().unique()))
    return couplings[np.abs(couplings - coupling).argmin()]


def regression(tables: Mapping[str, pd.DataFrame], *, scale: str, coupling: float = 0.2) -> Figure:
    """Learning curves of one coupling as in the original, of all couplings, and test accuracy against g."""
    table = tables["stm_regression"]
    coupling = nearest_coupling(table, coupling)
    figure, axes = plt.subplots(2, 2, figsize=(9.5, 7))
    for ax, letter, split in zip(axes[0], "ab", ("train", "validation"), strict=True):
        original_curves(ax, table, split, coupling)
        panel_letter(ax, letter)
        ax.set_title(f"{'training' if split == 'train' else split} images, $g$ = {coupling:g}")
    validation_by_coupling(axes[1, 0], table)
    panel_letter(axes[1, 0], "c")
    accuracy_by_coupling(axes[1, 1], table)
    panel_letter(axes[1, 1], "d")
    return figure


def original_curves(ax, table, split, coupling):
    """Divergence, accuracy and loss against the epoch, in the original's colours and range."""
    summed = parameters(table)["loss"] == "sum"
    loss_label = "loss / loss before training" if summed else "loss"
    for quantity, colour, label in (
        ("divergence", "tab:blue", "Kullback-Leibler divergence"),
        ("accuracy", "tab:red", "accuracy"),
        ("loss", "tab:green", loss_label),
    ):
        line = over_seeds(select(table, split=split, coupling=coupling, quantity=quantity), "epoch")
        if quantity == "loss" and summed:
            line = line / line["mean"].iloc[0]
        ax.plot(line.index, line["mean"], "o-", ms=3, color=colour, label=label)
        ax.fill_between(
            line.index, line["mean"] - line["error"], line["mean"] + line["error"], color=colour, alpha=0.2, lw=0
        )
    ax.axhline(1, color="0.3", ls="--", lw=1)
    ax.set(xlabel="epoch", ylabel="value", ylim=(0, 1.5), xlim=(0, None))
    ax.legend(loc="upper right")


def validation_by_coupling(ax, table):
    """Fraction of held-out images that are read wrongly against the epoch, one line a coupling."""
    rows = select(table, split="validation", quantity="accuracy_template")
    couplings = sorted(rows["coupling"].unique())
    for coupling, colour in zip(couplings, sns.color_palette("viridis", len(couplings)), strict=True):
        line = over_seeds(rows[rows["coupling"] == coupling], "epoch")
        ax.plot(line.index, 1 - line["mean"], color=colour, lw=1.2, label=f"{coupling:g}")
    ax.set(xlabel="epoch", ylabel="validation error (nearest target)", yscale="log", ylim=(None, 1), xlim=(0, None))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.legend(title="coupling $g$", ncols=2, loc="upper right")


def accuracy_by_coupling(ax, table):
    """Test accuracy against g for the ways to read a label; networks that diverged are marked."""
    for (quantity, label), mark, shift in zip(DECODERS.items(), "so^", (-0.008, 0, 0.008), strict=True):
        line = over_seeds(select(table, split="test", quantity=quantity), "coupling")
        ax.errorbar(
            line.index + shift, line["mean"], 2 * line["error"], fmt=f"{mark}-", ms=4, lw=0.8, capsize=2, label=label
        )
    lost = table[table["quantity"] == "diverged_epoch"]["coupling"]
    if len(lost):
        ax.plot(lost, np.full(len(lost), ax.get_ylim()[0]), "kx", label="diverged", clip_on=False)
    ax.set(xlabel="coupling $g$", ylabel="test accuracy")
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.45 * (high - low), high)
    ax.legend(title="label read from (± 2 standard errors)", loc="lower right")


def predictions(tables: Mapping[str, pd.DataFrame], *, scale: str, coupling: float = 0.2) -> Figure:
    """Test images beside what the network makes of the same image, and the mean prediction for each digit."""
    table = tables["stm_regression"]
    coupling = nearest_coupling(table, coupling)
    trained = select(table, coupling=coupling, seed=table["seed"].min())
    images = table[table["quantity"] == "image"].drop_duplicates("image").head(10)
    figure = plt.figure(figsize=(13, 6))
    left, right = figure.subfigures(1, 2, width_ratios=[1.75, 1])
    axes = left.subplots(4, 5, height_ratios=[1.35, 1, 1.35, 1])
    for i, (_, row) in enumerate(images.iterrows()):
        top, column = 2 * (i // 5), i % 5
        heat_map(axes[top, column], row)
        prediction = select(trained, quantity="prediction", image=row["image"])
        target = select(table, quantity="target", image=row["image"])
        ax = axes[top + 1, column]
        distribution(ax, profiles(prediction)[0], profiles(target)[0])
        ax.set_xlabel("position (label)" if top else "", fontsize=8)
        if column:
            ax.set_yticklabels([])
    axes[1, 0].set_ylabel("output", fontsize=8)
    axes[3, 0].set_ylabel("output", fontsize=8)
    axes[1, 0].legend(loc="upper right", fontsize=6.5, handlelength=1.2)
    mean_predictions(right.subplots(), trained, coupling)
    return figure


def heat_map(ax, row):
    """A test image with its label."""
    pixels = np.asarray(row["profile"], dtype=float)
    side = round(np.sqrt(len(pixels)))
    ax.imshow(pixels.reshape(side, side), cmap="viridis", vmin=0, vmax=1)
    ax.set_title(f"image {int(row['image'])}, label {int(row['label'])}", fontsize=8)
    ax.set_axis_off()


def distribution(ax, predicted, target):
    """Predicted (blue) and target (red) distribution over the positions."""
    positions = np.linspace(0, 9, len(predicted))
    ax.plot(positions, target, color="tab:red", lw=2.2, alpha=0.55, label="target")
    ax.plot(positions, predicted, color="tab:blue", lw=0.8, label="prediction")
    ax.set(ylim=(-0.35, 1.25), xticks=range(10), yticks=(0, 0.5, 1))
    ax.tick_params(labelsize=6)


def mean_predictions(ax, trained, coupling):
    """Mean output at the digits' positions, over all test images of a digit."""
    rows = trained[trained["quantity"] == "mean_prediction"].sort_values("label")
    outputs = profiles(rows)
    at_digits = outputs[:, np.linspace(0, outputs.shape[1] - 1, 10).round().astype(int)]
    sns.heatmap(
        at_digits, ax=ax, cmap="rocket_r", vmin=0, vmax=1, annot=True, fmt=".2f", annot_kws={"fontsize": 6.5},
        square=True, cbar_kws={"location": "bottom", "shrink": 0.8, "label": "mean output"},
    )  # fmt: skip
    ax.set(xlabel="position (label)", ylabel="digit shown", title=f"mean over the test images, $g$ = {coupling:g}")


def gaussian_targets(tables: Mapping[str, pd.DataFrame], *, scale: str) -> Figure:
    """The Gaussian targets, what a network learns of them, and how the label is read best."""
    table = tables["stm_target_width"]
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.9))
    target_curves(axes[0], table[table["target"] == "unit_sum"])
    learned_targets(axes[1], table)
    accuracy_by_target(axes[2], table)
    for ax, letter in zip(axes, "abc", strict=True):
        panel_letter(ax, letter)
    return figure


def target_curves(ax, table):
    """The ten targets, each of sum 1."""
    rows = table[table["quantity"] == "target"].sort_values("label").drop_duplicates("label")
    for colour, (_, row) in zip(sns.color_palette("tab10"), rows.iterrows(), strict=False):
        values = np.asarray(row["profile"], dtype=float)
        ax.plot(np.linspace(0, 9, len(values)), values, color=colour, label=f"{int(row['label'])}")
    deviation = parameters(table)["target_deviation"]
    ax.set(xlabel="position (label)", ylabel="target", xticks=range(10))
    ax.set_title(rf"targets of sum 1, $\sigma$ = {deviation:g}")
    ax.legend(title="digit", ncols=2, loc="upper center")


def learned_targets(ax, table):
    """Mean output over the test images of one digit, for peaks of several widths."""
    digit = 4
    table = table[(table["seed"] == table["seed"].min()) & (table["quantity"] == "mean_prediction")]
    for run, rows in table[table["label"] == digit].groupby("run", observed=True):
        settings = table.attrs["runs"][run]
        if settings["target_scale"] == "peak":
            values = profiles(rows)[0]
            ax.plot(np.linspace(0, 9, len(values)), values, lw=1, label=f"{settings['target_deviation']:g}")
    ax.axvline(digit, color="0.4", ls=":", lw=1)
    ax.set(xlabel="position (label)", ylabel="mean output", xticks=range(10), title=f"learnt for a {digit}, peak 1")
    ax.legend(title=r"width $\sigma$")


def accuracy_by_target(ax, table):
    """Test accuracy for each target and each way to read a label."""
    rows = table[table["profile"].isna() & (table["split"] == "test")]
    runs = sorted(table.attrs["runs"].items(), key=lambda item: (item[1]["target_scale"], item[1]["target_deviation"]))
    ticks = np.arange(len(runs))
    for i, (quantity, label) in enumerate(DECODERS.items()):
        groups = [rows[(rows["run"] == run) & (rows["quantity"] == quantity)]["value"] for run, _ in runs]
        means, errors = [g.mean() for g in groups], [2 * g.sem() if len(g) > 1 else 0.0 for g in groups]
        ax.bar(ticks + (i - 1) * 0.27, means, 0.25, yerr=errors, label=label, error_kw={"lw": 1})
    labels = [f"{settings['target_scale']} 1\n$\\sigma$ = {settings['target_deviation']:g}" for _, settings in runs]
    ax.set_xticks(ticks, labels, fontsize=7.5)
    ax.set(ylabel="test accuracy", ylim=(0, 1.3), yticks=np.linspace(0, 1, 6))
    ax.legend(title="label read from (± 2 standard errors)", loc="upper right")
