"""Errors of generic channels and their evidence, of the tasks ``channels`` and ``specialisation``."""

import pandas as pd

from ...readings import by_seed, over_seeds, parameters_of, select
from ..generic import evolution
from ..generic.evolution import Output


def by_position(table: pd.DataFrame, position: str, quantity: str, **where) -> pd.DataFrame:
    """A quantity of one run and rule: realisations times ``inputs``, ``outputs``, ``patterns`` or ``load``."""
    return by_seed(select(table, quantity=quantity, **where), position)


def averaged(table: pd.DataFrame, position: str, quantity: str, **where) -> pd.DataFrame:
    """Its mean over realisations."""
    return over_seeds(by_position(table, position, quantity, **where))


def loads_of(table: pd.DataFrame) -> pd.Series:
    """α of every row: observed outputs per unknown."""
    params = parameters_of(table)
    count = table["outputs"] if params["unknown"] == "signal" else table["patterns"]
    return count / table["inputs"]


def output_of(params: dict) -> Output:
    """The last layer's channel as state evolution takes it."""
    noise = params["noise"][-1] if isinstance(params["noise"], list) else params["noise"]
    return Output(params["activations"][-1], noise, params["bias"] ** 2)


def predicted_error(params: dict, load: float) -> float:
    """Squared error by state evolution, of one layer."""
    return evolution.fixed_point(params["prior"], output_of(params), load)


def predicted_evidence(params: dict, load: float) -> float:
    """log Z per unknown in the limit N → ∞."""
    output, variance = output_of(params), predicted_error(params, load)
    return evolution.free_entropy(params["prior"], output, load, variance)


def per_unknown(table: pd.DataFrame, quantity: str, algorithm: str) -> pd.DataFrame:
    """A quantity divided by N, or as it is for ``squared_error``: realisations times loads."""
    rows = select(table, quantity=quantity, algorithm=algorithm)
    rows = rows.assign(load=loads_of(rows))
    if quantity == "log_evidence":
        rows = rows.assign(value=rows["value"] / rows["inputs"])
    return by_seed(rows, "load")
