"""Accuracy against density: the points are those of the table, and published ones are drawn where they belong."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from nnstatmech.message_passing.figures.sparsity import accuracy_against_density

from .tables import table

RULES = ({"algorithm": "bp"}, {"algorithm": "amp"}, {"algorithm": "adam_sgd", "learning_rate": 1e-3})


@pytest.fixture(scope="module")
def main():
    mpl.use("Agg")
    runs = [{**rule, "density": density} for density in (1.0, 0.3) for rule in RULES]
    shared = {"labels": "ten_classes", "hidden": [11], "epochs": 2, "batch_size": 20, "bayes": True}
    yield table("training", *runs, seeds=(0, 1), **shared)
    plt.close("all")


def test_points_are_the_final_accuracies_in_the_order_of_the_density(main):
    pointwise, bayesian = accuracy_against_density(main, scale="laptop").axes
    assert [len(ax.containers) for ax in (pointwise, bayesian)] == [3, 3]
    x, y = pointwise.containers[0].lines[0].get_data()
    rows = main[(main["quantity"] == "test_error") & (main["epoch"] == 2)].groupby("run")["value"].mean()
    assert list(x) == [0.3, 1.0]
    assert list(y) == pytest.approx([100 - rows["run3"], 100 - rows["run0"]])
    assert len(bayesian.containers[2].lines[0].get_data()[0]) == 0  # the baseline has no posterior


def test_published_values_stand_beside_the_data_set_itself(main):
    for shard in main.attrs["shards"]:
        shard["stand_in"] = False
    pointwise, bayesian = accuracy_against_density(main, scale="laptop").axes
    assert [len(ax.containers) for ax in (pointwise, bayesian)] == [7, 7]
    x, y = pointwise.containers[3].lines[0].get_data()
    assert (x[0], y[0]) == (0.2, 90.54)
    assert len(accuracy_against_density(main, scale="laptop", overlay_published=False).axes[0].containers) == 3
