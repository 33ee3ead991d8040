"""Learning curves of networks trained by message passing."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from ...figures.style import panel_letter
from ..curves.training import GRADIENT_RULES, Setting, learning_curve, settings_of
from ..tables import TrainingTable
from .panels import FIRST_LAYER, draw_curve, learning_panel, legend_entries, panel_in
from .variation import panels_of, summary_panel

ABOVE = {"ha": "right", "va": "bottom", "fontsize": 7, "color": "0.4"}
Tables = TrainingTable | list[TrainingTable]


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
    figure = plt.figure(figsize=(3.0 * columns, 3.3 * sum(grids) + 0.4), layout="constrained")
    grid = figure.add_gridspec(sum(grids), columns)
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    first_row = 0
    for (title, group), height in zip(groups, grids, strict=True):
        cells = iter([grid[row, column] for row in range(first_row, first_row + height) for column in range(columns)])
        first_row += height
        first = True
        for panel_title, chosen in panels_of(group, vary).items():
            panel = panel_in(figure, next(cells))
            learning_panel(panel, chosen, panel_title, next(letters), largest_error)
            if title and first:
                panel.errors.set_ylabel(f"{title}\nerror (%)")
            first = False
        if summary:
            ax = figure.add_subplot(next(cells))
            summary_panel(ax, group, vary, summary)
            panel_letter(ax, next(letters))
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
    figure = plt.figure(figsize=(8.4, 4.4), layout="constrained")
    grid = figure.add_gridspec(1, 2)
    titles = ("settings of the early figures", "present settings")
    found = settings_of(as_tables(main))
    for column, title in enumerate(titles):
        chosen = [setting for setting in found if setting.params["reset_messages"] == bool(column)]
        panel = panel_in(figure, grid[0, column])
        learning_panel(panel, chosen, title, "ab"[column], largest_error, ("sign_overlap", FIRST_LAYER + 1))
        panel.overlap.set_ylabel("overlap\nof signs")
    handles = legend_entries(found)
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    return figure


def reinforcement(neutral: TrainingTable, draft: TrainingTable, *, scale: str, largest_error: float = 20.0) -> Figure:
    """Learning with reinforcement at ρ = 1 − r, and the draft's ρ > 1, where fields grow without bound.

    Parameters
    ----------
    neutral, draft
        Tables of the task ``training`` whose cases are values of r.
    largest_error
        Upper end of the error axis, in %.
    """
    figure, (curves, final, fields) = plt.subplots(1, 3, figsize=(11.0, 3.5), layout="constrained")
    found = settings_of([neutral])
    colours = plt.get_cmap("viridis")
    for setting in by_reinforcement(found):
        r = setting.params["reinforcement"]
        curve = learning_curve(setting.rows, "test_error")
        curves.plot(curve.index, curve["mean"], color=colours(r / 1.3), lw=1.4, label=f"$r = {r:g}$")
        curves.fill_between(curve.index, curve["low"], curve["high"], color=colours(r / 1.3), alpha=0.12, lw=0)
    curves.set_ylim(0, largest_error)
    curves.set_title(r"AMP, $\rho = 1 - r$", fontsize=10)
    curves.set_ylabel("test error (%)")
    summary_panel(final, found, "reinforcement", "test_error")
    final.set_title(r"$\rho = 1 - r$", fontsize=10)
    final.legend(handles=legend_entries(found)[:-2], loc="upper left")
    final.set_ylim(top=1.6 * final.get_ylim()[1])
    diverging = settings_of([draft])
    for setting in by_reinforcement(diverging):
        r = setting.params["reinforcement"]
        curve = learning_curve(setting.rows, "largest_field", FIRST_LAYER)
        fields.plot(curve.index, curve["mean"], "o-", ms=3, color=colours(r / 1.3), lw=1.4, label=f"$r = {r:g}$")
    limit, rho = (diverging[0].params[name] for name in ("field_limit", "rho"))
    fields.axhline(limit, color="0.4", ls=":", lw=1)
    fields.text(0.98, 2 * limit, "limit of single precision", transform=fields.get_yaxis_transform(), **ABOVE)
    fields.set_yscale("log")
    fields.set_ylim(top=30 * limit)
    fields.yaxis.set_major_locator(LogLocator(numticks=8))
    fields.set_title(rf"AMP, $\rho = {rho:g}$ (draft)", fontsize=10)
    fields.set_ylabel(r"largest $|H|$ of the first layer")
    for letter, ax in zip("abc", (curves, final, fields), strict=True):
        panel_letter(ax, letter)
        if ax is not final:
            ax.set_xlim(left=0)
            ax.set_xlabel("epoch")
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    handles = fields.get_legend_handles_labels()[0]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    return figure


def by_reinforcement(found: Sequence[Setting]) -> list[Setting]:
    """The settings of AMP in the order of r."""
    of_amp = [setting for setting in found if setting.params["algorithm"] == "amp"]
    return sorted(of_amp, key=lambda setting: setting.params["reinforcement"])


LARGEST_ERRORS = {"laptop": 20.0, "paper": 10.0}  # of the axis: few images are learnt less well


def bayesian_prediction(
    main: Tables,
    *,
    scale: str,
    largest_error: float | None = None,
    case_rows: Mapping[str, str] | None = None,
) -> Figure:
    """Test error of the point-wise network and of the average over the posterior, one column a kind of labels.

    Parameters
    ----------
    main
        Tables of the task ``training``.
    largest_error
        Upper end of the error axis, in %; by default what suits the scale.
    case_rows
        Case to the title of its row of panels; a baseline without these cases is in every row.
    """
    found = settings_of(as_tables(main))
    tasks = {"odd_even": "odd against even", "ten_classes": "ten classes"}
    present = [task for task in tasks if any(setting.params["labels"] == task for setting in found)]
    rows = case_rows or {None: ""}
    size = 4.2 * len(present), 2.9 * len(rows) + 0.6
    figure, axes = plt.subplots(len(rows), len(present), figsize=size, squeeze=False, layout="constrained")
    letters = iter("abcdefgh")
    for row, (case, title) in zip(axes, rows.items(), strict=True):
        for ax, task in zip(row, present, strict=True):
            for setting in found:
                if setting.params["labels"] == task and setting.case in (case, None, *baseline_cases(setting)):
                    draw_curve(ax, learning_curve(setting.rows, "test_error"), setting.params["algorithm"])
                    draw_curve(ax, learning_curve(setting.rows, "bayes_test_error"), setting.params["algorithm"], "--")
            ax.set_ylim(0, largest_error or LARGEST_ERRORS[scale])
            ax.set_xlim(left=0)
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            ax.set_xlabel("epoch")
            ax.set_ylabel("test error (%)")
            ax.set_title(f"{tasks[task]}{', ' * bool(title)}{title}", fontsize=10)
            panel_letter(ax, next(letters))
    handles = legend_entries(found)
    handles[-2].set_label("point-wise sign(m)")
    handles[-1].set_label("averaged over the posterior")
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    return figure


def baseline_cases(setting: Setting) -> tuple[str | None, ...]:
    """The case of a gradient baseline, whose cases are learning rates; none for other rules."""
    return (setting.case,) if setting.params["algorithm"] in GRADIENT_RULES else ()
