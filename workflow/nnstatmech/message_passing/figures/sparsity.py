"""What networks with few weights still learn."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...figures.style import panel_letter
from ..curves.training import Setting, final_mean, settings_of
from ..tables import TrainingTable
from .panels import COLOURS, DATASETS, LABELS
from .published import published_table
from .table import is_stand_in

PANELS = {"": "point-wise network", "bayes_": "averaged over the posterior"}
PUBLISHED_RULES = {"bp": "bp", "mf": "mf", "amp": "amp", "binarynet": "adam_sgd"}


def accuracy_against_density(main: TrainingTable, *, scale: str, overlay_published: bool | None = None) -> Figure:
    """Test accuracy against the part of the weights that exist, point-wise and averaged over the posterior.

    Published values are left out where they are switched off, and where ours are of a stand-in for the data set.
    """
    found = settings_of([main])
    dataset = found[0].params["dataset"]
    compares = overlay_published is not False and not is_stand_in(main, dataset)
    published = published_table("sparsity")
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.8), sharex=True, sharey=True, layout="constrained")
    rules = list(dict.fromkeys(setting.params["algorithm"] for setting in found))
    for ax, letter, (prefix, title) in zip(axes, "ab", PANELS.items(), strict=True):
        for rule in rules:
            density, accuracy, error = curve([s for s in found if s.params["algorithm"] == rule], prefix)
            ax.errorbar(density, accuracy, error, fmt="o-", ms=4, lw=1.4, color=COLOURS[rule])
        for theirs, rule in PUBLISHED_RULES.items() if compares else ():
            rows = published[published["algorithm"] == prefix + theirs].sort_values("density")
            spread = [rows["accuracy"] - rows["low"], rows["high"] - rows["accuracy"]]
            ax.errorbar(
                rows["density"], rows["accuracy"], spread, fmt="s--", ms=4, mfc="none", lw=0.8, color=COLOURS[rule]
            )
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("density of the weights")
        panel_letter(ax, letter)
    axes[0].set_ylabel(f"test accuracy on {DATASETS.get(dataset, dataset)} (%)")
    handles = [Line2D([], [], color=COLOURS[rule], marker="o", ms=4, label=LABELS[rule]) for rule in rules]
    if compares:
        label = "published (100 epochs)"
        handles.append(Line2D([], [], color="0.3", marker="s", ms=4, mfc="none", ls="--", lw=0.8, label=label))
    figure.legend(handles=handles, loc="outside right upper", fontsize=8)
    return figure


def curve(settings: list[Setting], prefix: str) -> tuple[list[float], list[float], np.ndarray]:
    """Densities, final accuracies and their standard errors of one rule; empty where nothing was recorded."""
    points = []
    for setting in sorted(settings, key=lambda setting: setting.params["density"]):
        measured = final_mean(setting.rows, f"{prefix}test_error")
        if measured is not None:
            points.append((setting.params["density"], 100 - measured.value, measured.standard_error))
    density, accuracy, error = zip(*points, strict=True) if points else ((), (), ())
    return list(density), list(accuracy), np.nan_to_num(error)
