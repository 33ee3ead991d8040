"""What the panels of this family share: the run that they show, curves with bands, axes, published curves.

Lines are means over the realisations, bands go from the 16th to the 84th percentile; theory is closed-form, see
:mod:`nnstatmech.moments.laws`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...figures.style import panel_letter
from ...readings import runs_of
from ..curves import band, curve
from ..published_values import published_curves

COLOURS = ("xkcd:blue", "xkcd:purple", "xkcd:magenta", "xkcd:red")
BLUE, PURPLE, MAGENTA, RED = COLOURS
THEORY = {"color": "0.15", "linewidth": 1.0, "linestyle": (0, (4, 2))}
PUBLISHED = {"color": "0.2", "linewidth": 0.9, "linestyle": (0, (1, 1.2)), "zorder": 1.5}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SYMBOLS = {
    "delta_chi": r"$\delta\chi^l$",
    "delta_BN_chi": r"$\delta_{\mathrm{BN}}\chi^l$",
    "delta_phi_chi": r"$\delta_\phi\chi^l$",
    "chi": r"$\chi^l$",
    "reff_signal": r"$r_\mathrm{eff}(\mathbf{x}^l)$",
    "reff_noise": r"$r_\mathrm{eff}(\mathrm{d}\mathbf{x}^l)$",
    "mu4_z": r"$\mu_4(\mathbf{z}^l)$",
    "nu1_abs_z": r"$\nu_1(|\mathbf{z}^l|)$",
}


@dataclass(frozen=True)
class ShownRun:
    """One run of an experiment: its rows, its parameters, and the published curves of the same experiment."""

    table: pd.DataFrame
    params: Mapping
    published: pd.DataFrame | None
    paper_axes: bool

    def band(self, name: str) -> pd.DataFrame:
        return band(curve(self.table, name))

    @property
    def depth(self) -> int:
        return self.params["depth"]

    @property
    def is_resnet(self) -> bool:
        return self.params["architecture"] == "bn_res"

    @property
    def is_connected(self) -> bool:
        return self.params["kernel_size"] == 1

    def symbol(self, name: str) -> str:
        """The symbol of a curve; in resnets that of the first branch layer, except for chi of the trunk."""
        within_branch = self.is_resnet and name != "chi"
        return SYMBOLS[name].replace("^l", "^{l,1}") if within_branch else SYMBOLS[name]


def shown_runs(
    table: pd.DataFrame, scale: str, overlay_published: bool | None = None, published: str | Mapping | None = None
) -> list[ShownRun]:
    """The runs of an experiment by width, then batch size.

    Parameters
    ----------
    table
        The experiment's table; ``attrs["runs"]`` holds the parameters.
    scale
        At ``paper``, the paper's axis ranges are used, and the published curves drawn unless switched off.
    overlay_published
        Draw the published curves behind ours; None: at paper scale.
    published
        Name of the published experiment, or batch size to name, or None if there is none.
    """
    overlay = scale == "paper" if overlay_published is None else overlay_published
    shown = []
    for params, rows in sorted(runs_of(table), key=lambda run: (run[0]["width"], run[0]["batch_size"])):
        name = published.get(params["batch_size"]) if isinstance(published, Mapping) else published
        curves = published_curves(name) if overlay and name else None
        shown.append(ShownRun(rows, params, curves, paper_axes=scale == "paper"))
    return shown


def only_run(table: pd.DataFrame, *how) -> ShownRun:
    """The run of an experiment without a sweep."""
    (run,) = shown_runs(table, *how)
    return run


def draw_curve(ax: Axes, run: ShownRun, name: str, colour: str, **style) -> pd.DataFrame:
    """Mean and band of one quantity; behind them the published ones, if they are drawn."""
    values = run.band(name)
    depth = values.index.to_numpy()
    ax.fill_between(depth, values["p16"], values["p84"], color=colour, alpha=0.1, linewidth=0)
    for edge in ("p16", "p84"):
        ax.plot(depth, values[edge], color="0.55", linewidth=0.6, linestyle=":")
    ax.plot(depth, values["mean"], color=colour, label=run.symbol(name), **{"linewidth": 1.8, **style})
    if run.published is not None:
        rows = run.published[run.published["quantity"] == name]
        ax.plot(rows["depth"], rows["mean"], **PUBLISHED | {"zorder": 3})
        for edge in ("p16", "p84"):
            ax.plot(rows["depth"], rows[edge], **PUBLISHED | {"linewidth": 0.5})
    return values


def finish(
    ax: Axes, run: ShownRun, limits: tuple[float, float], label: str, log: bool = False, headroom: float = 0.0
) -> None:
    """Axis labels, range and legend.

    The paper's range ``limits`` at paper scale, widened if a mean leaves it; otherwise the data's, with a fraction
    ``headroom`` added at the top for the legend.
    """
    if log:
        ax.set_yscale("log")
    ax.set_xlim(0, run.depth)
    if run.paper_axes:
        means = [line.get_ydata().max() for line in ax.get_lines() if line.get_linewidth() > 1.5]
        ax.set_ylim(limits[0], max(limits[1], 2 * max(means)) if log else max(limits[1], 1.02 * max(means)))
    elif headroom:
        bottom, top = ax.get_ylim()
        ax.set_ylim(bottom, top + headroom * (top - bottom))
    ax.set_xlabel("unit $l$" if run.is_resnet else "depth $l$")
    ax.set_ylabel(label)
    if run.published is not None:
        ax.plot([], [], **PUBLISHED, label="published")
    ax.legend(loc="best")


def mark_one(ax: Axes) -> None:
    ax.axhline(1, color="0.4", linewidth=0.8, linestyle="--", zorder=1)


def sizes_of(run: ShownRun) -> str:
    """What tells the runs of a sweep apart."""
    return f"$N={run.params['width']}$, $B={run.params['batch_size']}$"


def panel_grid(runs: Sequence[ShownRun], panels: int) -> tuple[Figure, np.ndarray]:
    """Panels in two columns for one run; for several, one row of panels a run with its sizes at the left.

    Returns the figure and its axes, runs x panels.
    """
    if len(runs) == 1:
        rows, columns, size = -(-panels // 2), 2, (10, 3.1 * -(-panels // 2))
    else:
        rows, columns, size = len(runs), panels, (4.1 * panels, 2.9 * len(runs))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for letter, ax in zip(LETTERS, axes.flat, strict=False):
        panel_letter(ax, letter)
    if len(runs) > 1:
        for run, row in zip(runs, axes, strict=True):
            row[0].set_title(sizes_of(run), loc="right", fontsize=10)
    return figure, axes.reshape(len(runs), panels)
