"""From tables of cells to networks with scores and outcome, and to how well each score foretold it."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ..ranking import area_under_curve, resamples
from ..readings import NotMeasured, runs_of
from .contest import oriented, rank_correlation, threshold_that_transfers

CELL = ["plane", "initial_value", "depth"]
TRAINS = 0.5  # test accuracy above which a network has trained
HELD_OUT_PLANE = "dense_layer_norm"  # with every second depth of the others: looked at once
RESAMPLED = 400
MEASURED = {"accuracy", "loss"}  # quantities that are no scores
LAYERS = "layers"  # column of the score `depth`, a count of layers; the axis `depth` counts hidden layers or blocks
# Which networks are compared: all, or only those of one kind, or of one depth.
AMONG = ("all", "within families", "equal depth", "held out")
# What else is told of all networks: a threshold's balanced accuracy in the kind that it was not made from, Kendall's τ.
BESIDE = ("transfer", "kendall")


def networks_of(table: pd.DataFrame, step: int | None = None) -> pd.DataFrame:
    """One row a network: ``plane``, ``initial_value``, ``depth``, ``seed``, ``accuracy``, ``trains``, ``held_out``.

    Parameters
    ----------
    table
        Of the task ``cells``, of any number of planes.
    step
        Minibatches after which the accuracy counts; the last by default.

    Raises
    ------
    NotMeasured
        If no accuracy was measured at that step.
    """
    keys = ["plane", "initial_value", "depth", "seed"]
    parts = []
    for params, rows in runs_of(table):
        kept = rows.assign(plane=params["plane"])
        last = step or int(kept.loc[kept["quantity"] == "accuracy", "step"].max())
        outcome = kept[(kept["quantity"] == "accuracy") & (kept["step"] == last)].set_index(keys)["value"]
        if outcome.empty:
            raise NotMeasured(f"no accuracy was measured after {step} minibatches")
        scores = kept[~kept["quantity"].isin(MEASURED) & kept["block"].isna()]
        values = scores.pivot(index=keys, columns="quantity", values="value").astype(float)
        values.columns = [LAYERS if name == "depth" else str(name) for name in values.columns]
        depths = params["depths"]
        held = values.index.get_level_values("depth").isin(depths[1::2]) | (params["plane"] == HELD_OUT_PLANE)
        parts.append(values.assign(accuracy=outcome, held_out=held))
    found = pd.concat(parts).reset_index()
    return found.assign(trains=found["accuracy"] > TRAINS)


def scores_in(networks: pd.DataFrame) -> pd.DataFrame:
    """Oriented scores of networks, (networks, scores)."""
    kept = [name for name in networks if name not in {*CELL, "seed", "accuracy", "trains", "held_out"}]
    return oriented(networks[kept].rename(columns={LAYERS: "depth"}))


def statistic(networks: pd.DataFrame, score: str, among: str) -> Callable[[np.ndarray], float]:
    """How well a score does on the rows of ``networks`` at some positions: area under the curve or its relatives."""
    values = scores_in(networks)[score].to_numpy()
    trains = networks["trains"].to_numpy()
    accuracy = networks["accuracy"].to_numpy()
    planes, depths = networks["plane"].to_numpy(), networks["depth"].to_numpy()

    def value(positions: np.ndarray) -> float:
        positions = positions[np.isfinite(values[positions])]
        chosen, outcome = values[positions], trains[positions]
        if among == "kendall":
            return rank_correlation(chosen, accuracy[positions])
        if among == "transfer":
            return threshold_that_transfers(chosen, outcome, planes[positions])
        strata = {"within families": planes, "equal depth": depths}.get(among)
        return area_under_curve(chosen, outcome, None if strata is None else strata[positions])

    return value


def rows_among(networks: pd.DataFrame, among: str) -> pd.DataFrame:
    """The networks that are compared: the held-out ones, those of one plane, or all."""
    if among == "held out":
        return networks[networks["held_out"]].reset_index(drop=True)
    if among in set(networks["plane"]):
        return networks[networks["plane"] == among].reset_index(drop=True)
    return networks


def cells_of(networks: pd.DataFrame) -> np.ndarray:
    """The number of each network's cell, (networks,): the seeds of a cell share it, and are resampled together."""
    return networks.groupby(CELL, sort=False, observed=True).ngroup().to_numpy()


def judged(networks: pd.DataFrame, score: str, among: str, resampled: int = RESAMPLED) -> tuple[float, np.ndarray]:
    """A statistic of a score and its bootstrap over cells."""
    chosen = rows_among(networks, among)
    value = statistic(chosen, score, among)
    draws = resamples(cells_of(chosen), resampled)
    return value(np.arange(len(chosen))), np.array([value(rows) for rows in draws])


def table_of_scores(networks: pd.DataFrame, among: tuple[str, ...] = AMONG, resampled: int = RESAMPLED) -> pd.DataFrame:
    """Every score with its 95 % interval: ``score``, ``among``, ``value``, ``low``, ``high``.

    Values are areas under the curve, among the networks that ``among`` says, or of one plane by its name; of ``BESIDE``
    they are what is said there. Scores that fewer than half of the networks have are left out.
    """
    scores = scores_in(networks)
    names = [name for name in scores if scores[name].notna().mean() >= 0.5]
    found = []
    for name in names:
        for kind in among:
            value, drawn = judged(networks, name, kind, resampled)
            low, high = np.nanpercentile(drawn, [2.5, 97.5]) if np.isfinite(drawn).any() else (np.nan, np.nan)
            found.append({"score": name, "among": kind, "value": value, "low": low, "high": high})
    return pd.DataFrame(found)


def seconds_of_scores(table: pd.DataFrame) -> pd.Series:
    """Mean CPU seconds that each score took, by name."""
    scores = table[~table["quantity"].isin(MEASURED) & table["seconds"].notna()]
    return scores.groupby(scores["quantity"].astype(str))["seconds"].mean()


def share_that_trains(table: pd.DataFrame) -> pd.DataFrame:
    """Share of networks above the threshold: columns ``plane``, ``depth``, ``step``, ``share``, ``count``."""
    parts = []
    for params, rows in runs_of(table):
        kept = rows[rows["quantity"] == "accuracy"]
        found = (kept["value"] > TRAINS).groupby([kept["depth"], kept["step"]]).agg(["mean", "size"])
        parts.append(found.reset_index().assign(plane=params["plane"]))
    return pd.concat(parts).rename(columns={"mean": "share", "size": "count"})
