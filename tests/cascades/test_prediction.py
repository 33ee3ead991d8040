"""Statistics of scores against enumeration, and which networks they are of."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from nnstatmech.cascades.curves.prediction import (
    best_overlap,
    overlap,
    pairs,
    promises,
    spearman,
    statistic_by_seed,
    table_of_scores,
)
from nnstatmech.cascades.figures.prediction import one_epoch, prediction
from nnstatmech.cascades.measures import cutoff_gain, prediction_gain
from nnstatmech.cascades.measures import prediction as measured
from nnstatmech.ranking import area_under_curve
from nnstatmech.readings import NotMeasured
from nnstatmech.theory.mean_field import MeanField

from .samples import small_table

DEPTHS, VARIANCES, SEEDS = (5, 20, 30), (0.5, 1.0, 1.75, 3.0), (0, 1, 2)


def accuracy_at(depth, variance, seed):
    """Networks within 20 layers of criticality train; ties are rare."""
    return 0.9 - 0.01 * seed if depth * abs(variance - 1.75) < 20 else 0.1 + 0.001 * depth


def truth_table():
    rows = [
        {"run": "dataset=mnist", "seed": s, "depth": d, "weight_variance": v, "step": step, "quantity": quantity,
         "value": accuracy_at(d, v, s) if step == 200 else 0.1}
        for s, d, v in product(SEEDS, DEPTHS, VARIANCES)
        for step, quantity in ((100, "accuracy"), (200, "accuracy"), (200, "loss"))
    ]  # fmt: skip
    return small_table(rows, ("dataset=mnist",), dataset="mnist", bias_variance=0.05, learning_rate=0.003, steps=200)


def scores_table(inputs="dataset"):
    """R² that tells exactly what trains; a condition number without meaning, undefined for some."""
    rows = []
    for seed, depth, variance in product(SEEDS, DEPTHS, VARIANCES):
        place = {"run": "images=mnist", "seed": seed, "depth": depth, "weight_variance": variance, "seconds": 0.1}
        explained = accuracy_at(depth, variance, seed) - 0.2
        values = {"explained_variance": explained, "gradient_ratio": depth * (variance - 1.75)}
        values["ntk_condition"] = None if depth == 30 else 10.0
        rows += [place | {"presentations": None, "quantity": name, "value": value} for name, value in values.items()]
        rows.append(place | {"presentations": 7500, "quantity": "explained_variance", "value": -explained})
    return small_table(rows, ("images=mnist",), dataset="mnist", bias_variance=0.05, inputs=inputs, architecture="wide")


@pytest.fixture
def sample():
    stream = np.random.default_rng(1)
    score = stream.integers(0, 8, size=40).astype(float)  # with ties
    return score, stream.random(40) < 0.2 + 0.1 * score / 2


def test_auc_counts_pairs(sample):
    score, trained = sample
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in score[trained] for b in score[~trained]]
    assert area_under_curve(score, trained) == pytest.approx(np.mean(wins))
    assert np.isnan(area_under_curve(score, np.ones(40, bool)))


def test_best_overlap_tries_every_threshold(sample):
    score, trained = sample
    tried = [overlap(score >= threshold, trained) for threshold in np.unique(score)]
    assert best_overlap(score, trained) == pytest.approx(max(tried))
    sets = {place for place in range(40) if trained[place]}, {place for place in range(40) if score[place] >= 4}
    assert overlap(score >= 4, trained) == len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_spearman_is_scipys(sample):
    score, trained = sample
    assert spearman(score, trained + score / 9) == pytest.approx(spearmanr(score, trained + score / 9).statistic)
    assert np.isnan(spearman(score, np.ones(40)))


def test_scores_promise_more_the_larger_they_are():
    found = promises(scores_table())
    assert set(found) == {
        "explained_variance", "explained_variance 7500", "gradient_ratio", "ntk_condition", "correlation_depths",
        "shallowness",
    }  # fmt: skip
    assert (found["gradient_ratio"] <= 0).all()
    assert np.isneginf(found["ntk_condition"].xs(30, level="depth")).all()
    assert (found["ntk_condition"].xs(5, level="depth") == -10).all()
    row = found.loc[(0, 20, 1.0)]
    assert row["correlation_depths"] == pytest.approx(-20 / MeanField(1.0, 0.05).correlation_depth)
    assert row["shallowness"] == -20


def test_a_score_that_knows_is_perfect_and_its_opposite_useless():
    truth, scores = truth_table(), scores_table()
    found = table_of_scores(truth, scores, 200)
    for part in ("value", "low", "high"):
        assert found.loc["explained_variance", ("auc", part)] == 1
        assert found.loc["rule_explained_variance", ("overlap", part)] == 1
        assert found.loc["explained_variance 7500", ("auc", part)] == 0
    depth = found.loc["shallowness"]
    assert depth[("auc", "low")] < depth[("auc", "value")] < depth[("auc", "high")]
    assert found.loc["explained_variance", ("seconds", "value")] == pytest.approx(0.1)
    # Networks of one point resemble each other: three seeds tell no more than one.
    once = table_of_scores(truth[truth["seed"] == 0], scores[scores["seed"] == 0], 200).loc["shallowness"]
    width, single = (one[("auc", "high")] - one[("auc", "low")] for one in (depth, once))
    assert width == pytest.approx(single, rel=0.1)


def test_claims_compare_the_same_networks_of_each_seed():
    truth, scores = truth_table(), scores_table()
    by_seed = statistic_by_seed(truth, scores, 200, "explained_variance", "auc")
    assert by_seed.to_dict() == {0: 1, 1: 1, 2: 1}
    assert measured(truth, scores, "rule_explained_variance", "overlap", "mnist").value == 1
    gain = prediction_gain(truth, scores, "explained_variance", "shallowness", "auc", "mnist")
    depth = measured(truth, scores, "shallowness", "auc", "mnist")
    assert gain.value == pytest.approx(1 - depth.value)
    with pytest.raises(NotMeasured, match="no score"):
        statistic_by_seed(truth, scores, 200, "luck", "auc")


def convolution_tables():
    truth, scores = [], []
    for seed, depth, variance in product((0, 1), (5, 30), VARIANCES):
        place = {"run": f"architecture=cnn+depth={depth}", "seed": seed, "weight_variance": variance, "step": 150}
        truth.append(place | {"quantity": "accuracy", "value": accuracy_at(depth, variance, seed)})
        place = {"run": "architecture=cnn", "seed": seed, "depth": depth, "weight_variance": variance}
        scores.append(place | {"presentations": None, "quantity": "explained_variance", "value": 0.2, "seconds": 1.0})
    shared = {"architecture": "cnn", "dataset": "mnist", "steps": 150, "bias_variance": 2e-5}
    table = pd.DataFrame(truth)
    table.attrs["runs"] = {f"architecture=cnn+depth={depth}": shared | {"depth": depth} for depth in (5, 30)}
    return table, small_table(scores, ("architecture=cnn",), **shared | {"inputs": "dataset"})


def test_runs_of_one_depth_each_are_put_together():
    truth, scores = convolution_tables()
    ((learnt, params, own, _),) = pairs(truth, scores)
    assert learnt["architecture"] == params["architecture"] == "cnn"
    assert len(own) == len(truth)
    assert table_of_scores(own, scores, 150).loc["explained_variance", ("auc", "value")] == 0.5


def test_figure_has_a_row_a_score_and_a_marker_a_set():
    figure = prediction(truth_table(), scores_table(), *convolution_tables(), scale="laptop")
    labels = [label.get_text() for ax in figure.axes for label in ax.get_yticklabels()]
    assert any("Adam 0.125 epochs" in label for label in labels)
    assert any("rule" in label for label in labels)
    legends = [text.get_text() for ax in figure.axes if ax.get_legend() for text in ax.get_legend().get_texts()]
    assert {"MNIST, 200 steps", "convolutional"} <= set(legends)


def epochs_table():
    rows, runs = [], {}
    for shown, factor in ((30000, 1.0), (60000, 1.2), (120000, 1.2)):
        run = f"presentations={shown}"
        runs[run] = {"presentations": shown, "bias_variance": 0.05, "decoder": "adam", "ridge_strength": 1e-3}
        for seed, variance in product(SEEDS, (0.7, 1.0)):
            place = {"run": run, "seed": seed, "weight_variance": variance}
            for quantity in ("cutoff_explained_variance", "cutoff_entropy"):
                rows.append(place | {"quantity": quantity, "value": factor * (10 + seed)})
    table = pd.DataFrame(rows)
    table.attrs["runs"] = runs
    return table


def test_gain_of_more_images():
    table = epochs_table()
    arguments = ("cutoff_entropy", [0.7, 1.0])
    assert cutoff_gain(table, *arguments, 30000, 60000).value == pytest.approx(0.2)
    assert cutoff_gain(table, *arguments, 60000, 120000).value == pytest.approx(0)
    figure = one_epoch(table, scale="laptop")
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["0.5", "1", "2"]
