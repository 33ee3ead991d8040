"""How well a score foretells which networks train: areas under curves, rank correlations, thresholds that transfer.

Every score is turned so that larger means 'will train', as published; nothing is fitted. Where networks are compared
only with networks of their own kind or depth, they are called strata.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import kendalltau


def falling(values: pd.Series) -> pd.Series:
    return -values


def small(values: pd.Series) -> pd.Series:
    return -values.abs()


def moderate(values: pd.Series) -> pd.Series:
    """Near 1 on a logarithmic scale is best."""
    return -np.log(values.where(values > 0)).abs()


# How a score is read where it is not simply 'the more the better'.
DIRECTIONS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "depth": falling,
    "gradient_ratio": small,
    "log_chi": small,
    "ntk_condition": falling,
}
# Further readings of a score, named by what they do to it.
READINGS = {
    "moderate_grad_norm": ("grad_norm", moderate),
    "moderate_synflow": ("synflow", moderate),
}
# Rank combinations, which exist only within a set of networks: the worst of a network's ranks.
COMBINATIONS = {
    "worst_rank_2": ("reconstruction", "gradient_ratio"),
    "worst_rank_3": ("reconstruction", "gradient_ratio", "depth"),
}


def oriented(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores (networks, names) so that larger means 'will train', with further readings and rank combinations."""
    found = {name: DIRECTIONS.get(name, lambda values: values)(scores[name].astype(float)) for name in scores}
    found |= {name: reading(scores[of].astype(float)) for name, (of, reading) in READINGS.items() if of in scores}
    for name, parts in COMBINATIONS.items():
        if all(part in found for part in parts):
            ranks = pd.DataFrame({part: found[part].rank(na_option="top") for part in parts})
            found[name] = ranks.min(axis=1)
    return pd.DataFrame(found, index=scores.index)


def rank_correlation(score: np.ndarray, accuracy: np.ndarray) -> float:
    """Kendall's τ_b."""
    return float(kendalltau(score, accuracy).statistic)


def threshold_that_transfers(score: np.ndarray, trains: np.ndarray, families: np.ndarray) -> float:
    """Balanced accuracy in a family of the best threshold of all other families, mean over families.

    Families in which all networks train, or none does, are passed over.
    """
    found = []
    for family in pd.unique(families):
        inside = families == family
        if trains[inside].all() or not trains[inside].any():
            continue
        threshold = best_threshold(score[~inside], trains[~inside])
        found.append(balanced_accuracy(score[inside] >= threshold, trains[inside]))
    return float(np.mean(found)) if found else np.nan


def best_threshold(score: np.ndarray, trains: np.ndarray) -> float:
    """The threshold with the largest balanced accuracy; halfway between the two scores that it lies between."""
    order = np.argsort(score, kind="stable")
    sorted_score, sorted_trains = score[order], trains[order]
    below = np.concatenate([[0], np.cumsum(~sorted_trains)]) / max((~trains).sum(), 1)
    above = 1 - np.concatenate([[0], np.cumsum(sorted_trains)]) / max(trains.sum(), 1)
    cuts = np.concatenate([[-np.inf], (sorted_score[1:] + sorted_score[:-1]) / 2, [np.inf]])
    allowed = np.concatenate([[True], sorted_score[1:] > sorted_score[:-1], [True]])
    return float(cuts[np.argmax(np.where(allowed, below + above, -1))])


def balanced_accuracy(said: np.ndarray, trains: np.ndarray) -> float:
    """Mean of the shares of networks that train, and that do not, of which it was said."""
    return float((said[trains].mean() + (~said[~trains]).mean()) / 2)
