"""Real weights with a Gaussian posterior beside binary ones."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ...figures.style import panel_letter
from ...readings import over_seeds, parameters_of
from ..curves.channels import per_unknown, predicted_error
from ..curves.training import learning_curve, settings_of
from ..tables import ChannelsTable, TrainingTable
from .panels import COLOURS, LABELS


def real_weights(main: TrainingTable, perceptron: ChannelsTable, *, scale: str, largest_error: float = 20.0) -> Figure:
    """Learning curves of networks with real weights, and a perceptron against state evolution.

    Parameters
    ----------
    main
        One run a rule with real weights, and one with binary ones.
    perceptron
        Gaussian weights, one sign.
    largest_error
        Upper end of the error axis, in %.
    """
    figure, axes = plt.subplots(1, 3, figsize=(12.0, 3.9))
    handles = []
    for setting in settings_of([main]):
        rule, is_binary = setting.params["algorithm"], setting.params["weights"] == "binary"
        colour = "0.4" if is_binary else COLOURS[rule]
        handles.append(
            Line2D([], [], color=colour, label=f"{LABELS[rule]}, {'binary' if is_binary else 'real'} weights")
        )
        for ax, prefix in ((axes[0], ""), (axes[1], "bayes_")):
            for split, style in (("train", "-"), ("test", "--")):
                curve = learning_curve(setting.rows, f"{prefix}{split}_error")
                ax.plot(curve.index, curve["mean"], style, color=colour, lw=1.3)
                ax.fill_between(curve.index, curve["low"], curve["high"], color=colour, alpha=0.15, lw=0)
    for ax, title in ((axes[0], "weights: the posterior's means (signs)"), (axes[1], "average over the posterior")):
        ax.set_ylim(0, largest_error)
        ax.set_xlabel("epoch")
        ax.set_ylabel("error (%): training (solid), test (dashed)")
        ax.set_title(title, fontsize=9)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes[0].legend(handles=handles, fontsize=7)
    theory_panel(axes[2], perceptron)
    for letter, ax in zip("abc", axes, strict=True):
        panel_letter(ax, letter)
    return figure


def theory_panel(ax, table) -> None:
    params = parameters_of(table)
    for rule in params["algorithms"]:
        points = over_seeds(per_unknown(table, "squared_error", rule))
        ax.errorbar(
            points.index, points["mean"], points["error"], fmt="o", ms=4, color=COLOURS[rule], label=LABELS[rule]
        )
    loads = np.linspace(points.index.min(), points.index.max(), 50)
    ax.plot(loads, [predicted_error(params, load) for load in loads], color="0.2", lw=1.2, label="state evolution")
    ax.set_xlabel(r"patterns per weight $\alpha$")
    ax.set_ylabel("squared error of the means")
    ax.set_ylim(0, 1.5)
    ax.legend(fontsize=7)
