"""Test errors beside the published table."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...figures.style import panel_letter
from ..curves.training import final_values, mean_and_deviation, one_a_seed, settings_of
from ..tables import TrainingTable
from .panels import COLOURS, DATASETS, LABELS
from .published import published_table

LABEL_KINDS = {"odd_even": "odd/even", "ten_classes": "ten classes"}
PUBLISHED_KINDS = {"odd_even": "parity", "ten_classes": "classes"}
PUBLISHED_RULES = {"sgd": "binarynet", "bp": "bp", "amp": "amp", "mf": "mf"}
MISSING = (np.nan, np.nan)


def error_table(main: TrainingTable, *, scale: str, overlay_published: bool | None = None) -> Figure:
    """One panel for each data set and kind of labels: our test errors and the published ones, also in numbers.

    Published errors are left out where they are switched off, and where ours are of a stand-in for the data set.
    """
    found = settings_of([main])
    datasets = list(dict.fromkeys(setting.params["dataset"] for setting in found))
    kinds = [kind for kind in LABEL_KINDS if any(setting.params["labels"] == kind for setting in found)]
    figure, axes = plt.subplots(
        len(kinds), len(datasets), figsize=(4.1 * len(datasets), 2.5 * len(kinds)), squeeze=False, layout="constrained"
    )
    letters = iter("abcdefghijkl")
    compared = [] if overlay_published is False else [name for name in datasets if not is_stand_in(main, name)]
    for row, kind in zip(axes, kinds, strict=True):
        for ax, dataset in zip(row, datasets, strict=True):
            ours = {
                setting.params["algorithm"]: mean_and_deviation(one_a_seed(final_values(setting.rows, "test_error")))
                for setting in found
                if setting.params["dataset"] == dataset and setting.params["labels"] == kind
            }
            comparison_panel(ax, ours, published_errors(dataset, kind) if dataset in compared else {})
            ax.set_title(f"{DATASETS.get(dataset, dataset)}, {LABEL_KINDS[kind]}", fontsize=10)
            panel_letter(ax, next(letters))
    handles = [Line2D([], [], marker="o", color="0.3", ls="", label="ours")]
    if compared:
        label = "published (501-501, 100 epochs)"
        handles.append(Line2D([], [], marker="o", color="0.3", mfc="none", ls="", label=label))
    figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
    return figure


def is_stand_in(table: pd.DataFrame, dataset: str) -> bool:
    """Whether runs of a data set learned from a stand-in for it; a table made in Python may not say."""
    stand_ins = {shard["run"] for shard in table.attrs.get("shards", ()) if shard.get("stand_in")}
    return any(run in stand_ins for run, params in table.attrs["runs"].items() if params["dataset"] == dataset)


def published_errors(dataset: str, kind: str) -> dict[str, tuple[float, float]]:
    """Published test error of each rule and its standard deviation (NaN where it was not legible), in %."""
    table = published_table("test_errors")
    rows = table[(table["dataset"] == dataset) & (table["task"] == PUBLISHED_KINDS[kind])].set_index("algorithm")
    columns = ["test_error", "test_error_deviation"]
    return {rule: tuple(rows.loc[name, columns]) for rule, name in PUBLISHED_RULES.items() if name in rows.index}


def comparison_panel(
    ax: Axes, ours: Mapping[str, tuple[float, float]], theirs: Mapping[str, tuple[float, float]]
) -> None:
    """One line an algorithm: filled point ours, open point published, both as numbers at the right.

    Each algorithm has its mean and standard deviation (NaN where there is none).
    """
    rules = [rule for rule in PUBLISHED_RULES if rule in ours or rule in theirs]
    largest = max(mean for mean, _ in (*ours.values(), *theirs.values()))
    for position, rule in enumerate(rules):
        colour = COLOURS[rule]
        for (mean, deviation), shift, face in (
            (theirs.get(rule, MISSING), 0.14, "none"),
            (ours.get(rule, MISSING), -0.14, colour),
        ):
            error = np.nan_to_num(deviation)
            ax.errorbar(mean, position + shift, xerr=error, fmt="o", mfc=face, color=colour, ms=6)
        right = {"x": 1.3 * largest, "fontsize": 8, "va": "center"}
        if rule in ours:
            ax.text(y=position - 0.16, s=with_deviation(*ours[rule]), color=colour, **right)
        if rule in theirs:
            ax.text(y=position + 0.2, s=f"({with_deviation(*theirs[rule])})", color="0.4", **right)
    ax.set_xlim(0, 1.8 * largest)
    ax.set_ylim(len(rules) - 0.5, -0.5)
    ax.set_yticks(range(len(rules)), [LABELS[rule].replace(" (BinaryNet)", "") for rule in rules])
    ax.set_xlabel("test error (%)")


def with_deviation(mean: float, deviation: float) -> str:
    return f"{mean:.1f}" if np.isnan(deviation) else f"{mean:.1f} ± {deviation:.1f}"
