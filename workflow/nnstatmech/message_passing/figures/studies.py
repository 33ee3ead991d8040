"""Perceptrons against theory, committees on random features, times of an epoch, and the published table."""

from collections.abc import Mapping
from importlib import resources

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...figures.style import panel_letter
from .. import state_evolution
from ..state_evolution import Overlaps
from .learning import COLOURS, DATASETS, LABELS, entries, final

CAPACITY = 0.833  # of the perceptron with binary weights: Krauth and Mézard 1989
TRAJECTORY_LOAD = 1.0


def published(name: str) -> pd.DataFrame:
    """A table of published numbers; its source is named in the README beside it."""
    path = resources.files("nnstatmech.message_passing") / "published" / f"{name}.csv"
    with resources.as_file(path) as file:
        return pd.read_csv(file)


def statistics(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean and standard error over seeds."""
    groups = rows.groupby(by, observed=True)["value"]
    return pd.DataFrame({"mean": groups.mean(), "error": groups.sem().fillna(0.0)}).reset_index()


# --- perceptrons ---------------------------------------------------------------------------------


def perceptron(tables: Mapping[str, pd.DataFrame], *, scale: str, overlay_published: bool | None = None) -> Figure:
    """Overlaps and their trajectories against state evolution, BP against AMP, and the capacity."""
    figure, axes = plt.subplots(2, 2, figsize=(9.0, 6.6), layout="constrained")
    overlap_panel(axes[0, 0], tables["mp_perceptron"])
    trajectory_panel(axes[0, 1], tables["mp_perceptron"])
    difference_panel(axes[1, 0], tables["mp_perceptron_difference"])
    capacity_panel(axes[1, 1], tables["mp_capacity"])
    for letter, ax in zip("abcd", axes.flat, strict=True):
        panel_letter(ax, letter)
    return figure


def after_last_sweep(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """The last recorded value of every run, seed and load."""
    rows = table[table["quantity"] == quantity].sort_values("sweep")
    return rows.groupby(["rule", "load", "seed"], observed=True)["value"].last().reset_index()


def overlap_panel(ax: Axes, table: pd.DataFrame) -> None:
    spinodal, conjugate = state_evolution.spinodal()
    branch = np.linspace(1e-3, conjugate, 200)
    loads = [state_evolution.load_at(c) for c in branch]
    ax.plot(loads, [state_evolution.optimal_overlap(c) for c in branch], color="0.2", lw=1.2)
    ax.plot([spinodal, max(2.0, table["load"].max())], [1, 1], color="0.2", lw=1.2)
    threshold = state_evolution.information_threshold()
    for load, text in ((spinodal, "spinodal"), (threshold, "threshold")):
        ax.axvline(load, color="0.6", lw=0.8, ls=":")
        ax.text(load, 0.27, f"{text} {load:.3f}", rotation=90, ha="right", va="bottom", fontsize=7, color="0.4")
    for quantity, filled in (("teacher_overlap", True), ("self_overlap", False)):
        points = statistics(after_last_sweep(table, quantity), ["rule", "load"])
        for rule, rows in points.groupby("rule", observed=True):
            ax.errorbar(
                rows["load"],
                rows["mean"],
                rows["error"],
                fmt="o" if rule == "amp" else "s" if rule == "bp" else "^",
                ms=5 if rule == "amp" else 7,
                color=COLOURS[rule],
                mfc=COLOURS[rule] if filled else "none",
                lw=1,
            )
    handles = [
        Line2D([], [], color=COLOURS[rule], marker=marker, ls="", label=LABELS[rule])
        for rule, marker in (("amp", "o"), ("bp", "s"), ("mf", "^"))
    ]
    handles.append(Line2D([], [], color="0.2", label="state evolution"))
    ax.legend(handles=handles, loc="center left", bbox_to_anchor=(0.0, 0.68))
    ax.set_xlabel(r"load $\alpha = P/N$")
    ax.set_ylabel(r"overlaps $R$ (filled), $q$ (open)")
    ax.set_ylim(-0.03, 1.06)


def trajectory_panel(ax: Axes, table: pd.DataFrame) -> None:
    rows = table[np.isclose(table["load"], TRAJECTORY_LOAD) & (table["quantity"] == "teacher_overlap")]
    shown = 12
    for rule, marker in (("amp", "o"), ("bp", "s"), ("mf", "^")):
        points = statistics(rows[(rows["rule"] == rule) & (rows["sweep"] <= shown)], ["sweep"])
        ax.errorbar(
            points["sweep"], points["mean"], points["error"], fmt=marker, mfc="none", color=COLOURS[rule], ms=5, lw=1
        )
    theory = [state.teacher for state in state_evolution.trajectory(TRAJECTORY_LOAD, shown)]
    ax.plot(range(shown + 1), theory, color="0.2", lw=1.2)
    q = state_evolution.fixed_point(TRAJECTORY_LOAD)
    error = state_evolution.generalisation_error(Overlaps(q, q))
    ax.text(
        0.97,
        0.97,
        rf"$\alpha = {TRAJECTORY_LOAD:g}$: $q^* = {q:.4f}$, $\epsilon_g = {error:.3f}$",
        transform=ax.transAxes,
        ha="right",
        va="top",
    )
    ax.set_xlabel("sweep")
    ax.set_ylabel("teacher overlap $R$")
    ax.set_ylim(-0.02, 0.72)


def difference_panel(ax: Axes, table: pd.DataFrame) -> None:
    rows = table[(table["quantity"] == "distance_to_reference") & (table["reference"] == "amp")]
    for sweep, marker in ((2, "^"), (3, "o")):
        points = statistics(rows[rows["sweep"] == sweep], ["inputs"])
        ax.errorbar(
            points["inputs"], points["mean"], points["error"], fmt=marker, color=COLOURS["amp"], label=f"sweep {sweep}"
        )
        if sweep == 3:
            guide = points["mean"].iloc[0] * points["inputs"].iloc[0] / points["inputs"]
            ax.plot(points["inputs"], guide, color="0.4", ls="--", lw=1, label=r"$\propto 1/N$")
    ax.set_xscale("log")
    ax.set_yscale("log")
    sizes = sorted(points["inputs"])
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
    ax.set_xlabel("inputs $N$")
    ax.set_ylabel("rms difference of $m$, BP and AMP")
    ax.legend()


def capacity_panel(ax: Axes, table: pd.DataFrame) -> None:
    errors = after_last_sweep(table, "training_error")
    solved = errors.assign(value=(errors["value"] == 0).astype(float))
    points = solved.groupby(["rule", "load"], observed=True)["value"].mean().reset_index()
    offsets = {"amp": -0.012, "bp": 0.0, "bpi": 0.012, "mf": 0.024}  # percent of a step, so that lines do not cover
    for rule, rows in points.groupby("rule", observed=True):
        ax.plot(rows["load"], rows["value"] + offsets[rule], "o-", ms=4, color=COLOURS[rule], label=LABELS[rule])
    ax.axvline(CAPACITY, color="0.6", lw=0.8, ls=":")
    ax.text(CAPACITY, 0.98, f"capacity {CAPACITY}", rotation=90, ha="right", va="top", fontsize=7, color="0.4")
    ax.set_xlabel(r"load $\alpha = P/N$")
    ax.set_ylabel("fraction solved")
    ax.set_ylim(-0.05, 1.06)
    ax.legend(loc="lower left")


# --- committees ----------------------------------------------------------------------------------

LEARNERS = {
    "online_bp": ("online BP", "C0"),
    "focusing_bp": ("focusing BP", "C2"),
    "binarynet": ("SGD (BinaryNet)", "C3"),
    "sbpi": ("LAL-SBPI", "C1"),
}


def committee(tables: Mapping[str, pd.DataFrame], *, scale: str, overlay_published: bool | None = None) -> Figure:
    """Errors and overlap of hidden units against the number of weights per pattern, and matrices of unit overlaps."""
    (table,) = tables.values()
    params = next(iter(table.attrs["runs"].values()))
    ratio = params["hidden_units"] / params["samples"]
    figure = plt.figure(figsize=(10.5, 6.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.15, 1))
    top, bottom = left.subplots(2, 1, sharex=True)
    for learner, (name, colour) in LEARNERS.items():
        mine = table[table["learner"] == learner]
        for ax, quantity, style in (
            (top, "train_error", "-"),
            (top, "test_error", "--"),
            (bottom, "equal_weights", "-"),
        ):
            points = statistics(mine[mine["quantity"] == quantity], ["features"])
            label = name if style == "-" else None
            ax.errorbar(
                points["features"] * ratio,
                points["mean"],
                points["error"],
                fmt=f"o{style}",
                ms=3,
                color=colour,
                lw=1.3,
                label=label,
            )
    top.set_ylabel("error (%)")
    top.set_ylim(0, 55)
    top.legend(title="solid: training, dashed: test", ncols=2, title_fontsize=8)
    for level in (0.5, 1.0):
        bottom.axhline(level, color="0.5", lw=0.8, ls=":")
    bottom.set_ylim(0, 1.05)
    bottom.set_ylabel("equal weights in a pair of units")
    bottom.set_xlabel("weights per training pattern, $KN/P$")
    panel_letter(top, "a")
    panel_letter(bottom, "b")
    overlap_matrices(right, table)
    return figure


def overlap_matrices(figure, table: pd.DataFrame) -> None:
    """The unit overlaps of the first realisation of each learner at the largest size kept."""
    kept = table[table["quantity"] == "unit_overlaps"]
    kept = kept[(kept["features"] == kept["features"].max()) & (kept["seed"] == kept["seed"].min())]
    axes = figure.subplots(2, 2)
    for letter, ax, (learner, (name, _)) in zip("cdef", axes.flat, LEARNERS.items(), strict=True):
        overlaps = np.asarray(kept.loc[kept["learner"] == learner, "matrix"].iloc[0])
        units = round(len(overlaps) ** 0.5)
        image = ax.imshow(sorted_by_leading_vector(overlaps.reshape(units, units)), vmin=-1, vmax=1, cmap="RdBu_r")
        ax.set_title(name, fontsize=9)
        panel_letter(ax, letter)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_xlabel("hidden unit")
        ax.set_ylabel("hidden unit")
    size = kept["features"].max()
    figure.colorbar(image, ax=axes, shrink=0.7, label=f"overlap of the units' weights, $N = {size}$")


def sorted_by_leading_vector(overlaps: np.ndarray) -> np.ndarray:
    """Rows and columns in the order of the entries of the leading eigenvector: clusters become blocks."""
    order = np.argsort(np.linalg.eigh(overlaps)[1][:, -1])
    return overlaps[np.ix_(order, order)]


# --- times ---------------------------------------------------------------------------------------

PUBLISHED_NAMES = {"bp": "bp", "bpi": "bpi", "amp": "amp", "mf": "mf", "binarynet": "sgd"}
TIMED_LABELS = LABELS | {"bpi": "BP, BPI (exact edges)", "series": "BPI, series to order 3"}
TIMED_COLOURS = COLOURS | {"series": "C5"}


def epoch_time(tables: Mapping[str, pd.DataFrame], *, scale: str, overlay_published: bool | None = None) -> Figure:
    """Seconds an epoch against batch size, with published times behind unless these are switched off."""
    (table,) = tables.values()
    figure, ax = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
    if overlay_published is not False:
        for (device, name), rows in published("epoch_seconds").groupby(["device", "algorithm"]):
            style = ":" if device == "gpu" else "--"
            colour = TIMED_COLOURS[PUBLISHED_NAMES[name]]
            ax.plot(rows["batch_size"], rows["seconds"], style, color=colour, lw=1, alpha=0.5)
    rows = table[table["quantity"] == "epoch_seconds"]
    points = statistics(rows, ["algorithm", "batch_size"])
    handles = []
    for algorithm in rows["algorithm"].unique():
        mine = points[points["algorithm"] == algorithm]
        handles.append(
            ax.errorbar(
                mine["batch_size"],
                mine["mean"],
                mine["error"],
                fmt="o-",
                ms=5,
                color=TIMED_COLOURS[algorithm],
                label=TIMED_LABELS[algorithm],
            )
        )
    if overlay_published is not False:
        handles += [
            Line2D([], [], color="0.5", ls=":", label="published, GPU (RTX 2080 Ti)"),
            Line2D([], [], color="0.5", ls="--", label="published, CPU"),
        ]
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    sizes = sorted(points["batch_size"].unique())
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.set_xlabel("batch size")
    ax.set_ylabel("seconds per epoch of 60 000 images")
    ax.legend(handles=handles, loc="upper right", fontsize=7)
    return figure


# --- the published table -------------------------------------------------------------------------

TASKS = {"odd_even": "odd/even", "ten_classes": "ten classes"}
PUBLISHED_TASKS = {"odd_even": "parity", "ten_classes": "classes"}
TABLE_RULES = {"sgd": "binarynet", "bp": "bp", "amp": "amp", "mf": "mf"}


def error_table(tables: Mapping[str, pd.DataFrame], *, scale: str, overlay_published: bool | None = None) -> Figure:
    """One panel for each data set and kind of labels: our test errors and the published ones, also in numbers."""
    found = entries(tables)
    reference = published("test_errors")
    datasets = list(dict.fromkeys(entry.params["dataset"] for entry in found))
    figure, axes = plt.subplots(
        len(TASKS), len(datasets), figsize=(4.1 * len(datasets), 5.0), squeeze=False, layout="constrained"
    )
    letters = iter("abcdefghijkl")
    for row, (task, task_name) in zip(axes, TASKS.items(), strict=True):
        for ax, dataset in zip(row, datasets, strict=True):
            chosen = {
                entry.params["algorithm"]: final(entry.rows, "test_error")
                for entry in found
                if entry.params["dataset"] == dataset and entry.params["labels"] == task
            }
            theirs = reference[(reference["dataset"] == dataset) & (reference["task"] == PUBLISHED_TASKS[task])]
            comparison_panel(ax, chosen, theirs.set_index("algorithm"))
            ax.set_title(f"{DATASETS[dataset]}, {task_name}", fontsize=10)
            panel_letter(ax, next(letters))
    handles = [
        Line2D([], [], marker="o", color="0.3", ls="", label="ours"),
        Line2D([], [], marker="o", color="0.3", mfc="none", ls="", label="published (501-501, 100 epochs)"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
    return figure


def comparison_panel(ax: Axes, ours: Mapping[str, np.ndarray], theirs: pd.DataFrame) -> None:
    """One line an algorithm: filled point ours, open point published, both as numbers at the right."""
    largest = max(np.max([values.mean() for values in ours.values()]), theirs["test_error"].max())
    for position, (rule, name) in enumerate(TABLE_RULES.items()):
        colour = COLOURS[rule]
        their = theirs.loc[name]
        ax.errorbar(
            their["test_error"],
            position + 0.14,
            xerr=np.nan_to_num(their["test_error_deviation"]),
            fmt="o",
            mfc="none",
            color=colour,
            ms=6,
        )
        values = ours[rule]
        deviation = values.std(ddof=1) if len(values) > 1 else 0.0
        ax.errorbar(values.mean(), position - 0.14, xerr=deviation, fmt="o", color=colour, ms=6)
        spread = f" ± {deviation:.1f}" if len(values) > 1 else ""
        their_spread = "" if np.isnan(their["test_error_deviation"]) else f" ± {their['test_error_deviation']:.1f}"
        ax.text(1.3 * largest, position - 0.16, f"{values.mean():.1f}{spread}", fontsize=8, va="center", color=colour)
        ax.text(
            1.3 * largest,
            position + 0.2,
            f"({their['test_error']:.1f}{their_spread})",
            fontsize=8,
            va="center",
            color="0.4",
        )
    ax.set_xlim(0, 1.8 * largest)
    ax.set_ylim(len(TABLE_RULES) - 0.5, -0.5)
    ax.set_yticks(range(len(TABLE_RULES)), [LABELS[rule].replace(" (BinaryNet)", "") for rule in TABLE_RULES])
    ax.set_xlabel("test error (%)")
