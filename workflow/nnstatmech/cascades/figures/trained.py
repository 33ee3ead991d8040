"""Figures of trained networks: what trains, what decoders make of classes and of single channels."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch

from ...figures.style import panel_letter
from .depth_scales import correlation_depths, heat_map, parameter

CHANCE = 0.1  # accuracy of guessing one of ten classes
LARGEST_ROW = 16  # layers with more shown channels than this are drawn as a mosaic


def trainability(
    tables: Mapping[str, pd.DataFrame],
    *,
    scale: str,
    accuracy: str,
    entropies: str | None = None,
    method: str = "ridge",
) -> Figure:
    """Test accuracy and differential entropy over weight variance and depth, with the correlation depth.

    ``accuracy`` and ``entropies`` name the experiments whose tables are drawn, ``method`` the decoders of the latter.
    """
    table = tables[accuracy]
    bias_variance = parameter(table, "bias_variance")
    reached = table[(table.quantity == "accuracy") & (table.step == table.step.max())]
    grid = reached.pivot_table(index="depth", columns="weight_variance", values="value", aggfunc="mean")
    panels = 1 if entropies is None else 2
    figure = Figure(figsize=(4.6 * panels + 0.6, 4.0))
    axes = figure.subplots(1, panels, squeeze=False)[0]
    mesh = heat_map(axes[0], grid, cmap="viridis", vmin=CHANCE, vmax=1)
    figure.colorbar(mesh, ax=axes[0], label=f"test accuracy after {int(reached.step.max())} steps")
    cascades = None if entropies is None else by_method(tables[entropies], method)
    if cascades is not None:
        cutoff_curve(axes[0], cascades)
    correlation_depths(axes[0], bias_variance, colour="white")
    axes[0].set_ylabel("depth of the network")
    legend = axes[0].legend(loc="upper right", facecolor="0.25", labelcolor="white")
    legend.set_zorder(5)
    if cascades is not None:
        entropy_panel(figure, axes[1], cascades, axes[0])
        for ax, letter in zip(axes, "ab", strict=True):
            panel_letter(ax, letter)
    return figure


def by_method(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """The runs of cascades with one kind of decoder, a case of the sweep's axis ``method``."""
    return table[table.method == method]


def cutoff_curve(ax: Axes, table: pd.DataFrame) -> None:
    """Draw the depth at which cascades have lost the image, where those of all seeds do."""
    cutoffs = table[table.quantity == "cutoff_explained_variance"].groupby("weight_variance").value
    curve = cutoffs.mean()[cutoffs.count() == cutoffs.size()]
    limits = ax.get_xlim(), ax.get_ylim()
    ax.plot(curve.index, curve, "x-", color="tab:red", ms=4, lw=1, label=r"cascade's $R^2$ below 0.1")
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])


def entropy_panel(figure: Figure, ax: Axes, table: pd.DataFrame, beside: Axes) -> None:
    """Draw the differential entropy of reconstructions on the same axes as the accuracy beside it."""
    kept = table[table.quantity == "differential_entropy"]
    grid = kept.pivot_table(index="depth", columns="weight_variance", values="value", aggfunc="mean")
    mesh = heat_map(ax, grid, cmap="Spectral")
    figure.colorbar(mesh, ax=ax, label="differential entropy / nats")
    ax.set_xlim(beside.get_xlim())
    ax.set_ylim(beside.get_ylim())
    correlation_depths(ax, parameter(table, "bias_variance"), labels=False)


def falling(
    tables: Mapping[str, pd.DataFrame], *, scale: str, walk: str, entropies: str | None = None, method: str = "ridge"
) -> Figure:
    """The largest depth that trains at each weight variance: bars coloured by the accuracy reached.

    ``walk`` names the experiment of the falling procedure, ``entropies`` one whose cutoffs, with decoders of
    ``method``, are drawn over it.
    """
    table = tables[walk]
    step = parameter(table, "variance_step")
    best = last_attempts(table)
    largest = max(parameter(table, "threshold"), best.accuracy.max())
    colour = ScalarMappable(Normalize(CHANCE, largest), colormaps["viridis"])
    figure = Figure(figsize=(6.4, 4.4))
    ax = figure.subplots()
    top = parameter(table, "start_depth")
    ax.grid(False)
    ax.bar(best.index, top, width=step, color=colour.to_rgba(CHANCE), alpha=0.6, lw=0)
    ax.bar(best.index, best.depth, width=step, color=colour.to_rgba(best.accuracy.to_numpy()), alpha=0.6, lw=0)
    ax.set_xlim(best.index.min() - step / 2, best.index.max() + step / 2)
    ax.set_ylim(1, top)
    if scale == "paper":
        ax.set_xlim(0.8, 4)
    correlation_depths(ax, parameter(table, "bias_variance"))
    if entropies is not None:
        cutoff_curve(ax, by_method(tables[entropies], method))
    ax.set_xlabel(r"weight variance $\sigma_w^2$")
    ax.set_ylabel("depth of the network")
    figure.colorbar(colour, ax=ax, label="best test accuracy")
    ax.legend(loc="upper right")
    return figure


def last_attempts(table: pd.DataFrame) -> pd.DataFrame:
    """Depth and accuracy of the last network at each weight variance, averaged over seeds and directions."""
    walks = ["run", "seed"] if "run" in table else ["seed"]
    wide = table.pivot_table(
        index=[*walks, "weight_variance", "attempt", "depth"], columns="quantity", values="value", observed=True
    ).reset_index()
    last = wide.sort_values("attempt").groupby([*walks, "weight_variance"], observed=True).tail(1)
    return last.groupby("weight_variance")[["depth", "accuracy"]].mean()


def picture(row) -> np.ndarray:
    """The picture of a table's row, (height, width) or (height, width, colours), within [0, 1]."""
    # Columns with gaps, like the size of pictures in rows that hold none, come as decimal numbers.
    shape = int(row.height), int(row.width), int(row.channels)
    pixels = np.asarray(row.pixels, dtype=float).reshape(shape).clip(0, 1)
    return pixels[..., 0] if shape[2] == 1 else pixels


def show(ax: Axes, image: np.ndarray, title: str = "") -> None:
    """Draw a picture without axes."""
    ax.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_title(title, fontsize=8, pad=3)
    bare(ax)


def bare(ax: Axes) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def first_network(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first seed's network."""
    return table[table.seed == table.seed.min()]


def value_of(table: pd.DataFrame, quantity: str) -> float:
    return float(table[table.quantity == quantity].value.iloc[0])


def scheme(tables: Mapping[str, pd.DataFrame], *, scale: str, network: str) -> Figure:
    """Activations of a trained network on one image, and what the cascade from each layer gives back."""
    table = first_network(tables[network])
    table = table[table.image.isna() | (table.image == table.image.min())]
    inputs = next(table[table.quantity == "input"].itertuples())
    activations = [np.asarray(inputs.pixels)]
    activations += [np.asarray(row.pixels) for row in ordered(table, "activation")]
    images = [picture(inputs)] + [picture(row) for row in ordered(table, "reconstruction")]
    columns = len(activations)
    figure = Figure(figsize=(1.75 * columns, 4.3))
    axes = figure.subplots(2, columns, height_ratios=(1.5, 1))
    for layer, (units, image) in enumerate(zip(activations, images, strict=True)):
        strip, below = axes[:, layer]
        drawn = strip.imshow(units[:, None], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
        name = "input" if layer == 0 else "output" if layer == columns - 1 else f"layer {layer}"
        strip.set_title(f"{name}\n{len(units)} units", fontsize=9)
        bare(strip)
        strip.set_box_aspect(4)
        show(below, image, "image" if layer == 0 else f"from {'the output' if layer == columns - 1 else name}")
        if layer:
            arrow(figure, axes[0, layer - 1], strip, rf"$\tanh(W^{{{layer}}}x + b^{{{layer}}})$")
    figure.colorbar(drawn, ax=axes[0], label="activation", shrink=0.8)
    axes[0, 0].text(-1.6, 1.08, "(a)", transform=axes[0, 0].transAxes, style="italic", fontsize=11)
    axes[1, 0].text(-0.15, 1.08, "(b)", transform=axes[1, 0].transAxes, style="italic", fontsize=11)
    return figure


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


def ordered(table: pd.DataFrame, quantity: str) -> Iterable:
    """The rows of one quantity by layer."""
    return table[table.quantity == quantity].sort_values("layer").itertuples()


def reconstruction(tables: Mapping[str, pd.DataFrame], *, scale: str, network: str) -> Figure:
    """Test images, their reconstructions from every layer, and the images of artificial, perfect outputs."""
    table = first_network(tables[network])
    shown = sorted(table[table.quantity == "input"].image.unique())
    optimal = sorted(table[table.quantity == "class_optimal"].itertuples(), key=lambda row: row.label)
    layers = int(table.layer.max())
    columns = max(layers + 1, len(optimal))
    figure = Figure(figsize=(0.92 * columns, 1.05 * (len(shown) + 1) + 0.65))
    upper, lower = figure.subfigures(2, 1, height_ratios=(len(shown), 1.25), hspace=0.02)
    axes = upper.subplots(len(shown), columns, squeeze=False)
    titles = ["input", *(f"layer {layer}" for layer in range(1, layers)), "output"]
    for line, image in enumerate(shown):
        cascade_row(axes[line], table[table.image == image], titles if line == 0 else [""] * len(titles))
    accuracy = value_of(table, "accuracy")
    upper.suptitle(f"(a)  cascades through a trained network (test accuracy {accuracy:.2f})", **HEADING)
    for row, ax in zip([*optimal, *[None] * (columns - len(optimal))], lower.subplots(1, columns), strict=True):
        bare(ax)
        if row is not None:
            show(ax, picture(row), f"class {int(row.label)}")
            ax.set_xlabel(f"decided: {int(row.value)}", fontsize=7, labelpad=2)
    hits = sum(row.label == row.value for row in optimal)
    background = parameter(tables[network], "background")
    lower.suptitle(
        f"(b)  decoded from an output of +1 for one class and {background:g} for the others: {hits} of {len(optimal)}"
        " classified as intended",
        **HEADING,
    )
    return figure


HEADING = {"x": 0.01, "ha": "left", "fontsize": 9}


def channels(tables: Mapping[str, pd.DataFrame], *, scale: str, network: str) -> Figure:
    """Images decoded from every layer of a VGG-style network, and from single channels."""
    table = first_network(tables[network])
    shown = sorted(table[table.quantity == "input"].image.unique())
    single = table[(table.quantity == "channel") & (table.image == shown[0])]
    groups = {int(layer): rows.sort_values("value", ascending=False) for layer, rows in single.groupby("layer")}
    rows = {layer: group for layer, group in groups.items() if len(group) <= LARGEST_ROW}
    mosaics = {layer: group for layer, group in groups.items() if len(group) > LARGEST_ROW}
    names = layer_names(parameter(tables[network], "layers"))
    heights = [
        0.75 * len(shown) + 0.35,
        1.05 * len(rows) + 0.2,
        *[0.47 * mosaic_rows(len(g)) + 0.3 for g in mosaics.values()],
    ]
    figure = Figure(figsize=(7.6, sum(heights)))
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, hspace=0.02)
    cascade_panel(parts[0], table, shown, names)
    accuracy = table[table.quantity == "accuracy"].value
    trained = f" (test accuracy {accuracy.iloc[0]:.2f})" if len(accuracy) else ""
    parts[0].suptitle(f"(a)  cascades from every layer{trained}", **HEADING)
    channel_panel(parts[1], rows, names)
    parts[1].suptitle(
        "(b)  first image, decoded from one channel alone: the channels of largest mean activation", **HEADING
    )
    for letter, part, (layer, group) in zip("cdefgh", parts[2:], mosaics.items(), strict=False):
        mosaic_panel(part, group)
        part.suptitle(
            f"({letter})  first image, decoded from each of {len(group)} channels of layer {layer}, {names[layer - 1]}",
            **HEADING,
        )
    return figure


def cascade_row(axes: Iterable[Axes], table: pd.DataFrame, titles: list[str]) -> None:
    """One image and its reconstructions from each layer; axes that are left over stay empty."""
    rows = [*table[table.quantity == "input"].itertuples(), *ordered(table, "reconstruction")]
    for ax in axes:
        bare(ax)
    for ax, row, title in zip(axes, rows, titles, strict=False):
        show(ax, picture(row), title)


def layer_names(layers: list) -> list[str]:
    """``conv 1``, ``conv 2``, ``pool 1``, ... for torchvision's notation."""
    names, counts = [], {"conv": 0, "pool": 0}
    for layer in layers:
        kind = "pool" if layer == "M" else "conv"
        counts[kind] += 1
        names.append(f"{kind} {counts[kind]}")
    return names


def cascade_panel(part, table: pd.DataFrame, shown: list, names: list[str]) -> None:
    """Inputs and their reconstructions: one row an image, one column a layer."""
    axes = part.subplots(len(shown), len(names) + 1, squeeze=False)
    titles = ["input", *names]
    for line, image in enumerate(shown):
        cascade_row(axes[line], table[table.image == image], titles if line == 0 else [""] * len(titles))


def channel_panel(part, rows: dict[int, pd.DataFrame], names: list[str]) -> None:
    """Pictures of single channels: one row a layer."""
    if not rows:
        return
    columns = max(map(len, rows.values()))
    axes = part.subplots(len(rows), columns, squeeze=False)
    for line, (layer, group) in zip(axes, rows.items(), strict=True):
        for ax in line:
            bare(ax)
        for ax, one in zip(line, group.itertuples(), strict=False):
            show(ax, picture(one), f"{int(one.channel)}")
        line[0].set_ylabel(f"layer {layer}\n{names[layer - 1]}", fontsize=8)


def mosaic_rows(count: int) -> int:
    return -(-count // MOSAIC_COLUMNS)


MOSAIC_COLUMNS = 16


def mosaic_panel(part, group: pd.DataFrame) -> None:
    """All pictures of one layer in one image, in the order of their channels, with white lines between them."""
    pictures = [picture(one) for one in group.sort_values("channel").itertuples()]
    height, width, colours = pictures[0].shape
    canvas = np.ones((mosaic_rows(len(pictures)) * (height + 1) - 1, MOSAIC_COLUMNS * (width + 1) - 1, colours))
    for position, one in enumerate(pictures):
        row, column = divmod(position, MOSAIC_COLUMNS)
        canvas[row * (height + 1) :][:height, column * (width + 1) :][:, :width] = one
    show(part.subplots(), canvas)
