"""Batch-normalised networks: exploding sensitivity without, a power law with skip connections (Labatie 2019)."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import laws
from ..curves import exponential_growth, power_law, recursion
from ..tables import PropagationTable
from .panels import (
    BLUE,
    PURPLE,
    RED,
    REFERENCE,
    THEORY,
    Shown,
    draw_curves,
    finish,
    mark_one,
    paired_panel,
    panel_grid,
    shared_legend,
    shown,
)


def increments_panel(ax: Axes, figure: Shown) -> None:
    """delta chi and its parts; dashed, the activation's part as it follows from nu_1(|z|); grey, for normal z.

    Of a sweep the parts only.
    """
    mark_one(ax)
    parts = {"delta_BN_chi": (PURPLE, "-"), "delta_phi_chi": (RED, "-")}
    draw_curves(ax, figure, parts if figure.is_sweep else parts | {"delta_chi": (BLUE, "-")})
    if not figure.is_sweep:
        law = figure.first.band("delta_phi_chi_law")["mean"]
        ax.plot(law.index, law, **THEORY, label=r"$(1-\nu_1(|\mathbf{z}^l|)^2/2)^{-1/2}$")
    normal = r"$(1-1/\pi)^{-1/2}$, normal $\mathbf{z}$"
    ax.axhline(laws.GAUSSIAN_ACTIVATION_INCREMENT, **REFERENCE, label=normal)
    finish(ax, figure, (0.99, 1.4), "geometric increment of sensitivity")


def growth_panel(ax: Axes, figure: Shown) -> None:
    """chi on a logarithmic axis: its exponential growth, with the rate over the second half of the depth."""
    draw_curves(ax, figure, {"chi": (BLUE, "-")})
    colours = figure.colours if figure.is_sweep else [THEORY["color"]]
    for run, colour in zip(figure.runs, colours, strict=True):
        rate, growth = exponential_growth(run.table)
        label = f"$\\gamma={rate:.3f}$" if figure.is_sweep else f"$e^{{\\gamma l}}$, $\\gamma={rate:.3f}$"
        line: dict[str, Any] = {"color": colour, "linestyle": "-"} if figure.is_sweep else {"linewidth": 1.4}
        ax.plot(growth.index, growth, **THEORY | line, label=label)
    finish(ax, figure, (1, 1e17), "normalised sensitivity", log=True)


def power_law_panel(ax: Axes, figure: Shown) -> None:
    """chi of a resnet, its power law, and the recursion without any fit."""
    draw_curves(ax, figure, {"chi": (BLUE, "-")})
    colours = figure.colours if figure.is_sweep else [RED]
    for run, colour in zip(figure.runs, colours, strict=True):
        law, predicted = power_law(run.table), recursion(run.table)
        depth = predicted.index.to_numpy(float)
        label = f"${law.prefactor:.2f}\\,l^{{{law.exponent:.3f}}}$"
        ax.plot(depth, law.prefactor * depth**law.exponent, color=colour, linestyle="--", linewidth=1.4, label=label)
        if not figure.is_sweep:
            look: dict[str, Any] = {**THEORY, "linestyle": "-."}
            ax.plot(depth, predicted, **look, label="recursion, no fit")
    finish(ax, figure, (1, 50), "normalised sensitivity")


def ranks_panel(ax: Axes, figure: Shown, limits: tuple[float, float]) -> None:
    """Effective ranks of noise and signal."""
    mark_one(ax)
    draw_curves(ax, figure, {"reff_signal": (PURPLE, "-"), "reff_noise": (PURPLE, ":")})
    finish(ax, figure, limits, "effective rank", log=True)


def shape_panel(ax: Axes, figure: Shown, limits: tuple[float, float], log: bool) -> None:
    """mu_4 and nu_1 of normalised pre-activations beside their values for normal ones."""
    draw_curves(ax, figure, {"mu4_z": (RED, "-"), "nu1_abs_z": (RED, (0, (4, 1.5)))})
    for value in (laws.GAUSSIAN_MU4, laws.GAUSSIAN_NU1):
        ax.axhline(value, **REFERENCE)
    ax.plot([], [], **REFERENCE, label="normal $\\mathbf{z}$")
    if figure.first.is_connected and log:
        colours = figure.colours if figure.is_sweep else [RED]
        for run, colour in zip(figure.runs, colours, strict=True):
            ax.axhline(laws.largest_kurtosis(run.params["batch_size"]), color=colour, linewidth=0.8, linestyle=":")
        ax.plot([], [], color="0.25", linewidth=0.8, linestyle=":", label="largest $\\mu_4$ of $B$ points")
    finish(ax, figure, limits, "moments of $\\mathbf{z}$", log=log)
    if not log and not figure.first.paper_axes:
        ax.set_ylim(0)


def feedforward(
    main: PropagationTable,
    baseline: PropagationTable | None = None,
    *,
    scale: str,
    published: str | Mapping | None = None,
    overlay_published: bool | None = None,
    paired: Sequence[str] = (),
    paired_until: int | None = None,
) -> Figure:
    """Exploding sensitivity of batch-normalised feed-forward networks (Labatie 2019, Fig. 4 and its complements).

    Each run of a sweep has a colour; ``published`` may then map batch sizes to published experiments. ``paired`` names
    curves whose change against the baseline is shown realisation by realisation, down to the depth ``paired_until``.
    """
    picture = shown(main, baseline, scale, overlay_published, published)
    figure, axes = panel_grid(4 + len(paired))
    increments_panel(axes[0], picture)
    growth_panel(axes[1], picture)
    ranks_panel(axes[2], picture, (0.8, 1e4))
    shape_panel(axes[3], picture, (0.1, 3e4), log=True)
    for ax, name in zip(axes[4:], paired, strict=False):
        paired_panel(ax, picture, name, paired_until)
    shared_legend(figure, picture)
    return figure


def resnet(
    main: PropagationTable,
    baseline: PropagationTable | None = None,
    *,
    scale: str,
    published: str | None = None,
    overlay_published: bool | None = None,
) -> Figure:
    """Power-law sensitivity of batch-normalised resnets (Labatie 2019, Fig. 5 and its complement).

    The power law's exponent follows from the increments and only its factor is fitted; the recursion has no fitted
    parameter and starts from the first measured unit, see :func:`nnstatmech.moments.laws.resnet_sensitivity`.
    """
    picture = shown(main, baseline, scale, overlay_published, published)
    figure, axes = panel_grid(4)
    increments_panel(axes[0], picture)
    power_law_panel(axes[1], picture)
    ranks_panel(axes[2], picture, (0.8, 2e4))
    shape_panel(axes[3], picture, (0, 7.2), log=False)
    shared_legend(figure, picture)
    return figure
