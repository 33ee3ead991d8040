"""Learning curves of networks trained by message passing.

A panel shows training (solid) and test (dashed) errors of several algorithms against epochs; its upper inset is the
mean polarisation ⟨q0⟩ of the first layer's units and its lower inset their mean overlap, as in the figures of the
draft "Deep message passing" and of Lucibello et al. 2022.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ...figures.style import panel_letter

LABELS = {"bp": "BP", "bpi": "BPI", "series": "BPI, series", "amp": "AMP (TAP)", "mf": "MF", "sgd": "SGD (BinaryNet)"}
COLOURS = {"bp": "C0", "bpi": "C1", "series": "C0", "amp": "C2", "mf": "C4", "sgd": "C3"}
# Algorithms whose curves may coincide are told apart by line width.
WIDTHS = {"bp": 2.6}
DATASETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}
FIRST_LAYER = 0


@dataclass(frozen=True)
class Entry:
    """One setting of one run: its parameters, with those of its case filled in, and its rows."""

    experiment: str
    params: dict
    rows: pd.DataFrame


def entries(tables: Mapping[str, pd.DataFrame]) -> list[Entry]:
    """Every run and case of some experiments, in the order of the configuration."""
    found = []
    for experiment, table in tables.items():
        by_run = dict(tuple(table.groupby("run", observed=True)))
        for run, params in table.attrs["runs"].items():
            cases = params.get("cases") or {None: {}}
            for case, overrides in cases.items():
                rows = by_run[run] if case is None else by_run[run][by_run[run]["case"] == case]
                given = {key: value for key, value in overrides.items() if value is not None}
                found.append(Entry(experiment, params | given, rows))
    return found


def over_seeds(rows: pd.DataFrame, quantity: str, layer: int | None = None) -> pd.DataFrame:
    """Mean, smallest and largest value over the seeds at each epoch; epochs at which a seed has none are left out."""
    chosen = rows[(rows["quantity"] == quantity) & (rows["epoch"].notna())]
    if layer is not None:
        chosen = chosen[chosen["layer"] == layer]
    wide = chosen.pivot_table(index="epoch", columns="seed", values="value", observed=True).dropna()
    return pd.DataFrame({"mean": wide.mean(axis=1), "low": wide.min(axis=1), "high": wide.max(axis=1)})


def final(rows: pd.DataFrame, quantity: str) -> np.ndarray:
    """The last value of each seed that has one."""
    chosen = rows[(rows["quantity"] == quantity) & rows["value"].notna()].sort_values("epoch")
    return chosen.groupby("seed", observed=True)["value"].last().to_numpy()


def draw_curve(ax: Axes, curve: pd.DataFrame, algorithm: str, style: str = "-", width: float = 1.0) -> None:
    colour, thickness = COLOURS[algorithm], width * WIDTHS.get(algorithm, 1.4)
    # Thin lines over thick ones: curves that coincide stay visible.
    ax.plot(curve.index, curve["mean"], style, color=colour, lw=thickness, zorder=3 - thickness / 10)
    if not curve["low"].equals(curve["high"]):
        ax.fill_between(curve.index, curve["low"], curve["high"], color=colour, alpha=0.15, lw=0)


def inset(ax: Axes, bounds: tuple[float, float, float, float], label: str) -> Axes:
    """A small axis in an empty part of a panel."""
    small = ax.inset_axes(bounds)
    small.tick_params(labelsize=6, pad=1, length=2)
    small.grid(False)
    small.text(0.96, 0.9, label, transform=small.transAxes, fontsize=8, ha="right", va="top")
    return small


def learning_panel(
    ax: Axes, chosen: Sequence[Entry], largest_error: float, overlap: tuple[str, int] = ("overlap_full", FIRST_LAYER)
) -> None:
    """Errors of one setting against epochs, one colour an algorithm, with the two insets.

    ``overlap`` is the quantity and the layer of the lower inset.
    """
    epochs = max(entry.params["epochs"] for entry in chosen)
    for entry in chosen:
        algorithm = entry.params["algorithm"]
        draw_curve(ax, over_seeds(entry.rows, "train_error"), algorithm)
        draw_curve(ax, over_seeds(entry.rows, "test_error"), algorithm, "--")
    ax.set_xlim(0, epochs)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_ylim(0, largest_error)
    draw_insets(ax, chosen, epochs, overlap)
    note_divergence(ax, chosen)


def draw_insets(ax: Axes, chosen: Sequence[Entry], epochs: int, overlap: tuple[str, int]) -> None:
    upper = inset(ax, (0.56, 0.70, 0.42, 0.27), r"$\langle q_0\rangle$")
    lower = inset(ax, (0.56, 0.41, 0.42, 0.24), r"$q_{ab}$")
    overlaps = []
    for entry in chosen:
        for small, (quantity, layer) in ((upper, ("polarisation", FIRST_LAYER)), (lower, overlap)):
            curve = over_seeds(entry.rows, quantity, layer)
            if len(curve):
                draw_curve(small, curve, entry.params["algorithm"], width=0.6)
                overlaps += [curve["mean"].max()] * (small is lower)
    upper.set_ylim(-0.03, 1.03)
    upper.set_yticks([0, 0.5, 1], ["0", "", "1"])
    largest = max(overlaps, default=0.0) or 1.0
    lower.set_ylim(0, 1.7 * largest)
    lower.set_yticks([0, largest], ["0", f"{largest:.1g}"])
    for small in (upper, lower):
        small.set_xlim(0, epochs)
        small.set_xticks([0, epochs])
    upper.set_xticklabels([])


def note_divergence(ax: Axes, chosen: Sequence[Entry]) -> None:
    """Name, in the algorithm's colour, the epoch at which fields left the floating-point range."""
    line = 0
    for entry in chosen:
        epochs = entry.rows.loc[entry.rows["quantity"] == "diverged_epoch", "value"]
        if len(epochs):
            algorithm = entry.params["algorithm"]
            ax.text(
                0.03,
                0.04 + 0.085 * line,
                f"{LABELS[algorithm]}: fields diverge in epoch {epochs.min():.0f}",
                color=COLOURS[algorithm],
                fontsize=7,
                transform=ax.transAxes,
                bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 0.5},
                zorder=6,
            )
            line += 1


def legend_entries(chosen: Iterable[Entry]) -> list[Line2D]:
    """One line an algorithm, in the order of appearance, then the meaning of solid and dashed."""
    algorithms = dict.fromkeys(entry.params["algorithm"] for entry in chosen)
    lines = [Line2D([], [], color=COLOURS[a], lw=WIDTHS.get(a, 1.4), label=LABELS[a]) for a in algorithms]
    return [
        *lines,
        Line2D([], [], color="0.3", label="training set"),
        Line2D([], [], color="0.3", ls="--", label="test set"),
    ]


# --- what is varied from panel to panel ----------------------------------------------------------


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


def varied(entry: Entry, name: str) -> tuple[float, str]:
    """Position and title of an entry's panel."""
    params = entry.params
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
        samples = final(entry.rows.assign(epoch=0), "samples")[0]
        return samples, rf"$P = {samples:.0f}$, batch {params['batch_size']}"
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


def tick(entry: Entry, vary: str) -> str:
    """The varied value as a tick label."""
    if vary == "hidden":
        return f"{len(entry.params['hidden'])}×{entry.params['hidden'][0]}"
    value, _ = varied(entry, vary)
    return f"${power(value)}$" if vary == "rho" else f"{value:g}"


def summary_panel(ax: Axes, chosen: Sequence[Entry], vary: str, quantity: str) -> None:
    """The final value of a quantity against what is varied, at equal distances, one line an algorithm."""
    positions = {value: i for i, value in enumerate(sorted({varied(entry, vary)[0] for entry in chosen}))}
    ticks = {positions[varied(entry, vary)[0]]: tick(entry, vary) for entry in chosen}
    points: dict[str, dict[int, np.ndarray]] = {}
    for entry in chosen:
        values = final(entry.rows, quantity)
        if len(values):
            points.setdefault(entry.params["algorithm"], {})[positions[varied(entry, vary)[0]]] = values
    for algorithm, values in points.items():
        order = sorted(values)
        means, deviations = [values[i].mean() for i in order], [values[i].std() for i in order]
        ax.errorbar(order, means, deviations, fmt="o-", ms=4, color=COLOURS[algorithm], lw=WIDTHS.get(algorithm, 1.4))
    if quantity == "seconds_per_epoch":
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    ax.set_xticks(sorted(ticks), [ticks[i] for i in sorted(ticks)], rotation=45 if len(ticks) > 5 else 0, fontsize=8)
    ax.set_xlabel(AXIS_LABELS[vary])
    ax.set_ylabel(SUMMARY_LABELS[quantity])


# --- figures -------------------------------------------------------------------------------------


def learning_curves(
    tables: Mapping[str, pd.DataFrame],
    *,
    scale: str,
    vary: str,
    rows: Mapping[str, str] | None = None,
    columns: int = 4,
    summary: str | None = None,
    largest_error: float = 30.0,
    overlay_published: bool | None = None,
) -> Figure:
    """One panel for each value of what is varied.

    Parameters
    ----------
    vary
        ``rho``, ``psi``, ``epsilon``, ``reinforcement``, ``max_sweeps``, ``samples``, ``hidden`` or ``batch_size``.
    rows
        Experiment or data set to the title of its row of panels; left out: all panels fill one grid.
    columns
        Panels side by side, in one grid.
    summary
        ``test_error`` or ``seconds_per_epoch``: one more panel with its final value against what is varied.
    largest_error
        Upper end of the error axis, in %.
    """
    found = entries(tables)
    groups = (
        [(title, [e for e in found if key in (e.experiment, e.params["dataset"])]) for key, title in rows.items()]
        if rows
        else [("", found)]
    )
    if rows:
        columns = max(len(panels_of(group, vary)) for _, group in groups) + (summary is not None)
    grids = [-(-(len(panels_of(group, vary)) + (summary is not None)) // columns) for _, group in groups]
    figure, axes = plt.subplots(
        sum(grids), columns, figsize=(3.0 * columns, 2.5 * sum(grids) + 0.4), squeeze=False, layout="constrained"
    )
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    first_row = 0
    for (title, group), height in zip(groups, grids, strict=True):
        cells = iter(axes[first_row : first_row + height].flat)
        first_row += height
        first = True
        for panel_title, chosen in panels_of(group, vary).items():
            ax = next(cells)
            learning_panel(ax, chosen, largest_error)
            panel_letter(ax, next(letters))
            ax.set_title(panel_title, fontsize=10)
            ax.set_xlabel("epoch")
            ax.set_ylabel((f"{title}\n" if title and first else "") + "error (%)")
            first = False
        if summary:
            ax = next(cells)
            summary_panel(ax, group, vary, summary)
            panel_letter(ax, next(letters))
        for ax in cells:
            ax.set_visible(False)
    handles = legend_entries(found)
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    return figure


def panels_of(group: Sequence[Entry], vary: str) -> dict[str, list[Entry]]:
    """Title of each panel to its entries, in the order of what is varied."""
    panels: dict[tuple[float, str], list[Entry]] = {}
    for entry in group:
        panels.setdefault(varied(entry, vary), []).append(entry)
    return {key[1]: panels[key] for key in sorted(panels)}


def early_equations(
    tables: Mapping[str, pd.DataFrame],
    *,
    scale: str,
    largest_error: float = 30.0,
    overlay_published: bool | None = None,
) -> Figure:
    """Two panels: learning with the equations and settings of the early figures, and with the present ones."""
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    titles = ("settings of the early figures", "present settings")
    found = entries(tables)
    for letter, ax, title, early in zip("ab", axes, titles, (True, False), strict=True):
        chosen = [entry for entry in found if (not entry.params["reset_messages"]) == early]
        learning_panel(ax, chosen, largest_error, ("sign_overlap", FIRST_LAYER + 1))
        panel_letter(ax, letter)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("epoch")
        ax.set_ylabel("error (%)")
    handles = legend_entries(found)
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    return figure


def bayesian_prediction(
    tables: Mapping[str, pd.DataFrame],
    *,
    scale: str,
    largest_error: float = 10.0,
    overlay_published: bool | None = None,
) -> Figure:
    """Test error of the point-wise network and of the average over the posterior, one panel a kind of labels."""
    found = entries(tables)
    tasks = {"odd_even": "odd against even", "ten_classes": "ten classes"}
    present = [task for task in tasks if any(entry.params["labels"] == task for entry in found)]
    figure, axes = plt.subplots(1, len(present), figsize=(4.2 * len(present), 3.4), squeeze=False, layout="constrained")
    for letter, ax, task in zip("ab", axes.flat, present, strict=False):
        for entry in found:
            if entry.params["labels"] == task:
                draw_curve(ax, over_seeds(entry.rows, "test_error"), entry.params["algorithm"])
                draw_curve(ax, over_seeds(entry.rows, "bayes_test_error"), entry.params["algorithm"], "--")
        ax.set_ylim(0, largest_error)
        ax.set_xlim(left=0)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.set_xlabel("epoch")
        ax.set_ylabel("test error (%)")
        ax.set_title(tasks[task], fontsize=10)
        panel_letter(ax, letter)
    handles = legend_entries(found)
    handles[-2].set_label("point-wise sign(m)")
    handles[-1].set_label("averaged over the posterior")
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    return figure
