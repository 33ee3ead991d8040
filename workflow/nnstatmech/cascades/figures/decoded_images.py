"""What the decoders of a trained network make of images and of artificial outputs."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch

from ...readings import parameters_of, select
from ..curves.decoded import by_layer, cascade_of, class_optimal_inputs, first_network, shown_images
from ..pictures import picture
from ..tables import ReconstructionTable

HEADING = {"x": 0.01, "ha": "left", "fontsize": 9}


def scheme(main: ReconstructionTable, *, scale: str) -> Figure:
    """Activations of a trained network on one image, and what the cascade from each layer gives back."""
    table = first_network(main)
    image = shown_images(table)[0]
    inputs, *cascades = cascade_of(table, image)
    activations = [inputs, *by_layer(select(table, image=image), "activation")]
    columns = len(activations)
    figure = Figure(figsize=(1.6 * columns, 3.7))
    axes = figure.subplots(2, columns, height_ratios=(1.15, 1))
    for layer, (units, below) in enumerate(zip(activations, [inputs, *cascades], strict=True)):
        strip = axes[0, layer]
        name = "input" if layer == 0 else "output" if layer == columns - 1 else f"layer {layer}"
        drawn = unit_strip(strip, np.asarray(units.pixels), name)
        origin = "image" if layer == 0 else f"from {'the output' if layer == columns - 1 else name}"
        show(axes[1, layer], picture(below), origin)
        if layer:
            arrow(figure, axes[0, layer - 1], strip, rf"$\tanh(W^{{{layer}}}x + b^{{{layer}}})$")
    figure.colorbar(drawn, ax=axes[0], label="activation", shrink=0.8)
    axes[0, 0].text(-1.0, 1.08, "(a)", transform=axes[0, 0].transAxes, style="italic", fontsize=11)
    axes[1, 0].text(-0.15, 1.08, "(b)", transform=axes[1, 0].transAxes, style="italic", fontsize=11)
    return figure


def unit_strip(ax: Axes, units: np.ndarray, name: str):
    """Draw activations as lines of colour; returns the colours."""
    drawn = ax.imshow(units[:, None], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    ax.set_title(f"{name}\n{len(units)} units", fontsize=9)
    bare(ax)
    ax.set_box_aspect(3)
    return drawn


def arrow(figure: Figure, start: Axes, end: Axes, text: str) -> None:
    """An arrow from one strip of activations to the next, with what the layer does."""
    patch = ConnectionPatch(
        (1.25, 0.5),
        (-0.25, 0.5),
        "axes fraction",
        "axes fraction",
        axesA=start,
        axesB=end,
        arrowstyle="-|>",
        color="0.3",
    )
    figure.add_artist(patch)
    end.annotate(text, (-0.3, 0.53), xycoords="axes fraction", ha="right", va="bottom", fontsize=7, color="0.3")


def reconstruction(main: ReconstructionTable, *, scale: str) -> Figure:
    """Test images, their reconstructions from every layer, and the images of artificial, perfect outputs."""
    table = first_network(main)
    shown = shown_images(table)
    optimal = class_optimal_inputs(table)
    layers = int(table["layer"].max())
    columns = max(layers + 1, len(optimal))
    figure = Figure(figsize=(0.92 * columns, 1.05 * (len(shown) + 1) + 0.65))
    parts = figure.subfigures(2, 1, height_ratios=(len(shown), 1.25), hspace=0.02, squeeze=False)
    upper, lower = parts[:, 0]
    axes = upper.subplots(len(shown), columns, squeeze=False)
    titles = ["input", *(f"layer {layer}" for layer in range(1, layers)), "output"]
    for line, image in enumerate(shown):
        cascade_row(axes[line], cascade_of(table, image), titles if line == 0 else [""] * len(titles))
    accuracy = select(table, quantity="accuracy")["value"].iloc[0]
    upper.suptitle(f"(a)  cascades through a trained network (test accuracy {accuracy:.2f})", **HEADING)
    class_row(lower.subplots(1, columns), optimal.itertuples())
    background = parameters_of(main)["background"]
    lower.suptitle(
        f"(b)  decoded from an output of +1 for one class and {background:g} for the others:"
        f" {optimal['intended'].sum()} of {len(optimal)} classified as intended",
        **HEADING,
    )
    return figure


def class_row(axes: Iterable[Axes], optimal: Iterable) -> None:
    """The image decoded for each class, and what the network decides; axes that are left over stay empty."""
    axes = list(axes)
    for ax in axes:
        bare(ax)
    for ax, row in zip(axes, optimal, strict=False):
        show(ax, picture(row), f"class {int(row.label)}")
        ax.set_xlabel(f"decided: {int(row.value)}", fontsize=7, labelpad=2)


def cascade_row(axes: Iterable[Axes], rows: Iterable, titles: list[str]) -> None:
    """One image and its reconstructions from each layer; axes that are left over stay empty."""
    axes = list(axes)
    for ax in axes:
        bare(ax)
    for ax, row, title in zip(axes, rows, titles, strict=False):
        show(ax, picture(row), title)


def show(ax: Axes, image: np.ndarray, title: str = "") -> None:
    """Draw a picture without axes."""
    ax.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_title(title, fontsize=8, pad=3)
    bare(ax)


def bare(ax: Axes) -> None:
    """Leave nothing of the axes but their content."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
