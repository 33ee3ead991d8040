"""Statistics of the contest against scikit-learn, scipy and hand counts."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from nnstatmech.atlas.contest import (
    balanced_accuracy,
    best_threshold,
    oriented,
    threshold_that_transfers,
)

GENERATOR = np.random.default_rng(0)


def example(count=60):
    trains = GENERATOR.random(count) < 0.4
    return np.round(trains + GENERATOR.standard_normal(count), 1), trains


def test_the_best_threshold_is_found_by_trying_all():
    for _ in range(20):
        score, trains = example(25)
        found = balanced_accuracy(score >= best_threshold(score, trains), trains)
        tried = [balanced_accuracy_score(trains, score >= cut) for cut in [*(np.unique(score) - 0.01), np.inf]]
        assert found == pytest.approx(max(tried), rel=1e-12)


def test_thresholds_transfer_where_families_agree_and_not_where_one_is_shifted():
    families = np.repeat([0, 1, 2], 40)
    trains = np.tile(np.repeat([True, False], 20), 3)
    score = trains + 0.01 * GENERATOR.standard_normal(120)
    assert threshold_that_transfers(score, trains, families) == 1
    assert threshold_that_transfers(score + 10 * families, trains, families) == pytest.approx(0.5)


def test_scores_are_read_as_published():
    scores = pd.DataFrame(
        {"depth": [3.0, 9.0], "gradient_ratio": [-4.0, 1.0], "synflow": [1e-8, 3.0], "naswot": [2.0, 1.0]}
    )
    found = oriented(scores)
    assert found["depth"].tolist() == [-3, -9]
    assert found["gradient_ratio"].tolist() == [-4, -1]
    assert found["naswot"].tolist() == [2, 1]
    assert found["moderate_synflow"].tolist() == pytest.approx([np.log(1e-8), -np.log(3)])
    assert "worst_rank_2" not in found


def test_rank_combinations_are_as_bad_as_the_worst_rank():
    scores = pd.DataFrame(
        {"depth": [1.0, 2.0, 3.0], "gradient_ratio": [5.0, 0.0, 1.0], "reconstruction": [0.9, 0.1, 0.5]}
    )
    found = oriented(scores)
    assert found["worst_rank_2"].tolist() == [1, 1, 2]
    assert found["worst_rank_3"].tolist() == [1, 1, 1]
