"""What networks remember of the tasks that they learned one after the other."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...figures.style import labelled_ticks, panel_letter
from ...readings import mean_over_seeds, select
from ..curves.continual import baseline, by_tasks_learned, remembered
from ..curves.training import GRADIENT_RULES, Setting, case_settings
from ..tables import ContinualTable

COLOURS = ("C0", "C2", "C4", "C5")
BASELINES = {"plain": "BinaryNet", "metaplastic": "BinaryNet, metaplastic", "rehearsal": "rehearsal of all tasks"}
BASELINE_COLOURS = {"plain": "C3", "metaplastic": "C1", "rehearsal": "0.4"}


def continual(main: ContinualTable, steps: ContinualTable, *, scale: str) -> Figure:
    """Mean accuracy over the tasks so far, memory against label noise and against steps, and what moves the weights.

    Parameters
    ----------
    main
        One run a label noise of AMP, and gradient baselines with their learning rates.
    steps
        One run a number of mini-batches a task and rule.
    """
    figure, axes = plt.subplots(2, 2, figsize=(9.6, 7.0))
    found = case_settings(main)
    passing = [of_run[0] for of_run in found if of_run[0].params["algorithm"] not in GRADIENT_RULES]
    descending = {kind(of_run[0]): of_run for of_run in found if of_run[0].params["algorithm"] in GRADIENT_RULES}
    tasks_panel(axes[0, 0], passing, descending)
    noise_panel(axes[0, 1], passing, descending)
    steps_panel(axes[1, 0], steps)
    surprise_panel(axes[1, 1], passing)
    for letter, ax in zip("abcd", axes.flat, strict=True):
        panel_letter(ax, letter)
    return figure


def kind(setting: Setting) -> str:
    if setting.params["rehearsal"]:
        return "rehearsal"
    return "metaplastic" if setting.params["metaplasticity"] else "plain"


def noise_of(setting: Setting) -> float:
    return setting.params.get("label_noise", 0.0)


def tasks_panel(ax: Axes, passing: list[Setting], descending: dict[str, list[Setting]]) -> None:
    for setting, colour in zip(passing, COLOURS, strict=False):
        curve = by_tasks_learned(setting.rows)
        ax.errorbar(curve.index, curve["mean"], curve["error"], color=colour, marker="o", ms=4, lw=1.4)
        ax.plot([], [], color=colour, marker="o", ms=4, label=f"AMP, $e = {noise_of(setting):g}$")
    for name, settings in descending.items():
        for at, style in (("all", "-"), ("first", ":")):
            chosen = baseline(settings, at)
            curve = by_tasks_learned(chosen.rows)
            text = f"{BASELINES[name]}, rate {chosen.params['learning_rate']:g}" if at == "all" else None
            ax.plot(curve.index, curve["mean"], style, color=BASELINE_COLOURS[name], lw=1.4, label=text)
    ax.set_xticks(range(1, int(passing[0].rows["learned"].max()) + 1))
    ax.set_xlabel("tasks learned")
    ax.set_ylabel("accuracy, mean over tasks so far (%)")
    ax.set_ylim(40, 100)
    ax.legend(fontsize=7, loc="lower left")


def noise_panel(ax: Axes, passing: list[Setting], descending: dict[str, list[Setting]]) -> None:
    noises = [noise_of(setting) for setting in passing]
    for statistic, style, text in (("new", "^--", "when just learned"), ("mean", "o-", "all tasks at the end")):
        for quantity, colour, name in (("test_accuracy", "C0", "sign(m)"), ("bayes_test_accuracy", "C2", "average")):
            points = [remembered(setting.rows, statistic, quantity) for setting in passing]
            values, errors = [p.value for p in points], [p.standard_error for p in points]
            ax.errorbar(noises, values, errors, fmt=style, ms=4, color=colour, lw=1.2, label=f"{text}, {name}")
    for name, settings in descending.items():
        best = remembered(baseline(settings, "all").rows, "mean")
        ax.axhline(best.value, color=BASELINE_COLOURS[name], lw=1, ls="-.")
        ax.text(0.46, best.value + 0.7, BASELINES[name], color=BASELINE_COLOURS[name], fontsize=6, ha="right")
    ax.set_xlabel("label noise $e$ that the network assumes")
    ax.set_ylabel("accuracy (%)")
    ax.set_ylim(40, 100)
    ax.legend(fontsize=7, loc="lower left")


def steps_panel(ax: Axes, table: pd.DataFrame) -> None:
    lines: dict[str, list[tuple[float, float]]] = {}
    for (setting,) in case_settings(table):
        is_baseline = setting.params["algorithm"] in GRADIENT_RULES
        name = (
            f"BinaryNet, rate {setting.params['learning_rate']:g}"
            if is_baseline
            else f"AMP, $e = {noise_of(setting):g}$"
        )
        batches = float(select(setting.rows, quantity="batches")["value"].iloc[0])
        lines.setdefault(name, []).append((batches, remembered(setting.rows, "mean").value))
    for (name, points), colour in zip(sorted(lines.items()), ("C0", "C4", "C3"), strict=False):
        x, y = np.array(sorted(points)).T
        ax.plot(x, y, "o-", ms=4, color=colour, label=name)
    ax.set_xscale("log")
    labelled_ticks(ax.xaxis)
    ax.set_xlabel("mini-batches a task")
    ax.set_ylabel("accuracy, mean over tasks at the end (%)")
    ax.set_ylim(40, 100)
    ax.legend(fontsize=7)


def surprise_panel(ax: Axes, passing: list[Setting]) -> None:
    noises = [noise_of(setting) for setting in passing]
    for quantity, style, text in (
        ("first_surprise", "o-", "first mini-batch of a new task"),
        ("last_surprise", "s--", "last mini-batch of a task"),
    ):
        later = [setting.rows[setting.rows["learned"] > 1] for setting in passing]
        points = [mean_over_seeds(select(r, quantity=quantity).groupby("seed")["value"].mean()).value for r in later]
        ax.plot(noises, points, style, ms=4, color="C0", label=text)
    ax.set_yscale("log")
    ax.set_xlabel("label noise $e$ that the network assumes")
    ax.set_ylabel("field sent to the first layer over its own (rms)")
    ax.legend(fontsize=7)
