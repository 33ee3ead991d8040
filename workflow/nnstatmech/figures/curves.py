"""The curves of a figure as numbers, read from the finished picture: what is drawn is what is written."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import Collection, PathCollection, PolyCollection
from matplotlib.colors import to_rgb, to_rgba_array
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

COLUMNS = ("panel", "label", "x", "y", "low", "high")


def curves_of(figure: Figure) -> pd.DataFrame:
    """Every line, row of points and error bar of a figure, one row a point.

    Returns
    -------
    pandas.DataFrame
        ``panel`` (number of the panel from 1, in the order in which they were made), ``label`` (of the legend; empty
        where a curve has none), ``x``, ``y`` in data units, ``low`` and ``high``: the ends of the error bar or the band
        around the point, NaN where there is none. Lines that span a panel, images and maps of colours are left out.
    """
    rows = [
        frame.assign(panel=number, label=label)
        for number, axes in enumerate(figure.axes, start=1)
        for label, frame in curves_of_panel(axes)
    ]
    if not rows:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(rows, ignore_index=True)[list(COLUMNS)]


def curves_of_panel(axes: Axes) -> Iterator[tuple[str, pd.DataFrame]]:
    """Label and points of each curve of a panel."""
    bars = [container for container in axes.containers if isinstance(container, ErrorbarContainer)]
    inside = {id(artist) for bar in bars for artist in parts_of(bar)}
    bands = [edges for item in axes.collections if (edges := band_edges(item)) is not None]
    for bar in bars:
        if (points := points_of_bar(bar)) is not None:
            yield label_of(bar), points
    for line in axes.lines:
        if id(line) not in inside and line.get_transform() == axes.transData:
            yield label_of(line), with_band(points_of_line(line), line, bands)
    for item in axes.collections:
        if isinstance(item, PathCollection) and item.get_offset_transform() == axes.transData:
            x, y = np.ma.getdata(item.get_offsets()).T
            yield label_of(item), frame_of(x, y)


def label_of(artist) -> str:
    """What the legend calls an artist; labels that begin with an underscore are matplotlib's own."""
    label = str(artist.get_label() or "")
    return "" if label.startswith("_") else label


def frame_of(x, y, low=np.nan, high=np.nan) -> pd.DataFrame:
    return pd.DataFrame({"x": np.asarray(x, float), "y": np.asarray(y, float), "low": low, "high": high})


def points_of_line(line: Line2D) -> pd.DataFrame:
    return frame_of(line.get_xdata(orig=False), line.get_ydata(orig=False))


def parts_of(bar: ErrorbarContainer) -> list:
    """The data line and the caps of error bars, which are lines of their panel, too."""
    line, caps, _ = bar.lines
    return [part for part in (line, *caps) if part is not None]


def points_of_bar(bar: ErrorbarContainer) -> pd.DataFrame | None:
    """The points of error bars with their ends; None where no point is drawn."""
    line, _, stems = bar.lines
    if line is None:
        return None
    points = points_of_line(line)
    if bar.has_yerr and stems:
        # Segments would leave out the ends of a point whose error is not known, as of a single realisation.
        ends = np.array([np.asarray(path.vertices)[:, 1] for path in stems[-1].get_paths()]).reshape(-1, 2)
        if len(ends) == len(points):
            points["low"], points["high"] = ends.min(axis=1), ends.max(axis=1)
    return points


def band_edges(item: Collection) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple] | None:
    """x, lower edge, upper edge and colour of a band between two curves; None for anything else."""
    if not isinstance(item, PolyCollection) or not len(item.get_paths()):
        return None
    corners = np.concatenate([path.vertices for path in item.get_paths()])
    corners = corners[np.isfinite(corners).all(axis=1)]
    if len(corners) == 0:
        return None
    x, first = np.unique(corners[:, 0], return_inverse=True)
    low, high = np.full(len(x), np.inf), np.full(len(x), -np.inf)
    np.minimum.at(low, first, corners[:, 1])
    np.maximum.at(high, first, corners[:, 1])
    shades = to_rgba_array(item.get_facecolor())
    return x, low, high, rounded(shades[0, :3]) if len(shades) else ()


def rounded(colour) -> tuple[float, ...]:
    """Red, green and blue, equal for equal colours whatever they were computed from."""
    return tuple(round(float(part), 3) for part in colour)


def with_band(points: pd.DataFrame, line: Line2D, bands: list) -> pd.DataFrame:
    """The points with the band of the line's colour that surrounds them, if there is one."""
    colour = rounded(to_rgb(line.get_color()))
    for x, low, high, shade in bands:
        if shade != colour or not np.isin(points["x"], x).all() or points.empty:
            continue
        place = np.searchsorted(x, points["x"])
        if ((low[place] <= points["y"]) & (points["y"] <= high[place])).all():
            return points.assign(low=low[place], high=high[place])
    return points
