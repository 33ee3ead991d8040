"""Areas under the curve against scikit-learn and hand counts; groups that are drawn together."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from nnstatmech.ranking import area_under_curve, resamples

GENERATOR = np.random.default_rng(0)


def example(count=60):
    trains = GENERATOR.random(count) < 0.4
    return np.round(trains + GENERATOR.standard_normal(count), 1), trains


def test_area_under_curve_is_that_of_scikit_learn():
    score, trains = example()
    assert area_under_curve(score, trains) == pytest.approx(roc_auc_score(trains, score), rel=1e-12)
    assert area_under_curve(-score, trains) == pytest.approx(1 - roc_auc_score(trains, score), rel=1e-12)


def test_only_pairs_of_one_stratum_are_compared():
    score, trains = example()
    strata = GENERATOR.integers(0, 4, len(score))
    wins = [
        (score[i] > score[j]) + 0.5 * (score[i] == score[j])
        for i in np.flatnonzero(trains)
        for j in np.flatnonzero(~trains)
        if strata[i] == strata[j]
    ]
    assert area_under_curve(score, trains, strata) == pytest.approx(np.mean(wins), rel=1e-12)
    # What is the same in all of a stratum says nothing there.
    assert area_under_curve(strata.astype(float), trains, strata) == 0.5


def test_nothing_is_compared_where_all_train():
    assert np.isnan(area_under_curve(np.arange(3.0), np.ones(3, bool)))


def test_the_members_of_a_group_are_drawn_together():
    for rows in resamples(np.repeat([0, 1, 2], 2), 50):
        counts = np.bincount(rows, minlength=6)
        assert (counts[::2] == counts[1::2]).all()
        assert counts.sum() == 6
