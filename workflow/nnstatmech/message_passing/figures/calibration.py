"""Whether the posterior's probabilities are frequencies."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...figures.style import panel_letter
from ...readings import mean_over_seeds, over_seeds, runs_of, select
from ..curves.calibration import by_epoch, main_prediction, reliability, repetition_slopes, rule_name
from ..tables import CalibrationTable, RepetitionTable

RULES = {"AMP": "C2", "AMP, one hidden layer": "C0", "MF": "C4", "EBP": "C1", "BinaryNet": "C3"}
OTHER = "0.4"
ENUMERATED = {
    "exact": ("0.2", "exact posterior"),
    "projection": ("C0", "exact projection"),
    "amp": ("C2", "AMP"),
    "ep": ("C1", "EP"),
}


def calibration(
    main: CalibrationTable,
    passes: CalibrationTable,
    unseen: CalibrationTable,
    enumerated: RepetitionTable,
    *,
    scale: str,
) -> Figure:
    """Reliability, slopes, likelihoods, passes against set size, unseen classes, and enumeration.

    Parameters
    ----------
    main
        One run a rule.
    passes
        One run a size of the training set, all with as many mini-batches.
    unseen
        Runs that left classes out.
    enumerated
        Small perceptrons.
    """
    figure, axes = plt.subplots(2, 3, figsize=(13.0, 7.2))
    reliability_panel(axes[0, 0], main)
    slope_panel(axes[0, 1], main)
    likelihood_panel(axes[0, 2], main)
    passes_panel(axes[1, 0], passes)
    unseen_panel(axes[1, 1], unseen)
    enumeration_panel(axes[1, 2], enumerated)
    for letter, ax in zip("abcdef", axes.flat, strict=True):
        panel_letter(ax, letter)
    return figure


def reliability_panel(ax: Axes, table: pd.DataFrame) -> None:
    ax.plot([0.5, 1], [0.5, 1], color="0.6", lw=1)
    for params, rows in runs_of(table):
        name = rule_name(params)
        if name not in ("AMP", "BinaryNet"):
            continue
        for epoch, style in ((params["checkpoints"][0], "o--"), (params["checkpoints"][-1], "o-")):
            confidence, accuracy = reliability(rows, main_prediction(params), epoch)
            times = "pass" if epoch == 1 else "passes"
            ax.plot(
                confidence, accuracy, style, ms=3, color=RULES.get(name, OTHER), lw=1, label=f"{name}, {epoch} {times}"
            )
    ax.set_xlabel("confidence")
    ax.set_ylabel("accuracy")
    ax.legend(fontsize=7)


def slope_panel(ax: Axes, table: pd.DataFrame) -> None:
    ax.axhline(1, color="0.6", lw=1)
    for params, rows in runs_of(table):
        name = rule_name(params)
        kinds = {main_prediction(params): "o-"} | ({"sampled": "^:"} if params["algorithm"] != "sgd" else {})
        for prediction, style in kinds.items():
            curve = by_epoch(rows, "slope", prediction)
            ax.errorbar(
                curve.index, curve["mean"], curve["error"], fmt=style, ms=4, color=RULES.get(name, OTHER), lw=1.2
            )
    handles = [Line2D([], [], color=colour, label=name) for name, colour in RULES.items()]
    handles += [
        Line2D([], [], color="0.3", marker="o", ms=4, label="analytic"),
        Line2D([], [], color="0.3", marker="^", ms=4, ls=":", label="sampled networks"),
    ]
    ax.legend(handles=handles, fontsize=7)
    ax.set_xscale("log")
    ax.set_ylim(bottom=0)
    ax.set_xlabel("passes over the training images")
    ax.set_ylabel("calibration slope")


def likelihood_panel(ax: Axes, table: pd.DataFrame) -> None:
    twin = ax.twinx()
    twin.grid(visible=False)
    names = []
    for place, (params, rows) in enumerate(runs_of(table)):
        names.append(rule_name(params))
        last = select(rows, epoch=params["checkpoints"][-1], prediction=main_prediction(params))
        values = {
            quantity: mean_over_seeds(select(last, quantity=quantity)["value"])
            for quantity in ("likelihood", "scaled_likelihood", "calibration_error", "error_floor")
        }
        for quantity, face in (("likelihood", "none"), ("scaled_likelihood", RULES.get(names[-1], OTHER))):
            point = values[quantity]
            ax.errorbar(
                place - 0.15, point.value, point.standard_error, fmt="o", color=RULES.get(names[-1], OTHER), mfc=face
            )
        error = values["calibration_error"]
        twin.bar(
            place + 0.2, error.value, 0.25, yerr=error.standard_error, color=RULES.get(names[-1], OTHER), alpha=0.5
        )
        twin.bar(place + 0.2, values["error_floor"].value, 0.25, color="0.6")
    ax.set_xticks(range(len(names)), [name.replace(", ", ",\n") for name in names], fontsize=7)
    ax.set_ylabel(r"mean $-\log p$ (points)")
    ax.set_ylim(bottom=0)
    twin.set_ylim(0, 1.6 * twin.get_ylim()[1])
    twin.set_ylabel("calibration error (bars)")


def passes_panel(ax: Axes, table: pd.DataFrame) -> None:
    ax.axhline(1, color="0.6", lw=1)
    for prediction, style, text in (("analytic", "o-", "analytic"), ("sampled", "^:", "sampled networks")):
        points = {}
        for params, rows in runs_of(table):
            chosen = select(rows, quantity="slope", prediction=prediction)
            points[params["checkpoints"][-1]] = mean_over_seeds(chosen["value"]), params["samples"]
        x = sorted(points)
        y = [points[number][0] for number in x]
        ax.errorbar(x, [p.value for p in y], [p.standard_error for p in y], fmt=style, ms=4, color="C2", label=text)
    for number in x:
        ax.annotate(f"{points[number][1]} images", (number, 0.06), fontsize=7, ha="center")
    ax.set_xscale("log")
    ax.set_ylim(bottom=0)
    ax.margins(x=0.15)
    ax.set_xlabel("passes, at as many mini-batches")
    ax.set_ylabel("calibration slope")
    ax.legend(fontsize=7)


def unseen_panel(ax: Axes, table: pd.DataFrame) -> None:
    ax.axhline(0.5, color="0.6", lw=1)
    for params, rows in runs_of(table):
        name = rule_name(params)
        kinds = {main_prediction(params): "o-"} | ({"sampled": "^:"} if params["algorithm"] != "sgd" else {})
        for prediction, style in kinds.items():
            curve = by_epoch(rows, "detection", prediction)
            label = name + (", sampled" if prediction == "sampled" else "")
            ax.errorbar(
                curve.index, curve["mean"], curve["error"], fmt=style, ms=4, color=RULES.get(name, OTHER), label=label
            )
    ax.set_xscale("log")
    ax.set_ylim(0, 1)
    ax.set_xlabel("passes over the training images")
    ax.set_ylabel("AUROC of confidence, seen against unseen")
    ax.legend(fontsize=7)


def enumeration_panel(ax: Axes, table: pd.DataFrame) -> None:
    ax.axhline(1, color="0.6", lw=1)
    counts = sorted(table["patterns"].unique())
    for rule, (colour, _) in ENUMERATED.items():
        for count, style in zip(counts, ("o-", "s--", "^:"), strict=False):
            curve = over_seeds(repetition_slopes(table, rule, int(count)))
            ax.errorbar(curve.index, curve["mean"], curve["error"], fmt=style, ms=4, color=colour, lw=1)
    handles = [Line2D([], [], color=colour, label=text) for colour, text in ENUMERATED.values()]
    for count, (marker, line) in zip(counts, (("o", "-"), ("s", "--"), ("^", ":")), strict=False):
        handles.append(Line2D([], [], color="0.3", marker=marker, ls=line, ms=4, label=f"{count} patterns"))
    ax.legend(handles=handles, fontsize=7)
    ax.set_xticks(np.unique(table["passes"]))
    ax.set_ylim(0, 1.6)
    ax.set_xlabel("passes over the patterns")
    ax.set_ylabel("calibration slope")
