"""What single channels of a VGG-style network tell of an image."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...readings import parameters_of
from ..curves.decoded import cascade_of, first_network, shown_images, single_channels
from ..pictures import picture
from ..tables import ChannelsTable
from .decoded_images import HEADING, bare, cascade_row, show

LARGEST_ROW = 16  # layers with more shown channels than this are drawn as a mosaic
MOSAIC_COLUMNS = 16


def channels(main: ChannelsTable, *, scale: str) -> Figure:
    """Images decoded from every layer of a VGG-style network, and from single channels."""
    table = first_network(main)
    shown = shown_images(table)
    groups = single_channels(table, shown[0])
    rows = {layer: group for layer, group in groups.items() if len(group) <= LARGEST_ROW}
    mosaics = {layer: group for layer, group in groups.items() if len(group) > LARGEST_ROW}
    names = layer_names(parameters_of(main)["layers"])
    heights = [
        0.75 * len(shown) + 0.35,
        1.05 * len(rows) + 0.2,
        *[0.47 * mosaic_rows(len(group)) + 0.3 for group in mosaics.values()],
    ]
    figure = Figure(figsize=(7.6, sum(heights)))
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, hspace=0.02, squeeze=False)[:, 0]
    cascade_panel(parts[0], table, shown, names)
    channel_panel(parts[1], rows, names)
    for letter, part, (layer, group) in zip("cdefgh", parts[2:], mosaics.items(), strict=False):
        mosaic_panel(part, group)
        part.suptitle(
            f"({letter})  first image, decoded from each of {len(group)} channels of layer {layer}, {names[layer - 1]}",
            **HEADING,
        )
    return figure


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
        cascade_row(axes[line], cascade_of(table, image), titles if line == 0 else [""] * len(titles))
    accuracy = table[table["quantity"] == "accuracy"]["value"]
    trained = f" (test accuracy {accuracy.iloc[0]:.2f})" if len(accuracy) else ""
    part.suptitle(f"(a)  cascades from every layer{trained}", **HEADING)


def channel_panel(part, rows: dict[int, pd.DataFrame], names: list[str]) -> None:
    """Pictures of single channels: one row a layer."""
    title = "(b)  first image, decoded from one channel alone: the channels of largest mean activation"
    part.suptitle(title, **HEADING)
    if not rows:
        return
    columns = max(map(len, rows.values()))
    axes = part.subplots(len(rows), columns, squeeze=False)
    for line, (layer, group) in zip(axes, rows.items(), strict=True):
        for ax in line:
            bare(ax)
        for ax, one in zip(line, group.itertuples(), strict=False):
            show(ax, channel_picture(one), f"{int(one.channel)}")
        line[0].set_ylabel(f"layer {layer}\n{names[layer - 1]}", fontsize=8)


def channel_picture(row) -> np.ndarray:
    """The picture of a channel, white where the channel is silent: only the decoders' biases would be stretched."""
    decoded = picture(row)
    return decoded if row.value > 0 else np.ones_like(decoded)


def mosaic_rows(count: int) -> int:
    return -(-count // MOSAIC_COLUMNS)


def mosaic_panel(part, group: pd.DataFrame) -> None:
    """All pictures of one layer in one image, in the order of their channels, with white lines between them."""
    decoded = [channel_picture(one) for one in group.sort_values("channel").itertuples()]
    height, width, colours = decoded[0].shape
    canvas = np.ones((mosaic_rows(len(decoded)) * (height + 1) - 1, MOSAIC_COLUMNS * (width + 1) - 1, colours))
    for position, one in enumerate(decoded):
        row, column = divmod(position, MOSAIC_COLUMNS)
        canvas[row * (height + 1) :][:height, column * (width + 1) :][:, :width] = one
    show(part.subplots(), canvas)
