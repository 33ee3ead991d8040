"""What the panels of this family share: the runs that they show, curves with bands, axes, published curves.

Lines are means over the realisations, bands go from the 16th to the 84th percentile; theory is closed-form, see
:mod:`nnstatmech.moments.laws`. Legends stand above the panels, where they cover nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...errors import NamedProblem
from ...figures.style import labelled_ticks, panel_letter
from ...readings import NotMeasured, over_seeds, runs_of
from ..curves import band, curve, paired_log_changes, without_sensitivity
from ..published_values import published_curves

COLOURS = ("xkcd:blue", "xkcd:purple", "xkcd:magenta", "xkcd:red")
BLUE, PURPLE, MAGENTA, RED = COLOURS
BASELINE: dict[str, Any] = {"color": "0.55", "linewidth": 1.2, "zorder": 1.8}
THEORY: dict[str, Any] = {"color": "0.1", "linewidth": 1.0, "linestyle": (0, (4, 2)), "zorder": 4}
REFERENCE: dict[str, Any] = {"color": "0.6", "linewidth": 0.8, "zorder": 1}
PUBLISHED: dict[str, Any] = {"color": "black", "linewidth": 1.0, "linestyle": (0, (1, 1.2)), "zorder": 3}
PUBLISHED_BARS = 8  # depths at which the published 16-84 % range is shown
LETTERS = "abcdefgh"
LINE_STYLES = ("-", (0, (4, 1.5)), ":")
SYMBOLS = {
    "delta_chi": r"$\delta\chi^l$",
    "delta_BN_chi": r"$\delta_{\mathrm{BN}}\chi^l$",
    "delta_phi_chi": r"$\delta_\phi\chi^l$",
    "chi": r"$\chi^l$",
    "reff_signal": r"$r_\mathrm{eff}(\mathbf{x}^l)$",
    "reff_noise": r"$r_\mathrm{eff}(\mathrm{d}\mathbf{x}^l)$",
    "mu4_z": r"$\mu_4(\mathbf{z}^l)$",
    "nu1_abs_z": r"$\nu_1(|\mathbf{z}^l|)$",
    "log_nu2_signal": r"$\log\,\nu_2(\mathbf{x}^l)$",
    "log_mu2_noise": r"$\log\,\mu_2(\mathrm{d}\mathbf{x}^l)$",
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

    def deaths(self) -> str:
        """How many realisations have died until the last depth, in words; empty if none has."""
        dead = int(without_sensitivity(self.table).iloc[-1])
        return f"{dead} of {self.table['seed'].nunique()} networks died" if dead else ""


@dataclass(frozen=True)
class Shown:
    """The runs of a figure, and the run that they are compared with."""

    runs: Sequence[ShownRun]
    baseline: ShownRun | None

    @property
    def first(self) -> ShownRun:
        return self.runs[0]

    @property
    def is_sweep(self) -> bool:
        return len(self.runs) > 1

    @property
    def labels(self) -> list[str]:
        """What tells the runs, and last the baseline, apart; the runs of a sweep from each other only."""
        everything = [run.params for run in [*self.runs, *([self.baseline] if self.baseline else [])]]
        labels = differences(everything)
        return [*differences(everything[: len(self.runs)]), *labels[len(self.runs) :]] if self.is_sweep else labels

    @property
    def colours(self) -> list:
        """One a run of a sweep."""
        return list(sns.color_palette("viridis", len(self.runs) + 1))[: len(self.runs)]


NAMES = {
    "kernel_size": lambda value: "fully connected" if value == 1 else "convolutional",
    "boundary": lambda value: {"zero_padding": "zero padding"}.get(value, value),
    "epsilon": lambda value: f"$\\epsilon={value:g}$",
    "dataset": lambda value: str(value).replace("cifar10", "CIFAR-10").replace("mnist", "MNIST"),
    "width": lambda value: f"$N={value}$",
    "depth": lambda value: f"$L={value}$",
    "batch_size": lambda value: f"$B={value}$",
    "residual_depth": lambda value: f"$H={value}$",
}
ACCOMPANYING = ("depth", "batch_size")  # named only where nothing else differs
UNNAMED = ("measurements", "effective_ranks", "image_stream", "weights", "tf32", "architecture")


def differences(parameters: Sequence[Mapping]) -> list[str]:
    """For each run the parameters that it does not share with all others, in words."""
    keys = [key for key in parameters[0] if any(params.get(key) != parameters[0][key] for params in parameters)]
    if any(key == "kernel_size" for key in keys):  # which makes the boundary irrelevant
        keys = [key for key in keys if key != "boundary"]
    telling = [key for key in keys if key not in (*UNNAMED, *ACCOMPANYING)] or [
        key for key in keys if key not in UNNAMED
    ]
    if len({tuple(params[key] for key in telling) for params in parameters}) < len(parameters):
        telling = [key for key in keys if key not in UNNAMED]
    return [", ".join(named(key, params[key]) for key in telling) for params in parameters]


def named(key: str, value) -> str:
    """A parameter in words."""
    return NAMES[key](value) if key in NAMES else f"{key} = {value}"


def is_stand_in(table: pd.DataFrame) -> bool:
    """Whether the table comes from images that stand in for those of the paper."""
    return any(shard.get("stand_in") for shard in table.attrs["shards"])


def shown_runs(
    table: pd.DataFrame, scale: str, overlay_published: bool | None = None, published: str | Mapping | None = None
) -> list[ShownRun]:
    """The runs of an experiment by width, then batch size.

    Parameters
    ----------
    table
        The experiment's table; ``attrs["runs"]`` holds the parameters.
    scale
        At ``paper``, the paper's axis ranges are used.
    overlay_published
        Draw the published curves behind ours; None: at paper scale, of the paper's data.
    published
        Name of the published experiment, or batch size to name, or None if there is none.
    """
    overlay = (scale == "paper" and not is_stand_in(table)) if overlay_published is None else overlay_published
    shown = []
    for params, rows in sorted(runs_of(table), key=lambda run: (run[0]["width"], run[0]["batch_size"])):
        name = published.get(params["batch_size"]) if isinstance(published, Mapping) else published
        curves = published_curves(name) if overlay and name else None
        params = params | {"dataset": params["dataset"] + " (stand-in)" * is_stand_in(table)}
        shown.append(ShownRun(rows, params, curves, paper_axes=scale == "paper"))
    return shown


def shown(main: pd.DataFrame, baseline: pd.DataFrame | None, scale: str, *how) -> Shown:
    """What a figure shows of its two tables; of the baseline the first run."""
    return Shown(shown_runs(main, scale, *how), shown_runs(baseline, scale)[0] if baseline is not None else None)


def draw_curve(ax: Axes, run: ShownRun, name: str, colour, **style) -> pd.DataFrame:
    """Mean and band of one quantity; behind them the published ones, if they are drawn."""
    values = run.band(name)
    depth = values.index.to_numpy()
    ax.fill_between(depth, values["p16"], values["p84"], color=colour, alpha=0.15, linewidth=0)
    ax.plot(depth, values["mean"], color=colour, **{"linewidth": 1.8, "label": run.symbol(name), **style})
    if run.published is not None:
        rows = run.published[run.published["quantity"] == name]
        ax.plot(rows["depth"], rows["mean"], **PUBLISHED)
        some = rows.iloc[:: max(1, len(rows) // PUBLISHED_BARS)]
        reach = [some["mean"] - some["p16"], some["p84"] - some["mean"]]
        ax.errorbar(some["depth"], some["mean"], reach, fmt="none", ecolor="black", linewidth=0.7, capsize=2, zorder=3)
    return values


def draw_curves(ax: Axes, figure: Shown, quantities: Mapping[str, tuple]) -> None:
    """Several quantities: of one run each in its colour; of a sweep each run in its colour.

    ``quantities`` maps names to colour and line style. The baseline is grey.
    """
    for i, (name, (colour, style)) in enumerate(quantities.items()):
        drawn = LINE_STYLES[i] if figure.is_sweep else style
        if figure.baseline is not None:
            means = figure.baseline.band(name)["mean"]
            ax.plot(means.index, means, **BASELINE, linestyle=drawn)
        if figure.is_sweep:
            for run, of_run in zip(figure.runs, figure.colours, strict=True):
                draw_curve(ax, run, name, of_run, linestyle=drawn, linewidth=1.4, label=None)
            if len(quantities) > 1:
                ax.plot([], [], color="0.25", linestyle=drawn, label=figure.first.symbol(name))
        else:
            draw_curve(ax, figure.first, name, colour, linestyle=drawn)


def finish(ax: Axes, figure: Shown, limits: tuple[float, float], label: str, log: bool = False) -> None:
    """Axis labels, range and legend.

    At paper scale the paper's range ``limits``, widened to what is drawn; otherwise that of the data.
    """
    run = figure.first
    if log:
        ax.set_yscale("log")
    if run.paper_axes:
        bottom, top = ax.get_ylim()
        ax.set_ylim(min(limits[0], bottom), max(limits[1], top))
    if log:
        labelled_ticks(ax.yaxis)
    ax.set_xlim(0, max(shown.depth for shown in figure.runs))
    ax.set_xlabel("unit $l$" if run.is_resnet else "depth $l$")
    ax.set_ylabel(label)
    if any(shown.published is not None for shown in figure.runs):
        ax.plot([], [], **PUBLISHED, label="published")
    legend_above(ax)


def legend_above(ax: Axes, columns: int = 3) -> None:
    """The panel's legend between its letter and its right edge, above the frame."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        ax.legend(
            handles,
            labels,
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=min(columns, len(handles)),
            frameon=False,
            borderaxespad=0.1,
            columnspacing=1.2,
            handlelength=2.0,
        )


def mark_one(ax: Axes) -> None:
    ax.axhline(1, color="0.4", linewidth=0.8, zorder=1)


def paired_panel(ax: Axes, figure: Shown, name: str, until: int | None) -> None:
    """Change of the log of a curve against the baseline, realisation by realisation: mean with its standard error.

    Parameters
    ----------
    until
        Last depth that is shown; None for all.

    Raises
    ------
    NamedProblem
        If there is no baseline.
    """
    if figure.baseline is None:
        raise NamedProblem(f"option paired: {name} is compared with a baseline; give the figure one under experiments")
    ax.axhline(0, color="0.4", linewidth=0.8, zorder=1)
    ax.set_ylabel(f"change of $\\log$ {figure.first.symbol(name)}")
    ax.set_xlabel("depth $l$")
    try:
        changes = over_seeds(paired_log_changes(figure.baseline.table, figure.first.table, name))
    except NotMeasured as reason:
        ax.text(0.5, 0.5, fill(str(reason), 45), transform=ax.transAxes, ha="center", va="center", fontsize=8)
        ax.set(xticks=[], yticks=[])
        return
    changes = changes[changes.index <= until] if until else changes
    some = changes.iloc[:: max(1, len(changes) // 25)]
    ax.errorbar(some.index, some["mean"], some["error"], fmt="o", color=BLUE, markersize=3.5, linewidth=1, capsize=2)
    ax.set_xlim(0, changes.index.max() * 1.02)


def panel_grid(panels: int, figure_height: float = 3.2) -> tuple[Figure, np.ndarray]:
    """Panels in two columns with their letters; the figure and its axes."""
    rows = -(-panels // 2)
    figure = Figure(figsize=(10, figure_height * rows), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    for letter, ax in zip(LETTERS, axes, strict=False):
        panel_letter(ax, letter)
    return figure, axes


def shared_legend(figure: Figure, picture: Shown) -> None:
    """Below all panels: the runs of a sweep by colour, the baseline, and how many networks died."""
    labels = picture.labels
    proxies = Figure().subplots()
    handles, names = [], []
    if picture.is_sweep:
        for colour, label in zip(picture.colours, labels, strict=False):
            handles += proxies.plot([], [], color=colour, linewidth=2.5)
            names.append(label)
    elif picture.baseline is not None:
        handles += proxies.plot([], [], color="0.25", linewidth=1.8)
        names.append(f"colours: {labels[0]}")
    if picture.baseline is not None:
        handles += proxies.plot([], [], **BASELINE)
        names.append(f"grey: {labels[-1]}" if not picture.is_sweep else labels[-1])
    for run, label in zip(picture.runs, labels, strict=False):
        if deaths := run.deaths():
            handles += proxies.plot([], [], linestyle="none")
            names.append(f"{label}: {deaths}" if label else deaths)
    if handles:
        figure.legend(handles, names, loc="outside lower center", ncols=min(5, len(handles)), frameon=False)
