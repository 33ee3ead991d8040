"""The task `trainability`: the grid of weight variance and depth."""

import numpy as np
import pytest

from nnstatmech.cascades import ensembles
from nnstatmech.cascades.curves.accuracies import accuracies_of_band
from nnstatmech.cascades.params import Trainability
from nnstatmech.cascades.tasks import trainability as task
from nnstatmech.datasets import Dataset
from nnstatmech.storage.tables import schema_of

from .samples import CPU, labelled_blobs, task_table

GRID = {"resolution": 6, "steps": 120, "measure_every": 60, "learning_rate": 0.02, "test_images": 200}


def frame(params, seeds, dataset):
    table = task.run(params, seeds, dataset, CPU)
    assert table.schema.equals(schema_of(Trainability.columns))
    keys = ["seed", "depth", "weight_variance", "step", "quantity"]
    return table.to_pandas().astype({"quantity": str}).set_index(keys).value.sort_index()


def test_grid_does_not_depend_on_the_shard():
    params = Trainability(depths=[2, 6], weight_variances=[1.0, 2.0], **GRID)
    dataset = labelled_blobs()
    together = frame(params, [0, 1], dataset)
    apart = [frame(params, [seed], dataset) for seed in (0, 1)]
    for part in apart:
        # An accuracy may differ by one image of 200 where float32 rounding turns a tie.
        np.testing.assert_allclose(together.loc[part.index], part, rtol=1e-4, atol=0.005)
    assert len(together) == 2 * 2 * 2 * 2 * 2


def test_far_in_the_ordered_phase_deep_networks_stay_at_chance():
    params = Trainability(depths=[2, 60], weight_variances=[0.5, 1.7], **GRID)
    found = frame(params, [0, 1], labelled_blobs()).xs("accuracy", level="quantity").xs(120, level="step")
    ordered_and_deep = found.xs((60, 0.5), level=("depth", "weight_variance"))
    # All images give the same output, so one class is right: exactly 1 in 10 of balanced test images.
    np.testing.assert_allclose(ordered_and_deep, 0.1)
    assert (found.xs((2, 1.7), level=("depth", "weight_variance")) > 0.8).all()


def test_diverged_networks_are_an_outcome():
    params = Trainability(depths=[3], weight_variances=[1.0], **GRID | {"learning_rate": 1e38})
    found = frame(params, [0], labelled_blobs())
    assert set(found.index.get_level_values("quantity")) == {"accuracy", "diverged_step"}
    assert found.xs("diverged_step", level="quantity").tolist() == [60]
    # It answers by chance, one of ten classes, at every measurement.
    assert found.xs("accuracy", level="quantity").tolist() == [0.1, 0.1]


def test_networks_that_diverge_stay_in_the_mean_of_their_band():
    """Of two weight variances one trains and one diverges: the band's mean holds both."""
    settings = {"depths": [3], **GRID}
    dataset = labelled_blobs()
    good = frame(Trainability(weight_variances=[1.7], **settings), [0], dataset)
    table = task_table(
        task, Trainability, dataset, [0], good=settings | {"weight_variances": [1.7]},
        bad=settings | {"weight_variances": [3.0], "learning_rate": 1e38},
    )  # fmt: skip
    trained = good.xs("accuracy", level="quantity").xs(120, level="step").item()
    found = accuracies_of_band(table, 3, 1.0, 3.0)
    assert found.item() == pytest.approx((trained + 0.1) / 2)


def test_memory_bounds_the_ensemble(monkeypatch):
    params = Trainability(depths=[4], weight_variances=[1.0, 1.5, 2.0, 2.5, 3.0], **GRID)
    dataset = labelled_blobs()
    whole = frame(params, [0], dataset)
    assert params.network_bytes(4) == 4 * 4 * 36 * (72 + 64)
    monkeypatch.setattr(ensembles, "ENSEMBLE_BYTES", 2.5 * params.network_bytes(4))
    assert ensembles.networks_at_once(params.network_bytes(4), CPU) == 2
    np.testing.assert_allclose(frame(params, [0], dataset), whole, rtol=1e-4, atol=0.005)


def test_labels_are_needed():
    dataset = labelled_blobs()
    unlabelled = Dataset("cifar10", dataset.train_images, None, dataset.test_images, None, "", True)
    with pytest.raises(ValueError, match="cifar10: training a classifier needs labels"):
        task.run(Trainability(depths=[1], weight_variances=[1.0], **GRID), [0], unlabelled, CPU)


@pytest.mark.slow
@pytest.mark.official_data
def test_tongue_of_trainable_networks_on_mnist(official_dataset):
    """At depth 40 networks train around criticality only (200 steps, 10 x 10 pixels)."""
    params = Trainability(
        resolution=10, depths=[40], weight_variances=[0.5, 1.0, 1.75, 2.0, 4.0], steps=200, measure_every=200
    )
    found = frame(params, [0, 1], official_dataset("mnist")).xs("accuracy", level="quantity")
    mean = found.groupby("weight_variance").mean()
    # Single runs at 1.75 and 2 scatter between .7 and .8, those outside between .09 and .14.
    assert (mean[[1.75, 2.0]] > 0.6).all()
    assert (mean[[0.5, 1.0, 4.0]] < 0.2).all()
