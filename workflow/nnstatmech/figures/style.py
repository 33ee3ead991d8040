"""The look that all figures share, and how they are saved."""

import contextlib
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ..storage.whole_files import whole_file

FOOTER_SIZE = 7
CHARACTERS_PER_INCH = 18  # of the footer's font
DPI = 200


@contextlib.contextmanager
def look() -> Iterator[None]:
    """The fonts, grid and colours of all figures inside the block; what was set before comes back behind it."""
    with mpl.rc_context():
        apply()
        yield


def apply() -> None:
    """Set the fonts, grid and colours of all figures."""
    sns.set_theme(context="paper", style="whitegrid", palette="deep")
    mpl.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "savefig.dpi": DPI,
            "axes.titlesize": 11,
            "axes.labelsize": 10,
            "legend.fontsize": 8,
            "legend.framealpha": 0.85,
            "mathtext.fontset": "cm",
            "pdf.fonttype": 42,
            "grid.linewidth": 0.6,
        }
    )


def panel_letter(ax: Axes, letter: str) -> None:
    """Write a panel's letter in italics at the top left, just outside the frame."""
    ax.set_title(f"({letter})", loc="left", style="italic", fontsize=11)


def footer(frames: Iterable[pd.DataFrame], drawing: Mapping) -> str:
    """What a figure was drawn from: scale, data and stand-ins, realisations, commit."""
    shards = [shard for frame in frames for shard in frame.attrs["shards"]]
    parts = [f"scale: {drawing['scale']}", f"data: {drawing['data']}"]
    if stand_ins := sorted({shard["dataset_description"] for shard in shards if shard["stand_in"]}):
        parts.append(f"stand-in: {'; '.join(stand_ins)}")
    parts.append(f"realisations: {realisations(shards, drawing['realisations'])}")
    commits = sorted({f"{shard['commit'] or 'none'}"[:9] + "+" * shard["modified"] for shard in shards})
    parts.append(f"commit: {commits[0]}" if len(commits) == 1 else f"commits: {', '.join(commits[:3])}")
    return "   |   ".join(parts)


def realisations(shards: Iterable[Mapping], planned: Mapping[str, int]) -> str:
    """How many realisations runs have: ``16``, ``4 to 16``, or ``2 of 16`` where there are to be more.

    Parameters
    ----------
    shards
        Provenance of the shards.
    planned
        Experiment to the number of its realisations, where nothing caps it.
    """
    seeds: dict[tuple, set[int]] = {}
    for shard in shards:
        seeds.setdefault((shard["experiment"], shard["run"]), set()).update(shard["seeds"])
    counts = [(len(found), planned.get(experiment, 0)) for (experiment, _), found in seeds.items()]
    done = span(found for found, _ in counts)
    if all(found >= whole for found, whole in counts):
        return done
    return f"{done} of {span(max(count) for count in counts)}"


def span(numbers: Iterable[int]) -> str:
    """One number, or the smallest and the largest."""
    found = sorted(set(numbers))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


def save(figure: Figure, png: str, pdf: str, note: str) -> None:
    """Write a figure as PNG and PDF with its footer; whole files or none."""
    lines = textwrap.fill(note, width=round(CHARACTERS_PER_INCH * figure.get_figwidth()))
    pin_legends(figure)
    figure.text(0.005, -0.015, lines, fontsize=FOOTER_SIZE, color="0.45", ha="left", va="top")
    for path, metadata in ((Path(png), {"Description": note}), (Path(pdf), {"Subject": note, "CreationDate": None})):
        with whole_file(path) as part:
            figure.savefig(part, format=path.suffix[1:], bbox_inches="tight", pad_inches=0.08, metadata=metadata)


def labelled_ticks(axis: Axis) -> None:
    """At least three labels on a logarithmic axis: powers of ten, and numbers between if these are few."""
    low, high = axis.get_view_interval()
    decades = np.log10(high / low)
    axis.set_minor_formatter(NullFormatter())
    if decades > 3.5:
        axis.set_major_locator(LogLocator(numticks=9))
        return
    subs = (1.0, 2.0, 5.0) if decades > 1 else (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
    axis.set_major_locator(MaxNLocator(4) if decades < 0.4 else LogLocator(subs=subs, numticks=15))
    axis.set_major_formatter("{x:g}")


def pin_legends(figure: Figure) -> None:
    """End the layout and hold legends outside of the axes where it placed them.

    They are anchored to the edge of the page, which moves down with the footer when the page is cut to its content.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for legend in figure.legends:
        legend.set_bbox_to_anchor((0, 0, 1, 1), figure.transFigure)
