"""Verdicts of the test-bed on samplers, over realisations."""

import pandas as pd

from ...readings import by_seed, over_seeds, select


def by_beta(table: pd.DataFrame, quantity: str, sampler: str, network: str) -> pd.DataFrame:
    """One number of the verdicts by inverse temperature: columns of :func:`nnstatmech.readings.over_seeds`."""
    return over_seeds(by_seed(select(table, quantity=quantity, sampler=sampler, network=network), "beta"))


def passes(table: pd.DataFrame, sampler: str) -> pd.Series:
    """Fraction of the verdicts of a sampler that are passed, of each realisation."""
    return select(table, quantity="passed", sampler=sampler).groupby("seed")["value"].mean()


def samplers_of(table: pd.DataFrame) -> list[str]:
    """Samplers that have a temperature, in the order of the table."""
    return list(dict.fromkeys(table.loc[table["beta"].notna(), "sampler"]))
