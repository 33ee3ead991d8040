"""How well a score puts those with a property before those without, and resamples for its error."""

from collections.abc import Iterator

import numpy as np
from scipy.stats import rankdata


def area_under_curve(score: np.ndarray, positive: np.ndarray, strata: np.ndarray | None = None) -> float:
    """Probability that one that has the property has a larger score than one that has not, ties counting half.

    Parameters
    ----------
    score, positive
        (count,), numbers without NaN and booleans.
    strata
        (count,): only pairs of equal ones are compared.

    Returns
    -------
    float
        NaN where all have the property or none does, in every stratum.
    """
    wins = pairs = 0.0
    groups = [np.ones(len(score), bool)] if strata is None else [strata == value for value in np.unique(strata)]
    for group in groups:
        inside = positive[group]
        n, m = int(inside.sum()), int((~inside).sum())
        if n and m:
            wins += rankdata(score[group])[inside].sum() - n * (n + 1) / 2
            pairs += n * m
    return float(wins / pairs) if pairs else np.nan


def resamples(groups: np.ndarray, count: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Positions for ``count`` bootstraps over groups, numbered 0, 1, …: the members of a group are drawn together."""
    members = [np.flatnonzero(groups == group) for group in range(groups.max() + 1)]
    stream = np.random.default_rng(seed)
    for _ in range(count):
        yield np.concatenate([members[group] for group in stream.integers(len(members), size=len(members))])
