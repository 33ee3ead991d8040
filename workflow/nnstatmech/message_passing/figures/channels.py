"""Inference through layers of any activation, its free entropy, and the specialisation of committees."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...figures.style import labelled_ticks, panel_letter
from ...readings import mean_over_seeds, over_seeds, runs_of, select
from ..curves.channels import (
    averaged,
    by_position,
    per_unknown,
    predicted_error,
    predicted_evidence,
)
from ..tables import ChannelsTable, SpecialisationTable
from .panels import COLOURS, LABELS

OF_ACTIVATION = {"sign": "C0", "relu": "C1", "identity": "C2"}
NAMES = {"sign": "sign", "relu": "ReLU", "identity": "identity"}
RULES = COLOURS | {"bp_cavity": "C5"}
RULE_LABELS = LABELS | {"amp": "AMP", "bp_cavity": "BP, cavity variances"}
OF_UNITS = {1: "C2", 2: "C0", 3: "C3"}


def channels(
    small: ChannelsTable, large: ChannelsTable, linear: ChannelsTable, learned: ChannelsTable, *, scale: str
) -> Figure:
    """Marginals against enumeration, errors against state evolution, linear Gaussian problems, and AMP against BP.

    Parameters
    ----------
    small
        Binary signals whose posterior is enumerated, one run a network.
    large
        Signals of many inputs through one layer, one run an activation and prior.
    linear
        Gaussian signals through identity layers.
    learned
        Weights of two layers learned by BP and AMP, one run an activation and prior.
    """
    figure, axes = plt.subplots(2, 2, figsize=(9.6, 7.0))
    enumeration_panel(axes[0, 0], small)
    evolution_panel(axes[0, 1], large)
    linear_panel(axes[1, 0], linear)
    learning_panel(axes[1, 1], learned)
    for letter, ax in zip("abcd", axes.flat, strict=True):
        panel_letter(ax, letter)
    return figure


def network_name(params: dict) -> str:
    widths = "-".join(map(str, params["shapes"][0]))
    return f"{', '.join(NAMES[name] for name in params['activations'])}\n{widths}"


def enumeration_panel(ax: Axes, table: pd.DataFrame) -> None:
    found = list(runs_of(table))
    rules = found[0][0]["algorithms"]
    width = 0.8 / len(rules)
    for number, rule in enumerate(rules):
        points = [
            mean_over_seeds(select(rows, quantity="marginal_error", algorithm=rule)["value"]) for _, rows in found
        ]
        places = np.arange(len(found)) + (number - (len(rules) - 1) / 2) * width
        heights, errors = [point.value for point in points], [point.standard_error for point in points]
        ax.bar(places, heights, 0.9 * width, yerr=errors, color=RULES[rule], label=RULE_LABELS[rule], ecolor="0.3")
    ax.set_xticks(range(len(found)), [network_name(params) for params, _ in found], fontsize=8)
    ax.set_ylabel("error of the marginals (rms)")
    ax.grid(axis="x", visible=False)
    ax.legend(fontsize=7)


def evolution_panel(ax: Axes, table: pd.DataFrame) -> None:
    for params, rows in runs_of(table):
        colour, is_binary = OF_ACTIVATION[params["activations"][0]], params["prior"] == "binary"
        points = over_seeds(per_unknown(rows, "squared_error", "amp"))
        loads = np.linspace(points.index.min(), points.index.max(), 60)
        ax.plot(
            loads, [predicted_error(params, load) for load in loads], "-" if is_binary else "--", color=colour, lw=1
        )
        face = colour if is_binary else "none"
        ax.errorbar(points.index, points["mean"], points["error"], fmt="o", ms=4, color=colour, mfc=face, lw=1)
    handles = [Line2D([], [], color=colour, marker="o", ms=4, label=NAMES[n]) for n, colour in OF_ACTIVATION.items()]
    handles.append(Line2D([], [], color="0.3", marker="o", ms=4, label=r"signal of $\pm 1$"))
    handles.append(Line2D([], [], color="0.3", marker="o", ms=4, mfc="none", ls="--", label="Gaussian signal"))
    ax.legend(handles=handles, fontsize=7)
    ax.set_xlabel(r"outputs per unknown $\alpha = N_1/N_0$")
    ax.set_ylabel("squared error of the means")
    ax.set_ylim(0, 1.02)


def linear_panel(ax: Axes, table: pd.DataFrame) -> None:
    for rule, quantity, style, text in (
        ("bp", "marginal_error", "o-", "means, BP with full variances"),
        ("amp", "marginal_error", "s-", "means, AMP"),
        ("bp_cavity", "marginal_error", "x:", "means, BP with cavity variances"),
        ("amp", "variance_error", "^--", "variances, AMP"),
    ):
        points = averaged(table, "inputs", quantity, algorithm=rule)
        ax.plot(points.index, points["mean"].clip(lower=1e-17), style, ms=5, color=RULES[rule], label=text)
    sizes = np.array([table["inputs"].min(), table["inputs"].max()])
    start = averaged(table, "inputs", "variance_error", algorithm="amp")["mean"].iloc[0]
    ax.plot(sizes, 0.6 * start * (sizes / sizes[0]) ** -0.5, color="0.6", lw=1, label=r"$N_0^{-1/2}$")
    ax.set_xscale("log")
    labelled_ticks(ax.xaxis)
    ax.set_yscale("log")
    ax.set_ylim(1e-17, 10)
    ax.set_xlabel("inputs $N_0$")
    ax.set_ylabel("error against linear algebra (rms)")
    ax.legend(fontsize=7, loc="center right")


def learning_panel(ax: Axes, table: pd.DataFrame) -> None:
    for params, rows in runs_of(table):
        activation, is_binary = params["activations"][0], params["prior"] == "binary"
        points = np.log(by_position(rows, "inputs", "distance", algorithm="amp")).mean()
        face = OF_ACTIVATION[activation] if is_binary else "none"
        style = "o-" if is_binary else "o--"
        ax.plot(points.index, np.exp(points), style, ms=4, color=OF_ACTIVATION[activation], mfc=face)
    sizes = np.array([table["inputs"].min(), table["inputs"].max()])
    ax.plot(sizes, 0.2 / sizes, color="0.6", lw=1)
    handles = [
        Line2D([], [], color=c, marker="o", ms=4, label=NAMES[n] + " hidden units") for n, c in OF_ACTIVATION.items()
    ]
    handles.append(Line2D([], [], color="0.3", marker="o", ms=4, label=r"weights of $\pm 1$"))
    handles.append(Line2D([], [], color="0.3", marker="o", ms=4, mfc="none", ls="--", label="Gaussian weights"))
    handles.append(Line2D([], [], color="0.6", label=r"$\propto 1/N_0$"))
    ax.legend(handles=handles, fontsize=7)
    ax.set_xscale("log")
    labelled_ticks(ax.xaxis)
    ax.set_yscale("log")
    ax.set_xlabel("inputs $N_0$")
    ax.set_ylabel("AMP less BP, means of the weights (rms)")


def free_entropies(
    small: ChannelsTable, large: ChannelsTable, committees: SpecialisationTable, *, scale: str
) -> Figure:
    """Bethe against enumeration, AMP against the replica-symmetric value, and specialisation of committees.

    Parameters
    ----------
    small
        Binary weights of a perceptron that are enumerated, one run a channel.
    large
        The same with many weights, one run a channel.
    committees
        One run a number of units.
    """
    figure, axes = plt.subplots(2, 2, figsize=(9.6, 7.0))
    evidence_panel(axes[0, 0], small)
    replica_panel(axes[0, 1], large)
    overlap_panel(axes[1, 0], committees)
    error_panel(axes[1, 1], committees)
    for letter, ax in zip("abcd", axes.flat, strict=True):
        panel_letter(ax, letter)
    return figure


def evidence_panel(ax: Axes, table: pd.DataFrame) -> None:
    for params, rows in runs_of(table):
        colour = OF_ACTIVATION[params["activations"][0]]
        for rule, style in (("bp_cavity", "o-"), ("amp", "s--")):
            errors = by_position(rows, "patterns", "log_evidence_error", algorithm=rule)
            ax.plot(errors.columns, np.sqrt((errors**2).mean()).clip(lower=1e-16), style, ms=4, color=colour, lw=1.2)
    handles = [Line2D([], [], color=colour, label=NAMES[name]) for name, colour in OF_ACTIVATION.items()]
    handles.append(Line2D([], [], color="0.3", marker="o", ms=4, label="BP, cavity variances"))
    handles.append(Line2D([], [], color="0.3", marker="s", ms=4, ls="--", label="AMP"))
    ax.legend(handles=handles, fontsize=7)
    ax.set_yscale("log")
    ax.set_ylim(bottom=5e-4)
    ax.set_xlabel("patterns")
    ax.set_ylabel(r"error of $\log Z$ (rms)")


def replica_panel(ax: Axes, table: pd.DataFrame) -> None:
    for params, rows in runs_of(table):
        colour = OF_ACTIVATION[params["activations"][0]]
        points = over_seeds(per_unknown(rows, "log_evidence", "amp"))
        loads = np.linspace(points.index.min(), points.index.max(), 40)
        ax.plot(loads, [predicted_evidence(params, load) for load in loads], color=colour, lw=1.2)
        name = NAMES[params["activations"][0]]
        ax.errorbar(points.index, points["mean"], points["error"], fmt="o", ms=4, color=colour, label=name)
    ax.set_xlabel(r"patterns per weight $\alpha$")
    ax.set_ylabel(r"$\log Z/N$")
    ax.legend(fontsize=7)


def overlap_panel(ax: Axes, table: pd.DataFrame) -> None:
    for params, rows in runs_of(table):
        colour = OF_UNITS[params["units"]]
        for quantity, width in (("own_overlap", 2.0), ("other_overlap", 0.9)):
            for start, style in (("perturbed", "-"), ("informed", "--")):
                line = averaged(rows, "load", quantity, start=start)
                ax.plot(line.index, line["mean"], style, color=colour, lw=width)
                points = averaged(rows, "load", f"amp_{quantity}", start=start)
                face = colour if start == "perturbed" else "none"
                ax.errorbar(
                    points.index, points["mean"], points["error"], fmt="o", ms=4, color=colour, mfc=face, lw=0.8
                )
    handles = [Line2D([], [], color=colour, label=f"$K = {units}$") for units, colour in OF_UNITS.items() if units > 1]
    handles += [
        Line2D([], [], color="0.3", lw=2.0, label="own teacher unit"),
        Line2D([], [], color="0.3", lw=0.9, label="other teacher unit"),
        Line2D([], [], color="0.3", marker="o", ms=4, label="from no information"),
        Line2D([], [], color="0.3", marker="o", ms=4, mfc="none", ls="--", label="from near the teacher"),
    ]
    ax.legend(handles=handles, fontsize=7)
    ax.set_xlabel(r"patterns per input $\alpha$")
    ax.set_ylabel("overlap with the teacher")


def error_panel(ax: Axes, table: pd.DataFrame) -> None:
    for params, rows in runs_of(table):
        for start, style in (("symmetric", ":"), ("perturbed", "-"), ("informed", "--")):
            line = averaged(rows, "load", "error", start=start)
            ax.plot(line.index, line["mean"], style, color=OF_UNITS[params["units"]], lw=1.4)
    names = {":": "units alike", "-": "from no information", "--": "from near the teacher"}
    ax.legend(handles=[Line2D([], [], color="0.3", ls=style, label=text) for style, text in names.items()], fontsize=7)
    ax.set_xlabel(r"patterns per input $\alpha$")
    ax.set_ylabel("error of the most probable outcome")
    ax.set_ylim(bottom=0)
