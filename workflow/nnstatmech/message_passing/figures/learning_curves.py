"""Learning curves of networks trained by message passing."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...figures.style import panel_letter
from ..curves.training import Setting, learning_curve, settings_of
from .panels import FIRST_LAYER, draw_curve, learning_panel, legend_entries
from .variation import panels_of, summary_panel

Tables = pd.DataFrame | Sequence[pd.DataFrame]


def as_tables(tables: Tables) -> Sequence[pd.DataFrame]:
    return [tables] if isinstance(tables, pd.DataFrame) else tables


def learning_curves(
    main: Tables,
    *,
    scale: str,
    vary: str,
    dataset_rows: Mapping[str, str] | None = None,
    table_rows: Sequence[str] | None = None,
    columns: int = 4,
    summary: str | None = None,
    largest_error: float = 30.0,
) -> Figure:
    """One panel for each value of what is varied.

    Parameters
    ----------
    main
        Tables of the task ``training``.
    vary
        ``rho``, ``psi``, ``epsilon``, ``reinforcement``, ``max_sweeps``, ``samples``, ``hidden`` or ``batch_size``.
    dataset_rows
        Data set to the title of its row of panels.
    table_rows
        The title of each table's row of panels. Where neither is given all panels fill one grid.
    columns
        Panels side by side, in one grid.
    summary
        ``test_error`` or ``seconds_per_epoch``: one more panel with its final value against what is varied, mean and
        standard error over realisations.
    largest_error
        Upper end of the error axis, in %.
    """
    groups = rows_of_panels(as_tables(main), dataset_rows, table_rows)
    if dataset_rows or table_rows:
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
    handles = legend_entries(settings_of(as_tables(main)))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    return figure


def rows_of_panels(
    tables: Sequence[pd.DataFrame], dataset_rows: Mapping[str, str] | None, table_rows: Sequence[str] | None
) -> list[tuple[str, list[Setting]]]:
    """Title and settings of each row of panels: one a data set, one a table, or one for all."""
    if table_rows:
        return [(title, settings_of([table])) for title, table in zip(table_rows, tables, strict=True)]
    found = settings_of(tables)
    if dataset_rows:
        return [
            (title, [setting for setting in found if setting.params["dataset"] == dataset])
            for dataset, title in dataset_rows.items()
        ]
    return [("", found)]


def early_equations(
    main: Tables,
    *,
    scale: str,
    largest_error: float = 30.0,
) -> Figure:
    """Two panels: learning with the equations and settings of the early figures, and with the present ones."""
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    titles = ("settings of the early figures", "present settings")
    found = settings_of(as_tables(main))
    for letter, ax, title, early in zip("ab", axes, titles, (True, False), strict=True):
        chosen = [setting for setting in found if (not setting.params["reset_messages"]) == early]
        learning_panel(ax, chosen, largest_error, ("sign_overlap", FIRST_LAYER + 1))
        panel_letter(ax, letter)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("epoch")
        ax.set_ylabel("error (%)")
    handles = legend_entries(found)
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    return figure


def bayesian_prediction(
    main: Tables,
    *,
    scale: str,
    largest_error: float = 10.0,
) -> Figure:
    """Test error of the point-wise network and of the average over the posterior, one panel a kind of labels."""
    found = settings_of(as_tables(main))
    tasks = {"odd_even": "odd against even", "ten_classes": "ten classes"}
    present = [task for task in tasks if any(setting.params["labels"] == task for setting in found)]
    figure, axes = plt.subplots(1, len(present), figsize=(4.2 * len(present), 3.4), squeeze=False, layout="constrained")
    for letter, ax, task in zip("ab", axes.flat, present, strict=False):
        for setting in found:
            if setting.params["labels"] == task:
                draw_curve(ax, learning_curve(setting.rows, "test_error"), setting.params["algorithm"])
                draw_curve(ax, learning_curve(setting.rows, "bayes_test_error"), setting.params["algorithm"], "--")
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
