"""The task `falling`: networks that are trained."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from nnstatmech.cascades.images import labelled_part
from nnstatmech.cascades.params import Falling
from nnstatmech.cascades.tasks import falling as task

from .samples import CPU, labelled_blobs

FALLING = {"resolution": 6, "start_depth": 7, "depth_step": 3, "variance_step": 1.2, "epochs": 3, "momentum": 0.9}


def test_falling_task_records_every_attempt():
    params = Falling(direction="falling", learning_rate=0.02, threshold=0.7, **FALLING)
    found = task.run(params, [0, 1], labelled_blobs(), CPU).to_pandas()
    assert found.loc[found["quantity"] == "threshold", "value"].tolist() == [0.7, 0.7]
    wide = found.pivot_table(
        index=["seed", "attempt", "weight_variance", "depth"], columns="quantity", values="value", observed=True
    ).reset_index()
    assert set(wide.weight_variance) == {1.7, 0.5}
    assert (wide.trained == (wide.accuracy > 0.7)).all()
    assert wide.epochs.between(1, 3).all()
    assert (wide.groupby("seed").depth.diff().dropna() <= 0).all()
    alone = task.run(params, [1], labelled_blobs(), CPU).to_pandas()
    np.testing.assert_allclose(alone.value, found[found.seed == 1].value, atol=0.005)


def test_the_threshold_is_clearly_above_a_network_without_hidden_layers():
    """Its accuracy is that of scikit-learn's logistic regression, which has no other minimum to find."""
    dataset = labelled_blobs(noise=160)
    sizes = FALLING | {"epochs": 60, "start_depth": 2, "batch_size": 300}
    params = Falling(direction="falling", learning_rate=0.3, threshold=0.1, margin=4.0, **sizes)
    found = task.run(params, [0, 1], dataset, CPU).to_pandas()
    own = found[found["attempt"].isna()].pivot(index="seed", columns="quantity", values="value")
    (x, y), (test, labels) = (labelled_part(dataset, part, 1000, 6) for part in ("train", "test"))
    best = max(
        LogisticRegression(C=strength, max_iter=2000).fit(x, y).score(test, labels) for strength in (0.01, 0.1, 1.0)
    )
    assert own["linear_accuracy"].to_numpy() == pytest.approx(best, abs=0.05)
    errors = (own["linear_accuracy"] * (1 - own["linear_accuracy"]) / 200) ** 0.5
    assert (own["threshold"] - own["linear_accuracy"]).to_numpy() == pytest.approx(4 * errors.to_numpy())
    # The smallest network has no hidden layers, and does not pass what is above itself.
    assert not found.loc[found["quantity"] == "trained", "value"].any()


def test_a_threshold_that_is_higher_stands():
    params = Falling(direction="falling", threshold=0.99, margin=1.0, **FALLING | {"epochs": 1, "start_depth": 2})
    found = task.run(params, [0], labelled_blobs(noise=160), CPU).to_pandas()
    assert found.loc[found["quantity"] == "threshold", "value"].tolist() == [0.99]


def test_a_network_that_diverges_has_not_trained_and_is_at_chance():
    params = Falling(direction="falling", learning_rate=1e38, threshold=0.7, **FALLING | {"start_depth": 3})
    found = task.run(params, [0], labelled_blobs(), CPU).to_pandas().groupby("quantity", observed=True)["value"]
    assert set(found.get_group("accuracy")) == {0.1}
    assert set(found.get_group("trained")) == {0}


class Kept:
    """A checkpoint in memory."""

    def __init__(self):
        self.state = None

    def load(self):
        return self.state

    def offer(self, state):
        self.state = dict(state())


def test_a_walk_that_was_stopped_goes_on_with_the_same_numbers(monkeypatch):
    params = Falling(direction="falling", learning_rate=0.02, threshold=0.7, **FALLING)
    dataset, trained, checkpoint = labelled_blobs(), [], Kept()
    train = task.outcomes_of

    def counted(*arguments):
        if len(trained) == 2 and checkpoint.state is not None and not checkpoint.resumed:
            raise KeyboardInterrupt
        trained.append(arguments[1:3])
        return train(*arguments)

    checkpoint.resumed = False
    monkeypatch.setattr(task, "outcomes_of", counted)
    with pytest.raises(KeyboardInterrupt):
        task.run(params, [0, 1], dataset, CPU, checkpoint=checkpoint)
    checkpoint.resumed = True
    found = task.run(params, [0, 1], dataset, CPU, checkpoint=checkpoint)
    assert len(trained) == len({str(one) for one in trained})
    monkeypatch.undo()
    assert found.equals(task.run(params, [0, 1], dataset, CPU))
