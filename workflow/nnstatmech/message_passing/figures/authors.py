"""Learning curves beside the authors' own, epoch by epoch."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...figures.style import labelled_ticks, panel_letter
from ..curves.authors import published_curve
from ..curves.training import learning_curve, settings_of
from ..tables import TrainingTable
from .panels import COLOURS, DATASETS, LABELS
from .published import published_table


def authors(
    narrow: TrainingTable,
    wide: TrainingTable,
    parity: TrainingTable,
    *,
    scale: str,
    figures: Mapping[str, str],
    overlay_published: bool | None = None,
) -> Figure:
    """Errors on the training (first row) and on the test set (second) against epochs, published points with deviations.

    Parameters
    ----------
    narrow, wide, parity
        One run a rule each.
    figures
        Role to the name of the authors' figure.
    overlay_published
        Draw the authors' points; by default at full size only.
    """
    tables = {"narrow": narrow, "wide": wide, "parity": parity}
    drawing, axes = plt.subplots(2, 3, figsize=(12.0, 6.6), sharex="col")
    published = published_table("learning_curves")
    compares = overlay_published or (overlay_published is None and scale == "paper")
    shown = {}
    for column, (role, table) in enumerate(tables.items()):
        for setting in settings_of([table]):
            rule = setting.params["algorithm"]
            shown[rule] = COLOURS[rule]
            for ax, split in zip(axes[:, column], ("train", "test"), strict=True):
                curve = learning_curve(setting.rows, f"{split}_error").loc[1:]
                ax.plot(curve.index, curve["mean"], color=COLOURS[rule], lw=1.4)
                ax.fill_between(curve.index, curve["low"], curve["high"], color=COLOURS[rule], alpha=0.2, lw=0)
                ax.set_ylabel(f"{'training' if split == 'train' else split} error (%)")
                if not compares:
                    continue
                points = published_curve(published, figures[role], rule, split)
                points = points[points["epoch"].between(1, setting.params["epochs"])]
                spread = (points["high"] - points["low"]) / 2
                ax.errorbar(points["epoch"], points["value"], spread, fmt="o", ms=3, color=COLOURS[rule], lw=0.8)
        widths = "-".join(map(str, setting.params["hidden"]))
        classes = "ten classes" if setting.params["labels"] == "ten_classes" else "odd against even"
        axes[0, column].set_title(f"{DATASETS[setting.params['dataset']]}, {classes}, {widths}", fontsize=10)
        axes[1, column].set_xlabel("epoch")
        axes[1, column].set_xscale("log")
        axes[1, column].set_xlim(0.9, 1.1 * setting.params["epochs"])
        labelled_ticks(axes[1, column].xaxis)
        for ax in axes[:, column]:
            ax.set_yscale("log")
            labelled_ticks(ax.yaxis)
    for letter, ax in zip("abcdef", axes.flat, strict=True):
        panel_letter(ax, letter)
    handles = [Line2D([], [], color=colour, label=LABELS[rule]) for rule, colour in shown.items()]
    if compares:
        handles.append(Line2D([], [], color="0.3", marker="o", ms=3, ls="", label="published, mean and deviation"))
    drawing.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    return drawing
