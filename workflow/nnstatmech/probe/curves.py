"""From tables of probes to curves along the blocks, shared by figures and sentences."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..readings import by_seed, over_seeds, runs_of
from .params import Probed
from .sentences import Finding, diagnose


@dataclass(frozen=True)
class Line:
    """One network in one state, over realisations.

    Attributes
    ----------
    label
        What tells it apart from the others of its table.
    rows
        Its rows, with a column ``state``.
    """

    label: str
    rows: pd.DataFrame

    def curve(self, quantity: str) -> pd.DataFrame:
        """Mean and standard error of a quantity at every block: columns ``mean``, ``error``, ``count``, ``holes``."""
        chosen = self.rows[self.rows["quantity"] == quantity]
        return over_seeds(by_seed(chosen, "block")) if len(chosen) else pd.DataFrame({"mean": [], "error": []})

    @property
    def blocks(self) -> pd.DataFrame:
        """One row a block: ``name``, ``kind``, ``shape``, ``parameters``, ``multiply_adds``."""
        columns = ["name", "kind", "shape", "parameters", "multiply_adds"]
        return self.rows.drop_duplicates("block").set_index("block")[columns].sort_index()

    def findings(self) -> list[Finding]:
        """What the line shows, in sentences."""
        return diagnose(self.rows)


def lines_of(table: pd.DataFrame) -> Iterator[Line]:
    """The networks of a table: one for each run, and each state or step of training.

    Parameters
    ----------
    table
        Of the tasks of this family, or of :func:`nnstatmech.probe.probe.probe_model`.
    """
    state = "step" if "step" in table else "state"
    if "run" not in table:
        runs = [({}, table)]
        labels = [""]
    else:
        runs = list(runs_of(table))
        labels = [axis_label(rows) for _, rows in runs]
    for (_, rows), label in zip(runs, labels, strict=True):
        states = list(dict.fromkeys(rows[state]))
        for value in states:
            chosen = rows[rows[state] == value].assign(state=value)
            parts = [label] if label else []
            parts += [f"{state} {value}"] if len(states) > 1 else []
            yield Line(", ".join(parts), chosen)


# Columns of the labels in front of a table that are no axes of a sweep, and of the task.
FIXED = {"experiment", "run", "state", *Probed.columns}


def axis_label(rows: pd.DataFrame) -> str:
    """The values of the sweep's axes in a run: ``critical``, ``width = 64``."""
    axes = [name for name in rows.columns if name not in FIXED]
    first = rows.iloc[0]
    return ", ".join(str(first[name]) if isinstance(first[name], str) else f"{name} = {first[name]}" for name in axes)


def logarithmic(values: pd.Series, factor: float = 1.0) -> pd.Series:
    """exp(``factor`` × values), for logarithmic axes; empty where it leaves the range of a float."""
    return np.exp((factor * values).where((factor * values).abs() < 700))
