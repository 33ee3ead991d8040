"""What varies from panel to panel: titles, ticks and the panel that sums up the others."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ...readings import Measurement
from ..curves.training import Setting, final_mean, training_images
from .panels import COLOURS, WIDTHS


def scalar(value: float | list[float]) -> float:
    """The value of the first layer, where layers differ."""
    return value[0] if isinstance(value, list) else value


def power(value: float) -> str:
    """A number as ±10^n where it is one, else as it is."""
    if value == 0:
        return "0"
    exponent = np.log10(abs(value))
    if abs(exponent - round(exponent)) < 1e-6 and abs(value) < 0.1:
        return f"{'-' if value < 0 else ''}10^{{{round(exponent)}}}"
    return f"{value:.3g}"


def varied(setting: Setting, name: str) -> tuple[float, str]:
    """Position and title of a setting's panel."""
    params = setting.params
    if name == "rho":
        offset = round(scalar(params["rho"]) - 1, 12)
        return offset, rf"$\rho - 1 = {power(offset)}$"
    if name == "psi":
        return scalar(params["psi"]), rf"$\psi = {scalar(params['psi']):g}$"
    if name == "epsilon":
        return params["epsilon"], rf"$\epsilon = {params['epsilon']:g}$"
    if name == "reinforcement":
        return params["reinforcement"], rf"$r = {params['reinforcement']:g}$"
    if name == "max_sweeps":
        return params["max_sweeps"], rf"$\tau_{{\max}} = {params['max_sweeps']}$"
    if name == "samples":
        samples = training_images(setting.rows)
        return samples, rf"$P = {samples}$, batch {params['batch_size']}"
    if name == "hidden":
        hidden = params["hidden"]
        title = rf"{len(hidden)} hidden layer{'s' * (len(hidden) > 1)} of {hidden[0]}"
        return len(hidden) * 1e5 + hidden[0], title
    return params["batch_size"], f"batch size {params['batch_size']}"


AXIS_LABELS = {
    "rho": r"$\rho - 1$",
    "psi": r"damping $\psi$",
    "epsilon": r"initial scale $\epsilon$",
    "reinforcement": "reinforcement $r$",
    "max_sweeps": r"sweeps $\tau_{\max}$",
    "samples": "training samples $P$",
    "hidden": "hidden layers × width",
    "batch_size": "batch size",
}
SUMMARY_LABELS = {"test_error": "final test error (%)", "seconds_per_epoch": "seconds per epoch"}


def tick(setting: Setting, vary: str) -> str:
    """The varied value as a tick label."""
    if vary == "hidden":
        return f"{len(setting.params['hidden'])}×{setting.params['hidden'][0]}"
    value, _ = varied(setting, vary)
    return f"${power(value)}$" if vary == "rho" else f"{value:g}"


def summary_panel(ax: Axes, chosen: Sequence[Setting], vary: str, quantity: str) -> None:
    """The final value of a quantity against what is varied, at equal distances, one line an algorithm."""
    positions = {value: i for i, value in enumerate(sorted({varied(setting, vary)[0] for setting in chosen}))}
    ticks = {positions[varied(setting, vary)[0]]: tick(setting, vary) for setting in chosen}
    points: dict[str, dict[int, Measurement]] = {}
    for setting in chosen:
        measured = final_mean(setting.rows, quantity)
        if measured is not None:
            points.setdefault(setting.params["algorithm"], {})[positions[varied(setting, vary)[0]]] = measured
    for algorithm, values in points.items():
        order = sorted(values)
        means, errors = [values[i].value for i in order], np.nan_to_num([values[i].standard_error for i in order])
        ax.errorbar(order, means, errors, fmt="o-", ms=4, color=COLOURS[algorithm], lw=WIDTHS.get(algorithm, 1.4))
    if quantity == "seconds_per_epoch":
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    ax.set_xticks(sorted(ticks), [ticks[i] for i in sorted(ticks)], rotation=45 if len(ticks) > 5 else 0, fontsize=8)
    ax.set_xlabel(AXIS_LABELS[vary])
    ax.set_ylabel(SUMMARY_LABELS[quantity])


def panels_of(group: Sequence[Setting], vary: str) -> dict[str, list[Setting]]:
    """Title of each panel to its settings, in the order of what is varied."""
    panels: dict[tuple[float, str], list[Setting]] = {}
    for setting in group:
        panels.setdefault(varied(setting, vary), []).append(setting)
    return {key[1]: panels[key] for key in sorted(panels)}
