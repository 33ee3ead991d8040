"""From tables to numbers: what figures and claims share.

A table is long: one row per run, seed, position (depth, epoch, ...) and quantity. :func:`select` picks rows,
:func:`by_seed` arranges one quantity as realisations times positions, :func:`over_seeds` averages over realisations,
:func:`mean_over_seeds` makes a :class:`Measurement` of one number a realisation, and :func:`parameters_of` says what
the rows were computed with. There is one rule for realisations without a value (holes): the others are averaged, the
holes counted, and more holes than values are no measurement.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd


class NotMeasured(RuntimeError):
    """The table at hand cannot say: too few realisations, or the quantity is absent."""


@dataclass(frozen=True)
class Measurement:
    """A measured value and its sampling error.

    Attributes
    ----------
    value
        The estimate.
    standard_error
        Its standard error; 0 where the value is exact, NaN where one realisation cannot tell.
    degrees_of_freedom
        Of the standard error: realisations minus one; infinite where the error is known or there is none.
    holes
        Realisations without a value, left out of the estimate.
    """

    value: float
    standard_error: float
    degrees_of_freedom: float = np.inf
    holes: int = 0


def parameters_of(table: pd.DataFrame) -> dict:
    """The parameters (and ``dataset``) that all runs in the rows of ``table`` share.

    Raises
    ------
    NotMeasured
        If the table has no rows.
    """
    runs = [table.attrs["runs"][run] for run in table["run"].unique()]
    if not runs:
        raise NotMeasured("the table has no rows")
    return {key: value for key, value in runs[0].items() if all(run.get(key) == value for run in runs[1:])}


def runs_of(table: pd.DataFrame) -> Iterator[tuple[dict, pd.DataFrame]]:
    """Parameters and rows of each run, in the order in which the runs appear in the table."""
    for run in table["run"].unique():
        yield table.attrs["runs"][run], table[table["run"] == run]


def select(table: pd.DataFrame, **where) -> pd.DataFrame:
    """The rows in which each column, or parameter of the run, named in ``where`` has the value given.

    Parameters
    ----------
    where
        Column of the table, or parameter of its runs, to a value, or to a list of values of which any will do where the
        column holds scalars. None stands for rows without a value. Decimal numbers are compared to 1e-9 relative.

    Raises
    ------
    NotMeasured
        If no row is left; the message names what was asked for.
    KeyError
        If a name is neither a column nor a parameter.

    Examples
    --------
    >>> table = pd.DataFrame({"run": "single", "depth": [1, 1, 2], "value": [0.5, 1.5, 4.0]})
    >>> table.attrs["runs"] = {"single": {"width": 64}}
    >>> select(table, depth=1, width=64)["value"].tolist()
    [0.5, 1.5]
    """
    rows = table
    for name, wanted in where.items():
        rows = rows[matches(rows, name, wanted)]
    if rows.empty:
        asked = ", ".join(f"{name} = {value}" for name, value in where.items())
        raise NotMeasured(f"the table has no rows with {asked}" if where else "the table has no rows")
    return rows


def matches(table: pd.DataFrame, name: str, wanted) -> np.ndarray:
    """Whether each row has the value ``wanted`` of the column or parameter ``name``: booleans."""
    if name in table.columns:
        column = table[name]
        any_of = wanted if isinstance(wanted, list | tuple) else [wanted]
        return np.logical_or.reduce([equal_to(column, value) for value in any_of])
    runs = table.attrs["runs"]
    if not any(name in params for params in runs.values()):
        raise KeyError(f"{name!r} is neither a column of the table nor a parameter of its runs")
    fitting = [run for run, params in runs.items() if same(params.get(name), wanted)]
    return table["run"].isin(fitting).to_numpy()


def equal_to(column: pd.Series, value) -> np.ndarray:
    if value is None:
        return column.isna().to_numpy()
    if isinstance(value, float) and pd.api.types.is_numeric_dtype(column):
        return np.isclose(column.to_numpy(float), value, rtol=1e-9, atol=0.0)
    return (column == value).to_numpy(bool)


def same(a, b) -> bool:
    """Whether two parameters are equal, decimal numbers to 1e-9 relative; a number is no yes or no."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return bool(np.isclose(a, b, rtol=1e-9, atol=0.0))
    return a == b


def by_seed(rows: pd.DataFrame, position: str | list[str], value: str = "value") -> pd.DataFrame:
    """One quantity of one run as realisations times positions.

    Parameters
    ----------
    rows
        At most one row per seed and position.
    position
        The column (or columns) that tells the values of a seed apart: ``depth``, ``epoch``, ...

    Returns
    -------
    pandas.DataFrame
        Seeds in rows, positions in columns; NaN where a realisation has no value.

    Raises
    ------
    ValueError
        If a seed has two values at one position.
    """
    return rows.pivot(index="seed", columns=position, values=value).astype(float)


def over_seeds(values: pd.DataFrame) -> pd.DataFrame:
    """Mean over realisations with its standard error, at each position.

    Parameters
    ----------
    values
        Realisations in rows, positions in columns. Values that are not finite are holes.

    Returns
    -------
    pandas.DataFrame
        Indexed by position: ``mean``, ``error`` (standard error; NaN for a single realisation), ``count``
        (realisations with a value) and ``holes`` (those without). Where there are more holes than values, ``mean``
        and ``error`` are NaN.

    Examples
    --------
    >>> over_seeds(pd.DataFrame({"loss": [1.0, 2.0, np.nan]})).loc["loss"].tolist()
    [1.5, 0.5, 2.0, 1.0]
    """
    values = values.where(np.isfinite(values))
    count, holes = values.count(), values.isna().sum()
    measured = count >= holes
    result = pd.DataFrame({"mean": values.mean(), "error": values.std(ddof=1) / np.sqrt(count)})
    return result.where(measured).assign(count=count, holes=holes)


def mean_over_seeds(samples: Iterable[float]) -> Measurement:
    """Mean of one number a realisation.

    Raises
    ------
    NotMeasured
        If no realisation has a value, or more are without one than with one.
    """
    column = pd.DataFrame({"value": np.asarray(list(samples), float)})
    mean, error, count, holes = over_seeds(column).loc["value"]
    if count == 0 or holes > count:
        raise NotMeasured(f"{holes:.0f} of {count + holes:.0f} realisations have no value")
    return Measurement(float(mean), float(error), float(count - 1), int(holes))
