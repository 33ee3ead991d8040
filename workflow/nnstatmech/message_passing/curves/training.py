"""Learning curves and final values of the networks of the task ``training``."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...readings import Measurement, NotMeasured, by_seed, mean_over_seeds, over_seeds, runs_of, select

NETWORK = ["run", "case", "seed"]
GRADIENT_RULES = ("sgd", "adam_sgd")
SMALLEST_EXPANSION_RATIO = 2.0  # of √V to max|x̂|: there AMP's fields are off by 1 to 4 % (see layers/amp.py)


@dataclass(frozen=True)
class Setting:
    """One case of one run: its parameters, with those of the case filled in, its rows, and the case's name."""

    params: dict
    rows: pd.DataFrame
    case: str | None = None


def settings_of(tables: Sequence[pd.DataFrame]) -> list[Setting]:
    """Every run and case of some tables, in the order of the configuration.

    Of a gradient baseline whose cases are learning rates there is one: see :func:`best_on_training_set`.
    """
    found = []
    for table in tables:
        for of_run in case_settings(table):
            is_baseline = of_run[0].params["algorithm"] in GRADIENT_RULES
            found += [best_on_training_set(of_run)] if is_baseline else of_run
    return found


def case_settings(table: pd.DataFrame) -> list[list[Setting]]:
    """Of each run its cases, or itself where it has none."""
    found = []
    for params, rows in runs_of(table):
        of_run = []
        for case, given in (params.get("cases") or {None: {}}).items():
            own = {key: value for key, value in given.items() if value is not None}
            of_run.append(Setting(params | own, rows if case is None else select(rows, case=case), case))
        found.append(of_run)
    return found


def best_on_training_set(settings: Sequence[Setting]) -> Setting:
    """The setting with the smallest training error after the last epoch, averaged over realisations.

    How a baseline gets its learning rate: one run is one batch size, the test set is not looked at, and of equals the
    first (smallest) rate is taken.
    """

    def error(setting: Setting) -> float:
        measured = final_mean(setting.rows, "train_error")
        return np.inf if measured is None else measured.value

    return min(settings, key=error)


def learning_curve(rows: pd.DataFrame, quantity: str, layer: int | None = None) -> pd.DataFrame:
    """A quantity of one setting against epochs.

    Returns
    -------
    pandas.DataFrame
        Indexed by epoch: what :func:`nnstatmech.readings.over_seeds` gives, and ``low`` and ``high``, the smallest and
        largest value. Epochs without a mean are left out; the frame is empty where the quantity was not recorded.
    """
    chosen = rows[(rows["quantity"] == quantity) & rows["epoch"].notna()]
    if layer is not None:
        chosen = chosen[chosen["layer"] == layer]
    values = by_seed(chosen, "epoch")
    return over_seeds(values).assign(low=values.min(), high=values.max()).dropna(subset="mean")


def final_values(table: pd.DataFrame, quantity: str, **where) -> pd.Series:
    """The value of every network (and layer) at its last epoch, indexed by run, case, layer and seed.

    NaN where the network had ceased to be finite by then.
    """
    keys = ["run", "case", "layer", "seed"]
    rows = select(table, quantity=quantity, **where).sort_values("epoch", kind="stable")
    return rows.groupby(keys, dropna=False, observed=True).tail(1).set_index(keys)["value"]


def one_a_seed(values: pd.Series) -> pd.Series:
    """Values of one setting, indexed by seed alone.

    Raises
    ------
    ValueError
        If a seed has more than one.
    """
    by_realisation = values.set_axis(values.index.get_level_values("seed"))
    if by_realisation.index.has_duplicates:
        raise ValueError("the rows are of more than one setting or layer; name which one is meant")
    return by_realisation.sort_index()


def final_mean(rows: pd.DataFrame, quantity: str) -> Measurement | None:
    """Mean of a setting's final values; None where the quantity was not recorded, or was lost."""
    try:
        return mean_over_seeds(one_a_seed(final_values(rows, quantity)))
    except NotMeasured:
        return None


def mean_and_deviation(values: pd.Series) -> tuple[float, float]:
    """Mean and standard deviation over realisations; the latter NaN for a single one."""
    return float(values.mean()), float(values.std(ddof=1))


def diverged_networks(table: pd.DataFrame, **where) -> np.ndarray:
    """Whether each network diverged."""
    rows = select(table, **where)
    networks = rows.assign(diverged=rows["quantity"] == "diverged_epoch").groupby(NETWORK, dropna=False, observed=True)
    return networks["diverged"].any().to_numpy()


def first_divergence(rows: pd.DataFrame) -> float | None:
    """The earliest epoch in which a network of the setting diverged; None if none did."""
    epochs = rows.loc[rows["quantity"] == "diverged_epoch", "value"]
    return None if epochs.empty else float(epochs.min())


def breakdown_epoch(rows: pd.DataFrame) -> int | None:
    """The first epoch in which AMP's expansion in the share of one weight fails in a layer of one of the networks.

    From there on its curves are no longer those of belief propagation. None where it never fails, or for other rules.
    """
    ratios = rows[(rows["quantity"] == "expansion_ratio") & (rows["value"] < SMALLEST_EXPANSION_RATIO)]
    return None if ratios.empty else int(ratios["epoch"].min())


def lost_networks(rows: pd.DataFrame) -> tuple[int, int]:
    """Networks of a setting that are not finite at the end, and all of them."""
    final = final_values(rows, "test_error")
    return int(final.isna().sum()), len(final)


def training_images(rows: pd.DataFrame) -> int:
    """How many images the networks of a setting learned from."""
    return int(select(rows, quantity="samples")["value"].iloc[0])
