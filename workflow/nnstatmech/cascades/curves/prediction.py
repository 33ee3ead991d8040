"""How well scores at initialisation say which networks train: networks of a grid over depth and weight variance."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ...ranking import area_under_curve, resamples
from ...readings import NotMeasured, parameters_of, runs_of, select
from ...theory.mean_field import MeanField

NETWORK = ["seed", "depth", "weight_variance"]
TRAINED = 0.5  # test accuracy above which a network has trained
DEEP = 20  # from this depth on, depth alone says little
RESAMPLED = 400
RULES = {"rule_explained_variance": 0.1, "rule_correlation_depths": 6.0}  # fixed: R² ≥ 0.1, L ≤ 6 ξ_c

# Scores by their names in the table: how a value is turned so that more of it promises more.
SCORES = {
    "differential_entropy": lambda value: value,
    "explained_variance": lambda value: value,
    "relative_entropy": lambda value: -value,
    "relative_entropy_coded": lambda value: -value,
    "linear_probe": lambda value: value,
    "gradient_ratio": lambda value: -value.abs(),
    "weight_gradient_ratio": lambda value: -value.abs(),
    "grad_norm": lambda value: value,
    "ntk_condition": lambda value: -value,
}


def accuracies_of(table: pd.DataFrame, step: int) -> pd.Series:
    """Test accuracy after ``step`` minibatches by seed, depth and weight variance; runs may be of one depth each."""
    rows = select(table, quantity="accuracy", step=step)
    if "depth" not in rows:
        depths = {run: params["depth"] for run, params in table.attrs["runs"].items()}
        rows = rows.assign(depth=rows["run"].astype(str).map(depths))
    return rows.groupby(NETWORK)["value"].mean()


def promises(table: pd.DataFrame) -> pd.DataFrame:
    """Every score of every network, turned so that more promises more: rows by seed, depth and weight variance.

    Scores of decoders trained by Adam are named ``<score> <presentations>``. What is undefined promises least.
    """
    rows = table.astype({"quantity": str})
    shown = rows["presentations"]
    name = rows["quantity"].where(shown.isna(), rows["quantity"] + " " + shown.fillna(0).astype(int).astype(str))
    wide = rows.assign(name=name).pivot(index=NETWORK, columns="name", values="value").astype(float)
    found = wide.apply(lambda column: SCORES[column.name.split()[0]](column)).fillna(-np.inf)
    depths = found.index.get_level_values("depth").to_numpy(float)
    # Two formulas that look at no network.
    return found.assign(correlation_depths=-depths / correlation_depth_of(found, table), shallowness=-depths)


def correlation_depth_of(networks: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """ξ_c of every network; at the critical point it is infinite."""
    variances = networks.index.get_level_values("weight_variance")
    bias_variance = parameters_of(table)["bias_variance"]
    scales = {v: MeanField(float(v), bias_variance).correlation_depth for v in variances.unique()}
    found = variances.map(scales).to_numpy(float)
    # Rounding at a slope of 1 can also give a negative depth.
    return np.where(found > 0, found, np.inf)


# --- how well one score orders networks -------------------------------------------------------------


def spearman(score: np.ndarray, accuracy: np.ndarray) -> float:
    """Correlation of the ranks."""
    ranks = rankdata(score), rankdata(accuracy)
    if any(np.ptp(rank) == 0 for rank in ranks):
        return np.nan
    return float(np.corrcoef(*ranks)[0, 1])


def overlap(predicted: np.ndarray, trained: np.ndarray) -> float:
    """Intersection over union of the networks that are said to train and those that do."""
    union = (predicted | trained).sum()
    return np.nan if union == 0 else (predicted & trained).sum() / union


def best_overlap(score: np.ndarray, trained: np.ndarray) -> float:
    """:func:`overlap` at the threshold of the score that makes it largest."""
    order = np.argsort(-score, kind="stable")
    found = np.cumsum(trained[order])
    chosen = np.arange(1, len(score) + 1)
    ends = np.append(score[order][1:] != score[order][:-1], True)  # equal scores fall together
    return float((found / (chosen + trained.sum() - found))[ends].max()) if trained.any() else np.nan


def statistics(score: np.ndarray, accuracy: np.ndarray, depth: np.ndarray) -> dict[str, float]:
    """All statistics of one score."""
    trained, deep = accuracy > TRAINED, depth >= DEEP
    return {
        "spearman": spearman(score, accuracy),
        "auc": area_under_curve(score, trained),
        "auc_deep": area_under_curve(score[deep], trained[deep]),
        "overlap": best_overlap(score, trained),
    }


# --- of all scores ----------------------------------------------------------------------------------


def joined(truth: pd.DataFrame, scores: pd.DataFrame, step: int) -> tuple[pd.DataFrame, pd.Series]:
    """Scores and accuracies of the networks that both tables hold.

    Raises
    ------
    NotMeasured
        If there is none.
    """
    found, accuracy = promises(scores), accuracies_of(truth, step)
    common = found.index.intersection(accuracy.index)
    if len(common) == 0:
        raise NotMeasured("no network was both scored and trained")
    return found.loc[common], accuracy.loc[common]


def by_rule(found: pd.DataFrame) -> pd.DataFrame:
    """What the fixed rules say of every network: true if it is to train."""
    return pd.DataFrame(
        {
            "rule_explained_variance": found["explained_variance"] >= RULES["rule_explained_variance"],
            "rule_correlation_depths": -found["correlation_depths"] <= RULES["rule_correlation_depths"],
        }
    )


def statistic_by_seed(truth: pd.DataFrame, scores: pd.DataFrame, step: int, score: str, statistic: str) -> pd.Series:
    """One statistic of one score, or the ``overlap`` of a fixed rule, for the networks of each seed."""
    found, accuracy = joined(truth, scores, step)
    columns = found.join(by_rule(found))
    if score not in columns:
        raise NotMeasured(f"no score {score!r}; there are {', '.join(columns)}")
    values = {}
    for seed, own in columns[score].groupby(level="seed"):
        reached = accuracy.loc[own.index]
        if score in RULES:
            values[seed] = overlap(own.to_numpy(bool), reached.to_numpy() > TRAINED)
        else:
            depth = own.index.get_level_values("depth").to_numpy(float)
            values[seed] = statistics(own.to_numpy(float), reached.to_numpy(), depth)[statistic]
    return pd.Series(values)


def predicted(
    truth: pd.DataFrame, scores: pd.DataFrame, score: str, statistic: str, dataset: str, inputs: str, step: int
) -> pd.Series:
    """:func:`statistic_by_seed` of the networks that learn one data set, at the smallest learning rate at hand."""
    learnt = select(truth, dataset=dataset)
    learnt = select(learnt, learning_rate=min(params["learning_rate"] for params, _ in runs_of(learnt)))
    return statistic_by_seed(learnt, select(scores, dataset=dataset, inputs=inputs), step, score, statistic)


def table_of_scores(truth: pd.DataFrame, scores: pd.DataFrame, step: int, seed: int = 0) -> pd.DataFrame:
    """Every statistic of every score with its 95 % interval, of all networks together.

    Intervals are percentiles over resampled points of the grid; the networks of a point go together, whatever their
    seed.

    Returns
    -------
    pandas.DataFrame
        Rows: scores and fixed rules (whose only statistic is ``overlap``); columns: statistic and ``value``, ``low`` or
        ``high``, and (``seconds``, ``value``), the median CPU seconds that a network took.
    """
    found, accuracy = joined(truth, scores, step)
    rules, reached = by_rule(found), accuracy.to_numpy()
    depth = found.index.get_level_values("depth").to_numpy(float)
    points = found.groupby(level=["depth", "weight_variance"]).ngroup().to_numpy()
    draws = [np.arange(len(points)), *resamples(points, RESAMPLED, seed)]
    rows = {}
    for name, column in found.items():
        score = column.to_numpy(float)
        rows[name] = with_interval(lambda at, score=score: statistics(score[at], reached[at], depth[at]), draws)
    for name, column in rules.items():
        said = column.to_numpy(bool)
        rows[name] = with_interval(lambda at, said=said: {"overlap": overlap(said[at], reached[at] > TRAINED)}, draws)
    result = pd.DataFrame(rows).T
    result[("seconds", "value")] = pd.Series(seconds_of(scores))
    return result


def with_interval(statistic, draws: list[np.ndarray]) -> Mapping[tuple[str, str], float]:
    """Each statistic of the first of ``draws`` with the 95 % interval of the others."""
    whole, *replicates = (statistic(at) for at in draws)
    resampled = pd.DataFrame(replicates)
    found = {}
    for name, value in whole.items():
        values = resampled[name].dropna()
        low, high = values.quantile([0.025, 0.975]) if len(values) else (np.nan, np.nan)
        found |= {(name, "value"): value, (name, "low"): low, (name, "high"): high}
    return found


def seconds_of(table: pd.DataFrame) -> dict[str, float]:
    """Median CPU seconds of each score for a network."""
    rows = table.dropna(subset="seconds").astype({"quantity": str})
    found = rows[rows["presentations"].isna()].groupby("quantity")["seconds"].median().to_dict()
    for (quantity, shown), own in rows.dropna(subset="presentations").groupby(["quantity", "presentations"]):
        found[f"{quantity} {int(shown)}"] = own["seconds"].median()
    return found


def pairs(truth: pd.DataFrame, scores: pd.DataFrame) -> list[tuple[dict, dict, pd.DataFrame, pd.DataFrame]]:
    """Parameters and rows of the runs that belong together: one architecture and one data set.

    Scores from white noise belong to the networks that were trained on the data set in whose place it stands.
    """
    found = []
    for params, rows in runs_of(scores):
        for learnt, own in merged_by_depth(truth):
            if learnt["dataset"] == params["dataset"] and learnt.get("architecture", "wide") == params["architecture"]:
                found.append((learnt, params, own, rows))
    return found


def merged_by_depth(table: pd.DataFrame) -> list[tuple[dict, pd.DataFrame]]:
    """Parameters and rows of runs, those that differ by their depth alone put together."""
    groups: dict[str, tuple[dict, list]] = {}
    for run, params in table.attrs["runs"].items():
        shared = str(sorted((name, str(value)) for name, value in params.items() if name != "depth"))
        groups.setdefault(shared, (params, []))[1].append(run)
    return [(params, table[table["run"].isin(runs)]) for params, runs in groups.values()]
